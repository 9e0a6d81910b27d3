"""What of a landed line has to go when tweets are withdrawn (deleted, withheld): pure, a line in, a line out.

The line of the tweet itself, of another version of it, and of a retweet, which is a copy of it, goes whole, as does one
that is no JSON and has the id in it. Of a quote or a reply only the copy of the tweet that came with it goes. In the
place of a line stands a control line that names the id, so that every landed line stays accounted for.
"""
from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from spark_apps.snowflake import made_ms

Json = dict[str, Any]

_NUMBER = re.compile(rb"[0-9]+")
_COPIES = ("tweets", "posts")
_CHAINS = ("edit_history_tweet_ids", "edit_history_post_ids")
_REFERENCES = ("referenced_tweets", "referenced_posts")


@dataclass(frozen=True)
class Redacted:
    """The line that stands there now. `whole`: the tweet is gone, and with it its count; `event_ms`: when it was
    tweeted, None where its id does not tell."""

    line: bytes
    whole: bool
    event_ms: int | None = None


def redacted(line: bytes, ids: Collection[str]) -> Redacted | None:
    """None where the line has nothing of tweets with these ids."""
    if not (named := mentioned(line, ids)):
        return None
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):   # no UTF-8 is a ValueError too
        record = None
    if not isinstance(record, dict):
        return Redacted(_in_its_place(min(named)), True)
    own, chain = _own(record)
    if own is None:
        return None   # a message of the platform: ids, and no tweet
    if gone := named.intersection((own, *chain, *_retweeted(record))):
        return Redacted(_in_its_place(min(gone)), True, made_ms((chain or [own])[0]))
    if not _cut_copies(record, named):
        return None   # it only mentions the id
    return Redacted(json.dumps(record, separators=(",", ":")).encode(), False)


def mentioned(data: bytes, ids: Collection[str]) -> set[str]:
    """Which of the ids stand in these bytes, wherever."""
    return {number.decode() for number in _NUMBER.findall(data)}.intersection(ids)


def withdrawn(line: bytes) -> Iterator[str]:
    """Ids of tweets of which a message of the stream says that they are deleted or withheld."""
    if b'"delete"' not in line and b'"status_withheld"' not in line:
        return
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return
    if not isinstance(record, dict) or _own(record)[0] is not None:
        return
    delete, withheld = record.get("delete"), record.get("status_withheld")
    if isinstance(delete, dict):
        yield from _id_of(delete.get("status"))
        yield from _ids([delete.get("redacted")])
    yield from _id_of(withheld)
    if record.get("action") == "delete":
        yield from _id_of(record)


def _in_its_place(tweet_id: str) -> bytes:
    return b'{"delete":{"redacted":"%s"}}' % tweet_id.encode()


def _own(record: Json) -> tuple[str | None, list[str]]:
    """The id of the tweet that the record is, and those of its versions; None where it is a message of the platform."""
    data = record.get("data")
    if isinstance(data, dict):
        chain = next((found for name in _CHAINS if isinstance(found := data.get(name), list)), [])
        return next(_id_of(data), ""), list(_ids(chain))
    if "action" in record:
        return None, []
    return next(_id_of(record), None), []


def _retweeted(record: Json) -> Iterator[str]:
    for one in _references(record.get("data")):
        if one.get("type") == "retweeted":
            yield from _id_of(one)
    yield from _id_of(record.get("retweeted_status"))


def _references(data: Any) -> Iterator[Json]:
    for name in _REFERENCES if isinstance(data, dict) else ():
        yield from (one for one in data.get(name) or () if isinstance(one, dict))


def _cut_copies(record: Json, ids: Collection[str]) -> bool:
    """Takes out the copies of these tweets that came with the record, at any depth; whether there were any."""
    before = json.dumps(record)
    includes = record.get("includes")
    for name in _COPIES:
        if isinstance(includes, dict) and isinstance(includes.get(name), list):
            includes[name] = [one for one in includes[name] if not _is_of(one, ids)]
    for holder in (record, record.get("retweeted_status")):
        if isinstance(holder, dict) and _is_of(quoted := holder.get("quoted_status"), ids):
            # That something was quoted is the record's own.
            holder["quoted_status"] = {"id_str": next(_id_of(quoted))}
    return json.dumps(record) != before


def _is_of(copy: Any, ids: Collection[str]) -> bool:
    chain = [one for name in _CHAINS for one in _ids((copy.get(name) if isinstance(copy, dict) else None) or ())]
    return not set(ids).isdisjoint((*_id_of(copy), *chain))


def _id_of(of: Any) -> Iterator[str]:
    """At most one: v1.1 has it as a string and as a number, of which the string is exact everywhere."""
    if isinstance(of, dict):
        yield from list(_ids([of.get("id_str"), of.get("id")]))[:1]


def _ids(values: Any) -> Iterator[str]:
    yield from (str(one) for one in values if isinstance(one, (str, int)) and not isinstance(one, bool))
