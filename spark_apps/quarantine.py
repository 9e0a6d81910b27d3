"""Lines that are put aside, kept whole: reason, file, line number, bytes; Parquet by landing hour."""
from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from spark_apps.contract import QUARANTINE_REASONS, StreamPaths
from spark_apps.files import Files
from spark_apps.packs import Landed
from spark_apps.sources import read_landed
from spark_apps.transforms.tweets import read_lines


def write(files: Files, tweets: DataFrame, found: Landed, paths: StreamPaths, hour: int) -> None:
    """(file, fate, landing_hour, ...) -> quarantine/<stream>/dt=/hr=/ of a landing hour, instead of an earlier seal's.

    reason, file: strings; line: from 1 on; body: the bytes as received. The files with such lines are read once more,
    since lines are numbered only where that is asked for.
    """
    bad = tweets.where((F.col("landing_hour") == hour) & F.col("fate").isin(*QUARANTINE_REASONS))
    names = {row["file"] for row in bad.select("file").distinct().collect()}
    if not names:
        files.delete(paths.quarantine_hour(hour))
        return
    numbered = read_landed(tweets.sparkSession, found.only(names.__contains__)).withColumn(
        "line", F.row_number().over(Window.partitionBy("file").orderBy("at")))
    kept = numbered.transform(read_lines).where(F.col("fate").isin(*QUARANTINE_REASONS)).select(
        F.col("fate").alias("reason"), "file", "line", F.col("value").cast("binary").alias("body"))
    kept.coalesce(1).write.mode("overwrite").parquet(paths.quarantine_hour(hour))
