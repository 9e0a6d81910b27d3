"""Why an hour of the stream and its seal differ, row by row. Pure: counts and evidence at tweet level in, reasons out.

    late           the stream dropped the tweet as older than its watermark
    other_version  the stream counted another copy of the tweet than the seal: it came first
    purged         the tweet was purged after the stream had counted it
    seam           a copy came on either side of a fresh start, and each side counted one
    incomplete     the stream has not taken the line, or the seal had not
    unexplained    anything else
"""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from types import MappingProxyType
from typing import Any

from spark_apps.contract import ALL_TWEETS, MEASURES

LATE, OTHER_VERSION, PURGED, SEAM, INCOMPLETE = "late", "other_version", "purged", "seam", "incomplete"
UNEXPLAINED = "unexplained"
REASONS = (LATE, OTHER_VERSION, PURGED, SEAM, INCOMPLETE, UNEXPLAINED)
KINDS = ("original", "retweet", "quote", "reply")
#: How many ids of a reason are kept for a row; the number of tweets tells of the others.
MAX_IDS = 100

#: (minute in ms, tag, form) and the measures in the order of contract.MEASURES.
Key = tuple[int, str, str]
Vector = tuple[int, ...]
ZERO: Vector = (0,) * len(MEASURES)


@dataclass(frozen=True)
class Row:
    """A row of which the three tell something different. `expected`: what the seal should have come to with the lines
    it had, where it was incomplete; None where that is all lines."""

    key: Key
    live: Vector
    sealed: Vector
    fresh: Vector
    expected: Vector | None = None


@dataclass(frozen=True)
class Cause:
    """What tweets of one reason did to a row: live minus fresh."""

    key: Key
    reason: str
    delta: Vector
    tweets: int
    ids: tuple[int, ...]


@dataclass(frozen=True)
class Copy:
    """A copy of a tweet of which it is not certain whether the stream counted this one.

    batch: that took it, None where none did or it was late for certain; sure: it was certainly not late.
    """

    identity: int
    batch: int | None
    sure: bool
    wins: bool
    clamped: bool
    minute: int
    kind: str
    tags: Mapping[str, str] = field(hash=False)

    def cells(self) -> dict[Key, Vector]:
        one = (1, *(int(self.kind == kind) for kind in KINDS))
        return {(self.minute, tag, form): one for tag, form in {ALL_TWEETS: "", **self.tags}.items()}


@dataclass(frozen=True)
class Choice:
    """One tweet, and what the stream may have counted of it: live minus fresh, and the reason, for each possibility."""

    identity: int
    options: tuple[tuple[str, Mapping[Key, Vector]], ...]


@dataclass(frozen=True)
class Difference:
    row: Row
    reasons: dict[str, tuple[int, tuple[int, ...]]]     # tweets, ids (the first MAX_IDS)

    @property
    def explained(self) -> bool:
        return UNEXPLAINED not in self.reasons


def explain(rows: Iterable[Row], causes: Iterable[Cause], copies: Iterable[Copy] = (),
            purged: Mapping[Key, Vector] = MappingProxyType({})) -> list[Difference]:
    """Each row with its reasons; the unexplained first. `purged`: what counted of a row's tweets that are gone; whether
    the stream had counted one of them too, nobody can tell any more."""
    found = sorted(rows, key=lambda row: row.key)
    # Rows that are equal count too: no choice may explain one row by spoiling another.
    left: dict[Key, Vector] = defaultdict(lambda: ZERO, {row.key: minus(row.live, row.fresh) for row in found})
    told: dict[Key, dict[str, tuple[int, tuple[int, ...]]]] = defaultdict(dict)
    for cause in causes:
        left[cause.key] = minus(left[cause.key], cause.delta)
        _tell(told[cause.key], cause.reason, cause.tweets, cause.ids)
    for key, gone in purged.items():
        more = tuple(min(max(a, 0), b) for a, b in zip(left[key], gone, strict=True))
        if any(more):
            left[key] = minus(left[key], more)
            _tell(told[key], PURGED, more[0], ())
    for identity, (reason, delta) in choose(choices(copies), left):
        for key, vector in delta.items():
            if any(vector):
                _tell(told[key], reason, 1, (identity,))
    differences = [Difference(row, _reasons(row, left[row.key], told[row.key])) for row in found]
    return sorted(differences, key=lambda one: one.explained)


def _reasons(row: Row, left: Vector, told: dict[str, tuple[int, tuple[int, ...]]]) -> dict[str, Any]:
    reasons = told if not any(left) else {}
    if row.sealed != row.fresh:
        _tell(reasons, INCOMPLETE if row.expected == row.sealed else UNEXPLAINED, 0, ())
    if any(left):
        _tell(reasons, UNEXPLAINED, 0, ())
    return reasons


def _tell(reasons: dict[str, tuple[int, tuple[int, ...]]], reason: str, tweets: int, ids: Sequence[int]) -> None:
    before, known = reasons.get(reason, (0, ()))
    reasons[reason] = before + tweets, (*known, *ids)[:MAX_IDS]


def choices(copies: Iterable[Copy]) -> list[Choice]:
    """The possibilities of each tweet, the likeliest first: whatever came first."""
    out = []
    for identity, group in groupby(sorted(copies, key=lambda copy: copy.identity), key=lambda copy: copy.identity):
        out += _choices(identity, list(group))
    return out


def _choices(identity: int, copies: list[Copy]) -> list[Choice]:
    winner = next((copy for copy in copies if copy.wins), None)
    taken = sorted((copy for copy in copies if copy.batch is not None), key=lambda copy: (copy.batch, not copy.sure))
    sure = min((copy.batch for copy in taken if copy.sure and copy.batch is not None), default=None)
    first = [copy for copy in taken if sure is None or copy.batch is not None and copy.batch <= sure]
    counted: list[Copy | None] = [*first, *([None] if sure is None else [])]
    out = [Choice(identity, tuple((_why(copy, winner), _delta(copy, winner)) for copy in counted))]
    # A clamped tweet has another event time with each arrival: once its state has expired, a copy counts again.
    again = [copy for copy in taken if copy.clamped and copy not in first]
    return out + [Choice(identity, ((OTHER_VERSION, {}), (OTHER_VERSION, copy.cells()))) for copy in again]


def _why(copy: Copy | None, winner: Copy | None) -> str:
    return LATE if copy is None else INCOMPLETE if winner is None else OTHER_VERSION


def _delta(copy: Copy | None, winner: Copy | None) -> dict[Key, Vector]:
    has, had = copy.cells() if copy else {}, winner.cells() if winner else {}
    return {key: minus(has.get(key, ZERO), had.get(key, ZERO)) for key in {**has, **had}}


def choose(tweets: Sequence[Choice], left: dict[Key, Vector]) -> list[tuple[int, tuple[str, Mapping[Key, Vector]]]]:
    """Of each tweet the possibility that leaves the least difference, by improving one after another until none can be;
    `left` is what remains then. Within one batch Spark keeps whichever copy it meets first, so nothing else can tell.
    """
    chosen = [0] * len(tweets)
    for tweet in tweets:
        _apply(left, tweet.options[0][1], -1)
    while True:
        # Whoever gains most goes first: a tweet with tags says more of itself than one that is only in the sum.
        gains = sorted((_best(left, tweet, chosen[n])[0], n) for n, tweet in enumerate(tweets))
        improved = False
        for n in (n for gain, n in gains if gain < 0):
            gain, best = _best(left, tweets[n], chosen[n])
            if gain < 0:
                _apply(left, tweets[n].options[chosen[n]][1], 1)
                _apply(left, tweets[n].options[best][1], -1)
                chosen[n], improved = best, True
        if not improved:
            break
    return [(tweet.identity, tweet.options[n]) for tweet, n in zip(tweets, chosen, strict=True)]


def _best(left: dict[Key, Vector], tweet: Choice, chosen: int) -> tuple[int, int]:
    """(what changes if another possibility is chosen, never more than 0; which)."""
    _apply(left, tweet.options[chosen][1], 1)
    costs = [_cost(left, delta) for _, delta in tweet.options]
    _apply(left, tweet.options[chosen][1], -1)
    best = min(range(len(costs)), key=lambda i: (costs[i], i != chosen))
    return costs[best] - costs[chosen], best


def _apply(left: dict[Key, Vector], delta: Mapping[Key, Vector], sign: int) -> None:
    for key, vector in delta.items():
        left[key] = tuple(a + sign * b for a, b in zip(left[key], vector, strict=True))


def _cost(left: Mapping[Key, Vector], delta: Mapping[Key, Vector]) -> int:
    """What remains on the rows of a delta after it, compared with what is there without it."""
    return sum(sum(map(abs, minus(left[key], vector))) - sum(map(abs, left[key])) for key, vector in delta.items())


def minus(one: Vector, other: Vector) -> Vector:
    return tuple(a - b for a, b in zip(one, other, strict=True))
