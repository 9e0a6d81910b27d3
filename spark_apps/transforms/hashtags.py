"""The hashtags of a tweet: surface forms in Spark's JVM, keys by casefold(NFKC)."""
from __future__ import annotations

import unicodedata

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from spark_apps.transforms.identify import references
from spark_apps.transforms.parse import HASHTAGS

_SPECIAL = r"_\u200c\u200d\ua67e\u05be\u05f3\u05f4\uff5e\u301c\u309b\u309c\u30a0\u30fb\u3003\u0f0b\u0f0c\u00b7"
# The ideograph adds nothing to \p{L} but this: Java looks behind by code points, and not by halves of them, only in a
# pattern that has one beyond 16 bits written out. Without it the tag in 𠮷#b would be found.
_LETTER = r"\p{L}\p{M}𠮷"
_HASH = _LETTER + r"\p{Nd}" + _SPECIAL
# Group 1 is the tag; the first branch eats URLs. twitter-text's host is (?:[a-z0-9-]+\.)+, a group that Java matches by
# recursion: 5,000 labels in one tweet overflow the stack and end the executor. This form of it is matched by a loop.
PATTERN = (
    r"(?i:https?://[!-~]+"
    r"|(?<![\p{L}\p{M}\p{Nd}@#＃._-])(?!\.)(?:[a-z0-9.-](?<!\.\.))+(?<!\.)\.[a-z]{2,}/[!-~]*)"
    rf"|(?:(?<=[\uFE0E\uFE0F])|(?<![&{_HASH}]))[#＃](?![\uFE0F\u20E3])"
    rf"((?>[{_HASH}]*[{_LETTER}][{_HASH}]*))(?![#＃]|://|…\z)")

#: Where a tweet's tags came from, in order of precedence.
SOURCES = {1: "note of the tweet", 2: "original of a retweet", 3: "entities", 4: "v1.1 extended or retweeted status",
           5: "text"}


def extract(records: DataFrame) -> DataFrame:
    """(..., record) -> (..., forms, tag_source), without record.

    forms: array of surface forms without #, in their order, repetitions kept; tag_source: a number of SOURCES.
    """
    record = F.col("record")
    retweeted = F.get(F.filter(references(record), lambda r: r["type"] == "retweeted"), F.lit(0))["id"]
    included = F.coalesce(record["includes"]["tweets"], record["includes"]["posts"])
    noted = records.withColumns({
        "note": F.coalesce(record["data"]["note_tweet"], record["data"]["note_post"]),
        "original": F.get(F.filter(included, lambda tweet: tweet["id"] == retweeted), F.lit(0)),
    })
    chosen = noted.withColumn("chosen", F.coalesce(*_places(record, F.col("note"), F.col("original"))))
    hashtags = F.col("chosen.hashtags")
    named = F.transform(hashtags, lambda tag: F.coalesce(tag["tag"], tag["text"]))
    scanned = F.regexp_extract_all(F.col("chosen.scanned"), F.lit(PATTERN), F.lit(1))
    found = F.filter(F.when(hashtags.isNotNull(), named).otherwise(scanned), lambda form: form != "")
    kept = [F.col(name) for name in records.columns if name != "record"]
    return chosen.select(*kept, F.coalesce(found, F.array().cast("array<string>")).alias("forms"),
                         F.coalesce(F.col("chosen.source"), F.lit(5)).alias("tag_source"))


def _places(record: Column, note: Column, original: Column) -> list[Column]:
    """Where tags may be, in order of precedence: null, or a struct of source, hashtags, text to be scanned.

    An entities object without hashtags exists, and says that there are none. An original without entities is scanned
    before the retweet's own entities are believed, since those are cut.
    """
    data, status, extended = record["data"], record["retweeted_status"], record["extended_tweet"]
    original_note = F.coalesce(original["note_tweet"], original["note_post"])
    return [
        _named(1, note["entities"]),
        _named(2, original_note["entities"]),
        _named(2, original["entities"]), _scanned(original_note["text"], original["text"]),
        _named(3, data["entities"]), _scanned(note["text"], data["text"]),
        _named(4, extended["entities"]),
        _named(4, status["extended_tweet"]["entities"]),
        _named(4, status["entities"]),
        _scanned(status["extended_tweet"]["full_text"], status["full_text"], status["text"]),
        _named(3, record["entities"]), _scanned(extended["full_text"], record["full_text"], record["text"]),
    ]


def _named(source: int, entities: Column) -> Column:
    return F.when(entities.isNotNull(), F.struct(F.lit(source).alias("source"), entities["hashtags"].alias("hashtags"),
                                                 F.lit(None).cast("string").alias("scanned")))


def _scanned(*texts: Column) -> Column:
    text = F.coalesce(*texts)
    return F.when(text.isNotNull(), F.struct(F.lit(5).alias("source"), F.lit(None).cast(HASHTAGS).alias("hashtags"),
                                             text.alias("scanned")))


def keys(tweets: DataFrame) -> DataFrame:
    """(..., forms) -> (..., tags): map of key -> the surface form that came first; each key once a tweet."""
    ascii_only = F.octet_length(F.array_join("forms", "")) == F.char_length(F.array_join("forms", ""))
    # `when` does not short-circuit a Python function, so it is given NULL instead of the tags Spark can fold itself.
    folded = tweets.withColumn("folded", fold(F.when(~ascii_only, F.col("forms"))))
    lowered = F.coalesce(F.col("folded"), F.transform("forms", lambda form: F.lower(form)))
    keyed = folded.withColumn("keys", lowered)
    # The last of equal keys wins (session setting), hence reversed.
    tags = F.map_from_entries(F.reverse(F.arrays_zip(F.col("keys"), F.col("forms"))))
    return keyed.select(*(name for name in tweets.columns if name != "forms"),
                        F.map_filter(tags, lambda key, _: key != "").alias("tags"))


@F.arrow_udf(T.ArrayType(T.StringType()))  # type: ignore[attr-defined, untyped-decorator]
def fold(forms: pa.Array) -> pa.Array:
    lengths = pc.fill_null(pc.list_value_length(forms), 0)
    offsets = pa.concat_arrays([pa.array([0], pa.int32()), pc.cumulative_sum(lengths).cast(pa.int32())])
    coded = forms.flatten().dictionary_encode()
    folded = pa.array([key(form) for form in coded.dictionary.to_pylist()], pa.string())
    return pa.ListArray.from_arrays(offsets, folded.take(coded.indices), mask=forms.is_null())


def key(form: str) -> str:
    return unicodedata.normalize("NFKC", form).casefold()
