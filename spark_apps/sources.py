"""Landing as lines: one row a line, whatever stands in it, with the name of its file.

A byte order mark that a file begins with is no part of its first line: Hadoop's reader skips it. Before any other line
it stays, and makes that line one that is not JSON.
"""
from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from spark_apps.contract import HOUR_MS, LandingFile, StreamPaths
from spark_apps.files import Files
from spark_apps.generations import landing_since

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


def landed(files: Files, paths: StreamPaths, from_ms: int, through_ms: int) -> list[str]:
    """Paths of the landing files from the hour of `from_ms` on whose lines arrived before `through_ms`."""
    found = []
    for hour in range(from_ms - from_ms % HOUR_MS, through_ms, HOUR_MS):
        directory = paths.landing_hour(hour)
        found += [f"{directory}/{name}" for name in files.list(directory) if _arrival(name) < through_ms]
    return found


def _arrival(name: str) -> float:
    try:
        return LandingFile.parse(name).last_ms
    except ValueError:
        return float("inf")


def _file() -> Column:
    return F.col("_metadata.file_name").alias("file")
