"""The score of a trend in Spark, and roll-ups and trends against the readers' own implementation."""
from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from deploy import rollup
from deploy import trending as reader
from deploy.rollup import Row
from spark_apps.contract import MEASURES, MINUTE_MS
from spark_apps.transforms.rollup import sliding
from spark_apps.transforms.trending import TRENDING, lift, score, trending
from spark_apps.windows import DAY_MS, Trend, Windows
from tests.fakes import minutes
from tests.spark.landing import NOW
from tests.spark.minutes import collected, counted
from tests.unit.test_trending import M, N, tables

SEED = int(os.environ.get("HASHTIDE_SEED") or time.time_ns() % 1_000_000)
SPAN = 200
WORKED = {
    "steady": (1_000, N, 24_000, M, "0.00"),
    "doubled": (2_000, N, 24_000, M, "27.4"),
    "rare": (3, N, 1, M, "3.9"),
    "new": (40, N, 0, M, "16.0"),
    "half of all tweets lost to an outage, the tag steady": (500, N // 2, 24_000, M, "0.00"),
}


def scores(spark: SparkSession, rows: list[tuple[int, int, int, int]]) -> list[Any]:
    """(score, rounded score, lift), from integers of Spark's int where they fit: products of them would not."""
    wide = "int" if max(map(max, rows), default=0) < 2 ** 31 else "long"
    frame = spark.createDataFrame(rows, f"c {wide}, n {wide}, b {wide}, m {wide}").coalesce(1)
    table = [F.col(name) for name in "cnbm"]
    return frame.select(score(*table), F.round(score(*table), 6), lift(*table)).collect()


def test_the_worked_values(spark: SparkSession) -> None:
    found = scores(spark, [case[:4] for case in WORKED.values()])
    for (what, (*_, expected)), (value, *_) in zip(WORKED.items(), found, strict=True):
        assert f"{value:.{len(expected.split('.')[1])}f}" == expected, what


def test_while_nothing_was_before_there_is_no_score(spark: SparkSession) -> None:
    assert [tuple(row) for row in scores(spark, [(5, 100, 0, 0)])] == [(None, None, None)]


def test_scores_are_those_of_the_readers_to_six_digits(spark: SparkSession) -> None:
    cases = tables(SEED)
    for case, (_, value, times) in zip(cases, scores(spark, cases), strict=True):
        expected = reader.score(*case)
        assert expected is not None and value == float(reader.rounded(expected)), (case, SEED)
        assert times == reader.lift(*case), (case, SEED)


@pytest.fixture(scope="module")
def counts(spark: SparkSession) -> Iterator[DataFrame]:
    """Several hours, and a day and two days before an hour each."""
    spans = ((NOW, SPAN), (NOW - DAY_MS, 90), (NOW - 2 * DAY_MS, 90))
    found = [tweet for n, (at, span) in enumerate(spans) for tweet in minutes.tweets(SEED + n, at, span)]
    # More people than a sketch holds one by one.
    crowd = [(NOW + author % 40 * MINUTE_MS, "crowd", "Crowd", author // 2) for author in range(30_000)]
    kept = counted(spark, [*found, *crowd]).cache()
    yield kept
    kept.unpersist()


@pytest.fixture(scope="module")
def rows(counts: DataFrame) -> list[Row]:
    return collected(counts)


def same(found: dict[Any, Any], expected: dict[Any, Any]) -> None:
    differ = [key for key in {**found, **expected} if found.get(key) != expected.get(key)]
    shown = "\n".join(f"  {key}: Spark {found.get(key)}, reader {expected.get(key)}" for key in differ[:10])
    assert not differ, f"{len(differ)} of {len(expected)} differ, HASHTIDE_SEED={SEED} gives the same rows:\n{shown}"


@pytest.mark.parametrize("windows", [
    Windows.of("15m", "5m"), Windows.of("1h", "1h"), Windows.of("90m", "60m"), Windows.of("1d", "12h")], ids=str)
def test_windows_are_those_of_the_readers(windows: Windows, counts: DataFrame, rows: list[Row]) -> None:
    columns = ["tag", "display", *MEASURES, "authors"]
    rolled = counts.transform(sliding(windows)).select(F.unix_millis("window_end"), *columns).collect()
    found = {tuple(row)[:2]: tuple(row)[2:] for row in rolled}
    expected = {}
    for end in ends(rows, windows):
        for tag, mine in rollup.tally(rows, end - windows.length_ms, end).items():
            expected[end, tag] = (mine.display, *mine.measures, mine.authors)
    assert len(expected) > 500
    same(found, expected)


def ends(rows: list[Row], windows: Windows) -> list[int]:
    """Of every window that has a minute in it."""
    times = {row.minute_ms for row in rows}
    first = {windows.with_minute(at)[1] for at in times}
    more = range(0, windows.length_ms, windows.slide_ms)
    return sorted({end + n for end in first for n in more
                   if any(end + n - windows.length_ms <= at < end + n for at in times)})


@pytest.mark.parametrize("trend", [
    Trend(Windows.of("15m", "5m")), Trend(Windows.of("10m", "10m"), before=3), Trend.daily(Windows.of("30m", "30m")),
], ids=["24 windows before", "3 windows before", "days before"])
def test_trends_are_those_of_the_readers(trend: Trend, counts: DataFrame, rows: list[Row]) -> None:
    columns = TRENDING[2:]
    found_rows = counts.transform(trending(trend)).select(F.unix_millis("window_end").alias("end"), *columns).collect()
    found = {(row["end"], row["rank"]): tuple(row)[2:] for row in found_rows}
    expected = {}
    summed = [(row.minute_ms, row.tag, row.measures[0]) for row in rows]
    for end in ends(rows, trend.windows):
        now, before = (rollup.tally(rows, *trend.earlier(end, n)) for n in (0, 1))
        for tag in reader.trending(now, before, rollup.earlier(summed, trend, end)):
            expected[end, tag.rank] = tuple(getattr(tag, name) for name in columns[1:])
    at = columns[1:].index("score")
    for either in (found, expected):
        for key, row in either.items():
            value = row[at]
            either[key] = (*row[:at], None if value is None else float(reader.rounded(value)), *row[at + 1:])
    assert len(expected) > 300 and any(row[at] and row[at] > 3 for row in expected.values())
    same(found, expected)


def test_the_columns_are_the_schema(counts: DataFrame) -> None:
    frame = counts.transform(trending(Trend(Windows.of("1h", "1h"))))
    assert frame.columns == list(TRENDING)
    assert [field.dataType.simpleString() for field in frame.schema] == [
        "timestamp", "timestamp", "int", "string", "string", *["bigint"] * 5, "double", "double", "bigint", "int"]


def test_half_of_all_tweets_lost_leaves_a_steady_tag_at_zero(spark: SparkSession) -> None:
    begins = [NOW + n * 10 * MINUTE_MS for n in range(8)]
    steady = [(at + n % 10 * MINUTE_MS, tag, tag, n) for at in begins for tag, much in (("steady", 40), ("other", 160))
              for n in range(much)]
    lost = minutes.without(2, iter(steady), begins[-1])
    trend = Trend(Windows.of("10m", "10m"), before=7)
    found = counted(spark, list(lost)).transform(trending(trend)).where(
        F.unix_millis("window_end") == begins[-1] + 10 * MINUTE_MS).collect()
    listed = {row["tag"]: row for row in found}
    assert listed["steady"]["tweets"] == 20 and listed["steady"]["delta"] == -20
    assert all(f"{abs(listed[tag]['score']):.2f}" == "0.00" for tag in ("steady", "other")), listed
