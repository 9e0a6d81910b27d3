"""Every landed line has exactly one fate."""
from __future__ import annotations

import pytest
from pyspark.sql import Row, SparkSession

from spark_apps.contract import MAX_LINE_BYTES, QUARANTINE_REASONS
from spark_apps.transforms.identify import identify
from spark_apps.transforms.parse import parse
from tests import oracle
from tests.spark.landing import FILE, ID, NOW, line, read, v1, v2

TWEET = b'{"data":{"id":"%s","text":"#a"}}' % ID.encode()


def nested(depth: int) -> bytes:
    return b'{"data":{"id":"%s","x":%s1%s}}' % (ID.encode(), b"[" * depth, b"]" * depth)


def long(size: int) -> bytes:
    head = b'{"data":{"id":"%s","text":"' % ID.encode()
    return head + b"x" * (size - len(head) - 3) + b'"}}'


CASES = {
    "a tweet of the filtered stream": (v2(), "tweet"),
    "a v1.1 status": (v1(), "tweet"),
    "a v1.1 status with a numeric id only": (v1(id_str=None), "tweet"),
    "a tweet with an id that is a number": (v2(id=int(ID)), "tweet"),
    "a tweet with spaces and a CR around": (b" \t" + TWEET + b"\r", "tweet"),
    "a tweet with a bare CR between its fields": (TWEET.replace(b",", b",\r"), "tweet"),
    "a tweet that came with a partial error": (v2({"errors": [{"title": "Not Found Error"}]}), "tweet"),
    "a tweet with fields nobody knows": (v2({"new": [{"a": 1}, None]}, new={"b": [[]]}), "tweet"),
    "a tweet with null in place of objects and lists": (
        v2({"includes": None}) .replace(b'"entities"', b'"note_tweet":null,"referenced_tweets":null,"entities"'),
        "tweet"),
    "a tweet with null among its tags": (v2(entities={"hashtags": [None, {"tag": None}, {"tag": "a"}]}), "tweet"),
    "a matching rule with a numeric id and no tag": (v2({"matching_rules": [{"id": 1, "tag": None}]}), "tweet"),
    "a key that stands twice": (b'{"data":{"id":"0","id":"%s"}}' % ID.encode(), "tweet"),
    "lone surrogates in a text": (b'{"data":{"id":"%s","text":"\\ud800 #a\\udfff"}}' % ID.encode(), "tweet"),
    "an escaped NUL in a text": (b'{"data":{"id":"%s","text":"\\u0000"}}' % ID.encode(), "tweet"),
    "an object where a text belongs": (v2(text={"a": 1}), "tweet"),
    "a list where an author belongs": (v2(author_id=[1]), "tweet"),
    "500 levels of lists": (nested(500), "tweet"),
    "a line of exactly the longest length": (long(MAX_LINE_BYTES), "tweet"),
    "a number of 900 digits nobody reads": (v2({"n": 10 ** 899}), "tweet"),

    "an error": (line({"errors": [{"title": "operational-disconnect"}]}), "control"),
    "an error beside an empty data": (line({"data": None, "errors": [{"title": "x"}]}), "control"),
    "a problem document": (line({"title": "ConnectionException", "status": 429, "detail": "x"}), "control"),
    "a deletion of v1.1": (line({"delete": {"status": {"id": 1234, "user_id": 3}}}), "control"),
    "a limit notice of v1.1": (line({"limit": {"track": 1234}}), "control"),
    "a removal of locations": (line({"scrub_geo": {"user_id": 1, "up_to_status_id": 2}}), "control"),
    "a withheld status": (line({"status_withheld": {"id": 1, "withheld_in_countries": ["DE"]}}), "control"),
    "a withheld user": (line({"user_withheld": {"id": 1}}), "control"),
    "a disconnect message": (line({"disconnect": {"code": 4, "reason": ""}}), "control"),
    "a stall warning": (line({"warning": {"code": "FALLING_BEHIND"}}), "control"),
    "a line of a compliance file": (
        line({"id": ID, "action": "delete", "created_at": "2026-03-01T10:00:00.000Z", "reason": "deleted"}), "control"),

    "an empty line": (b"", "not_json"),
    "a keep-alive": (b"\r", "not_json"),
    "blanks": (b" \t ", "not_json"),
    "a word": (b"tweet", "not_json"),
    "a truncated tweet": (TWEET[:-1], "not_json"),
    "a tweet cut inside a string": (TWEET[:20], "not_json"),
    "a tweet with a bracket too many": (TWEET + b"}", "not_json"),
    "a tweet with something behind it": (TWEET + b" x", "not_json"),
    "two tweets on a line": (TWEET + TWEET, "not_json"),
    "two tweets with a comma between": (TWEET + b"," + TWEET, "not_json"),
    "a tweet with a byte order mark": (b"\xef\xbb\xbf" + TWEET, "not_json"),
    "a NUL in front": (b"\0" + TWEET, "not_json"),
    "a NUL inside a string": (TWEET.replace(b"#a", b"#\0"), "not_json"),
    "a line of NULs": (b"\0" * 4096, "not_json"),
    "a raw tab inside a string": (TWEET.replace(b"#a", b"#\t"), "not_json"),
    "single quotes": (TWEET.replace(b'"', b"'"), "not_json"),
    "a comment": (b"/* x */" + TWEET, "not_json"),
    "a number that is none": (TWEET.replace(b'"#a"', b"NaN"), "not_json"),
    "NaN alone": (b"NaN", "not_json"),
    "Python's idea of a dictionary": (b"{'data': None}", "not_json"),
    "5,000 levels of lists": (nested(5_000), "not_json"),
    "400,000 open brackets": (b"[" * 400_000, "not_json"),

    "null": (b"null", "not_object"),
    "true": (b"true", "not_object"),
    "a number": (b"5", "not_object"),
    "a string": (b'"tweet"', "not_object"),
    "an empty string": (b'""', "not_object"),
    "an empty list": (b"[]", "not_object"),
    "a tweet in a list": (b"[" + TWEET + b"]", "not_object"),
    "a page of tweets": (line({"data": [{"id": ID}]}), "not_object"),
    "a data that is a text": (line({"data": "x"}), "not_object"),
    "a data that is an empty text": (line({"data": ""}), "not_object"),
    "wrong data, twice": (b'{"data":[],"data":[]}', "not_object"),
    "entities that are a number": (v2(entities=5), "not_object"),
    "hashtags that are an object": (v2(entities={"hashtags": {"tag": "a"}}), "not_object"),
    "a hashtag that is a text": (v2(entities={"hashtags": ["a"]}), "not_object"),
    "included tweets that are numbers": (v2({"includes": {"tweets": [1]}}), "not_object"),
    "a user that is a name": (v1(user="me"), "not_object"),

    "an object with nothing in it": (b"{}", "no_id"),
    "a tweet without an id": (v2(id=None), "no_id"),
    "a tweet with an empty id": (v2(id=""), "no_id"),
    "id 0": (v2(id="0"), "no_id"),
    "a negative id": (v2(id="-5"), "no_id"),
    "an id with a leading zero": (v2(id="0123456789"), "no_id"),
    "an id with a blank": (v2(id=ID + " "), "no_id"),
    "an id of 2^63": (v2(id=str(2 ** 63)), "no_id"),
    "an id of 40 digits": (v2(id="1" * 40), "no_id"),
    "an id with a fraction": (v2(id=1.5), "no_id"),
    "an id that is an object": (v2(id={"a": 1}), "no_id"),
    "an id in Arabic digits": (v2(id="١٢٣٤٥٦٧٨٩"), "no_id"),
    "a user and no status": (line({"user": {"id_str": "7"}, "text": "#a"}), "no_id"),
    "only a title": (line({"title": "x"}), "no_id"),

    "an old id without a time": (v2(id="20"), "bad_time"),
    "an old id with a time that is none": (v2(id="20", created_at="yesterday"), "bad_time"),
    "an old id on the 30th of February": (v2(id="20", created_at="2010-02-30T00:00:00.000Z"), "bad_time"),

    "a broken byte": (TWEET.replace(b"#a", b"#\xff"), "bad_encoding"),
    "a cut character": (TWEET.replace(b"#a", b"#\xe3\x81"), "bad_encoding"),
    "a character written too long": (TWEET.replace(b"#a", b"#\xc0\xaf"), "bad_encoding"),
    "a surrogate in UTF-8": (TWEET.replace(b"#a", b"#\xed\xa0\x80"), "bad_encoding"),
    "Latin-1": ("Café".encode("latin-1"), "bad_encoding"),
    "UTF-16": ("{}".encode("utf-16"), "bad_encoding"),

    "a line one byte too long": (long(MAX_LINE_BYTES + 1), "too_large"),
    "10 MB": (long(10 << 20), "too_large"),
    "10 MB of broken bytes": (b"\xff" * (10 << 20), "too_large"),
}


@pytest.fixture(scope="module")
def rows(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Row]:
    lines = read(spark, tmp_path_factory.mktemp("landing"), [value for value, _ in CASES.values()])
    parsed = lines.transform(parse).transform(identify).select("at", "source", "arrival_ms", "fate")
    return dict(zip(CASES, parsed.sort("at").collect(), strict=True))


@pytest.mark.parametrize("case", CASES)
def test_the_fate_of(case: str, rows: dict[str, Row]) -> None:
    assert (rows[case]["fate"] or "tweet") == CASES[case][1]


@pytest.mark.parametrize("case", CASES)
def test_the_oracle_knows_the_fate_of(case: str) -> None:
    assert oracle.read(oracle.Line.landed(FILE, 2, CASES[case][0])).fate == CASES[case][1]


def test_every_fate_has_a_case() -> None:
    assert {fate for _, fate in CASES.values()} == {"tweet", "control", *QUARANTINE_REASONS}


def test_arrival_and_source_are_those_of_the_file(rows: dict[str, Row]) -> None:
    assert {(row["source"], row["arrival_ms"]) for row in rows.values()} == {("x", NOW)}
