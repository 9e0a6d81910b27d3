"""What a minute's counts are: one row a (minute, tag, form), and one for all tweets of the minute."""
from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest
from chispa import assert_df_equality
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F

from spark_apps.contract import MEASURES
from spark_apps.transforms.counts import COLUMNS, minute_counts
from spark_apps.transforms.tweets import first_version
from tests.spark.landing import NOW

MINUTE = 60_000
SCHEMA = "event_ms long, kind string, author long, tags map<string, string>"
TWEETS: list[tuple[int, str, int | None, dict[str, str]]] = [
    (NOW, "original", 1, {"kpop": "KPOP", "bts": "BTS"}),
    (NOW + 1, "retweet", 2, {"kpop": "KPOP"}),
    (NOW + 2, "quote", 2, {"kpop": "kpop"}),
    (NOW + 3, "reply", 3, {"kpop": "KPOP"}),
    (NOW + 4, "original", 4, {}),
    (NOW + MINUTE - 1, "original", None, {"edge": "edge"}),
    (NOW + MINUTE, "original", 1, {"edge": "edge"}),
    (NOW + 60 * MINUTE - 1, "reply", 1, {"edge": "edge"}),
    (NOW + 60 * MINUTE, "reply", 1, {"edge": "edge"}),
    (0, "original", 1, {"old": "old"}),
    (-1, "original", 1, {"older": "older"}),
    *[(NOW + 2 * MINUTE, "retweet", author % 500, {"many": "many"}) for author in range(1_000)],
]
#: (minute, tag, form) -> measures, distinct authors.
CASES: dict[str, tuple[tuple[int, str, str], tuple[int, ...], int]] = {
    "all tweets of a minute, with tags or without": ((NOW, "", ""), (6, 3, 1, 1, 1), 4),
    "one form of a tag": ((NOW, "kpop", "KPOP"), (3, 1, 1, 0, 1), 3),
    "another form of the same tag": ((NOW, "kpop", "kpop"), (1, 0, 0, 1, 0), 1),
    "a second tag of one tweet": ((NOW, "bts", "BTS"), (1, 1, 0, 0, 0), 1),
    "the last millisecond of a minute, by an author unknown": ((NOW, "edge", "edge"), (1, 1, 0, 0, 0), 0),
    "the first millisecond of the next": ((NOW + MINUTE, "edge", "edge"), (1, 1, 0, 0, 0), 1),
    "the last minute of an hour": ((NOW + 59 * MINUTE, "edge", "edge"), (1, 0, 0, 0, 1), 1),
    "the first minute of the next": ((NOW + 60 * MINUTE, "edge", "edge"), (1, 0, 0, 0, 1), 1),
    "the first minute of all": ((0, "old", "old"), (1, 1, 0, 0, 0), 1),
    "the minute before it": ((-MINUTE, "older", "older"), (1, 1, 0, 0, 0), 1),
    "many tweets by half as many authors": ((NOW + 2 * MINUTE, "many", "many"), (1_000, 0, 1_000, 0, 0), 500),
}

Counted = dict[tuple[int, str, str], Row]


def collected(counts: DataFrame) -> Counted:
    people = F.theta_sketch_estimate("authors").alias("people")
    rows = counts.select(F.unix_millis("window_start").alias("ms"), "*", people).collect()
    return {(row["ms"], row["tag"], row["form"]): row for row in rows}


@pytest.fixture(scope="module")
def counts(spark: SparkSession) -> DataFrame:
    return spark.createDataFrame(TWEETS, SCHEMA).transform(minute_counts).cache()


@pytest.fixture(scope="module")
def counted(counts: DataFrame) -> Counted:
    return collected(counts)


@pytest.mark.parametrize("case", CASES)
def test_counts_of(case: str, counted: Counted) -> None:
    row, measures, people = CASES[case]
    assert tuple(counted[row][name] for name in MEASURES) == measures
    assert counted[row]["people"] == people


def test_there_are_no_other_rows(counted: Counted) -> None:
    minutes = {NOW, NOW + MINUTE, NOW + 2 * MINUTE, NOW + 59 * MINUTE, NOW + 60 * MINUTE, 0, -MINUTE}
    assert counted.keys() == {row for row, _, _ in CASES.values()} | {(minute, "", "") for minute in minutes}


def test_a_row_knows_its_hour(counted: Counted) -> None:
    hours = {minute: row["hour"].replace(tzinfo=timezone.utc) for (minute, _, _), row in counted.items()}
    assert hours[NOW + 59 * MINUTE] == datetime(2026, 3, 1, 10, tzinfo=timezone.utc)
    assert hours[NOW + 60 * MINUTE] == datetime(2026, 3, 1, 11, tzinfo=timezone.utc)


def test_the_columns_are_those_of_the_table(counts: DataFrame) -> None:
    assert counts.columns == list(COLUMNS)
    assert [field.dataType.simpleString() for field in counts.schema] == [
        "timestamp", "string", "string", *["bigint"] * len(MEASURES), "binary", "timestamp"]


def test_increments_of_batches_add_up_to_the_whole(spark: SparkSession, counts: DataFrame) -> None:
    parts = [spark.createDataFrame(TWEETS[n::3], SCHEMA).transform(minute_counts) for n in range(3)]
    added = parts[0].union(parts[1]).union(parts[2]).groupBy("window_start", "tag", "form").agg(
        *(F.sum(name).alias(name) for name in MEASURES),
        F.theta_sketch_estimate(F.theta_union_agg("authors")).alias("people"))
    whole = counts.withColumn("people", F.theta_sketch_estimate("authors")).select(*added.columns)
    assert_df_equality(added, whole, ignore_row_order=True, ignore_nullable=True)


#: Copies and versions of one tweet, as (edit_index, source, arrival_ms, file, at), and which of them counts.
VERSIONS: dict[str, tuple[list[tuple[int, str, int, str, int]], int]] = {
    "one alone": ([(0, "x", 1, "a", 1)], 0),
    "the version edited least, though it came last from another source": (
        [(2, "a", 1, "a", 1), (1, "b", 9, "b", 9), (2, "a", 2, "a", 1)], 1),
    "of one version that of the first source": ([(0, "y", 1, "a", 1), (0, "x", 2, "b", 2)], 1),
    "of one source what arrived first": ([(0, "x", 2, "a", 1), (0, "x", 1, "b", 2)], 1),
    "of one arrival the first file": ([(0, "x", 1, "b", 1), (0, "x", 1, "a", 2)], 1),
    "of one file the first line": ([(0, "x", 1, "a", 2), (0, "x", 1, "a", 1)], 1),
}


@pytest.fixture(scope="module")
def winners(spark: SparkSession) -> dict[int, list[int]]:
    rows: list[Any] = [(identity, place, *copy) for identity, (copies, _) in enumerate(VERSIONS.values())
                       for place, copy in enumerate(copies)]
    copies = spark.createDataFrame(
        rows, "identity long, place int, edit_index int, source string, arrival_ms long, file string, at int")
    won: dict[int, list[int]] = {}
    for row in copies.transform(first_version).where("wins").collect():
        won.setdefault(row["identity"], []).append(row["place"])
    return won


@pytest.mark.parametrize("case", VERSIONS)
def test_of_the_copies_of_a_tweet_counts(case: str, winners: dict[int, list[int]]) -> None:
    assert winners[list(VERSIONS).index(case)] == [VERSIONS[case][1]]
