"""Roll-ups of minute counts without a JVM: the second implementation of spark_apps/transforms/rollup.py, tested equal.

Authors are merged by the `datasketches` package, imported where the first is asked for.
"""
from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from spark_apps.contract import ALL_TWEETS, MEASURES
from spark_apps.windows import Trend


class Row(NamedTuple):
    """Counts of one form of a tag; several of one minute and form add up. `measures` as in contract.MEASURES."""

    minute_ms: int
    tag: str
    form: str
    measures: tuple[int, ...]
    authors: bytes | None


@dataclass
class Tally:
    """A tag in a window."""

    forms: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    measures: list[int] = field(default_factory=lambda: [0] * len(MEASURES))
    sketches: Sequence[bytes] = field(default_factory=list)

    @property
    def tweets(self) -> int:
        return self.measures[0]

    @property
    def display(self) -> str:
        """The form that most tweets used, ties by code points."""
        return min(self.forms.items(), key=lambda item: (-item[1], item[0]))[0]

    @cached_property
    def authors(self) -> int:
        """How many distinct ones; of several thousands an estimate."""
        from datasketches import compact_theta_sketch, theta_union

        union = theta_union()
        for sketch in self.sketches:
            union.update(compact_theta_sketch.deserialize(sketch))
        # As Java's Math.round has it.
        return math.floor(float(union.get_result().get_estimate()) + 0.5)


def tally(rows: Iterable[Row], from_ms: int, to_ms: int) -> dict[str, Tally]:
    """Tags of the window [from_ms, to_ms), and the row of all tweets."""
    found: dict[str, Tally] = defaultdict(Tally)
    sketches: dict[str, list[bytes]] = defaultdict(list)
    for row in rows:
        if from_ms <= row.minute_ms < to_ms:
            mine = found[row.tag]
            mine.forms[row.form] += row.measures[0]
            for i, value in enumerate(row.measures):
                mine.measures[i] += value
            if row.authors is not None:
                sketches[row.tag].append(row.authors)
    for tag, mine in found.items():
        mine.sketches = sketches[tag]
    return dict(found)


def most_frequent(window: Mapping[str, Tally], k: int) -> list[tuple[str, Tally]]:
    """The k tags with most tweets, ties by key; without the row of all tweets."""
    tags = ((tag, mine) for tag, mine in window.items() if tag != ALL_TWEETS)
    return sorted(tags, key=lambda item: (-item[1].tweets, item[0]))[:k]


def earlier(minutes: Iterable[tuple[int, str, int]], trend: Trend, end_ms: int) -> list[dict[str, int]]:
    """(minute, tag, tweets) -> tweets by tag of the window that ends there and of those before it, the newest first.

    One window more than the trend is measured against, since the previous window is ranked too.
    """
    found: list[dict[str, int]] = [defaultdict(int) for _ in range(trend.before + 2)]
    for minute_ms, tag, tweets in minutes:
        n, back = divmod(end_ms - 1 - minute_ms, trend.step_ms)
        if 0 <= n < len(found) and back < trend.windows.length_ms:
            found[n][tag] += tweets
    return found
