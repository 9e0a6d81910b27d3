"""Counts of a minute: the one batch function under stream and seal."""
from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from spark_apps.contract import ALL_TWEETS, MEASURES, MINUTE_MS

COLUMNS = ("window_start", "tag", "form", *MEASURES, "authors", "hour")


def minute_counts(tweets: DataFrame) -> DataFrame:
    """(event_ms, kind, author, tags) -> one row per (minute, tag, form), and one per minute of tag "" for all tweets.

    window_start, hour: timestamps; tag: the key; form: how it was written; tweets, originals, retweets, quotes,
    replies: longs; authors: theta sketch of author ids, mergeable across rows.
    """
    everyone = F.create_map(F.lit(ALL_TWEETS), F.lit(""))
    minute = F.timestamp_millis(F.col("event_ms") - F.pmod(F.col("event_ms"), F.lit(MINUTE_MS)))
    exploded = tweets.select(minute.alias("window_start"), "kind", "author",
                             F.explode(F.map_concat(everyone, F.col("tags"))).alias("tag", "form"))
    counted = exploded.groupBy("window_start", "tag", "form").agg(
        F.count(F.lit(1)).alias("tweets"),
        F.count_if(F.col("kind") == "original").alias("originals"),
        F.count_if(F.col("kind") == "retweet").alias("retweets"),
        F.count_if(F.col("kind") == "quote").alias("quotes"),
        F.count_if(F.col("kind") == "reply").alias("replies"),
        F.theta_sketch_agg("author").alias("authors"))
    return counted.withColumn("hour", F.date_trunc("hour", "window_start")).select(*COLUMNS)
