"""What reading costs, as the ingest services of a stream last said it, against their limits."""
from __future__ import annotations

from typing import Any

from deploy import landed
from spark_apps.contract import StreamPaths


def cost(hdfs: landed.Marks, paths: StreamPaths) -> list[dict[str, Any]]:
    """A row a source: {source, written_ms, ended, spend}; spend is None where posts are not counted."""
    return [{"source": source, "written_ms": mark.get("written_ms"), "alarm": mark.get("alarm"),
             "ended": bool(mark.get("ended")),
             "spend": spend(mark["spend"]) if mark.get("spend") else None}
            for source, mark in sorted(landed.said(hdfs, paths).items())]


def spend(said: dict[str, Any]) -> dict[str, Any]:
    """Of `date` (UTC) and its month: posts, the limit or None, the part of it, and about how many dollars. Pure."""
    price = float(said.get("price_usd") or 0)
    return {"date": said.get("date"), **{what: {
        "posts": said.get(what) or 0, "limit": said.get(f"limit_{what}"),
        "part": (said.get(what) or 0) / said[f"limit_{what}"] if said.get(f"limit_{what}") else None,
        "usd": round((said.get(what) or 0) * price, 2)} for what in ("day", "month")}}
