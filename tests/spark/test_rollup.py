"""Sliding windows and running totals of minute counts."""
from __future__ import annotations

from typing import Any

import pytest
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from spark_apps.contract import HOUR_MS, MEASURES, MINUTE_MS
from spark_apps.transforms.rollup import RANKED, RUNNING, SLIDING, most_frequent, running, sliding
from spark_apps.windows import DAY_MS, Windows
from tests.spark.landing import NOW
from tests.spark.minutes import counted

TWEETS: list[tuple[int, str, str, int | None]] = [
    *[(NOW, "kpop", "KPOP", author) for author in (1, 2, 3)],
    *[(NOW + MINUTE_MS, "kpop", "Kpop", author) for author in (3, 4)],
    *[(NOW + 2 * MINUTE_MS, "kpop", "Kpop", 4)] * 2,
    *[(NOW + 2 * MINUTE_MS, "tie", form, None) for form in ("b", "B", "a")],
    (NOW + 59 * MINUTE_MS, "late", "late", 1),
    (NOW + 60 * MINUTE_MS, "late", "late", 2),
    (NOW + DAY_MS, "late", "late", 2),
]


@pytest.fixture(scope="module")
def counts(spark: SparkSession) -> DataFrame:
    return counted(spark, TWEETS).cache()


def minute(of: str) -> Column:
    return ((F.unix_millis(of) - NOW) / MINUTE_MS).cast("int")


def windows(counts: DataFrame, length: str, slide: str, tag: str) -> dict[tuple[int, int], Any]:
    """Rows of a tag by the minutes (from, to) of their windows."""
    rolled = counts.transform(sliding(Windows.of(length, slide))).where(F.col("tag") == tag)
    rows = rolled.select(minute("window_start").alias("from"), minute("window_end").alias("to"), "*").collect()
    return {(row["from"], row["to"]): row for row in rows}


def test_a_minute_is_in_each_window_that_slides_over_it(counts: DataFrame) -> None:
    found = windows(counts, "2m", "1m", "kpop")
    assert {at: row["tweets"] for at, row in found.items()} == {(-1, 1): 3, (0, 2): 5, (1, 3): 4, (2, 4): 2}


def test_windows_of_hours_end_at_full_hours(counts: DataFrame) -> None:
    found = windows(counts, "1h", "1h", "late")
    assert {at: row["tweets"] for at, row in found.items()} == {(0, 60): 1, (60, 120): 1, (1440, 1500): 1}


def test_windows_of_days_end_at_midnight(counts: DataFrame) -> None:
    found = windows(counts, "1d", "1d", "late")
    assert {at: row["tweets"] for at, row in found.items()} == {(-600, 840): 2, (840, 2280): 1}


def test_a_window_that_is_no_whole_number_of_slides_ends_at_a_whole_slide(counts: DataFrame) -> None:
    assert set(windows(counts, "90m", "60m", "kpop")) == {(-30, 60)}
    assert set(windows(counts, "90m", "60m", "late")) == {(-30, 60), (30, 120), (1410, 1500)}


def test_authors_of_several_minutes_and_forms_count_once(counts: DataFrame) -> None:
    assert {at: row["authors"] for at, row in windows(counts, "2m", "1m", "kpop").items()} == {
        (-1, 1): 3, (0, 2): 4, (1, 3): 2, (2, 4): 1}


def test_authors_unknown_are_none(counts: DataFrame) -> None:
    assert windows(counts, "1h", "1h", "tie")[0, 60]["authors"] == 0


def test_the_display_is_the_form_most_frequent_in_the_whole_window(counts: DataFrame) -> None:
    assert windows(counts, "1m", "1m", "kpop")[0, 1]["display"] == "KPOP"
    assert windows(counts, "3m", "1m", "kpop")[0, 3]["display"] == "Kpop"


def test_of_forms_as_frequent_the_lower_code_points_win(counts: DataFrame) -> None:
    assert windows(counts, "1h", "1h", "tie")[0, 60]["display"] == "B"


def test_all_tweets_are_the_row_of_no_tag(counts: DataFrame) -> None:
    row = windows(counts, "1h", "1h", "")[0, 60]
    assert [row[name] for name in MEASURES] == [11, 3, 3, 3, 2]


def test_increments_may_come_as_they_are(spark: SparkSession, counts: DataFrame) -> None:
    parts = counted(spark, TWEETS[:4]).union(counted(spark, TWEETS[4:]))
    shown = ["window_end", "tag", "display", "tweets", "authors"]
    rolled = [sorted(frame.transform(sliding(Windows.of("2m"))).select(*shown).collect()) for frame in (parts, counts)]
    assert rolled[0] == rolled[1]


def test_the_most_frequent_of_each_window_come_by_tweets_and_then_by_key(spark: SparkSession) -> None:
    tweets = [(NOW + at * HOUR_MS, tag, tag, 1) for at, tags in enumerate(("b a c c", "d")) for tag in tags.split()]
    ranked = counted(spark, tweets).transform(sliding(Windows.of("1h", "1h"))).transform(most_frequent(2))
    assert ranked.columns == list(RANKED)
    assert [(row["rank"], row["tag"]) for row in ranked.orderBy("window_end", "rank").collect()] == [
        (1, "c"), (2, "a"), (1, "d")]


def totals(counts: DataFrame, step_ms: int, since_ms: int, tag: str) -> list[tuple[int, ...]]:
    rows = counts.transform(running(step_ms, since_ms)).where(F.col("tag") == tag)
    found = rows.select(minute("since"), minute("at"), "tweets", "authors").orderBy("at")
    return [tuple(row) for row in found.collect()]


def test_a_running_total_is_what_was_counted_since_the_day_began(counts: DataFrame) -> None:
    assert totals(counts, MINUTE_MS, DAY_MS, "kpop") == [(-600, 1, 3, 3), (-600, 2, 5, 4), (-600, 3, 7, 4)]
    assert totals(counts, HOUR_MS, DAY_MS, "late") == [(-600, 60, 1, 1), (-600, 120, 2, 2), (840, 1500, 1, 1)]


def test_a_running_total_of_the_hour_begins_anew_with_each_hour(counts: DataFrame) -> None:
    assert totals(counts, MINUTE_MS, HOUR_MS, "late") == [(0, 60, 1, 1), (60, 61, 1, 1), (1440, 1441, 1, 1)]


def test_a_running_total_in_steps_that_do_not_fill_its_span_is_refused() -> None:
    with pytest.raises(ValueError, match="no whole number of steps"):
        running(7 * MINUTE_MS, HOUR_MS)


def test_the_columns_are_the_schema(counts: DataFrame) -> None:
    measures = ["bigint"] * len(MEASURES)
    for frame, names, types in (
            (counts.transform(sliding(Windows.of("2h"))), SLIDING,
             ["timestamp", "timestamp", "string", "string", *measures, "bigint"]),
            (counts.transform(running(MINUTE_MS)), RUNNING, ["timestamp", "timestamp", "string", *measures, "bigint"])):
        assert frame.columns == list(names)
        assert [field.dataType.simpleString() for field in frame.schema] == types
