"""Windows of whole minutes, and what a window of minute counts adds up to, without a JVM."""
from __future__ import annotations

import pytest

from deploy.rollup import Row, earlier, most_frequent, tally
from spark_apps.contract import HOUR_MS, MINUTE_MS
from spark_apps.windows import DAY_MS, Trend, Windows, span_ms, span_name
from tests.fakes.sketches import sketch

ROWS = [
    Row(0, "", "", (9, 4, 3, 1, 1), sketch(range(9))),
    Row(0, "kpop", "KPOP", (3, 1, 1, 1, 0), sketch(range(3))),
    Row(MINUTE_MS, "kpop", "Kpop", (2, 2, 0, 0, 0), sketch([2, 3])),
    Row(2 * MINUTE_MS, "kpop", "Kpop", (2, 0, 0, 0, 2), sketch([2])),
    Row(2 * MINUTE_MS, "bts", "bts", (7, 7, 0, 0, 0), None),
    Row(3 * MINUTE_MS, "kpop", "kpop", (90, 0, 0, 0, 0), sketch(range(90))),
]


@pytest.mark.parametrize("text,ms", [
    ("1m", MINUTE_MS), ("120s", 2 * MINUTE_MS), ("15m", 15 * MINUTE_MS), ("2h", 2 * HOUR_MS), ("1.5h", 90 * MINUTE_MS),
    ("1d", DAY_MS), ("366d", 366 * DAY_MS)])
def test_a_span_is_whole_minutes_hours_or_days(text: str, ms: int) -> None:
    assert span_ms(text) == ms
    assert span_ms(span_name(ms)) == ms


@pytest.mark.parametrize("text,way_out", [
    ("", "such as 15m"), ("15", "such as 15m"), ("-5m", "such as 15m"), ("1e3m", "such as 15m"), ("١m", "such as 15m"),
    ("0h", "the shortest is 1m"), ("59s", "the shortest is 1m"), ("61s", "the nearest is 1m or 2m"),
    ("1.26h", "the nearest is 75m or 76m"), ("367d", "the longest is 366d"), ("9" * 12 + "d", "the longest is 366d")])
def test_any_other_span_is_refused_with_the_nearest(text: str, way_out: str) -> None:
    with pytest.raises(ValueError, match=way_out):
        span_ms(text)


@pytest.mark.parametrize("length,slide", [(0, MINUTE_MS), (90_000, MINUTE_MS), (HOUR_MS, 0), (MINUTE_MS, HOUR_MS)])
def test_windows_that_would_leave_something_out_cannot_be_made(length: int, slide: int) -> None:
    with pytest.raises(ValueError):
        Windows(length, slide)


def test_the_newest_window_is_the_first_that_ends_after_the_minute() -> None:
    windows = Windows.of("15m", "5m")
    assert windows.with_minute(14 * MINUTE_MS) == (0, 15 * MINUTE_MS)
    assert windows.with_minute(15 * MINUTE_MS) == (5 * MINUTE_MS, 20 * MINUTE_MS)


def test_what_lies_before_a_window_is_one_span_or_one_a_day() -> None:
    assert Trend(Windows.of("1h")).spans() == [(-25 * HOUR_MS, -HOUR_MS)]
    daily = Trend.daily(Windows.of("1h"))
    assert len(daily.spans()) == 7
    assert daily.spans()[-1] == (-DAY_MS - HOUR_MS, -DAY_MS)


def test_a_window_sums_its_minutes_and_no_other() -> None:
    found = tally(ROWS, 0, 3 * MINUTE_MS)
    assert found["kpop"].measures == [7, 3, 1, 1, 2]
    assert found[""].tweets == 9


def test_authors_of_several_minutes_and_forms_count_once() -> None:
    assert tally(ROWS, 0, 3 * MINUTE_MS)["kpop"].authors == 4


def test_a_tag_whose_authors_are_unknown_has_none() -> None:
    assert tally(ROWS, 0, 3 * MINUTE_MS)["bts"].authors == 0


def test_the_display_is_the_form_most_frequent_in_the_whole_window() -> None:
    assert tally(ROWS, 0, MINUTE_MS)["kpop"].display == "KPOP"
    assert tally(ROWS, 0, 3 * MINUTE_MS)["kpop"].display == "Kpop"


def test_tags_with_as_many_tweets_come_by_key() -> None:
    assert [tag for tag, _ in most_frequent(tally(ROWS, 0, 3 * MINUTE_MS), 5)] == ["bts", "kpop"]


def test_earlier_windows_lie_side_by_side_the_newest_first() -> None:
    minutes = [(minute * MINUTE_MS, "a", 10 ** minute) for minute in range(8)]
    found = earlier(minutes, Trend(Windows.of("2m"), before=1), 7 * MINUTE_MS)
    assert [window["a"] for window in found] == [1_100_000, 11_000, 110]
