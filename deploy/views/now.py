"""The tags of the newest window, by count or by trend, each with its minutes; and tags that hold some letters."""
from __future__ import annotations

from dataclasses import asdict
from typing import Any

from deploy.lines import tag_key
from deploy.tables import Reading, Tables
from deploy.top import Asked, Top, instants, look
from deploy.trending import Trending
from spark_apps.contract import ALL_TWEETS, HOUR_MS, MINUTE_MS
from spark_apps.windows import Trend, Windows, span_ms, span_name

WINDOWS = ("5m", "10m", "15m", "30m", "1h", "3h", "6h", "12h", "1d")
BY = ("count", "trend")
MOST = 50
#: Points of a tag's small curve, and the least time that it spans.
_POINTS, _LEAST_MS = 30, HOUR_MS
_FOUND = 30


def now(tables: Tables, now_ms: int, window: str = "10m", by: str = "count", k: int = MOST) -> dict[str, Any]:
    """`tags` is empty and `window` None while nothing is counted."""
    windows = Windows(span_ms(window))
    return shown(tables, now_ms, Asked(windows, k, Trend(windows) if by == "trend" else None))


def shown(tables: Tables, now_ms: int, asked: Asked) -> dict[str, Any]:
    """As `now`, of whatever is asked for."""
    by = "trend" if asked.trend else "count"
    found = look(tables, now_ms, asked)
    if found is None:
        return {"window": None, "by": by, "tags": []}
    reading = tables.reading()
    names = [one.tag for one in found.tags]
    curves, step = _curves(reading, names, found)
    before = _ranks_before(reading, found) if by == "count" else {}
    tags = [{**_told(one, before), "curve": curves[one.tag]} for one in found.tags]
    return {"by": by, "window": _window(found), "tags": tags, "curve_from_ms": found.to_ms - step * _POINTS,
            "curve_step_ms": step}


def _window(found: Top) -> dict[str, Any]:
    return {"from_ms": found.from_ms, "to_ms": found.to_ms, "length": span_name(found.to_ms - found.from_ms),
            "all_tweets": found.all_tweets, "state": found.state, "said": found.said,
            "incomplete": len(found.incomplete)}


def _told(one: Any, before: dict[str, int]) -> dict[str, Any]:
    """`rank_change`: places gained on the window before, None where the tag was not there."""
    told = asdict(one)
    if not isinstance(one, Trending):
        told["rank_change"] = before[one.tag] - one.rank if one.tag in before else None
    return told


def _ranks_before(reading: Reading, found: Top) -> dict[str, int]:
    """By tweets, ties by key, as the window itself is ranked."""
    length = found.to_ms - found.from_ms
    rows = reading.current(["tag", "tweets"], [(found.from_ms - length, found.from_ms)])
    summed = rows.group_by("tag").aggregate([("tweets", "sum")])
    ordered = summed.sort_by([("tweets_sum", "descending"), ("tag", "ascending")])["tag"].to_pylist()
    tags = (tag for tag in ordered if tag != ALL_TWEETS)
    return {tag: rank for rank, tag in enumerate(tags, 1)}


def _curves(reading: Reading, names: list[str], found: Top) -> tuple[dict[str, list[int]], int]:
    """Tweets of each tag in equal steps until the window's end."""
    import pyarrow.compute as pc

    whole = max(2 * (found.to_ms - found.from_ms), _LEAST_MS)
    step = -(-whole // _POINTS // MINUTE_MS) * MINUTE_MS
    begin = found.to_ms - step * _POINTS
    rows = reading.current(["window_start", "tag", "tweets"], [(begin, found.to_ms)], names)
    at = pc.divide(pc.subtract(instants(rows["window_start"]), begin), step)
    summed = rows.append_column("at", at).group_by(["tag", "at"]).aggregate([("tweets", "sum")])
    curves = {tag: [0] * _POINTS for tag in names}
    for tag, n, tweets in zip(summed["tag"].to_pylist(), summed["at"].to_pylist(), summed["tweets_sum"].to_pylist(),
                              strict=True):
        curves[tag][n] = tweets
    return curves, step


def search(tables: Tables, now_ms: int, text: str, hours: int = 24) -> list[dict[str, Any]]:
    """Tags of the last hours that have this in them, the most frequent first: {tag, tweets}."""
    import pyarrow.compute as pc

    wanted = tag_key(text)
    newest = tables.newest_minute(now_ms)
    if not wanted or newest is None:
        return []
    rows = tables.reading().current(["tag", "tweets"], [(newest - hours * HOUR_MS, newest + MINUTE_MS)])
    rows = rows.filter(pc.match_substring(pc.field("tag"), wanted) & (pc.field("tag") != ALL_TWEETS))
    summed = rows.group_by("tag").aggregate([("tweets", "sum")])
    found = zip(summed["tag"].to_pylist(), summed["tweets_sum"].to_pylist(), strict=True)
    return [{"tag": tag, "tweets": tweets}
            for tag, tweets in sorted(found, key=lambda one: (-one[1], one[0]))[:_FOUND]]
