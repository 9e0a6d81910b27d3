"""Tweets that a fault makes, beside those of the generator, and what comes a few records later."""
from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from deploy.local.simulator.connection import Record
from deploy.local.simulator.generator import iso, snowflake

if TYPE_CHECKING:
    from deploy.local.simulator.stream import Stream

Json = dict[str, Any]

LOW_BITS = 22


class Later:
    """Records that wait for others to come first."""

    def __init__(self) -> None:
        self._waiting: list[tuple[int, Record]] = []

    def add(self, after: int, record: Record) -> None:
        self._waiting.append((after, record))

    def due(self) -> list[Record]:
        """To be asked for after each record."""
        found = [record for left, record in self._waiting if left <= 0]
        self._waiting = [(left - 1, record) for left, record in self._waiting if left > 0]
        return found

    def __bool__(self) -> bool:
        return bool(self._waiting)


def tweet(ms: int, low: int, text: str, tags: Sequence[str]) -> Json:
    """`data` of a tweet of this instant; each tag stands once in the text, behind a #."""
    made = str(snowflake(ms, low))
    return {"id": made, "created_at": iso(ms), "author_id": str(20_000 + low % 5_000), "conversation_id": made,
            "edit_history_tweet_ids": [made], "lang": "en", "text": text,
            "entities": {"hashtags": [entity(text, tag) for tag in tags]}}


def entity(text: str, tag: str) -> Json:
    start = text.index("#" + tag)
    return {"start": start, "end": start + len(tag) + 1, "tag": tag}


def packed(stream: Stream, fault: str, data: Json, included: Sequence[Json] = ()) -> Record:
    """The record as the stream sends it."""
    rules = [{"id": rule["id"], "tag": rule.get("tag")} for rule in stream.rules.all[:1]] or [{"id": "1", "tag": None}]
    whole = {"data": data, **({"includes": {"tweets": list(included)}} if included else {}), "matching_rules": rules}
    return Record(json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode(), fault)


def posting(stream: Stream, fault: str, ms: int, low: int, text: str, tags: Sequence[str]) -> Record:
    return packed(stream, fault, tweet(ms, low, text, tags))


def parsed(record: Record) -> Json | None:
    """The record of an honest tweet; None where it is none."""
    try:
        found = json.loads(record.data)
    except ValueError:
        return None
    data = found.get("data") if isinstance(found, dict) else None
    return found if isinstance(data, dict) and isinstance(data.get("id"), str) else None


def dumped(found: Json, fault: str) -> Record:
    return Record(json.dumps(found, ensure_ascii=False, separators=(",", ":")).encode(), fault)
