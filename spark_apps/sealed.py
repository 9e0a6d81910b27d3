"""The tweets of sealed hours, read as their seals read them: counts alone do not say which tags stood together."""
from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.storagelevel import StorageLevel

from spark_apps import tables
from spark_apps.contract import ALL_TWEETS, StreamPaths, hour_name
from spark_apps.files import Files
from spark_apps.packs import landed
from spark_apps.seal import AHEAD_MS, read_landing
from spark_apps.transforms.tweets import first_version

log = logging.getLogger("hashtide")


class NothingSealed(Exception):
    """There is not what was asked for; the text names the way out."""


@dataclass(frozen=True)
class Tweets:
    """`frame`: (event_hour, identity, kind, author, tags, ...) of `hours` (ms), persisted; `left_out`: the hours whose
    landing no longer has all that their seal has counted."""

    frame: DataFrame
    hours: list[int]
    left_out: list[int]


def hours(spark: SparkSession, paths: StreamPaths) -> dict[int, int]:
    """Every sealed hour (ms) with the instant that it was sealed through, ascending."""
    path = paths.table("ledger")
    if not tables.exists(spark, path):
        raise NothingSealed(f"stream {paths.stream} has no sealed hour yet; hashtag_hourly seals each one when it is "
                            "over, `deploy/hashtide backfill` any range")
    rows = spark.read.format("delta").load(path).select("hour", "through_ms").collect()
    return dict(sorted((tables.ms(row["hour"]) or 0, row["through_ms"]) for row in rows))


def read(spark: SparkSession, files: Files, paths: StreamPaths, wanted: Mapping[int, int]) -> Tweets:
    """The tweets that count in these hours, each with the instant that it was sealed through."""
    found = landed(files, paths, min(wanted) - AHEAD_MS, max(wanted.values()))
    log.info("reading %d landing files for %d hour(s)", len(found), len(wanted))
    through = F.create_map(*(F.lit(number) for pair in wanted.items() for number in pair))
    tweets = (read_landing(spark, found)
              .where(F.col("arrival_ms") < F.try_element_at(through, F.col("event_hour")))
              .transform(first_version, "event_hour").where("wins").persist(StorageLevel.MEMORY_AND_DISK))
    there = {row["event_hour"]: row["count"] for row in tweets.groupBy("event_hour").count().collect()}
    counted = _counted(spark, paths, wanted)
    left_out = [hour for hour in wanted if there.get(hour, 0) != counted.get(hour, 0)]
    if left_out:
        log.warning("left out, since landing and archive no longer have all their tweets: %s",
                    ", ".join(map(hour_name, left_out)))
    kept = [hour for hour in sorted(wanted) if hour not in left_out]
    return Tweets(tweets.where(F.col("event_hour").isin(kept)), kept, left_out)


def _counted(spark: SparkSession, paths: StreamPaths, wanted: Mapping[int, int]) -> dict[int, int]:
    counts = spark.read.format("delta").load(paths.table("counts"))
    hour = F.unix_millis("hour")
    rows = (counts.where(hour.isin(list(wanted)) & (F.col("tag") == ALL_TWEETS))
            .groupBy(hour.alias("hour")).agg(F.sum("tweets").alias("tweets")).collect())
    return {row["hour"]: row["tweets"] for row in rows}
