"""What was retired: control/retired/<checksum>.json, a file for each list that was gone through; it stays."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from deploy.errors import BadUse
from deploy.landed import HORIZON_MS, Marks
from deploy.retention.horizons import RANGES
from deploy.retention.listing import AHEAD_MS
from spark_apps.contract import HOUR_MS, StreamPaths, hour_name

#: "landing" in lists of releases that had no archive.
_DELETED = ("archived", "landing")


def record(paths: StreamPaths, checksum: str) -> str:
    """{"items", "who", "time_ms", ...}: what is deleted, or about to be."""
    return f"{_records(paths)}/{checksum}.json"


def begun(hdfs: Marks, paths: StreamPaths, checksum: str) -> dict[str, Any]:
    """The record of a list that somebody has begun to go through, or has gone through; empty where nobody has."""
    return hdfs.read_json(record(paths, checksum)) or {}


def hours(hdfs: Marks, paths: StreamPaths) -> set[str]:
    """Landing hours, as `contract.hour_name` spells them, of which files are gone or about to go."""
    directory = _records(paths)
    records = (hdfs.read_json(f"{directory}/{name}") or {} for name in hdfs.list(directory) if name.endswith(".json"))
    return {item["what"] for record in records for item in record.get("items") or () if item["kind"] in _DELETED}


def check(hdfs: Marks, paths: StreamPaths, wanted: Sequence[int], now_ms: int) -> None:
    """BadUse where a seal of one of these hours would read landing that is gone: it would put what is left of the lines
    in the place of all of them."""
    # Two hours less than the floor: a seal reads ahead of its hour, and the clock of who retired may be another.
    if min(wanted) > now_ms - (RANGES["landing_hours"][0] - 2) * HOUR_MS:
        return
    missing = hours(hdfs, paths)
    for hour in wanted:
        reads = range(hour - AHEAD_MS, hour + HOUR_MS + HORIZON_MS, HOUR_MS)
        if gone := [hour_name(at) for at in reads if hour_name(at) in missing]:
            raise BadUse(f"hour {hour_name(hour)} cannot be computed again: it needs the landing of {gone[0]}, "
                         "which was retired; its sealed counts stay as they are")


def _records(paths: StreamPaths) -> str:
    return f"{paths.control}/retired"
