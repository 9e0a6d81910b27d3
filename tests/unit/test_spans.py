from __future__ import annotations

import random

from deploy.spans import Span, common, length, touches, union


def test_what_overlaps_or_meets_is_one_span() -> None:
    assert union([(5, 7), (0, 2), (2, 3), (6, 9), (4, 4)]) == [(0, 3), (5, 9)]


def test_spans_that_only_meet_have_nothing_in_common() -> None:
    assert common([(0, 5)], [(5, 9)]) == []
    assert not touches((0, 5), [(5, 9)])
    assert touches((0, 5), [(4, 9)])


def test_any_spans_hold_the_instants_that_a_set_would() -> None:
    seed = random.SystemRandom().randrange(10**9)
    rng = random.Random(seed)
    for _ in range(200):
        left, right = some(rng), some(rng)
        assert set(instants(common(left, right))) == set(instants(left)) & set(instants(right)), seed
        assert length(left) == len(set(instants(left))), seed


def some(rng: random.Random) -> list[Span]:
    starts = [rng.randrange(40) for _ in range(rng.randrange(6))]
    return [(start, start + rng.randrange(8)) for start in starts]


def instants(spans: list[Span]) -> list[int]:
    return [at for start, end in spans for at in range(start, end)]
