"""What stands in records: broken ones, odd ones, cut retweets, spellings."""
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from deploy.local.simulator import shapes
from deploy.local.simulator.connection import Record
from deploy.local.simulator.faults import odd
from deploy.local.simulator.faults.base import Counted
from deploy.local.simulator.faults.tweets import LOW_BITS, dumped, packed, parsed, posting, tweet


@dataclass
class Malformed(Counted):
    """A line more that is no tweet: cut off, a page of a proxy, wrong JSON, wrong bytes. `kinds`: of which, in turn."""

    count: int = 10
    kinds: tuple[str, ...] = ()

    def check(self) -> str:
        unknown = [kind for kind in self.kinds if kind not in odd.MALFORMED]
        return f"no kind {unknown[0]!r}; there are {', '.join(odd.MALFORMED)}" if unknown else ""

    def records(self, record: Record) -> Iterable[Record]:
        kinds = self.kinds or tuple(odd.MALFORMED)
        yield Record(odd.MALFORMED[kinds[(self.count - self.left) % len(kinds)]](record.data), self.name)
        self.left -= 1
        yield record


@dataclass
class OddFields(Counted):
    """Tweets lack fields, or have them with another type than the documented one. `kinds`: which, in turn."""

    count: int = 20
    kinds: tuple[str, ...] = ()

    def check(self) -> str:
        unknown = [kind for kind in self.kinds if kind not in odd.FIELDS]
        return f"no kind {unknown[0]!r}; there are {', '.join(odd.FIELDS)}" if unknown else ""

    def records(self, record: Record) -> Iterable[Record]:
        found = parsed(record)
        if found is None:
            return (record,)
        kinds = self.kinds or tuple(odd.FIELDS)
        odd.FIELDS[kinds[(self.count - self.left) % len(kinds)]](found)
        self.left -= 1
        return (dumped(found, self.name),)


@dataclass
class Retweets(Counted):
    """Retweets more, of a tweet whose tags stand at its end: text and entities of a retweet are cut, and in turn the
    original comes along or does not."""

    count: int = 6

    def start(self) -> None:
        ms = self.stream.now_ms - 60_000
        text = "a long way to the tags " * 7 + "#far #farther #farthest"
        self.original = tweet(ms, self.random.getrandbits(LOW_BITS), text, ["far", "farther", "farthest"])

    def records(self, record: Record) -> Iterable[Record]:
        data = tweet(self.stream.now_ms, self.random.getrandbits(LOW_BITS), "", [])
        data.update(shapes.cut_retweet(self.original))
        data["referenced_tweets"] = [{"type": "retweeted", "id": self.original["id"]}]
        yield packed(self.stream, self.name, data, [] if (self.count - self.left) % 2 else [self.original])
        self.left -= 1
        yield record


@dataclass
class Spellings(Counted):
    """Tweets more with one tag in five spellings, in turn: as it is, lower case, upper case, mixed, full width."""

    count: int = 5
    tag: str = "Hashtide"

    def check(self) -> str:
        fine = self.tag.isascii() and self.tag.isalnum() and not self.tag.isdigit()
        return "" if fine else f"tag {self.tag!r}: expected letters and digits of ASCII, and a letter"

    def records(self, record: Record) -> Iterable[Record]:
        forms = (self.tag, self.tag.lower(), self.tag.upper(), self.tag[:1].lower() + self.tag[1:].upper(),
                 "".join(chr(ord(sign) + 0xFEE0) for sign in self.tag))
        form = forms[(self.count - self.left) % len(forms)]
        self.left -= 1
        yield posting(self.stream, self.name, self.stream.now_ms, self.random.getrandbits(LOW_BITS),
                      f"spelt as #{form}", [form])
        yield record
