"""How far landing is complete, as every source says itself: what a seal waits for."""
from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Protocol

from spark_apps.contract import HOUR_MS, StreamPaths, parse_hour

#: After its hour a tweet may still be on its way: the platform's own delay, a reconnect with backfill minutes.
LATENESS_MS = 10 * 60_000
#: How long a seal waits for a silent source before it names the gap and goes on.
LIMIT_MS = 90 * 60_000
#: Later lines are taken in by sealing again, up to this long after the hour.
HORIZON_MS = 24 * HOUR_MS


class Marks(Protocol):
    def list(self, path: str) -> list[str]: ...

    def read_json(self, path: str) -> dict[str, Any] | None: ...


@dataclass(frozen=True)
class Through:
    """How far landing is complete: mark (ms) by source, sources that have been silent for a day left out."""

    marks: dict[str, int]

    def gap(self, needed_ms: int) -> str:
        """Whom a seal that needs landing through `needed_ms` waits for; empty where it needs not wait."""
        if not self.marks:
            return "no source has written how far it is"
        behind = [f"{source} is at {iso(ms)}" for source, ms in sorted(self.marks.items()) if ms < needed_ms]
        return f"landing is needed through {iso(needed_ms)}: " + ", ".join(behind) if behind else ""

    def seal_through(self, hour_ms: int) -> int:
        """The instant to seal through: all that is landed, up to the horizon. Beyond it the same for ever."""
        landed = min(self.marks.values(), default=0)
        if landed < needed(hour_ms):
            landed = max(self.marks.values(), default=0)
        return max(needed(hour_ms), min(landed, hour_ms + HOUR_MS + HORIZON_MS))


def said(hdfs: Marks, paths: StreamPaths) -> dict[str, dict[str, Any]]:
    """What every source has said last."""
    return {name.removesuffix(".json"): hdfs.read_json(f"{paths.throughs}/{name}") or {}
            for name in hdfs.list(paths.throughs) if name.endswith(".json") and not name.startswith(".")}


def marks(hdfs: Marks, paths: StreamPaths) -> dict[str, int]:
    """Every source's mark (ms)."""
    return {source: int(mark.get("through_ms") or 0) for source, mark in said(hdfs, paths).items()}


def through(found: dict[str, int], hour_ms: int) -> Through:
    """The marks that count for this hour: a source a day behind it was taken out of service."""
    return Through({source: ms for source, ms in found.items() if ms >= hour_ms - HORIZON_MS})


def needed(hour_ms: int) -> int:
    return hour_ms + HOUR_MS + LATENESS_MS


def ripe(hours: Sequence[int], found: dict[str, int], now_ms: int) -> tuple[list[int], str]:
    """(hours that need not wait any longer, what the others wait for)."""
    ready, waiting = [], ""
    for hour in hours:
        missing = through(found, hour).gap(needed(hour))
        if not missing or now_ms > needed(hour) + LIMIT_MS:
            ready.append(hour)
        else:
            waiting = waiting or missing
    return ready, waiting


def has_landing(hdfs: Marks, paths: StreamPaths, hour_ms: int) -> bool:
    """Whether there is anything to seal: lines that arrived in the hour or the next, or a source that is in service.

    An hour before the stream's first line has nothing, nor has one after its sources went away.
    """
    there = hours_below(hdfs, paths, paths.archive) or hours(hdfs, paths)
    if not there or there[-1] > hour_ms:
        return False
    return (any(ms > hour_ms for ms in marks(hdfs, paths).values())
            or any(hdfs.list(of(at)) for at in (hour_ms, hour_ms + HOUR_MS)
                   for of in (paths.landing_hour, paths.archive_hour)))


def hours(hdfs: Marks, paths: StreamPaths) -> list[int]:
    """Those that landing has a directory for, the newest first; what is called otherwise is somebody else's."""
    return hours_below(hdfs, paths, paths.landing)


def hours_below(hdfs: Marks, paths: StreamPaths, root: str) -> list[int]:
    """The same of another directory that is divided as landing is."""
    found = []
    for day in (name for name in hdfs.list(root) if name.startswith("dt=")):
        for name in (name for name in hdfs.list(f"{root}/{day}") if name.startswith("hr=")):
            with suppress(ValueError):
                hour = parse_hour(f"{day.removeprefix('dt=')}T{name.removeprefix('hr=')}")
                found += [hour] * (paths.landing_hour(hour).replace(paths.landing, root, 1) == f"{root}/{day}/{name}")
    return sorted(found, reverse=True)


def iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
