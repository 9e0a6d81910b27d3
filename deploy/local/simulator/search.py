"""Recent search over what the simulator still remembers. As the stream's rules do, a query matches every tweet.

https://docs.x.com/x-api/posts/search/introduction
"""
from __future__ import annotations

import base64
import json
import re
from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any

from deploy.local.simulator.generator import snowflake
from deploy.local.simulator.history import History
from deploy.local.simulator.wire import Answer, Request, invalid

Json = dict[str, Any]

_ID = re.compile(rb'\{"data":\{[^{}\[\]]*?"id":"?([0-9]+)')
_LONGEST = 512
_WEEK_MS = 7 * 86_400_000
#: The newest seconds are not in the index yet.
_FRESH_MS = 10_000


def recent(request: Request, history: History, now_ms: int, deleted: Collection[str], scale: float = 1.0) -> Answer:
    """Newest first, `max_results` a page; `meta.next_token` leads to the next, whatever has been tweeted since."""
    query, count, token = request.one("query"), request.one("max_results", "10"), (
        request.one("next_token") or request.one("pagination_token"))
    if not 1 <= len(query) <= _LONGEST:
        return invalid("query", query, f"must have 1 to {_LONGEST} characters")
    if not count.isdecimal() or not 10 <= int(count) <= 100:
        return invalid("max_results", count, "must be a number from 10 to 100")
    if token and (below := _id_of(token)) is None:
        return invalid("next_token", token, "is none that a page has had")
    try:
        first, last = _ids(request, now_ms, scale)
    except ValueError as error:
        return invalid("start_time", request.one("start_time"), str(error))
    if token and below is not None:
        last = min(last, below)
    found: list[Json] = []
    more = False
    for made, data in _tweets(history):
        if first <= made < last and str(made) not in deleted:
            if len(found) == int(count):
                more = True
                break
            found.append(json.loads(data))
    return Answer(200, _page(found, more))


def _ids(request: Request, now_ms: int, scale: float) -> tuple[int, int]:
    """The first id that is asked for, and the first that is not."""
    begin, end = now_ms - _WEEK_MS, now_ms - int(_FRESH_MS * scale)
    if text := request.one("start_time"):
        if _ms(text) < begin:
            raise ValueError("must be on or after the last 7 days")
        begin = _ms(text)
    if text := request.one("end_time"):
        end = min(end, _ms(text))
    first, last = snowflake(begin, 0), snowflake(end, 0)
    if text := request.one("since_id"):
        first = max(first, int(text) + 1)
    if text := request.one("until_id"):
        last = min(last, int(text))
    return first, last


def _ms(text: str) -> int:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("must be of the form 2026-03-01T10:00:00Z")
    return int(at.timestamp() * 1000)


def _tweets(history: History) -> Iterator[tuple[int, bytes]]:
    """By id, the newest first, each once. Parsing all that is remembered for each page would hold the stream up."""
    found: dict[int, bytes] = {}
    for record in history.newest_first():
        if match := _ID.match(record.data):
            found.setdefault(int(match[1]), record.data)
    return ((made, found[made]) for made in sorted(found, reverse=True))


def _page(found: list[Json], more: bool) -> Json:
    meta: Json = {"result_count": len(found)}
    if not found:
        return {"meta": meta}
    data = [one["data"] for one in found]
    meta = {"newest_id": str(data[0]["id"]), "oldest_id": str(data[-1]["id"]), **meta}
    if more:
        meta["next_token"] = base64.urlsafe_b64encode(str(data[-1]["id"]).encode()).decode().rstrip("=")
    around = {other["id"]: other for one in found for other in (one.get("includes") or {}).get("tweets", ())}
    return {"data": data, **({"includes": {"tweets": list(around.values())}} if around else {}), "meta": meta}


def _id_of(token: str) -> int | None:
    try:
        text = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()
    except ValueError:
        return None
    return int(text) if text.isdecimal() else None
