"""What the ingest services of a stream say of themselves in HDFS: how far each has landed, and its alarm."""
from __future__ import annotations

from typing import Any

from deploy import landed
from deploy.errors import Unreachable
from deploy.health import one_line
from spark_apps.contract import StreamPaths


def read(hdfs: landed.Marks, paths: StreamPaths, now_ms: int) -> list[dict[str, Any]]:
    """Of those that are in service: source, landed through (ms), alarm or None, by source; none where HDFS is away."""
    try:
        found = landed.said(hdfs, paths)
    except Unreachable:
        return []
    return [{"source": source, "through_ms": int(mark["through_ms"]), "alarm": one_line(str(mark.get("alarm") or "")) or
             None} for source, mark in sorted(found.items())
            if int(mark.get("through_ms") or 0) >= now_ms - landed.HORIZON_MS]


def text(found: list[dict[str, Any]]) -> str:
    """Lines for beneath the health of the stream, each after a line end; none where there is no source."""
    return "".join(f"\n  source       {one['source']}: landed through {landed.iso(one['through_ms'])}"
                   + (f"\n  alarm        {one['source']}: {one['alarm']}" if one["alarm"] else "") for one in found)
