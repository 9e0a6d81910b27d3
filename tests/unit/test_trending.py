"""The score of a trend, what is listed, and in which order, without a JVM."""
from __future__ import annotations

import os
import random
import time
from decimal import Decimal, localcontext

import pytest

from deploy.rollup import Tally
from deploy.trending import lift, rounded, score, trending
from tests.fakes.sketches import sketch

SEED = int(os.environ.get("HASHTIDE_SEED") or time.time_ns() % 1_000_000)
N, M = 50_000, 1_200_000


@pytest.mark.parametrize("what,c,n,b,m,expected", [
    ("steady", 1_000, N, 24_000, M, "0.00"),
    ("doubled", 2_000, N, 24_000, M, "27.4"),
    ("rare", 3, N, 1, M, "3.9"),
    ("new", 40, N, 0, M, "16.0"),
    ("half of all tweets lost to an outage, the tag steady", 500, N // 2, 24_000, M, "0.00"),
])
def test_the_worked_values(what: str, c: int, n: int, b: int, m: int, expected: str) -> None:
    value = score(c, n, b, m)
    digits = len(expected.split(".")[1])
    assert value is not None and f"{value:.{digits}f}" == expected, what


def by_the_book(c: int, n: int, b: int, m: int) -> Decimal:
    """sign(c*m - b*n) * sqrt(2 * sum k*ln(k*N/(row*column))) with 60 digits."""
    with localcontext(prec=60):
        total = n + m
        cells: list[tuple[int, int, int]] = [
            (c, n, c + b), (b, m, c + b), (n - c, n, total - c - b), (m - b, m, total - c - b)]
        terms = [Decimal(k) * (Decimal(k * total) / Decimal(row * column)).ln() for k, row, column in cells if k]
        twice = 2 * sum(terms, Decimal(0))
        root = twice.sqrt() if twice > 0 else Decimal(0)
        return -root if c * m < b * n else root


def tables(seed: int) -> list[tuple[int, int, int, int]]:
    """Any at all, and such as are nearly even, where the terms cancel."""
    pick, found = random.Random(seed), []
    for _ in range(300):
        n, m = pick.randint(1, 10 ** pick.randint(1, 7)), pick.randint(1, 10 ** pick.randint(1, 8))
        c = pick.randint(0, n)
        found.append((c, n, pick.randint(0, m), m))
        found.append((c, n, min(m, max(0, c * m // n + pick.randint(-2, 2))), m))
    return found


def test_the_score_is_that_of_the_book_to_nine_digits() -> None:
    for table in tables(SEED):
        value, expected = score(*table), by_the_book(*table)
        assert value is not None
        assert abs(Decimal(value) - expected) <= Decimal("1e-9") * max(Decimal(1), abs(expected)), (table, SEED)


def test_while_nothing_was_before_there_is_no_score() -> None:
    assert score(5, 100, 0, 0) is None and lift(5, 100, 0, 0) is None


def test_a_tag_that_grows_rarer_scores_below_zero() -> None:
    value = score(500, N, 24_000, M)
    assert value is not None and value < -10


def test_a_tag_in_every_tweet_is_no_trend() -> None:
    assert score(10, 10, 240, 240) == 0.0


def test_lift_is_the_share_now_over_the_share_before() -> None:
    assert lift(2_000, N, 24_000, M) == 2.0
    assert lift(40, N, 0, M) is None


def test_halves_are_rounded_away_from_zero_as_spark_does() -> None:
    assert [rounded(value) for value in (1.0000005, 1.0000015, -1.0000005)] == [
        Decimal("1.000001"), Decimal("1.000002"), Decimal("-1.000001")]


def window(**tags: tuple[int, int]) -> dict[str, Tally]:
    """tag=(tweets, authors), and 1,000 tweets in all."""
    made = {tag: Tally({tag: tweets}, [tweets, 0, 0, 0, 0], [sketch(range(authors))])
            for tag, (tweets, authors) in tags.items()}
    return {**made, "": Tally({"": 1_000}, [1_000, 0, 0, 0, 0])}


def listed(*windows: dict[str, Tally], k: int | None = None) -> list[tuple[str, int, int | None]]:
    """(tag, delta, rank change) of the first window against those after it, but the last."""
    tweets = [{tag: mine.tweets for tag, mine in one.items()} for one in windows]
    return [(tag.tag, tag.delta, tag.rank_change) for tag in trending(windows[0], windows[1], tweets, k)]


def test_what_few_wrote_or_in_few_tweets_is_not_listed() -> None:
    now = window(few=(4, 4), two=(900, 2), three=(5, 3))
    assert listed(now, window(), window()) == [("three", 5, None)]


def test_equal_scores_come_by_tweets_and_then_by_key() -> None:
    before = window(big=(20, 9), b=(10, 9), a=(10, 9))
    assert [tag for tag, *_ in listed(before, before, before)] == ["big", "a", "b"]


def test_the_rank_is_compared_with_that_in_the_previous_window() -> None:
    calm = window(a=(10, 9), b=(10, 9))
    before = window(a=(30, 9), b=(10, 9), new=(4, 4))
    now = window(a=(20, 9), b=(90, 9), new=(5, 5))
    assert listed(now, before, calm) == [("b", 80, 1), ("new", 1, None), ("a", -10, -2)]


def test_the_first_few_are_the_first_of_all() -> None:
    pick = random.Random(SEED)
    one, two, three = (window(**{f"t{n}": (pick.randint(1, 30), pick.randint(1, 5)) for n in range(50)})
                       for _ in range(3))
    assert listed(one, two, three, k=7) == listed(one, two, three)[:7], SEED


def test_before_there_is_anything_to_compare_with_tags_come_by_tweets() -> None:
    assert listed(window(a=(5, 5), b=(9, 9)), {}, {}) == [("b", 9, None), ("a", 5, None)]
