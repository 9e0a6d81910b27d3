"""One tag: its counts over time, of which kinds they are, how it is written, and what rises and falls with it."""
from __future__ import annotations

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
        return {"tag": name, "points": [], "totals": {}, "forms": [], "together": []}
    to = newest + MINUTE_MS
    step = -(-hours * HOUR_MS // _POINTS // MINUTE_MS) * MINUTE_MS
    begin = to - -(-hours * HOUR_MS // step) * step
    rows = tables.reading().current(["window_start", "tag", "form", *MEASURES], [(begin, to)])
    curves = _curves(rows, begin, step, (to - begin) // step)
    mine, everything = curves(name), curves(ALL_TWEETS)
    return {"tag": name, "hours": hours, "step_ms": step,
            "points": [[begin + n * step, int(a), int(b)] for n, (a, b) in
                       enumerate(zip(mine, everything, strict=True))],
            **_kinds(rows, name), "together": _together(rows, name, curves)}


def _kinds(rows: Any, name: str) -> dict[str, Any]:
    import pyarrow.compute as pc

    mine = rows.filter(pc.field("tag") == name)
    totals = {measure: pc.sum(mine[measure]).as_py() or 0 for measure in MEASURES}
    forms = mine.group_by("form").aggregate([("tweets", "sum")])
    found = zip(forms["form"].to_pylist(), forms["tweets_sum"].to_pylist(), strict=True)
    ordered = sorted(found, key=lambda one: (-one[1], one[0]))
    return {"totals": totals, "display": ordered[0][0] if ordered else name,
            "forms": [{"form": form, "tweets": tweets} for form, tweets in ordered[:_FORMS]]}


def _curves(rows: Any, begin: int, step: int, count: int) -> Any:
    """A function that gives a tag's tweets in each step."""
    import numpy as np
    import pyarrow.compute as pc

    at = pc.divide(pc.subtract(instants(rows["window_start"]), begin), step)
    summed = rows.select(["tag", "tweets"]).append_column("at", at).group_by(["tag", "at"]).aggregate(
        [("tweets", "sum")]).sort_by("tag")
    tags = summed["tag"].to_pylist()
    steps, tweets = summed["at"].to_numpy(), summed["tweets_sum"].to_numpy()
    first: dict[str, tuple[int, int]] = {}
    for n, one in enumerate(tags):
        first[one] = (first[one][0] if one in first else n, n + 1)

    def curve(name: str) -> Any:
        out, (a, b) = np.zeros(count, np.int64), first.get(name, (0, 0))
        np.add.at(out, steps[a:b], tweets[a:b])
        return out
    return curve


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
