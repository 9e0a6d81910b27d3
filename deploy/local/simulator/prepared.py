"""Tweets that were made before they are sent: making one takes much longer than sending it."""
from __future__ import annotations

import itertools
import json
from dataclasses import replace
from typing import Any

from deploy.local.simulator.generator import Generator, iso, snowflake


class Prepared(Generator):
    """Those of a generator in turn, each time with another id, and sent at once. Rules are as when they were made."""

    def __init__(self, tweets: list[tuple[bytes, bytes, bytes]]) -> None:
        """Of (record, id, created_at)."""
        self._turns = itertools.cycle(tweets)
        self._low = 0
        self.rules: list[dict[str, Any]] = []

    def next(self, now_ms: int) -> bytes:
        data, old_id, old_time = next(self._turns)
        self._low += 1
        return data.replace(old_id, b"%d" % snowflake(now_ms, self._low)).replace(old_time, iso(now_ms).encode())


def prepared(generator: Generator, count: int, now_ms: int) -> Prepared:
    """Neither repeats nor edits: these have ids of others."""
    generator.shares = replace(generator.shares, duplicate=0.0, edit=0.0)
    tweets = []
    for _ in range(count):
        data = generator.next(now_ms)
        tweet = json.loads(data)["data"]
        tweets.append((data, tweet["id"].encode(), tweet["created_at"].encode()))
    return Prepared(tweets)
