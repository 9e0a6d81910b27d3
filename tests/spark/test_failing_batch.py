"""A batch that fails: what it met is told, however long the JVM's own text of it is."""
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyspark.errors import StreamingQueryException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from spark_apps import driving, hashtag_stream
from spark_apps.args import StreamArgs
from spark_apps.fence import Fenced
from spark_apps.files import Files
from spark_apps.progress import Reporter
from tests.spark.landing import NOW, snowflake, v2
from tests.spark.streams import LocalStream

Sink = Callable[[DataFrame, int], None]


def file_system_fails(tweets: DataFrame, _: int) -> None:
    """As where HDFS is away: pyspark has no class of its own for it."""
    spark = tweets.sparkSession
    jvm: Any = spark.sparkContext._jvm
    path = jvm.org.apache.hadoop.fs.Path("file:///" + "x" * 20_000)
    path.getFileSystem(spark._jsc.hadoopConfiguration()).open(path)


def task_fails(tweets: DataFrame, _: int) -> None:
    tweets.select(F.raise_error(F.lit("y" * 20_000))).collect()


def fenced(tweets: DataFrame, _: int) -> None:
    raise Fenced("epoch 1, attempt 1 is superseded by epoch 2")


def end_of(spark: SparkSession, root: Path, sink: Sink) -> dict[str, object]:
    """What the driver would write down."""
    stream = LocalStream(root)
    stream.land([v2(id=snowflake(NOW, 1))], NOW, NOW, "a")
    files = Files(spark, stream.paths.base)
    query = hashtag_stream.start(spark, StreamArgs(stream.paths, 1, 1, 1, 10, "10 minutes", 2), sink)
    try:
        with pytest.raises(StreamingQueryException) as raised:
            query.awaitTermination(60)
    finally:
        query.stop()
    return driving.end_of(raised.value, Reporter(files, stream.paths, 1, 1, 1, 1))


@pytest.mark.parametrize(("sink", "name", "said"), [(file_system_fails, "FileNotFoundException", "xxxx"),
                                                    (task_fails, "SparkRuntimeException", "yyyy")])
def test_a_failure_of_many_pages_is_told_by_its_class_and_its_first_words(
        spark: SparkSession, tmp_path: Path, sink: Sink, name: str, said: str) -> None:
    ended = end_of(spark, tmp_path, sink)
    assert ended["reason"] == name
    assert str(ended["error"]).startswith(f"{name}: ")
    assert said in str(ended["error"])
    assert len(str(ended["error"])) <= 1000


def test_a_driver_that_is_fenced_in_its_batch_has_not_failed(spark: SparkSession, tmp_path: Path) -> None:
    ended = end_of(spark, tmp_path, fenced)
    assert (ended["reason"], ended["error"]) == ("fenced", "")
