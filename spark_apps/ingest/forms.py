"""The forms in which tweets are archived -> lines as the filtered stream would have sent them, and when they were sent.

https://docs.x.com/x-api/fundamentals/data-dictionary
"""
from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

from spark_apps.snowflake import made_ms

Json = dict[str, Any]

#: The first tweet of all is from 2006-03-21.
FIRST_MS = 1142899200000

_V1 = re.compile(r"[A-Z][a-z]{2} ([A-Z][a-z]{2}) (\d\d) (\d\d):(\d\d):(\d\d) \+0000 (\d{4})")
# strptime would take them by the locale.
_MONTHS = {"Jan": 1, "Feb": 2, "Mar": 3, "Apr": 4, "May": 5, "Jun": 6,
           "Jul": 7, "Aug": 8, "Sep": 9, "Oct": 10, "Nov": 11, "Dec": 12}
_REFERENCES = ("referenced_tweets", "referenced_posts")
_HISTORIES = ("edit_history_tweet_ids", "edit_history_post_ids")
_TWEETS = ("tweets", "posts")


def lines(value: Any, raw: bytes | None = None) -> Iterator[tuple[bytes, Json]]:
    """(line, the object in it that tells its time) of each tweet in an archived value: a v2 record, a v2 page, a bare
    v2 tweet, a v1.1 status, a v1.1 search page, or a list of such. `raw`, where given, is what is kept of a single one.

    What is none of these is a line too: the stream says what is wrong with it.
    """
    if isinstance(value, list) and (value or raw is None):
        for one in value:
            yield from lines(one)
    elif not isinstance(value, dict):
        yield raw or dump(value), {}
    elif isinstance(value.get("data"), list):
        yield from _page(value)
    elif isinstance(value.get("data"), dict):
        yield raw or dump(value), value["data"]
    elif isinstance(value.get("statuses"), list):
        yield from lines(value["statuses"])
    elif isinstance(value.get("meta"), dict) and not {"errors", "id", "id_str", "title"} & value.keys():
        return   # a page without results
    elif _is_bare(value):
        embedded = _embedded(value)
        yield b'{"data":%s}' % raw if raw and not embedded else _record(value, embedded), value
    else:
        yield raw or dump(value), value


def dump(value: Any) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:   # half of a surrogate pair, which only an escape can hold
        return json.dumps(value, separators=(",", ":")).encode()


def sent_ms(tweet: Json, now_ms: int) -> int | None:
    """`created_at`, else what the id tells; None where neither is a time between the first tweet and now."""
    for ms in (_created_ms(tweet.get("created_at")), made_ms(str(tweet.get("id_str") or tweet.get("id")))):
        if ms is not None and FIRST_MS <= ms <= now_ms:
            return ms
    return None


def event_ms(tweet: Json) -> int | None:
    """The time of the first version of an edited tweet; None where there is but one, or its id tells no time."""
    history = next(filter(None, (_list(tweet, name) for name in _HISTORIES)), [])
    return made_ms(str(history[0])) if len(history) > 1 else None


def _created_ms(text: Any) -> int | None:
    if not isinstance(text, str):
        return None
    match = _V1.fullmatch(text)
    try:
        if match:
            day = (int(match[6]), _MONTHS.get(match[1], 0), int(match[2]))
            at = datetime(*day, int(match[3]), int(match[4]), int(match[5]), tzinfo=timezone.utc)
        else:
            at = datetime.fromisoformat(text)
        at = at if at.tzinfo else at.replace(tzinfo=timezone.utc)
        return round((at - datetime(1970, 1, 1, tzinfo=timezone.utc)).total_seconds() * 1000)
    except (ValueError, OverflowError):
        return None


def _is_bare(value: Json) -> bool:
    """A v2 tweet without its envelope, as tools that flatten pages write it; v1.1 has `id_str` and `user`."""
    return "id" in value and not {"id_str", "user", "full_text"} & value.keys() and bool(
        {"author_id", "edit_history_tweet_ids", "edit_history_post_ids"} & value.keys())


def _embedded(tweet: Json) -> Json:
    """The tweets that flattening has put into the references."""
    found = [{k: v for k, v in one.items() if k != "type"} for one in _references(tweet) if len(one) > 2]
    return {"tweets": found} if found else {}


def _page(page: Json) -> Iterator[tuple[bytes, Json]]:
    includes = _dict(page, "includes")
    by_id = {kind: {str(one.get("media_key" if kind == "media" else "id")): one for one in _objects(many)}
             for kind, many in includes.items()}
    # A page need not include what it has among its results.
    results = {str(tweet.get("id")): tweet for tweet in _objects(page["data"])}
    kind = next((name for name in _TWEETS if name in by_id), "tweets")
    by_id[kind] = {**results, **by_id.get(kind, {})}
    for tweet in page["data"]:
        yield _record(tweet, _needed(tweet, by_id, kind)), tweet if isinstance(tweet, dict) else {}


def _record(tweet: Any, includes: Json) -> bytes:
    return dump({"data": tweet, **({"includes": includes} if includes else {})})


def _needed(tweet: Any, by_id: dict[str, dict[str, Json]], tweets: str) -> Json:
    """What this tweet refers to, and what that refers to, of all that its page includes."""
    if not isinstance(tweet, dict):
        return {}
    chosen: dict[str, dict[str, Json]] = {}
    todo = [tweet]
    while todo:
        for kind, key in _keys(todo.pop(), tweets):
            one = by_id.get(kind, {}).get(key)
            if one is not None and key not in chosen.setdefault(kind, {}):
                chosen[kind][key] = one
                todo += [one] if kind == tweets else []
    chosen.get(tweets, {}).pop(str(tweet.get("id")), None)
    return {kind: list(found.values()) for kind, found in chosen.items() if found}


def _keys(tweet: Json, tweets: str) -> Iterator[tuple[str, str]]:
    yield from ((tweets, str(one.get("id"))) for one in _references(tweet))
    yield from (("users", str(tweet[name])) for name in ("author_id", "in_reply_to_user_id") if tweet.get(name))
    yield from (("users", str(one.get("id"))) for one in _objects(_dict(tweet, "entities").get("mentions")))
    attached = _dict(tweet, "attachments")
    for kind, name in (("media", "media_keys"), ("polls", "poll_ids")):
        yield from ((kind, str(key)) for key in _list(attached, name))
    yield "places", str(_dict(tweet, "geo").get("place_id"))


def _references(tweet: Json) -> list[Json]:
    return [one for name in _REFERENCES for one in _objects(tweet.get(name))]


def _objects(many: Any) -> list[Json]:
    return [one for one in many if isinstance(one, dict)] if isinstance(many, list) else []


def _list(of: Json, name: str) -> list[Any]:
    found = of.get(name)
    return found if isinstance(found, list) else []


def _dict(of: Json, name: str) -> Json:
    found = of.get(name)
    return found if isinstance(found, dict) else {}
