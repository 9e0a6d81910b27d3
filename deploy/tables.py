"""The one place where results are read, without a JVM: sealed hours from `counts`, every other from `counts_live`.

Needs the `deltalake` package; imported when a table is opened, so that the rest of `deploy` does without it.
"""
from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any, Protocol

from deploy import tickets
from deploy.config import Cluster
from deploy.errors import Unreachable
from deploy.top import Asked, Top, look
from spark_apps.contract import HOUR_MS, MEASURES, StreamPaths
from spark_apps.generations import lineage
from spark_apps.windows import hours_of

#: (minute in ms since 1970, tag, form) and its measures in the order of contract.MEASURES.
Counts = dict[tuple[int, str, str], tuple[int, ...]]


class Files(Protocol):
    """What of deploy.hdfs.Client is needed here."""

    def read_json(self, path: str) -> dict[str, Any] | None: ...

    def list(self, path: str) -> list[str]: ...


class Tables:
    """The tables of one stream, each read at the version that is newest when asked."""

    def __init__(self, cluster: Cluster, stream: str, files: Files) -> None:
        self.cluster = cluster
        self.paths = StreamPaths(stream, cluster.root)
        self.files = files

    def rows(self, table: str, columns: list[str], hours: tuple[int, int] | None = None,
             hour_column: str = "hour") -> Iterator[dict[str, Any]]:
        """Rows of a table, [from, to) of its hour column in ms where given; none where the table does not exist yet."""
        opened = self.open_table(table)
        if opened is None:
            return iter(())
        filters: Any = None
        if hours:
            filters = [(hour_column, ">=", _instant(hours[0])), (hour_column, "<", _instant(hours[1]))]
        return iter(opened.to_pyarrow_table(columns=columns, filters=filters).to_pylist())

    def open_table(self, table: str) -> Any:
        """The deltalake.DeltaTable; None where it does not exist yet."""
        from deltalake import DeltaTable
        from deltalake.exceptions import TableNotFoundError

        tickets.prepare(self.cluster)
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

    def sealed(self, hours: tuple[int, int] | None = None) -> dict[int, dict[str, Any]]:
        """Ledger rows by hour (ms): revision, through_ms, counts_version, complete, gap."""
        columns = ["hour", "revision", "through_ms", "counts_version", "complete", "gap"]
        return {_ms(row["hour"]): row for row in self.rows("ledger", columns, hours)}

    def reading(self) -> Reading:
        """Everything further of one state of the tables."""
        return Reading(self)

    def counts(self, from_ms: int, to_ms: int) -> Counts:
        """Counts of the minutes in [from_ms, to_ms)."""
        key = ["window_start", "tag", "form"]
        found = self.reading().current([*key, *MEASURES], [(from_ms, to_ms)])
        summed = found.group_by(key).aggregate([(name, "sum") for name in MEASURES])
        return {(_ms(row["window_start"]), row["tag"], row["form"]): tuple(row[f"{name}_sum"] for name in MEASURES)
                for row in summed.to_pylist()}

    def live(self, columns: list[str], hours: tuple[int, int] | None = None) -> Iterator[dict[str, Any]]:
        """Increments of the newest generation, and of each parent through the batch that its child came from."""
        kept = self.lineage()
        for row in self.rows("counts_live", [*columns, "generation", "batch_id"], hours):
            last = kept.get(int(row["generation"]), -1)
            if last is None or row["batch_id"] <= last:
                yield row

    def lineage(self) -> dict[int, int | None]:
        """Which batches of which generation count: {generation: last batch, None for all}."""
        return lineage(self.files, self.paths)

    def newest_minute(self, now_ms: int) -> int | None:
        """The newest minute that has counts, up to an hour ahead of now; where all is later, the newest of all."""
        newest = [at for name in ("counts_live", "counts") for at in self._newest_of_files(name)]
        return max((at for at in newest if at < now_ms + HOUR_MS), default=max(newest, default=None))

    def top(self, now_ms: int, asked: Asked | None = None) -> Top | None:
        """The tags of a window, by default of the ten minutes that end with the newest counted one; see deploy.top."""
        return look(self, now_ms, asked or Asked())

    def _newest_of_files(self, table: str) -> list[int]:
        """The newest minute of each file, as the table's log says: no file is read."""
        opened = self.open_table(table)
        if opened is None:
            return []
        import pyarrow as pa
        import pyarrow.compute as pc

        files = pa.table(opened.get_add_actions(flatten=True))
        if "max.window_start" not in files.schema.names:
            return []
        if {"min.generation", "max.generation", "min.batch_id"} <= set(files.schema.names):
            # A file that holds several generations has one that counts.
            files = files.filter(pc.field("min.generation").is_null() | (
                pc.field("min.generation") != pc.field("max.generation")) | counting(self.lineage(), "min."))
        return [_ms(at) for at in files["max.window_start"].to_pylist() if at]


class Reading:
    """One state of the tables. The ledger is read first: an hour that is sealed meanwhile is whole in either place."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._opened: dict[str, Any] = {}
        self._sealed: dict[int, int] | None = None
        self._lineage: dict[int, int | None] | None = None

    def sealed(self) -> dict[int, int]:
        """Revision by sealed hour (ms)."""
        if self._sealed is None:
            rows = self._tables.rows("ledger", ["hour", "revision"])
            self._sealed = {_ms(row["hour"]): int(row["revision"]) for row in rows}
        return self._sealed

    def current(self, columns: list[str], spans: Sequence[tuple[int, int]],
                tags: Sequence[str] | None = None) -> Any:
        """An Arrow table of what counts now in these [from, to) ms, increments not added up; only their hours are read.

        The spans have to lie apart. Of some tags alone, where they are named.
        """
        import pyarrow as pa

        parts = [self._read(table, columns, spans, tags) for table in ("counts", "counts_live")]
        found = [part for part in parts if part is not None]
        if found:
            return pa.concat_tables(found, promote_options="permissive")
        types = {"window_start": pa.timestamp("us", "UTC"), "tag": pa.string(), "form": pa.string(),
                 "authors": pa.binary()}
        return pa.table({name: pa.array([], types.get(name, pa.int64())) for name in columns})

    def _read(self, table: str, columns: list[str], spans: Sequence[tuple[int, int]],
              tags: Sequence[str] | None) -> Any:
        filters = []
        for from_ms, to_ms in spans:
            hours = [_instant(at) for at in hours_of(from_ms, to_ms) if (at in self.sealed()) == (table == "counts")]
            if hours:
                filters.append([("hour", "in", hours), ("window_start", ">=", _instant(from_ms)),
                                ("window_start", "<", _instant(to_ms)),
                                *([("tag", "in", list(tags))] if tags is not None else [])])
        if table not in self._opened:
            self._opened[table] = self._tables.open_table(table) if filters else None
        opened = self._opened[table]
        if opened is None or not filters:
            return None
        if table == "counts":
            return opened.to_pyarrow_table(columns=columns, filters=filters)
        if self._lineage is None:
            self._lineage = self._tables.lineage()
        found = opened.to_pyarrow_table(columns=[*columns, "generation", "batch_id"], filters=filters)
        return found.filter(counting(self._lineage)).select(columns)


def counting(lineage: dict[int, int | None], prefix: str = "") -> Any:
    """Arrow's filter for the rows of counts_live that count; `prefix`: of its columns."""
    import pyarrow.compute as pc

    kept = pc.scalar(False)
    for generation, last in lineage.items():
        mine = pc.field(f"{prefix}generation") == generation
        kept = kept | (mine if last is None else mine & (pc.field(f"{prefix}batch_id") <= last))
    return kept


def _instant(ms: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(milliseconds=ms)


def _ms(at: datetime) -> int:
    return (at - datetime(1970, 1, 1, tzinfo=at.tzinfo or timezone.utc)) // timedelta(milliseconds=1)
