"""Minute counts made up from a seed: hours of tweets by hundreds of tags, several forms, authors who come again."""
from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterator

from spark_apps.contract import MINUTE_MS

#: (minute in ms, tag, form, author) of a tweet; each has at most one tag, and a row of all tweets.
Tweet = tuple[int, str, str, int]


def tweets(seed: int, from_ms: int, minutes: int, tags: int = 300, a_minute: int = 120) -> Iterator[Tweet]:
    """Tags come and go, some have a few people only; some minutes are empty, and one tag is new at the end."""
    pick = random.Random(seed)
    weights = [1 / (n + 1) ** 0.8 for n in range(tags)]
    for minute in range(minutes):
        if pick.random() < 0.05:
            continue
        if minute % 30 == 0:
            weights = [weight * pick.choice((0.2, 1, 1, 5)) for weight in weights]
        for n in pick.choices(range(tags), weights, k=pick.randrange(a_minute)):
            tag = "日本" * (n == 7) + f"tag{n}"
            people = 3 if n % 5 == 0 else 5_000
            form = pick.choice((tag, tag.upper(), tag.title()))
            yield from_ms + minute * MINUTE_MS, tag, form, pick.randrange(people)
        if minute > minutes - 10:
            yield from ((from_ms + minute * MINUTE_MS, "new", "New", author) for author in range(minute % 7))


def without(every: int, lost: Iterator[Tweet], from_ms: int) -> Iterator[Tweet]:
    """An outage from that instant on: of each minute's tweets of each tag one in `every` is kept."""
    seen: Counter[tuple[int, str]] = Counter()
    for tweet in lost:
        seen[tweet[:2]] += 1
        if tweet[0] < from_ms or seen[tweet[:2]] % every == 0:
            yield tweet


def grouped(found: Iterator[Tweet]) -> dict[tuple[int, str, str], list[int]]:
    """Authors of each (minute, tag, form), one a tweet; with the row of all tweets."""
    rows: dict[tuple[int, str, str], list[int]] = defaultdict(list)
    for minute, tag, form, author in found:
        rows[minute, tag, form].append(author)
        rows[minute, "", ""].append(author)
    return dict(rows)
