"""What is emerging, without a JVM: the second implementation of spark_apps/transforms/trending.py, tested equal."""
from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from itertools import islice

from deploy.rollup import Tally
from spark_apps.contract import ALL_TWEETS
from spark_apps.windows import MIN_AUTHORS, MIN_TWEETS, SCORE_DIGITS

_DIGITS = Decimal(1).scaleb(-SCORE_DIGITS)


@dataclass(frozen=True)
class Trending:
    """A tag of a window: `tweets` of `all_tweets` in it, `tweets_before` of `all_before` in the windows before.

    score, lift: see below, None where there is nothing before; delta: tweets more than in the previous window;
    rank_change: places gained on the previous window, None where the tag was not listed there.
    """

    rank: int
    tag: str
    display: str
    tweets: int
    all_tweets: int
    tweets_before: int
    all_before: int
    authors: int
    score: float | None
    lift: float | None
    delta: int
    rank_change: int | None


def trending(now: Mapping[str, Tally], previous: Mapping[str, Tally], windows: Sequence[Mapping[str, int]],
             k: int | None = None) -> list[Trending]:
    """The first k tags of a window, all where None.

    `now`, `previous`: the window and the one before; `windows`: see rollup.earlier.
    """
    sums = [Counter[str]() for _ in range(2)]
    for n, window in enumerate(windows):
        for i, total in enumerate(sums):
            if i < n < len(windows) - 1 + i:
                total.update(window)
    found = list(islice(_ordered(now, windows[0], sums[0]), k))
    missing, ranks = {tag for tag, _ in found}, {}
    for rank, (tag, _) in enumerate(_ordered(previous, windows[1], sums[1]), 1):
        if not missing:
            break
        ranks[tag] = rank
        missing.discard(tag)
    out = []
    n, m = windows[0].get(ALL_TWEETS, 0), sums[0][ALL_TWEETS]
    for rank, (tag, value) in enumerate(found, 1):
        c, b = windows[0][tag], sums[0][tag]
        out.append(Trending(rank, tag, now[tag].display, c, n, b, m, now[tag].authors, value, lift(c, n, b, m),
                            c - windows[1].get(tag, 0), ranks[tag] - rank if tag in ranks else None))
    return out


def score(c: int, n: int, b: int, m: int) -> float | None:
    """Signed root of Dunning's log-likelihood ratio: c of n tweets of a window, b of m before it; None while m = 0.

    For the formula, and why it is written with log1p, see the transform of this name.
    """
    if m == 0:
        return None
    fc, fn, fb, fm = float(c), float(n), float(b), float(m)
    d = fc * fm - fb * fn
    rest = (fn + fm) - (fc + fb)
    cells = ((fc, d, fn * (fc + fb)), (fb, -d, fm * (fc + fb)), (fn - fc, -d, fn * rest), (fm - fb, d, fm * rest))
    total = sum(k * math.log1p(over / expected) for k, over, expected in cells if k > 0)
    return (math.copysign(1.0, d) if d else 0.0) * math.sqrt(2 * max(total, 0.0))


def lift(c: int, n: int, b: int, m: int) -> float | None:
    """How many times its former share a tag has: (c/n)/(b/m); None where it had none."""
    return (c / n) / (b / m) if n and b and m else None


def rounded(value: float) -> Decimal:
    """To the digits that order the list, as Spark rounds: halves away from zero, of the number as it is printed."""
    return Decimal(repr(value)).quantize(_DIGITS, ROUND_HALF_UP)


def _ordered(window: Mapping[str, Tally], tweets: Mapping[str, int],
             before: Mapping[str, int]) -> Iterator[tuple[str, float | None]]:
    """Tags that are listed, best first. Sketches are merged only as far as somebody reads."""
    n, m = tweets.get(ALL_TWEETS, 0), before.get(ALL_TWEETS, 0)
    scored = [(tag, score(c, n, before.get(tag, 0), m)) for tag, c in tweets.items()
              if tag != ALL_TWEETS and c >= MIN_TWEETS]
    scored.sort(key=lambda item: (-rounded(item[1] or 0.0), -tweets[item[0]], item[0]))
    return (item for item in scored if window[item[0]].authors >= MIN_AUTHORS)
