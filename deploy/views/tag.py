"""One tag: its counts over time, of which kinds they are, how it is written, and what rises and falls with it."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from deploy.tables import Tables
from deploy.top import instants
from spark_apps.contract import ALL_TWEETS, HOUR_MS, MEASURES, MINUTE_MS

#: Points of the curve at most.
_POINTS = 144
_FORMS = 8
#: What moves together: from so many tweets on in that time, of so many tags, from this correlation on.
_LEAST, _LOOKED_AT, _ALIKE, _RELATED = 20, 500, 0.6, 8


def tag(tables: Tables, now_ms: int, name: str, hours: int = 24) -> dict[str, Any]:
    """Of the hours until the newest counted minute; `points`: [from ms, tweets of it, tweets of all]."""
    newest = tables.newest_minute(now_ms)
    if newest is None:
        return {"tag": name, "points": [], "totals": {}, "forms": [], "related": [], "together": []}
    to = newest + MINUTE_MS
    step = -(-hours * HOUR_MS // _POINTS // MINUTE_MS) * MINUTE_MS
    begin = to - -(-hours * HOUR_MS // step) * step
    reading = tables.reading()
    rows = reading.current(["window_start", "tag", "tweets"], [(begin, to)])
    curves = _curves(rows, begin, step, (to - begin) // step)
    mine, everything = curves(name), curves(ALL_TWEETS)
    return {"tag": name, "hours": hours, "step_ms": step,
            "points": [[begin + n * step, int(a), int(b)] for n, (a, b) in
                       enumerate(zip(mine, everything, strict=True))],
            **_kinds(reading.current(["form", *MEASURES], [(begin, to)], [name]), name),
            "related": related(tables, name), "learnt": learnt(tables),
            "together": _together(rows, name, curves)}


def _kinds(mine: Any, name: str) -> dict[str, Any]:
    import pyarrow.compute as pc

    totals = {measure: pc.sum(mine[measure]).as_py() or 0 for measure in MEASURES}
    forms = mine.group_by("form").aggregate([("tweets", "sum")])
    found = zip(forms["form"].to_pylist(), forms["tweets_sum"].to_pylist(), strict=True)
    ordered = sorted(found, key=lambda one: (-one[1], one[0]))
    return {"totals": totals, "display": ordered[0][0] if ordered else name,
            "forms": [{"form": form, "tweets": tweets} for form, tweets in ordered[:_FORMS]]}


def related(tables: Tables, name: str) -> list[dict[str, Any]]:
    """Tags of the same tweets by confidence, where a batch has learnt them: {tag, tweets, confidence, lift}."""
    opened = tables.open_table("related")
    if opened is None:
        return []
    found = opened.to_pyarrow_table(columns=["related", "tweets", "confidence", "lift"], filters=[("tag", "=", name)])
    rows = sorted(found.to_pylist(), key=lambda one: (-one["confidence"], one["related"]))[:_RELATED]
    return [{"tag": one["related"], "tweets": one["tweets"], "confidence": round(one["confidence"], 3),
             "lift": round(one["lift"], 1)} for one in rows]


def learnt(tables: Tables) -> dict[str, str] | None:
    """The hours that `related` is from: {"from", "to"}."""
    told = tables.files.read_json(tables.paths.related_result) or {}
    return {name: str(told[name]) for name in ("from", "to")} if "from" in told and "to" in told else None


def _curves(rows: Any, begin: int, step: int, count: int) -> Callable[[str], Any]:
    """A function that gives a tag's tweets in each step."""
    import numpy as np
    import pyarrow.compute as pc

    tags = rows["tag"].combine_chunks().dictionary_encode()
    numbers = {tag: n for n, tag in enumerate(tags.dictionary.to_pylist())}
    at = pc.divide(pc.subtract(instants(rows["window_start"]), begin), step).to_numpy()
    cells = np.bincount(tags.indices.to_numpy().astype(np.int64) * count + at, weights=rows["tweets"].to_numpy(),
                        minlength=len(numbers) * count).astype(np.int64).reshape(-1, count)
    return lambda name: cells[numbers[name]] if name in numbers else np.zeros(count, np.int64)


def _together(rows: Any, name: str, curves: Any) -> list[dict[str, Any]]:
    """Tags whose share of all tweets goes up and down as this one's does; which tweets hold both is not kept."""
    import numpy as np

    sums = rows.group_by("tag").aggregate([("tweets", "sum")])
    found = sorted(zip(sums["tweets_sum"].to_pylist(), sums["tag"].to_pylist(), strict=True), reverse=True)
    often = [tag for tweets, tag in found if tweets >= _LEAST and tag not in (ALL_TWEETS, name)][:_LOOKED_AT]
    every = np.maximum(curves(ALL_TWEETS), 1)
    mine = curves(name) / every
    if not often or not mine.std() or curves(name).sum() < _LEAST:
        return []
    others = np.array([curves(tag) for tag in often]) / every
    spread = others.std(axis=1) * mine.std()
    with np.errstate(invalid="ignore", divide="ignore"):
        alike = ((others - others.mean(axis=1, keepdims=True)) * (mine - mine.mean())).mean(axis=1) / spread
    order = [int(n) for n in np.argsort(-np.nan_to_num(alike)) if alike[n] >= _ALIKE][:_RELATED]
    return [{"tag": often[n], "correlation": round(float(alike[n]), 2)} for n in order]
