"""What is emerging, worked out tag by tag and window by window in integers, fractions and 50 digits."""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import NamedTuple

from tests.oracle.counting import Key

_LEAST_TWEETS, _LEAST_AUTHORS = 5, 3


class Trend(NamedTuple):
    """A tag's place in the list of one window."""

    rank: int
    table: tuple[int, int, int, int]     # its tweets of all in the window, its tweets of all before
    score: Decimal | None                # to 6 digits
    lift: Fraction | None
    delta: int
    rank_change: int | None


def trends(tweets: Iterable[tuple[Key, int | None]], length: int, before: int) -> dict[tuple[int, str], Trend]:
    """(window's end, tag) -> its place. `tweets`: (minute_ms, tag, form) and author, each tweet with tag "" as well.

    Windows of `length` ms lie side by side; each is held against so many before it.
    """
    number: dict[tuple[int, str], int] = defaultdict(int)
    people: dict[tuple[int, str], set[int]] = defaultdict(set)
    for (minute, tag, _), author in tweets:
        end = minute - minute % length + length
        number[end, tag] += 1
        if author is not None:
            people[end, tag].add(author)
    ranked: dict[tuple[int, str], Trend] = {}
    for end in sorted({end for end, _ in number}):
        found = {}
        for tag in (tag for at, tag in number if at == end and tag):
            past = [end - n * length for n in range(1, before + 1)]
            table = (number[end, tag], number[end, ""],
                     sum(number.get((at, tag), 0) for at in past), sum(number.get((at, ""), 0) for at in past))
            if table[0] >= _LEAST_TWEETS and len(people[end, tag]) >= _LEAST_AUTHORS:
                found[tag] = (table, _score(*table), table[0] - number.get((end - length, tag), 0))
        order = sorted(found, key=lambda tag: (-_or_lowest(found[tag][1]), -found[tag][0][0], tag))
        for rank, tag in enumerate(order, 1):
            earlier = ranked.get((end - length, tag))
            table, score, delta = found[tag]
            ranked[end, tag] = Trend(rank, table, score, _lift(*table), delta, earlier and earlier.rank - rank)
    return ranked


def _or_lowest(score: Decimal | None) -> Decimal:
    return Decimal("-Infinity") if score is None else score


def _score(c: int, n: int, b: int, m: int) -> Decimal | None:
    if m == 0:
        return None
    total = n + m
    cells = ((c, n, c + b), (b, m, c + b), (n - c, n, total - c - b), (m - b, m, total - c - b))
    with localcontext(prec=50):
        twice = 2 * sum((k * (Decimal(k * total) / Decimal(row * column)).ln() for k, row, column in cells if k),
                        Decimal(0))
        root = max(twice, Decimal(0)).sqrt()
        return _six(-root if c * m < b * n else root)


def _lift(c: int, n: int, b: int, m: int) -> Fraction | None:
    return Fraction(c * m, n * b) if n and b and m else None


def _six(value: Decimal) -> Decimal:
    return round(value, 6) + Decimal(0)
