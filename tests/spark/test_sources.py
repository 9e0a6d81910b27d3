"""Landing files as Spark reads them."""
from __future__ import annotations

import codecs
from pathlib import Path

from pyspark.sql import SparkSession

from spark_apps.sources import read_files
from spark_apps.transforms.tweets import read_lines
from tests import oracle
from tests.spark.landing import NOW, snowflake, v2
from tests.spark.streams import LocalStream


def test_a_byte_order_mark_is_skipped_where_the_file_begins_and_nowhere_else(
        spark: SparkSession, tmp_path: Path) -> None:
    stream = LocalStream(tmp_path)
    stream.land([codecs.BOM_UTF8 + v2(id=snowflake(NOW, n)) for n in (1, 2)], NOW, NOW, "a")
    names = [str(path) for path in Path(stream.paths.landing).rglob("*.jsonl")]
    read = read_files(spark, names).orderBy("at").transform(read_lines)
    assert [row["fate"] for row in read.collect()] == [None, "not_json"]
    assert [oracle.read(line).fate for line in stream.lines] == ["tweet", "not_json"]
