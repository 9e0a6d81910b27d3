"""Which tweet a record is, when it happened, who wrote it and of what kind it is."""
from __future__ import annotations

from typing import Any

import pytest
from pyspark.sql import Row, SparkSession

from spark_apps.transforms.identify import identify
from spark_apps.transforms.parse import parse
from tests import oracle
from tests.spark.landing import FILE, ID, NOW, read, snowflake, v1, v2

SECOND, MINUTE = 1_000, 60_000
OLD, LATER = snowflake(NOW - 9 * MINUTE), snowflake(NOW - 3 * MINUTE, 2)
#: 2006-03-21T20:50:14Z, when tweets were still numbered one by one.
FIRST_TWEET_MS = 1_142_974_214_000


def reference(kind: str) -> dict[str, str]:
    return {"type": kind, "id": "5"}


CASES: dict[str, tuple[bytes, dict[str, Any]]] = {
    "without a history the id is the identity": (v2(), {"identity": int(ID), "edit_index": 0}),
    "a history of one is the tweet itself": (
        v2(edit_history_tweet_ids=[ID]), {"identity": int(ID), "edit_index": 0}),
    "an edit has the identity of its first version": (
        v2(id=LATER, edit_history_tweet_ids=[OLD, ID, LATER]), {"identity": int(OLD), "edit_index": 2}),
    "an edit has the minute of its first version": (
        v2(id=LATER, created_at="2026-03-01T09:57:00.000Z", edit_history_tweet_ids=[OLD, LATER]),
        {"event_ms": NOW - 9 * MINUTE}),
    "the newer spelling of the history": (
        v2(id=LATER, edit_history_post_ids=[OLD, LATER]), {"identity": int(OLD), "edit_index": 1}),
    "a history of numbers": (
        v2(id=LATER, edit_history_tweet_ids=[int(OLD), int(LATER)]), {"identity": int(OLD), "edit_index": 1}),
    "an empty history": (v2(edit_history_tweet_ids=[]), {"identity": int(ID), "edit_index": 0}),
    "a history without the tweet": (v2(edit_history_tweet_ids=[OLD]), {"identity": int(OLD), "edit_index": 0}),
    "a history that begins with no id": (
        v2(edit_history_tweet_ids=["x", ID]), {"identity": int(ID), "edit_index": 1}),
    "a history that begins with null": (v2(edit_history_tweet_ids=[None, ID]), {"identity": int(ID), "edit_index": 1}),
    "v1.1 says its id twice": (v1(id=12), {"identity": int(ID)}),
    "v1.1 with a number alone": (v1(id_str=None), {"identity": int(ID)}),

    "the time is the identity's": (v2(), {"event_ms": NOW - SECOND, "clamped": False}),
    "the time is the identity's, whatever created_at says": (
        v2(created_at="2099-01-01T00:00:00.000Z"), {"event_ms": NOW - SECOND, "clamped": False}),
    "5 minutes ahead of arrival is no fault": (
        v2(id=snowflake(NOW + 5 * MINUTE)), {"event_ms": NOW + 5 * MINUTE, "clamped": False}),
    "a millisecond more is clamped to arrival": (
        v2(id=snowflake(NOW + 5 * MINUTE + 1)), {"event_ms": NOW, "clamped": True}),
    "the largest id is of 2080, and clamped": (
        v2(id=str(2 ** 63 - 1)), {"identity": 2 ** 63 - 1, "event_ms": NOW, "clamped": True}),
    "an old id dated 2099 is clamped": (
        v2(id="20", created_at="2099-01-01T00:00:00.000Z"), {"event_ms": NOW, "clamped": True}),
    "an id of before 2010 has the time it says": (
        v2(id="20", created_at="2006-03-21T20:50:14.000Z"), {"event_ms": FIRST_TWEET_MS, "clamped": False}),
    "milliseconds of a time it says": (
        v2(id="20", created_at="2006-03-21T20:50:14.123Z"), {"event_ms": FIRST_TWEET_MS + 123}),
    "a time without milliseconds": (v2(id="20", created_at="2006-03-21T20:50:14Z"), {"event_ms": FIRST_TWEET_MS}),
    "a time with an offset": (v2(id="20", created_at="2006-03-21T21:50:14.000+01:00"), {"event_ms": FIRST_TWEET_MS}),
    "a time as v1.1 spells it": (
        v1(id_str="20", created_at="Tue Mar 21 20:50:14 +0000 2006"), {"event_ms": FIRST_TWEET_MS}),
    "an edit of an old tweet": (
        v2(edit_history_tweet_ids=["20", ID], created_at="2006-03-21T20:50:14.000Z"), {"event_ms": FIRST_TWEET_MS}),

    "the author of v2": (v2(author_id="99"), {"author": 99}),
    "an author that is a number": (v2(author_id=99), {"author": 99}),
    "no author": (v2(author_id=None), {"author": None}),
    "an author that is none": (v2(author_id="me"), {"author": None}),
    "the author of v1.1": (v1(user={"id_str": "99", "id": 98}), {"author": 99}),
    "the author of v1.1 by number": (v1(user={"id": 98}), {"author": 98}),

    "neither refers nor answers": (v2(), {"kind": "original"}),
    "no references": (v2(referenced_tweets=[]), {"kind": "original"}),
    "a retweet": (v2(referenced_tweets=[reference("retweeted")]), {"kind": "retweet"}),
    "a quote": (v2(referenced_tweets=[reference("quoted")]), {"kind": "quote"}),
    "a reply": (v2(referenced_tweets=[reference("replied_to")]), {"kind": "reply"}),
    "a reply that quotes is a quote": (
        v2(referenced_tweets=[reference("replied_to"), reference("quoted")], in_reply_to_user_id="1"),
        {"kind": "quote"}),
    "a reply to someone, not to a tweet": (v2(in_reply_to_user_id="1"), {"kind": "reply"}),
    "a retweet in the newer spelling": (v2(referenced_posts=[reference("retweeted")]), {"kind": "retweet"}),
    "a reference that is null": (v2(referenced_tweets=[None, reference("quoted")]), {"kind": "quote"}),
    "a reference of a kind nobody knows": (v2(referenced_tweets=[reference("remixed")]), {"kind": "original"}),
    "v1.1: an original": (v1(is_quote_status=False), {"kind": "original"}),
    "v1.1: a retweet": (v1(retweeted_status={"id_str": "5", "text": ""}), {"kind": "retweet"}),
    "v1.1: a retweet of a quote": (
        v1(retweeted_status={"id_str": "5", "text": ""}, is_quote_status=True), {"kind": "retweet"}),
    "v1.1: a quote": (v1(quoted_status={"id_str": "5"}), {"kind": "quote"}),
    "v1.1: a quote of something that is gone": (v1(is_quote_status=True), {"kind": "quote"}),
    "v1.1: a reply": (v1(in_reply_to_status_id_str="5"), {"kind": "reply"}),
    "v1.1: a reply to someone, not to a tweet": (v1(in_reply_to_user_id_str="5"), {"kind": "reply"}),
}


@pytest.fixture(scope="module")
def rows(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Row]:
    lines = read(spark, tmp_path_factory.mktemp("landing"), [value for value, _ in CASES.values()])
    identified = lines.transform(parse).transform(identify).drop("value", "record", "event_time")
    return dict(zip(CASES, identified.sort("at").collect(), strict=True))


@pytest.mark.parametrize("case", CASES)
def test_a_record_where(case: str, rows: dict[str, Row]) -> None:
    assert rows[case]["fate"] is None
    assert {name: rows[case][name] for name in CASES[case][1]} == CASES[case][1]


@pytest.mark.parametrize("case", CASES)
def test_the_oracle_reads_a_record_where(case: str) -> None:
    tweet = oracle.read(oracle.Line.landed(FILE, 1, CASES[case][0]))
    assert tweet.fate == "tweet"
    assert {name: getattr(tweet, name) for name in CASES[case][1]} == CASES[case][1]


def test_event_time_is_event_ms(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> None:
    lines = read(spark, tmp_path_factory.mktemp("landing"), [v2(), b"no record"])
    found = lines.transform(parse).transform(identify).selectExpr("unix_millis(event_time)", "event_ms", "fate")
    assert [tuple(row) for row in found.collect()] == [(NOW - SECOND, NOW - SECOND, None), (None, None, "not_json")]
