"""Who wrote which tweet when: identity, event time, author and kind of a record."""
from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from spark_apps.snowflake import SNOWFLAKE_MS, SNOWFLAKES_SINCE_MS
from spark_apps.transforms.parse import ID, raw_id

#: One tweet dated 2099 would move the watermark and drop every honest row.
AHEAD_MS = 300_000

ADDED = ("identity", "edit_index", "event_ms", "event_time", "clamped", "author", "kind")


def identify(records: DataFrame) -> DataFrame:
    """(..., arrival_ms, record, fate) -> the same and ADDED.

    identity: the first id of the edit chain, else the id, as a long. event_ms: from the identity where it is a
    snowflake, else `created_at`; more than 5 minutes after arrival means clamped to arrival. `fate` becomes bad_time
    where neither tells the time.
    """
    record = F.col("record")
    chain = F.coalesce(record["data"]["edit_history_tweet_ids"], record["data"]["edit_history_post_ids"])
    tweet = F.col("fate").isNull()
    ids = records.withColumns({
        "identity": F.when(tweet, F.coalesce(_as_id(F.get(chain, F.lit(0))), raw_id(record).try_cast("long"))),
        "edit_index": F.coalesce(F.nullif(F.array_position(chain, raw_id(record)), F.lit(0)) - 1, F.lit(0)).cast("int"),
        "author": F.coalesce(record["data"]["author_id"], record["user"]["id_str"], record["user"]["id"])
        .try_cast("long"),
        "kind": _kind(record),
    })
    snowflake = F.shiftright("identity", 22) + SNOWFLAKE_MS
    said = F.coalesce(record["data"]["created_at"], record["created_at"])
    timed = ids.withColumn("said_ms", F.when(tweet & (snowflake < SNOWFLAKES_SINCE_MS), _instant(said))
                           .when(tweet, snowflake))
    late = F.coalesce(F.col("said_ms") > F.col("arrival_ms") + AHEAD_MS, F.lit(False))
    clamped = timed.withColumns({
        "clamped": late,
        "event_ms": F.when(late, F.col("arrival_ms")).otherwise(F.col("said_ms")),
        "fate": F.when(tweet & F.col("said_ms").isNull(), "bad_time").otherwise(F.col("fate")),
    })
    return clamped.select(*records.columns, *(F.timestamp_millis("event_ms").alias(name) if name == "event_time"
                                              else F.col(name) for name in ADDED))


def _as_id(text: Column) -> Column:
    return F.when(F.rlike(text, F.lit(ID)), text.try_cast("long"))


def _instant(text: Column) -> Column:
    """v2 writes 2026-03-01T10:00:00.000Z, v1.1 Wed Aug 27 13:08:45 +0000 2008 (Spark parses no week days)."""
    v2 = F.try_to_timestamp(text, F.lit("yyyy-MM-dd'T'HH:mm:ss[.SSS]XXX"))
    v1 = F.try_to_timestamp(F.substring(text, 5, 26), F.lit("MMM dd HH:mm:ss xx yyyy"))
    return F.unix_millis(F.coalesce(v2, v1))


def references(record: Column) -> Column:
    return F.coalesce(record["data"]["referenced_tweets"], record["data"]["referenced_posts"])


def _kind(record: Column) -> Column:
    types = F.transform(references(record), lambda reference: reference["type"])
    quote = record["quoted_status"].isNotNull() | (record["is_quote_status"] == "true")
    reply = F.coalesce(record["data"]["in_reply_to_user_id"], record["in_reply_to_status_id_str"],
                       record["in_reply_to_user_id_str"]).isNotNull()
    return (F.when(F.array_contains(types, "retweeted") | record["retweeted_status"].isNotNull(), "retweet")
            .when(F.array_contains(types, "quoted") | quote, "quote")
            .when(F.array_contains(types, "replied_to") | reply, "reply")
            .otherwise("original"))
