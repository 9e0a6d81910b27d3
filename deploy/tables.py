"""The one place where results are read, without a JVM: sealed hours from `counts`, every other from `counts_live`.

Needs the `deltalake` package; imported when a table is opened, so that the rest of `deploy` does without it.
"""
from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Protocol

from deploy.config import Cluster
from deploy.errors import Unreachable
from spark_apps.contract import ALL_TWEETS, HOUR_MS, MEASURES, MINUTE_MS, StreamPaths

#: (minute in ms since 1970, tag, form) and its measures in the order of contract.MEASURES.
Counts = dict[tuple[int, str, str], tuple[int, ...]]


class Files(Protocol):
    """What of deploy.hdfs.Client is needed here."""

    def read_json(self, path: str) -> dict[str, Any] | None: ...

    def list(self, path: str) -> list[str]: ...


@dataclass(frozen=True)
class TopTag:
    """A tag of a window: its display form is the most frequent one, ties by code-point order."""

    rank: int
    tag: str
    display: str
    tweets: int


@dataclass(frozen=True)
class Top:
    """The most frequent tags of [from_ms, to_ms); `all_tweets` of any tag or none."""

    from_ms: int
    to_ms: int
    all_tweets: int
    tags: list[TopTag]


class Tables:
    """The tables of one stream, each read at the version that is newest when asked."""

    def __init__(self, cluster: Cluster, stream: str, files: Files) -> None:
        self.cluster = cluster
        self.paths = StreamPaths(stream, cluster.root)
        self._files = files

    def rows(self, table: str, columns: list[str], hours: tuple[int, int] | None = None,
             hour_column: str = "hour") -> Iterator[dict[str, Any]]:
        """Rows of a table, [from, to) of its hour column in ms where given; none where the table does not exist yet."""
        opened = self._open(table)
        if opened is None:
            return iter(())
        filters: Any = None
        if hours:
            filters = [(hour_column, ">=", _instant(hours[0])), (hour_column, "<", _instant(hours[1]))]
        return iter(opened.to_pyarrow_table(columns=columns, filters=filters).to_pylist())

    def sealed(self, hours: tuple[int, int] | None = None) -> dict[int, dict[str, Any]]:
        """Ledger rows by hour (ms): revision, through_ms, counts_version, complete."""
        columns = ["hour", "revision", "through_ms", "counts_version", "complete"]
        return {_ms(row["hour"]): row for row in self.rows("ledger", columns, hours)}

    def counts(self, from_ms: int, to_ms: int) -> Counts:
        """Counts of the minutes in [from_ms, to_ms)."""
        hours = (from_ms - from_ms % HOUR_MS, to_ms)
        sealed = set(self.sealed(hours))
        key = ["hour", "window_start", "tag", "form", *MEASURES]
        sums: dict[tuple[int, str, str], list[int]] = defaultdict(lambda: [0] * len(MEASURES))
        final = (row for row in self.rows("counts", key, hours) if _ms(row["hour"]) in sealed)
        live = (row for row in self.live(key, hours) if _ms(row["hour"]) not in sealed)
        for source in (final, live):
            for row in source:
                minute = _ms(row["window_start"])
                if from_ms <= minute < to_ms:
                    cell = sums[minute, row["tag"], row["form"]]
                    for i, measure in enumerate(MEASURES):
                        cell[i] += row[measure]
        return {at: tuple(cell) for at, cell in sums.items()}

    def live(self, columns: list[str], hours: tuple[int, int] | None = None) -> Iterator[dict[str, Any]]:
        """Increments of the newest generation, and of each parent through the batch that its child came from."""
        kept = self.lineage()
        for row in self.rows("counts_live", [*columns, "generation", "batch_id"], hours):
            last = kept.get(int(row["generation"]), -1)
            if last is None or row["batch_id"] <= last:
                yield row

    def lineage(self) -> dict[int, int | None]:
        """Which batches of which generation count: {generation: last batch, None for all}."""
        numbers = [int(name[1:5]) for name in self._files.list(self.paths.generations) if name.endswith(".json")]
        kept: dict[int, int | None] = {}
        number, last = max(numbers, default=1), None
        while True:
            kept[number] = last
            made = self._files.read_json(self.paths.generation(number)) or {}
            if made.get("parent") is None:
                return kept
            number, last = int(str(made["parent"]).lstrip("g")), int(made["through_batch"])

    def newest_minute(self, now_ms: int) -> int | None:
        """The newest minute that has counts, looking back a day from an hour ahead of now; else over everything."""
        for hours in ((now_ms - 2 * HOUR_MS, now_ms + HOUR_MS), (now_ms - 24 * HOUR_MS, now_ms + HOUR_MS), None):
            minutes = [_ms(row["window_start"]) for name in ("counts_live", "counts")
                       for row in self.rows(name, ["window_start"], hours)]
            if minutes:
                return max(minutes)
        return None

    def top(self, now_ms: int, minutes: int = 10, n: int = 10) -> Top | None:
        """The n most frequent tags of the `minutes` ending with the newest counted one; None while nothing is."""
        newest = self.newest_minute(now_ms)
        if newest is None:
            return None
        to_ms = newest + MINUTE_MS
        from_ms = to_ms - minutes * MINUTE_MS
        return rank(self.counts(from_ms, to_ms), from_ms, to_ms, n)

    def _open(self, table: str) -> Any:
        from deltalake import DeltaTable
        from deltalake.exceptions import TableNotFoundError

        if self.cluster.hdfs.user:
            os.environ.setdefault("HADOOP_USER_NAME", self.cluster.hdfs.user)
        if self.cluster.spark.hadoop_conf_dir:
            os.environ["HADOOP_CONF_DIR"] = self.cluster.spark.hadoop_conf_dir
        url = self.cluster.hdfs.default_fs.rstrip("/") + self.paths.table(table)
        try:
            return DeltaTable(url)
        except TableNotFoundError:
            return None
        except OSError as error:
            raise Unreachable(f"HDFS at {self.cluster.hdfs.default_fs}: {str(error).splitlines()[0]}; "
                              "see `deploy/hashtide status`") from None


def rank(counts: Counts, from_ms: int, to_ms: int, n: int) -> Top:
    """Sums of a window, most tweets first, ties by key."""
    tweets: dict[str, int] = defaultdict(int)
    forms: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for (_, tag, form), measures in counts.items():
        tweets[tag] += measures[0]
        forms[tag][form] += measures[0]
    all_tweets = tweets.pop(ALL_TWEETS, 0)
    best = sorted(tweets.items(), key=lambda item: (-item[1], item[0]))[:n]
    return Top(from_ms, to_ms, all_tweets,
               [TopTag(i, tag, display(forms[tag].items()), count) for i, (tag, count) in enumerate(best, 1)])


def display(forms: Iterable[tuple[str, int]]) -> str:
    return min(forms, key=lambda item: (-item[1], item[0]))[0]


def _instant(ms: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(milliseconds=ms)


def _ms(at: datetime) -> int:
    return (at - datetime(1970, 1, 1, tzinfo=at.tzinfo or timezone.utc)) // timedelta(milliseconds=1)
