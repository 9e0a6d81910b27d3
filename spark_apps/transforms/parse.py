"""Landed lines -> records, and the reason why a line is none.

Lines are read as text: of 26 odd lines Spark's JSON source returned 24 rows (blank lines and [] vanish, an array
becomes several rows) with every metric at 0, and it replaces invalid UTF-8 in silence. Text gives one row a line.
"""
from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from spark_apps.contract import LANDING_FILE_PATTERN, MAX_LINE_BYTES

HASHTAGS = "array<struct<tag:string,text:string>>"   # v2 says tag, v1.1 says text
ENTITIES = f"struct<hashtags:{HASHTAGS}>"
NOTE = f"struct<text:string,entities:{ENTITIES}>"
EXTENDED = f"struct<full_text:string,entities:{ENTITIES}>"
REFERENCES = "array<struct<type:string,id:string>>"
ORIGINAL = f"struct<id:string,text:string,note_tweet:{NOTE},note_post:{NOTE},entities:{ENTITIES}>"
TWEET = (f"struct<id:string,text:string,created_at:string,author_id:string,in_reply_to_user_id:string,"
         f"referenced_tweets:{REFERENCES},referenced_posts:{REFERENCES},"
         f"edit_history_tweet_ids:array<string>,edit_history_post_ids:array<string>,"
         f"note_tweet:{NOTE},note_post:{NOTE},entities:{ENTITIES}>")
STATUS = (f"id_str:string,id:string,created_at:string,text:string,full_text:string,"
          f"user:struct<id_str:string,id:string>,entities:{ENTITIES},extended_tweet:{EXTENDED},"
          f"retweeted_status:struct<text:string,full_text:string,entities:{ENTITIES},extended_tweet:{EXTENDED}>,"
          f"quoted_status:struct<id_str:string>,is_quote_status:string,in_reply_to_status_id_str:string,"
          f"in_reply_to_user_id_str:string")
#: Messages of the platform that are no tweets. A problem document has `title` and `status` beside each other; a line of
#: a compliance file has the tweet's `id` and an `action`.
CONTROL_KEYS = ("errors", "delete", "scrub_geo", "limit", "status_withheld", "user_withheld", "disconnect", "warning")
RECORD = (f"struct<data:{TWEET},includes:struct<tweets:array<{ORIGINAL}>,posts:array<{ORIGINAL}>>,{STATUS},"
          + ",".join(f"{key}:string" for key in (*CONTROL_KEYS, "action", "title", "status")) + ">")
# Inside an array inside an object: whatever follows the record on its line then breaks the JSON instead of being
# ignored, and two records on a line give two elements.
WRAPPED = f"r array<{RECORD}>, corrupt string"
ONE_VALUE = "r array<string>, corrupt string"
OPTIONS = {"mode": "PERMISSIVE", "columnNameOfCorruptRecord": "corrupt", "allowSingleQuotes": "false",
           "allowNonNumericNumbers": "false"}

#: A platform id: a positive 64-bit number, written without leading zero.
ID = "^[1-9][0-9]{0,18}$"


def parse(lines: DataFrame) -> DataFrame:
    """(value, file, ...) -> (..., source, arrival_ms, record, fate).

    `fate` is null for a tweet, `control`, or one of contract.QUARANTINE_REASONS but bad_time, which `identify` finds.
    not_object: the line, or a part of it that has to be an object or a list, is something else.
    """
    short = F.when(F.octet_length("value") <= MAX_LINE_BYTES, F.col("value"))
    parsed = lines.withColumn("wrapped", _read(short, WRAPPED))
    named = parsed.withColumns({
        "source": F.regexp_extract("file", LANDING_FILE_PATTERN, 3),
        "arrival_ms": F.regexp_extract("file", LANDING_FILE_PATTERN, 2).try_cast("long"),
        "record": F.get("wrapped.r", F.lit(0)),
        "fate": _fate(F.col("wrapped.r"), F.col("wrapped.corrupt")),
    })
    return named.select(*lines.columns, "source", "arrival_ms", "record", "fate")


def _read(value: Column, schema: str) -> Column:
    return F.from_json(F.concat(F.lit('{"r":['), value, F.lit("]}")), schema, OPTIONS)


def _fate(records: Column, corrupt: Column) -> Column:
    record = F.get(records, F.lit(0))
    is_record = corrupt.isNull() & (F.size(records) == 1) & record.isNotNull()
    one_value = _read(F.when(~is_record, F.col("value")), ONE_VALUE)["corrupt"].isNull()
    return (F.when(F.octet_length("value") > MAX_LINE_BYTES, "too_large")
            .when(~F.is_valid_utf8("value"), "bad_encoding")
            .when(corrupt.isNull() & (F.size(records) != 1), "not_json")
            .when(~is_record & one_value, "not_object")
            .when(~is_record, "not_json")
            .when(_is_control(record), "control")
            .when(~F.coalesce(F.rlike(raw_id(record), F.lit(ID)), F.lit(False)), "no_id")
            .when(raw_id(record).try_cast("long").isNull(), "no_id"))


def raw_id(record: Column) -> Column:
    v1 = F.coalesce(record["id_str"], record["id"])
    return F.when(record["data"].isNotNull(), record["data"]["id"]).otherwise(v1)


def _is_control(record: Column) -> Column:
    has_tweet = record["data"].isNotNull() | record["id_str"].isNotNull() | record["id"].isNotNull()
    keys = F.coalesce(*(record[key] for key in CONTROL_KEYS))
    compliance = record["data"].isNull() & record["action"].isNotNull()
    return compliance | ~has_tweet & (keys.isNotNull() | (record["title"].isNotNull() & record["status"].isNotNull()))
