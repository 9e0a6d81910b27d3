"""Each tweet once, and the counts of each minute."""
from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from typing import Any, Literal

from tests.oracle.lines import Line
from tests.oracle.tweets import Tweet, read

Key = tuple[int, str, str]
Order = Literal["first", "lowest"]
_KINDS = ("original", "retweet", "quote", "reply")

_ORDERS: dict[str, Callable[[Tweet], tuple[Any, ...]]] = {
    # What a stream keeps: whichever version arrived first.
    "first": lambda t: (t.line.arrival_ms, t.line.file, t.line.number),
    # What a seal keeps, whatever arrived when.
    "lowest": lambda t: (t.edit_index, t.line.source, t.line.arrival_ms, t.line.file, t.line.number),
}


def distinct(tweets: Iterable[Tweet], order: Order = "first") -> list[Tweet]:
    """One tweet an identity, of those that are tweets."""
    rank, kept = _ORDERS[order], dict[int, Tweet]()
    for tweet in tweets:
        if tweet.fate == "tweet":
            old = kept.get(tweet.identity)
            if old is None or rank(tweet) < rank(old):
                kept[tweet.identity] = tweet
    return list(kept.values())


def counts(lines: Iterable[Line], order: Order = "first") -> dict[Key, tuple[int, int, int, int, int]]:
    """(minute_ms, tag, form) -> (tweets, originals, retweets, quotes, replies); tag and form "" count all tweets."""
    return measures(distinct(map(read, lines), order))


def measures(tweets: Iterable[Tweet]) -> dict[Key, tuple[int, int, int, int, int]]:
    """The same of tweets that are `distinct` already."""
    found: dict[Key, list[int]] = defaultdict(lambda: [0] * 5)
    for tweet in tweets:
        for row in rows(tweet):
            found[row][0] += 1
            found[row][1 + _KINDS.index(tweet.kind)] += 1
    return {row: (cell[0], cell[1], cell[2], cell[3], cell[4]) for row, cell in found.items()}


def authors(tweets: Iterable[Tweet]) -> dict[Key, int]:
    """(minute_ms, tag, form) -> distinct authors, exactly. Give it `distinct` tweets."""
    people: dict[Key, set[int]] = defaultdict(set)
    for tweet in tweets:
        for row in rows(tweet):
            people[row] |= {tweet.author} - {None}   # type: ignore[arg-type]
    return {row: len(found) for row, found in people.items()}


def fates(lines: Iterable[Line]) -> Counter[str]:
    """How many lines are tweets (duplicates among them), control messages, or quarantined for which reason."""
    return Counter(read(line).fate for line in lines)


def rows(tweet: Tweet) -> list[Key]:
    """Which rows a tweet is counted in."""
    minute = tweet.event_ms - tweet.event_ms % 60_000
    return [(minute, "", ""), *((minute, tag, form) for tag, form in tweet.tags)]
