"""What of a landed line goes with a withdrawn tweet, and what of it stays."""
from __future__ import annotations

import json
from typing import Any

import pytest

from spark_apps.redaction import redacted, withdrawn
from spark_apps.snowflake import SNOWFLAKE_MS

AT = 1_772_359_200_000
GONE, OTHER = (str(((AT - SNOWFLAKE_MS) << 22) + low) for low in (7, 8))
HIDDEN = "what nobody may keep"


def line(record: Any) -> bytes:
    return json.dumps(record).encode()


def v2(tweet_id: str, **more: Any) -> dict[str, Any]:
    return {"data": {"id": tweet_id, "text": HIDDEN, **more}}


WHOLE = {
    "the tweet": v2(GONE),
    "a later version": v2(OTHER, edit_history_tweet_ids=[GONE, OTHER]),
    "the version before": v2(OTHER, edit_history_tweet_ids=[OTHER, GONE]),
    "a retweet": v2(OTHER, referenced_tweets=[{"type": "retweeted", "id": GONE}]),
    "v1.1": {"id": int(GONE), "id_str": GONE, "text": HIDDEN},
    "v1.1 with a number alone": {"id": int(GONE), "text": HIDDEN},
    "a retweet of v1.1": {"id_str": OTHER, "text": HIDDEN, "retweeted_status": {"id_str": GONE, "text": HIDDEN}},
    "no record": [v2(GONE)],
}


@pytest.mark.parametrize("record", WHOLE.values(), ids=list(WHOLE))
def test_a_tweet_its_versions_and_its_retweets_go_whole(record: Any) -> None:
    found = redacted(line(record), {GONE})
    assert found and found.whole and json.loads(found.line) == {"delete": {"redacted": GONE}}
    assert list(withdrawn(found.line)) == [GONE] and redacted(found.line, {GONE}) is None


@pytest.mark.parametrize("text", [b'{"data": {"id": "%s", "text": "cut o', b"\xff\xfe %s \xc3", b"%s"])
def test_a_line_that_is_no_json_goes_where_the_id_stands_in_it(text: bytes) -> None:
    found = redacted(text % GONE.encode(), {GONE})
    assert found and found.whole and found.event_ms is None


COPIES = {
    "a quote": {**v2(OTHER, text="mine", referenced_tweets=[{"type": "quoted", "id": GONE}]),
                "includes": {"tweets": [v2(GONE)["data"], {"id": OTHER, "text": "stays"}]}},
    "a reply": {**v2(OTHER, text="mine", referenced_tweets=[{"type": "replied_to", "id": GONE}]),
                "includes": {"posts": [v2(GONE)["data"]]}},
    "a quote of v1.1": {"id_str": OTHER, "text": "mine", "quoted_status": {"id_str": GONE, "text": HIDDEN}},
    "a retweeted quote": {"id_str": OTHER, "text": "mine", "retweeted_status": {
        "id_str": "9", "quoted_status": {"id_str": GONE, "text": HIDDEN}}},
}


@pytest.mark.parametrize("record", COPIES.values(), ids=list(COPIES))
def test_of_a_quote_or_a_reply_only_the_copy_goes(record: Any) -> None:
    found = redacted(line(record), {GONE})
    assert found and not found.whole and HIDDEN.encode() not in found.line
    left = json.loads(found.line)
    assert left.get("data") == record.get("data") and left.get("text") == record.get("text")
    assert ("quoted_status" in left) == ("quoted_status" in record)   # that it is a quote is its own
    assert redacted(found.line, {GONE}) is None


@pytest.mark.parametrize("record", [
    v2(OTHER), v2(OTHER, in_reply_to_tweet_id=GONE), v2(OTHER, text=f"see https://x.com/i/status/{GONE}"),
    v2(GONE + "1"), {"delete": {"status": {"id_str": GONE}}}, {"id": GONE, "action": "delete"}, {"errors": [GONE]},
], ids=str)
def test_what_only_names_the_id_stays(record: Any) -> None:
    assert redacted(line(record), {GONE}) is None


def test_the_time_is_that_of_the_first_version() -> None:
    later = str(((AT + 60_000 - SNOWFLAKE_MS) << 22) + 1)
    found = redacted(line(v2(later, edit_history_tweet_ids=[GONE, later])), {later})
    assert found and found.event_ms == AT


@pytest.mark.parametrize("record,ids", [
    ({"delete": {"status": {"id": 5, "id_str": "5", "user_id": 1}}}, ["5"]),
    ({"status_withheld": {"id": 6, "user_id": 1, "withheld_in_countries": ["DE"]}}, ["6"]),
    ({"delete": {"redacted": "8"}}, ["8"]),
    ({"delete": None}, []), ({"delete": {"status": {"id": True}}}, []), ({"scrub_geo": {"up_to_status_id": 9}}, []),
    (v2("7", text='{"delete"'), []),
], ids=str)
def test_the_stream_says_which_tweets_are_withdrawn(record: Any, ids: list[str]) -> None:
    assert list(withdrawn(line(record))) == ids
