"""A local stream that is driven through savepoints, restores and fresh starts by deploy's own functions."""
from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from deploy import checkpoints
from deploy.checkpoints import savepoint
from deploy.config import Airflow, Cluster, Hdfs, Spark, Yarn
from deploy.launch import Launcher
from deploy.tables import Tables
from deploy.yarn import Application
from spark_apps import generations, hashtag_stream, session
from spark_apps.args import StreamArgs
from spark_apps.contract import MEASURES
from spark_apps.generations import Generation
from spark_apps.progress import Reporter
from spark_apps.sinks import CountsLive
from tests.fakes.directory import Directory
from tests.spark.live import LiveStream

Counts = dict[tuple[int, str, str], tuple[int, ...]]


class Nobody:
    """A ResourceManager that has never had an application."""

    def apps(self, tag: str | None = None, states: Sequence[str] = ()) -> list[Application]:
        return []

    def kill(self, app_id: str) -> None:
        raise AssertionError(f"{app_id} is killed, and was never there")

    def attempts(self, app_id: str) -> list[dict[str, Any]]:
        return []


class Sink(CountsLive):
    """Calls `at[batch]` right after that batch's commit to counts_live, before Spark's own."""

    at: dict[int, Callable[[], object]] = {}

    def commit(self, counted: DataFrame, batch_id: int) -> None:
        super().commit(counted, batch_id)
        if batch_id in self.at:
            self.at.pop(batch_id)()


class Restorable(LiveStream):
    def __init__(self, root: Path, spark: SparkSession, max_files: int = 1) -> None:
        super().__init__(root, spark, max_files)
        cluster = Cluster("test", Hdfs("file://", ("http://nowhere:1",), "", str(root)), Yarn(), Spark(), Airflow())
        self.hdfs = Directory()
        self.tools = Launcher(cluster, self.hdfs, Nobody())
        self.tables = Tables(cluster, self.paths.stream, self.hdfs)
        self.hdfs.create_exclusive(self.paths.generation(1), {"parent": None, "shuffle_partitions": 2})

    def catch_up(self, at: dict[int, Callable[[], object]] | None = None) -> None:
        """A driver on the newest generation, until all that is landed has been taken."""
        with self.driver(at or {}) as query:
            query.processAllAvailable()
        assert not Sink.at, "a batch of these was not committed"

    @contextmanager
    def driver(self, at: dict[int, Callable[[], object]]) -> Iterator[StreamingQuery]:
        self.epoch, Sink.at = self.epoch + 1, at
        settings = {**session.STREAM, "spark.sql.streaming.numRecentProgressUpdates": "1000"}
        before = {name: self.spark.conf.get(name, None) for name in settings}
        for name, value in settings.items():
            self.spark.conf.set(name, value)
        made = generations.newest(self.hdfs, self.paths) or Generation(1)
        args = StreamArgs(self.paths, made.number, self.epoch, 1, self.max_files, "10 minutes",
                          made.shuffle_partitions or 2, made.from_hour)
        reporter = Reporter(self.files, self.paths, made.number, self.epoch, 1, 1)
        reporter.remember()
        query = hashtag_stream.start(self.spark, args, Sink(self.paths, made.number, lambda: None))
        try:
            yield query
        finally:
            query.stop()
            for name, value in before.items():
                self.spark.conf.unset(name) if value is None else self.spark.conf.set(name, value)
        hashtag_stream._take(query, reporter)
        reporter.beat(now=True)

    def take(self, name: str, by_copy: bool = False) -> None:
        savepoint.take(self.tools, self.paths.stream, name, "test", by_copy=by_copy)

    def restore(self, point: str) -> Generation:
        return checkpoints.restore(self.tools, self.paths.stream, point, "test")

    def fresh(self) -> Generation:
        return checkpoints.fresh(self.tools, self.paths.stream, "test")

    def counted(self) -> Counts:
        """As any reader has it."""
        found: dict[tuple[int, str, str], list[int]] = {}
        for row in self.tables.live(["window_start", "tag", "form", *MEASURES]):
            cell = found.setdefault((round(row["window_start"].timestamp() * 1000), row["tag"], row["form"]), [0] * 5)
            for i, name in enumerate(MEASURES):
                cell[i] += row[name]
        return {key: tuple(cell) for key, cell in found.items()}
