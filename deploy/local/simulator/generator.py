"""Records of the v2 filtered stream, seeded: the same seed and the same times give the same bytes.

https://docs.x.com/x-api/posts/filtered-stream/introduction
"""
from __future__ import annotations

import itertools
import json
import random
from collections import deque
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from deploy.local.simulator import shapes
from deploy.local.simulator.words import FILLERS, TAIL, TOPICS, circle, topic

Json = dict[str, Any]

#: Snowflake ids: milliseconds since this instant, then 22 bits.
EPOCH_MS = 1_288_834_974_657
#: How far back, at most, an event lies behind its sending.
JITTER_MS = 2_000

_AUTHORS = 20_000


@dataclass(frozen=True)
class Shares:
    """Kinds and oddities as shares of what is sent, from 0 to 1."""

    duplicate: float = 0.01
    edit: float = 0.005
    retweet: float = 0.40
    quote: float = 0.07
    reply: float = 0.13
    long: float = 0.06
    no_entities: float = 0.08
    no_tags: float = 0.10
    post_spelling: float = 0.10
    escaped: float = 0.10
    original_gone: float = 0.03
    usual_spelling: float = 0.5
    together: float = 0.7


def snowflake(ms: int, low: int) -> int:
    return (ms - EPOCH_MS) << 22 | low & 0x3FFFFF


def iso(ms: int) -> str:
    """`created_at` as the platform spells it."""
    at = datetime.fromtimestamp(ms / 1000, timezone.utc)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{ms % 1000:03d}Z"


def _zipf(n: int, exponent: float) -> list[float]:
    return list(itertools.accumulate(1 / rank ** exponent for rank in range(1, n + 1)))


class Generator:
    """An endless source of records. With `edits_change_tags`, an edit may bring other tags than the version before:
    then which version is counted depends on which comes first."""

    def __init__(self, seed: int, edits_change_tags: bool = False, shares: Shares = Shares()) -> None:
        self.shares = shares
        self._random = random.Random(seed)
        self._edits_change_tags = edits_change_tags
        self._topics = _zipf(len(TOPICS) + TAIL, 1.05)
        self._authors = _zipf(_AUTHORS, 0.9)
        self._ranks = range(len(self._topics))
        self._circles = [circle(rank) for rank in self._ranks]
        self._people = range(_AUTHORS)
        self._low = self._random.getrandbits(22)   # so that two seeds make two sets of ids
        self._recent: deque[Json] = deque(maxlen=300)     # tweets that others retweet, quote, answer and edit
        self._sent: deque[bytes] = deque(maxlen=200)
        self.rules: list[Json] = []

    def next(self, now_ms: int) -> bytes:
        """One record as sent, without its line end: mostly new, at times one that was sent before."""
        chance, shares = self._random.random(), self.shares
        if chance < shares.duplicate and self._sent:
            return self._random.choice(self._sent)
        record = self._edit(now_ms) if chance < shares.duplicate + shares.edit and self._recent else self._new(now_ms)
        record["matching_rules"] = self._matching()
        if self._random.random() < shares.post_spelling:
            record["data"] = shapes.post_spelling(record["data"])
        data = json.dumps(record, ensure_ascii=self._random.random() < shares.escaped, separators=(",", ":")).encode()
        self._sent.append(data)
        return data

    def _new(self, now_ms: int) -> Json:
        ms, of = now_ms - self._random.randrange(JITTER_MS), self.shares
        chance = self._random.random()
        if self._recent:
            for share, kind in ((of.retweet, self._retweet), (of.quote, self._quote), (of.reply, self._reply)):
                if chance < share:
                    return kind(ms)
                chance -= share
        tweet = self._tweet(ms)
        self._recent.append(tweet)
        return {"data": tweet}

    def _retweet(self, ms: int) -> Json:
        original = self._popular()
        tweet = self._frame(ms)
        tweet.update(shapes.cut_retweet(original))
        tweet["referenced_tweets"] = [{"type": "retweeted", "id": original["id"]}]
        if self._random.random() < self.shares.original_gone:
            return {"data": tweet}
        # What the original itself quotes comes along, and is not what was retweeted.
        others = [self._popular()] if self._random.random() < 0.1 else []
        return {"data": tweet, "includes": {"tweets": [o for o in others if o is not original] + [original]}}

    def _quote(self, ms: int) -> Json:
        quoted, tweet = self._popular(), self._tweet(ms)
        tweet["referenced_tweets"] = [{"type": "quoted", "id": quoted["id"]}]
        if self._random.random() < 0.2:
            answered = self._popular()
            tweet["referenced_tweets"].insert(0, {"type": "replied_to", "id": answered["id"]})
        return {"data": tweet, "includes": {"tweets": [quoted]}}

    def _reply(self, ms: int) -> Json:
        answered, tweet = self._popular(), self._tweet(ms)
        tweet["referenced_tweets"] = [{"type": "replied_to", "id": answered["id"]}]
        tweet["in_reply_to_user_id"] = answered["author_id"]
        return {"data": tweet, "includes": {"tweets": [answered]}}

    def _edit(self, now_ms: int) -> Json:
        """The next version of a recent tweet: an id of its own, the ids of all versions before it in its history."""
        at = self._random.randrange(len(self._recent))
        old = self._recent[at]
        fresh = self._frame(now_ms)
        history = [*old["edit_history_tweet_ids"], fresh["id"]]
        new = {**old, "id": fresh["id"], "created_at": fresh["created_at"], "edit_history_tweet_ids": history}
        if self._edits_change_tags:
            new = {key: new[key] for key in new if key not in ("text", "entities", "note_tweet")} | self._body()
        elif "entities" in new and "note_tweet" not in new:
            new["text"] += " (edited)"
        self._recent[at] = new
        return {"data": new}

    def _tweet(self, ms: int) -> Json:
        return {**self._frame(ms), **self._body()}

    def _frame(self, ms: int) -> Json:
        self._low += 1
        made = str(snowflake(ms, self._low))
        author = self._random.choices(self._people, cum_weights=self._authors)[0]
        return {
            "id": made, "created_at": iso(ms), "author_id": str(10_000 + author), "conversation_id": made,
            "edit_history_tweet_ids": [made], "lang": "und", "possibly_sensitive": False, "reply_settings": "everyone",
            "public_metrics": {"retweet_count": 0, "reply_count": 0, "like_count": 0, "quote_count": 0},
        }

    def _body(self) -> Json:
        """Text and entities, as one of: short, long with a note, without `entities`, `entities` without hashtags."""
        pick, shares = self._random, self.shares
        language, words = pick.choice(FILLERS)
        chance = pick.random()
        if chance < shares.no_tags:
            text = " ".join(pick.choices(words, k=8))
            return {"lang": language, "text": text, "entities": {"mentions": []}} if chance < shares.no_tags / 2 else {
                "lang": language, "text": text}
        if chance < shares.no_tags + shares.long:
            text, tags = shapes.compose(pick, words, self._tags(pick.randrange(4, 10)), filler=60)
            return {"lang": language, **shapes.long_post(text, tags)}
        text, tags = shapes.compose(pick, words, self._tags(pick.choice((1, 1, 1, 2, 2, 3, 5))), filler=6)
        body: Json = {"lang": language, "text": text}
        if chance < 1 - shares.no_entities:
            body["entities"] = {"hashtags": tags}
        return body

    def _tags(self, k: int) -> list[str]:
        """Of what one tweet is about, and at times of anything."""
        ranks = self._random.choices(self._ranks, cum_weights=self._topics, k=k)
        about = self._circles[ranks[0]]
        ranks[1:] = [self._random.choice(about) if self._random.random() < self.shares.together else rank
                     for rank in ranks[1:]]
        return [forms[0] if self._random.random() < self.shares.usual_spelling else self._random.choice(forms)
                for forms in (topic(rank) for rank in ranks)]

    def _popular(self) -> Json:
        """A recent tweet, some much more often than others."""
        return self._recent[int(len(self._recent) * self._random.random() ** 3)]

    def _matching(self) -> list[Json]:
        if not self.rules:
            return [{"id": "1", "tag": None}]
        rule = self._random.choice(self.rules)
        return [{"id": int(rule["id"]) if self._random.random() < 0.1 else rule["id"], "tag": rule.get("tag")}]
