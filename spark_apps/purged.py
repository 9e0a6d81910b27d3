"""What a sealed hour lost when tweets were purged: counts alone, so that stream and seal can still be compared.

progress/purged/<hour>.json: {"<revision that the purge led to>": [[minute in ms, tag, form, [measures]], ...], ...}.
"""
from __future__ import annotations

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from spark_apps.contract import MEASURES, StreamPaths, hour_name
from spark_apps.drift import ZERO, Key, Vector
from spark_apps.files import Files


def keep(spark: SparkSession, files: Files, paths: StreamPaths, hour: int, revision: int, counts: DataFrame) -> None:
    """What `counts` of the hour lack of those that stand in the table. Again for the same revision changes nothing."""
    table = spark.read.format("delta").load(paths.table("counts"))
    stood = table.where(F.col("hour") == F.timestamp_millis(F.lit(hour)))
    key = (F.unix_millis("window_start").alias("minute"), F.col("tag"), F.col("form"))
    less = counts.select(*key, *((-F.col(name)).alias(name) for name in MEASURES))
    lost = (stood.select(*key, *map(F.col, MEASURES)).unionByName(less).groupBy("minute", "tag", "form")
            .agg(*(F.greatest(F.sum(name), F.lit(0)).alias(name) for name in MEASURES))
            .where(F.greatest(*MEASURES) > 0))
    rows = [[row["minute"], row["tag"], row["form"], [row[name] for name in MEASURES]] for row in lost.collect()]
    files.write_json(_path(paths, hour), {**(files.read_json(_path(paths, hour)) or {}), str(revision): rows})


def read(files: Files, paths: StreamPaths, hour: int) -> dict[Key, Vector]:
    """What all purges together took from each row of the hour."""
    found: dict[Key, Vector] = {}
    for rows in (files.read_json(_path(paths, hour)) or {}).values():
        for minute, tag, form, measures in rows:
            key = (minute, tag, form)
            found[key] = tuple(a + b for a, b in zip(found.get(key, ZERO), measures, strict=True))
    return found


def _path(paths: StreamPaths, hour: int) -> str:
    return f"{paths.progress}/purged/{hour_name(hour)}.json"
