"""The tweet on a line: identity, time, kind, author and tags."""
from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from tests.oracle.lines import Json, Line, Refused, either, entities_of, first, part, record, text_of
from tests.oracle.tags import Place, forms_of, key

CONTROL = ("errors", "delete", "scrub_geo", "limit", "status_withheld", "user_withheld", "disconnect", "warning")
AHEAD_MS = 5 * 60_000
_SNOWFLAKE_MS, _SNOWFLAKES_SINCE_MS = 1288834974657, 1288915200000
_LONGEST_ID = 2 ** 63 - 1


@dataclass(frozen=True)
class Tweet:
    """`fate` is tweet, control or the reason of quarantine; the rest has a meaning for a tweet only.

    tags: (key, surface form) in order, each key once; tag_source: 1 to 5 in the order of the rules.
    """

    line: Line
    fate: str
    identity: int = 0
    edit_index: int = 0
    event_ms: int = 0
    clamped: bool = False
    kind: str = ""
    author: int | None = None
    forms: tuple[str, ...] = ()
    tag_source: int = 0
    tags: tuple[tuple[str, str], ...] = ()


def read(line: Line) -> Tweet:
    try:
        found = record(line.value)
        return _v2(line, found, found["data"]) if found.get("data") is not None else _v1(line, found)
    except Refused as no:
        return Tweet(line, str(no))


def _v2(line: Line, found: Json, data: Json) -> Tweet:
    made, chain = _id(data.get("id")), either(data, "edit_history_tweet_ids", "edit_history_post_ids") or []
    references = [r for r in either(data, "referenced_tweets", "referenced_posts") or [] if r is not None]
    kinds = [text_of(r.get("type")) for r in references]
    kind = ("retweet" if "retweeted" in kinds else "quote" if "quoted" in kinds
            else "reply" if "replied_to" in kinds or data.get("in_reply_to_user_id") is not None else "original")
    retweeted = next((text_of(r.get("id")) for r in references if text_of(r.get("type")) == "retweeted"), None)
    around = found.get("includes") or {}
    original = next((o for o in either(around, "tweets", "posts") or []
                     if o is not None and retweeted is not None and text_of(o.get("id")) == retweeted), None)
    note = either(data, "note_tweet", "note_post")
    places: list[Place] = [(1, entities_of(note), None)]
    if original:
        long = either(original, "note_tweet", "note_post")
        places += [(2, entities_of(long), None), (2, entities_of(original),
                                                first(part(long, "text"), original.get("text")))]
    places += [(3, entities_of(data), first(part(note, "text"), data.get("text")))]
    return _tweet(line, made, chain, data.get("created_at"), kind, data.get("author_id"), places)


def _v1(line: Line, status: Json) -> Tweet:
    given = first(status.get("id_str"), status.get("id"))
    problem = status.get("title") is not None and status.get("status") is not None
    if status.get("action") is not None or given is None and (
            problem or any(status.get(name) is not None for name in CONTROL)):
        raise Refused("control")
    retweeted, extended, user = status.get("retweeted_status"), status.get("extended_tweet"), status.get("user") or {}
    quoted = status.get("quoted_status") is not None or text_of(status.get("is_quote_status")) == "true"
    answers = first(status.get("in_reply_to_status_id_str"), status.get("in_reply_to_user_id_str")) is not None
    kind = "retweet" if retweeted is not None else "quote" if quoted else "reply" if answers else "original"
    places: list[Place] = [(4, entities_of(extended), None)]
    if retweeted is not None:
        long = retweeted.get("extended_tweet")
        places += [(4, entities_of(long), None), (4, entities_of(retweeted), first(
            part(long, "full_text"), retweeted.get("full_text"), retweeted.get("text")))]
    places += [(3, entities_of(status), first(part(extended, "full_text"), status.get("full_text"),
                                             status.get("text")))]
    return _tweet(line, _id(given), [], status.get("created_at"), kind,
                  first(user.get("id_str"), user.get("id")), places)


def _tweet(line: Line, made: int | None, chain: list[Any], created_at: Any, kind: str, author: Any,
           places: list[Place]) -> Tweet:
    if made is None:
        raise Refused("no_id")
    versions = [_id(version) for version in chain]
    identity = versions[0] if versions and versions[0] is not None else made
    ms: int | None = (identity >> 22) + _SNOWFLAKE_MS
    if ms is None or ms < _SNOWFLAKES_SINCE_MS:
        ms = _instant(text_of(created_at) or "")
    if ms is None:
        raise Refused("bad_time")
    clamped = ms > line.arrival_ms + AHEAD_MS
    source, forms = forms_of(places)
    tags: dict[str, str] = {}
    for form in forms:
        tags.setdefault(key(form), form)
    return Tweet(line, "tweet", identity, versions.index(made) if made in versions else 0,
                 line.arrival_ms if clamped else ms, clamped, kind, _long(text_of(author)), tuple(forms), source,
                 tuple(tags.items()))


def _instant(text: str) -> int | None:
    """v2: 2026-03-01T10:00:00.000Z; v1.1: Wed Aug 27 13:08:45 +0000 2008."""
    for shape, form in ((r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}(Z|[+-]\d\d:\d\d)", "%Y-%m-%dT%H:%M:%S.%f%z"),
                        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)", "%Y-%m-%dT%H:%M:%S%z"),
                        (r"\w{3} \w{3} \d\d \d\d:\d\d:\d\d [+-]\d{4} \d{4}", "%a %b %d %H:%M:%S %z %Y")):
        if re.fullmatch(shape, text, re.ASCII):
            try:
                since = datetime.strptime(text, form) - datetime(1970, 1, 1, tzinfo=timezone.utc)
            except ValueError:
                return None
            return since.days * 86_400_000 + since.seconds * 1000 + since.microseconds // 1000
    return None


def _id(value: Any) -> int | None:
    """A positive 64-bit number without leading zero, as text or number."""
    text = text_of(value)
    return int(text) if text and re.fullmatch("[1-9][0-9]{0,18}", text) and int(text) <= _LONGEST_ID else None


def _long(text: str | None) -> int | None:
    return int(text) if text and re.fullmatch("-?[0-9]{1,19}", text) and abs(int(text)) <= _LONGEST_ID else None
