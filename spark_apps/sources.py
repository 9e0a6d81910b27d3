"""Landing as lines: one row a line, whatever stands in it, with the name of its file.

A byte order mark that a file begins with is no part of its first line: Hadoop's reader skips it. Before any other line
it stays, and makes that line one that is not JSON.
"""
from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from spark_apps.contract import StreamPaths
from spark_apps.generations import landing_since
from spark_apps.packs import SEPARATOR, Landed

# A bare CR may stand inside a record, so that Spark's own guess of line ends will not do.
_TEXT = {"lineSep": "\n", "pathGlobFilter": "*.jsonl"}


def read_stream(spark: SparkSession, paths: StreamPaths, max_files: int, from_hour: int | None = None) -> DataFrame:
    """(value, file): every landed line, at most so many files a batch, the oldest first; of the files from the hour
    (ms) on where one is given."""
    lines = spark.readStream.format("text").options(**_TEXT).option("recursiveFileLookup", "true")
    where = paths.landing if from_hour is None else landing_since(paths, from_hour)
    return lines.option("maxFilesPerTrigger", max_files).load(where).select("value", _file())


def read_files(spark: SparkSession, names: Sequence[str]) -> DataFrame:
    """(value, file, at): the lines of these files; `at` grows along a file, and is no line number."""
    if not names:
        return spark.createDataFrame([], "value string, file string, at struct<block: bigint, row: bigint>")
    # A large file may be read as several blocks, whose partitions come in any order.
    at = F.struct(F.col("_metadata.file_block_start").alias("block"), F.monotonically_increasing_id().alias("row"))
    return spark.read.format("text").options(**_TEXT).load(list(names)).select("value", _file(), at.alias("at"))


def read_landed(spark: SparkSession, found: Landed) -> DataFrame:
    """The same of landing files wherever they are, in landing or packed."""
    plain, packed = read_files(spark, found.plain), found.packed
    return plain.unionByName(_unpacked(spark, found, packed)) if packed else plain


def _unpacked(spark: SparkSession, found: Landed, packed: dict[str, list[str]]) -> DataFrame:
    at = F.struct(F.lit(0).cast("bigint").alias("block"), F.monotonically_increasing_id().alias("row"))
    raw = spark.read.format("text").option("lineSep", "\n").load(list(packed))
    # Bytes are cut as bytes: a line need not be UTF-8.
    line = F.expr("cast(substring(cast(value AS binary), length(file) + 2) AS string)")
    lines = raw.select("value", F.substring_index("value", SEPARATOR, 1).alias("file"),
                       F.col("_metadata.file_name").alias("pack"), at.alias("at"))
    for path, names in packed.items():
        if len(names) < found.held[path]:
            lines = lines.where((F.col("pack") != path.rpartition("/")[2]) | F.col("file").isin(names))
    return lines.select(line.alias("value"), "file", "at")


def _file() -> Column:
    return F.col("_metadata.file_name").alias("file")
