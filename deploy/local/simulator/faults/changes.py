"""What becomes of a tweet after it was sent, or before: edits, deletions, withholdings."""
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from deploy.local.simulator.connection import Record
from deploy.local.simulator.faults import odd
from deploy.local.simulator.faults.base import Counted
from deploy.local.simulator.faults.tweets import LOW_BITS, Json, Later, dumped, entity, parsed
from deploy.local.simulator.generator import iso, snowflake


@dataclass
class Edits(Counted):
    """Tweets are edited `versions` times: each version has an id of its own and the ids of all before it. With
    `change_tags`, each brings another tag."""

    count: int = 5
    versions: int = 2
    apart: int = 3
    change_tags: bool = False

    def check(self) -> str:
        return "" if 1 <= self.versions <= 5 else f"versions {self.versions}: expected 1 to 5, as the platform allows"

    def start(self) -> None:
        self.later = Later()

    def records(self, record: Record) -> Iterable[Record]:
        found = parsed(record)
        if self.left > 0 and found and len(found["data"].get("edit_history_tweet_ids", ())) == 1 and (
                "referenced_tweets" not in found["data"]):
            self.left -= 1
            for n in range(1, self.versions + 1):
                found = self._next(found, n)
                self.later.add(n * self.apart, dumped(found, self.name))
        yield record
        yield from self.later.due()

    def _next(self, found: Json, n: int) -> Json:
        ms = self.stream.now_ms + n     # each later than the one before
        made = str(snowflake(ms, self.random.getrandbits(LOW_BITS)))
        data = {**found["data"], "id": made, "created_at": iso(ms),
                "edit_history_tweet_ids": [*found["data"]["edit_history_tweet_ids"], made]}
        if self.change_tags:
            data["text"] = f"edited #version{n}"
            data["entities"] = {"hashtags": [entity(data["text"], f"version{n}")]}
            data.pop("note_tweet", None)
        return {**found, "data": data}

    @property
    def over(self) -> bool:
        return self.left <= 0 and not self.later


@dataclass
class Deletions(Counted):
    """Tweets are deleted or withheld, in turn: the message comes `apart` records after the tweet, then just before
    it. `ids`: of these tweets instead. Without `messages` only a compliance job tells, as on the self-serve stream."""

    count: int = 4
    apart: int = 3
    messages: bool = True
    ids: tuple[str, ...] = ()

    def check(self) -> str:
        wrong = [one for one in self.ids if not (one.isascii() and one.isdecimal())]
        return f"id {wrong[0]!r}: expected that of a tweet, in digits" if wrong else ""

    def start(self) -> None:
        self.later = Later()
        if self.ids:
            self.left = 0
            for tweet_id in self.ids:
                self.stream.gone(tweet_id)
                if self.messages:
                    self.stream.deliver(odd.deleted(tweet_id, "0", self.name))

    def records(self, record: Record) -> Iterable[Record]:
        found = parsed(record)
        if self.left <= 0 or not found or record.fault:
            yield record
            yield from self.later.due()
            return
        n = self.count - self.left
        self.left -= 1
        data = found["data"]
        message = (odd.withheld if n % 4 >= 2 else odd.deleted)(data["id"], data.get("author_id", "0"), self.name)
        if n % 4 < 2:
            self.stream.gone(data["id"])
        if self.messages and n % 2:
            yield message
        yield record
        if self.messages and not n % 2:
            self.later.add(self.apart, message)
        yield from self.later.due()

    @property
    def over(self) -> bool:
        return self.left <= 0 and not self.later
