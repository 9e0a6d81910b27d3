"""Minute counts for the roll-ups: what the stream's own counting makes of tweets that are given by tag and author."""
from __future__ import annotations

from collections.abc import Iterable

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from deploy.rollup import Row
from spark_apps.contract import MEASURES
from spark_apps.transforms.counts import minute_counts

KINDS = ("original", "retweet", "quote", "reply")


def counted(spark: SparkSession, tweets: Iterable[tuple[int, str, str, int | None]]) -> DataFrame:
    """(ms, tag, form, author) of tweets -> their minute counts; kinds take turns, tag "" is a tweet without tags."""
    rows = [(at, KINDS[n % 4], author, {tag: form} if tag else {}) for n, (at, tag, form, author) in enumerate(tweets)]
    return spark.createDataFrame(
        rows, "event_ms long, kind string, author long, tags map<string, string>").transform(minute_counts)


def collected(counts: DataFrame) -> list[Row]:
    """The same rows for the readers without a JVM."""
    found = counts.select(F.unix_millis("window_start"), "tag", "form", F.array(*MEASURES), "authors").collect()
    return [Row(at, tag, form, tuple(measures), bytes(authors)) for at, tag, form, measures, authors in found]
