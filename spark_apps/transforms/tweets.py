"""Lines -> tweets: the steps that stream and seal have in common, and which copy of a tweet is the one that counts."""
from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from spark_apps.contract import HOUR_MS
from spark_apps.transforms.hashtags import extract, keys
from spark_apps.transforms.identify import identify
from spark_apps.transforms.parse import parse

#: Columns of a tweet; those of its line come before them.
TWEET = ("identity", "edit_index", "event_ms", "event_time", "clamped", "author", "kind", "tag_source", "tags")


def read_lines(lines: DataFrame) -> DataFrame:
    """(value, file, ...) -> (..., source, arrival_ms, record, fate, identity, ...): each line with its fate so far."""
    return lines.transform(parse).transform(identify)


def tag(records: DataFrame) -> DataFrame:
    """What `read_lines` gave -> the same without value and record, with TWEET; tags are null where the line is none."""
    tagged = records.transform(extract).transform(keys)
    kept = [name for name in tagged.columns if name not in ("value", *TWEET)]
    return tagged.select(*kept, *TWEET)


def first_version(tweets: DataFrame, *within: str) -> DataFrame:
    """(..., identity, edit_index, source, arrival_ms, file, at) -> the same and `wins`: one row of each identity, or
    of each identity and value of the columns `within`.

    The lowest (edit_index, source, arrival, file, position) counts, in whatever order the copies are read.
    """
    order = Window.partitionBy("identity", *within).orderBy("edit_index", "source", "arrival_ms", "file", "at")
    return tweets.withColumn("wins", F.row_number().over(order) == 1)


def event_hour(tweets: DataFrame) -> DataFrame:
    """(..., event_ms) -> the same and event_hour (ms), null where the line is no tweet."""
    return tweets.withColumn("event_hour", F.col("event_ms") - F.pmod(F.col("event_ms"), F.lit(HOUR_MS)))
