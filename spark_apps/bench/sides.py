"""What is measured in Spark: each side takes the same landing directory into a scratch root of its own."""
from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.streaming.query import StreamingQuery

from spark_apps import hashtag_stream, session
from spark_apps.args import StreamArgs
from spark_apps.bench.machine import cpu_s
from spark_apps.bench.spark import CORES
from spark_apps.contract import HOUR_MS, QUARANTINE_REASONS, StreamPaths, parse_hour
from spark_apps.files import Files
from spark_apps.packs import landed
from spark_apps.progress import batch_line
from spark_apps.seal import Sealed, Sealer, read_landing
from spark_apps.sinks import CountsLive
from spark_apps.transforms.counts import minute_counts
from spark_apps.transforms.tweets import first_version

#: Of a batch, as a stream takes them that was launched without a wish of its own.
MAX_FILES = 60
#: A seal plans as hashtag_batch does; a stream as session.STREAM says.
BATCH = {"spark.sql.adaptive.enabled": "true", "spark.sql.shuffle.partitions": str(2 * CORES)}
STREAM = {**session.STREAM, "spark.sql.streaming.numRecentProgressUpdates": "10000"}

Sink = Callable[[DataFrame, int], None]


class Watch:
    """Seconds by the wall and of the processors since it was made."""

    def __init__(self) -> None:
        self.began, self.cpu = time.monotonic(), cpu_s()

    def read(self) -> tuple[float, float]:
        return time.monotonic() - self.began, cpu_s() - self.cpu


@dataclass
class Run:
    """`batches`: as spark_apps.progress.batch_line tells them; `counts`: tweets by (minute, key), where it counts."""

    side: str
    seconds: float
    cpu_s: float
    tweets: int
    batches: list[dict[str, Any]] = field(default_factory=list)
    counts: Counter[tuple[int, str]] | None = None

    def put_aside(self) -> int:
        return sum(batch["fates"][name] for batch in self.batches for name in QUARANTINE_REASONS)


@dataclass
class Sides:
    """`tweets` of the sets `hour` and `poison`; `scratch` is emptied by whoever made it."""

    spark: SparkSession
    data: Path
    tweets: int
    scratch: Path

    def stream(self, data: str = "hour", name: str = "stream") -> Run:
        """availableNow: all that is landed, in batches of MAX_FILES."""
        with self.root(data) as paths:
            return self._drained(name, paths, CountsLive(paths, 1, lambda: None), paths.table("counts_live"))

    def poison(self) -> Run:
        return self.stream("poison", "poison")

    def noop(self) -> Run:
        """The same stream whose tweets are computed and thrown away."""
        with self.root("hour") as paths:
            return self._drained("noop", paths, lambda tweets, _: _throw_away(tweets))

    def discarded(self) -> Run:
        """The same whose minute counts are computed and thrown away: what is left of the sink is its commit."""
        with self.root("hour") as paths:
            return self._drained("counted", paths, lambda tweets, _: _throw_away(tweets.transform(minute_counts)))

    def steady(self) -> Run:
        """The same files landed a batch's share at a time, each taken before the next one comes."""
        with self.root("") as paths:
            files = sorted((self.data / "hour").rglob("*.jsonl"))
            share = max(1, min(MAX_FILES, len(files) // 4))
            with self._settings(STREAM):
                query = hashtag_stream.start(self.spark, _args(paths), CountsLive(paths, 1, lambda: None))
                try:
                    query.processAllAvailable()
                    watch = Watch()
                    for first in range(0, len(files), share):
                        for path in files[first:first + share]:
                            target = Path(paths.landing) / path.relative_to(self.data / "hour" / paths.stream)
                            target.parent.mkdir(parents=True, exist_ok=True)
                            _land(path, target)
                        query.processAllAvailable()
                    took = watch.read()
                finally:
                    query.stop()
                return Run("steady", *took, self.tweets, _batches(query), self._counts(paths.table("counts_live")))

    def batch(self) -> Run:
        """Spark's own batch over the seal's transforms; one plan, nothing kept between."""
        with self.root("hour") as paths, self._settings(BATCH):
            target = paths.table("counts")
            watch = Watch()
            files = Files(self.spark, paths.base)
            hours = _hours(Path(paths.landing))
            names = landed(files, paths, hours[0], hours[-1] + HOUR_MS)
            tweets = read_landing(self.spark, names).where("fate IS NULL").transform(first_version).where("wins")
            tweets.transform(minute_counts).write.format("delta").partitionBy("hour").save(target)
            took = watch.read()
            return Run("batch", *took, self.tweets, [], self._counts(target))

    def day(self, hours: int) -> list[tuple[Sealed, float]]:
        """So many hours from the day's first on, sealed as one application seals a range: each with its seconds."""
        with self.root("day") as paths, self._settings(BATCH):
            first = _hours(Path(paths.landing))[0]
            sealer = Sealer(self.spark, Files(self.spark, paths.base), paths)
            done: list[tuple[Sealed, float]] = []
            watch = Watch()

            def told(sealed: Sealed) -> None:
                done.append((sealed, watch.read()[0] - sum(took for _, took in done)))
            # An hour is read an hour further, since a tweet may land in the one after its own.
            sealer.seal({hour: hour + 2 * HOUR_MS for hour in range(first, first + hours * HOUR_MS, HOUR_MS)}, told)
            return done

    def _drained(self, name: str, paths: StreamPaths, sink: Sink, table: str = "") -> Run:
        with self._settings(STREAM):
            watch = Watch()
            query = hashtag_stream.start(self.spark, _args(paths), sink, available_now=True)
            query.awaitTermination()
            took = watch.read()
        return Run(name, *took, self.tweets, _batches(query), self._counts(table) if table else None)

    @contextmanager
    def root(self, data: str) -> Iterator[StreamPaths]:
        """Directories of a stream, gone afterwards; its landing is the set of that name, or empty."""
        # Each of its own: Spark's state store goes on writing for a while after its query has ended.
        root = Path(tempfile.mkdtemp(prefix="root-", dir=self.scratch))
        paths = StreamPaths("hashtags", str(root))
        Path(paths.base).mkdir(parents=True)
        if data:
            (root / "landing").symlink_to(self.data / data)
        else:
            Path(paths.landing).mkdir(parents=True)
        # What the side before has left shall not be collected on this one's time.
        jvm: Any = self.spark.sparkContext._jvm
        jvm.java.lang.System.gc()
        try:
            yield paths
        finally:
            shutil.rmtree(root, ignore_errors=True)

    @contextmanager
    def _settings(self, settings: Mapping[str, str]) -> Iterator[None]:
        before: dict[str, str | None] = {name: self.spark.conf.get(name, None) for name in {**STREAM, **BATCH}}
        for name, value in settings.items():
            self.spark.conf.set(name, value)
        try:
            yield
        finally:
            for name, earlier in before.items():
                self.spark.conf.unset(name) if earlier is None else self.spark.conf.set(name, earlier)

    def _counts(self, table: str) -> Counter[tuple[int, str]]:
        minute = F.unix_millis("window_start").alias("minute")
        rows = (self.spark.read.format("delta").load(table).groupBy(minute, "tag").agg(F.sum("tweets").alias("tweets"))
                .collect())
        return Counter({(row["minute"], row["tag"]): row["tweets"] for row in rows})


def _throw_away(frame: DataFrame) -> None:
    frame.write.format("noop").mode("overwrite").save()


def _args(paths: StreamPaths) -> StreamArgs:
    return StreamArgs(paths, 1, 1, 0, MAX_FILES, "10 minutes", CORES)


def _batches(query: StreamingQuery) -> list[dict[str, Any]]:
    lines = (batch_line(json.loads(progress.json)) for progress in query.recentProgress)
    return [line for line in lines if line is not None]


def _hours(landing: Path) -> list[int]:
    """Of landing's directories dt=/hr=, in ms."""
    return sorted(parse_hour(f"{where.parent.name[3:]}T{where.name[3:]}") for where in landing.glob("dt=*/hr=*"))


def _land(path: Path, target: Path) -> None:
    try:
        os.link(path, target)
    except OSError:   # another file system
        shutil.copyfile(path, target.with_suffix(".part"))
        target.with_suffix(".part").rename(target)
