"""The stream with one thing changed, on a small checkpoint of the unchanged one; and what Spark says of it."""
from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from spark_apps import hashtag_stream, made_with, session
from spark_apps.args import StreamArgs
from spark_apps.causes import spark_class
from spark_apps.progress import FATES
from spark_apps.sinks import CountsLive
from spark_apps.sources import read_stream
from spark_apps.transforms.tweets import read_lines, tag
from spark_apps.verdict import Judgement, judge
from tests.spark.landing import NOW, snowflake, tags, v2
from tests.spark.streams import LocalStream

Frame = Callable[[DataFrame], DataFrame]


def same(frame: DataFrame) -> DataFrame:
    return frame


def drop_twice(frame: DataFrame) -> DataFrame:
    return frame.dropDuplicatesWithinWatermark(["identity"])


@dataclass(frozen=True)
class Code:
    """The stream's code in parts, any of which a change replaces."""

    lines: Frame = same
    observed: Frame = field(default=lambda frame: frame.where(F.col("fate").isNull()))
    chosen: Frame = same
    drop: Frame = drop_twice
    watermark: str = "10 minutes"
    rows: Frame = same          # before the batch function
    counted: Frame = same       # after it
    output_mode: str = "append"
    settings: Mapping[str, str] = field(default_factory=dict)
    args: Mapping[str, object] = field(default_factory=dict)
    landing: str = ""

    def stream(self, read: DataFrame) -> DataFrame:
        observed = self.lines(read).transform(read_lines).observe(FATES, F.count(F.lit(1)).alias("lines"))
        tagged = self.observed(observed).transform(tag)
        chosen = tagged.select("identity", "event_time", "event_ms", "kind", "author", "tags")
        return self.drop(self.chosen(chosen).withWatermark("event_time", self.watermark))


class Sink(CountsLive):
    def __init__(self, stream: Small, code: Code, generation: int = 1) -> None:
        super().__init__(stream.paths, generation, lambda: None)
        object.__setattr__(self, "code", code)
        object.__setattr__(self, "batches", [])

    code: Code
    batches: list[int]

    def __call__(self, tweets: DataFrame, batch_id: int) -> None:
        super().__call__(tweets, batch_id)
        self.batches.append(batch_id)

    def increments(self, tweets: DataFrame, batch_id: int) -> DataFrame:
        return self.code.counted(super().increments(self.code.rows(tweets), batch_id))


@dataclass(frozen=True)
class Found:
    """`spark`: the class of its error, empty where it took the change without a word."""

    judgement: Judgement
    spark: str
    batches: list[int]


class Small(LocalStream):
    """Three batches by the unchanged code; `try_` runs another on them, which takes one file more."""

    def __init__(self, root: Path, spark: SparkSession) -> None:
        super().__init__(root)
        self.spark, self._kept = spark, root / "kept"
        for n in range(3):
            self._land(n)
        self.items, error, _ = self._run(Code())
        assert not error, error
        shutil.copytree(self.paths.base, self._kept)
        self._land(3)

    def _land(self, n: int) -> None:
        at = NOW + n * 60_000
        self.land([v2(id=snowflake(at, 1), entities=tags("Spark", "Ätna")), v2(id=snowflake(at, 2), text="#text"),
                   v2(id=snowflake(at, 2), text="#text"), b"no JSON"], at, at + 1_000, f"f{n}")

    def try_(self, code: Code) -> Found:
        shutil.rmtree(self.paths.base)
        shutil.copytree(self._kept, self.paths.base)
        items, error, batches = self._run(code)
        return Found(judge(self.items, items), error, batches)

    def partitions(self) -> int:
        """Of the state."""
        return len([path for path in Path(self.paths.checkpoint(1), "state", "0").iterdir() if path.name.isdecimal()])

    def _run(self, code: Code) -> tuple[dict[str, str], str, list[int]]:
        args = replace(StreamArgs(self.paths, 1, 1, 1, 1, "10 minutes", 2), **code.args)  # type: ignore[arg-type]
        paths = replace(self.paths, root=code.landing) if code.landing else self.paths
        with set_to(self.spark, {**session.STREAM, "spark.sql.shuffle.partitions": str(args.shuffle_partitions),
                                 **code.settings}):
            frame, sink = code.stream(read_stream(self.spark, paths, args.max_files)), Sink(self, code)
            none = Sink(self, code, 0)
            items = made_with.items(self.spark, frame, lambda rows: none.increments(rows, 0), code.output_mode)
            try:
                writer = frame.writeStream.outputMode(code.output_mode).foreachBatch(sink)
                query = writer.option("checkpointLocation", self.paths.checkpoint(1)).trigger(availableNow=True).start()
                query.awaitTermination()
                error = ""
            except Exception as failed:
                error = spark_class(failed)
        return items, error, sink.batches


def product_items(stream: Small) -> dict[str, str]:
    """Of the product's own code."""
    args = StreamArgs(stream.paths, 1, 1, 1, 1, "10 minutes", 2)
    before = stream.spark.conf.get("spark.sql.shuffle.partitions")
    with set_to(stream.spark, {**session.STREAM, "spark.sql.shuffle.partitions": str(before)}):
        return hashtag_stream.items(stream.spark, hashtag_stream.stream(stream.spark, args), args)


@contextmanager
def set_to(spark: SparkSession, settings: Mapping[str, str]) -> Iterator[None]:
    before = {name: spark.conf.get(name, None) for name in settings}
    for name, value in settings.items():
        spark.conf.set(name, value)
    try:
        yield
    finally:
        for name, old in before.items():
            spark.conf.unset(name) if old is None else spark.conf.set(name, old)
