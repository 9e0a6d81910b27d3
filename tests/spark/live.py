"""The stream in the session of the tests: lands lines, takes them batch by batch, keeps what it says of itself."""
from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from spark_apps import hashtag_stream, session
from spark_apps.args import StreamArgs
from spark_apps.files import Files
from spark_apps.progress import Reporter
from spark_apps.sinks import CountsLive
from tests.spark.streams import LocalStream


class LiveStream(LocalStream):
    """`max_files`: of a batch."""

    def __init__(self, root: Path, spark: SparkSession, max_files: int = 1) -> None:
        super().__init__(root)
        self.spark, self.max_files = spark, max_files
        self.files = Files(spark, self.paths.base)
        self.epoch = 0

    @contextmanager
    def running(self, sink: type[CountsLive] = CountsLive) -> Iterator[StreamingQuery]:
        """A driver; at its end all that is landed has been taken."""
        self.epoch += 1
        settings = {**session.STREAM, "spark.sql.streaming.numRecentProgressUpdates": "1000"}
        before = {name: self.spark.conf.get(name, None) for name in settings}
        for name, value in settings.items():
            self.spark.conf.set(name, value)
        args = StreamArgs(self.paths, 1, self.epoch, 1, self.max_files, "10 minutes", 2)
        reporter = Reporter(self.files, self.paths, 1, self.epoch, 1, 1)
        query = hashtag_stream.start(self.spark, args, sink(self.paths, 1, lambda: None))
        try:
            yield query
            query.processAllAvailable()
        finally:
            query.stop()
            for name, value in before.items():
                self.spark.conf.unset(name) if value is None else self.spark.conf.set(name, value)
        hashtag_stream._take(query, reporter)
        reporter.beat(now=True)

    def batches(self) -> list[dict[str, Any]]:
        """Lines of progress/batches by id."""
        lines = [json.loads(line) for path in Path(self.paths.batches).glob("g*.jsonl")
                 for line in path.read_text().splitlines()]
        return sorted(lines, key=lambda line: int(line["batch_id"]))
