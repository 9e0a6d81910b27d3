"""How the stream is, why, where to look further, and how the last hours went."""
from __future__ import annotations

import json
from typing import Any

from deploy import gaps, holding, lease, pages
from deploy.checkpoints import points
from deploy.health import Health, judge
from deploy.launch import Launcher
from deploy.observation import Observation, observe
from deploy.tables import Tables
from spark_apps.contract import HOUR_MS, QUARANTINE_REASONS, StreamPaths, hour_name

#: Points of a curve at most.
_POINTS = 360
_UNWELL, _LATE, _WELL = "bad", "warn", "good"
#: Verdicts for somebody who has not read the documentation.
SAID = {"running": "It runs", "starting": "It is starting", "stopping": "It is stopping",
        "stopped": "It is stopped, as somebody asked for", "never submitted": "It was never started",
        "should run and does not; its supervisor or the watchdog starts it again":
            "It should run and does not; it is started again by itself"}
#: Counts that are older than this are behind, whatever the reason.
_BEHIND_MS = 3 * 60_000


def health(tools: Launcher, stream: str, tables: Tables, hours: int = 6) -> dict[str, Any]:
    """`tone`: good, warn or bad, for `verdict` and `reasons` in words; `batches`: the last hours, the oldest first."""
    paths, seen = StreamPaths(stream, tools.cluster.root), observe(tools, stream)
    found, now = judge(seen), seen.now_ms
    newest = tables.newest_minute(now)
    told = batches(tools, paths, now - hours * HOUR_MS)
    missing = [gap for gap in gaps.read(tools.hdfs, paths, (now - HOUR_MS, now), now) if gap.end_ms is None]
    reasons = why(seen, newest, [gap.cause for gap in missing])
    return {
        **found.as_json(), "now_ms": now, "reasons": reasons,
        "tone": _UNWELL if not found.ok else _LATE if reasons else _WELL, "wanted": seen.desired.get("state"),
        "asked_ms": seen.desired.get("time_ms"), "commit_ms": seen.heartbeat.get("commit_ms"),
        "newest_minute_ms": newest, "backlog_files": seen.heartbeat.get("backlog_files"),
        "backlog_seconds": seen.heartbeat.get("backlog_s"), "links": links(tools, seen),
        "said": said(found), "run": run(tools, stream),
        "savepoint": newest_savepoint(tools, paths), "disk": disk(tools, paths), "batches": told, "hours": hours}


def said(found: Health) -> str:
    """A verdict that is not among SAID stands for itself, but for a park's, whose reason stands beneath it."""
    if found.parked:
        return "It is parked: it gave up, and waits for a person"
    return SAID.get(found.verdict, found.verdict[:1].upper() + found.verdict[1:])


def why(seen: Observation, newest_ms: int | None, open_gaps: list[str]) -> list[str]:
    """What is not as it should be, beside the verdict, each with what it means. Pure."""
    found, beat = [], seen.heartbeat
    if seen.wanted and newest_ms is not None and seen.now_ms - newest_ms > _BEHIND_MS + 60_000:
        found.append(f"The newest counted minute is {(seen.now_ms - newest_ms) // 60_000} minutes old.")
    backlog, trigger = beat.get("backlog_s") or 0, beat.get("trigger_s") or 10
    if backlog > 6 * trigger:
        found.append(f"{beat.get('backlog_files')} landed files wait, the oldest for {backlog:.0f} s: batches take in "
                     "less than arrives, or the stream has just come back.")
    if (beat.get("batch_s") or 0) > trigger:
        found.append(f"The last batch took {beat['batch_s']:.1f} s of a trigger of {trigger:g} s.")
    found += [f"Ingest receives nothing now ({cause}); what is missing shows under Hours." for cause in open_gaps]
    return found


def links(tools: Launcher, seen: Observation) -> dict[str, str]:
    if not seen.app:
        return {}
    return pages.of(tools.cluster, seen.stream, seen.app, int(seen.heartbeat.get("generation") or 0))


def run(tools: Launcher, stream: str) -> dict[str, str] | None:
    """The run of Airflow's that holds the stream, if one does."""
    dag, name = holding.run_of(lease.held_by(tools, stream))
    return {"dag": dag, "run": name} if dag and name else None


def newest_savepoint(tools: Launcher, paths: StreamPaths) -> dict[str, Any] | None:
    taken = points.snapshots(tools.hdfs, paths)
    for name in points.savepoint_names(tools.hdfs, paths):
        if name not in taken:
            taken[name] = int((tools.hdfs.read_json(paths.savepoint(name)) or {}).get("time_ms") or 0)
    return max(({"name": name, "time_ms": at} for name, at in taken.items()), key=lambda one: int(str(one["time_ms"])),
               default=None)


def disk(tools: Launcher, paths: StreamPaths) -> dict[str, int]:
    """Bytes in HDFS, once each: replicas are not counted."""
    content: Any = getattr(tools.hdfs, "content", lambda path: None)
    parts = {"tables": f"{paths.base}/tables", "checkpoints": f"{paths.base}/checkpoint", "landing": paths.landing,
             "quarantine": paths.quarantine}
    return {name: int((content(path) or {}).get("length") or 0) for name, path in parts.items()}


def batches(tools: Launcher, paths: StreamPaths, since_ms: int) -> list[dict[str, Any]]:
    """Of progress/, at most so many: of several side by side the sums, and the slowest one's seconds."""
    found = []
    for name in tools.hdfs.list(paths.batches):
        if not name.endswith(".jsonl") or name[-19:-6] < hour_name(since_ms):
            continue
        for text in (tools.hdfs.read(f"{paths.batches}/{name}") or b"").splitlines():
            try:
                said = json.loads(text)
                if int(said["commit_ms"]) >= since_ms:
                    found.append(_point(said))
            except (ValueError, KeyError, TypeError):
                continue   # cut off while it was written, or of an earlier format
    found.sort(key=lambda one: one["at_ms"])
    size = -(-len(found) // _POINTS) or 1
    return [_merged(found[n:n + size]) for n in range(0, len(found), size)]


def _point(said: dict[str, Any]) -> dict[str, Any]:
    seconds, fates = float(said.get("batch_s") or 0), said.get("fates") or {}
    arrival = said.get("arrival_ms")
    return {"at_ms": int(said["commit_ms"]), "seconds": seconds, "lines": int(said.get("lines") or 0),
            "late": int(said.get("late") or 0), "duplicates": int(said.get("duplicates") or 0),
            "quarantined": sum(int(fates.get(reason) or 0) for reason in QUARANTINE_REASONS),
            "state_rows": int(said.get("state_rows") or 0),
            "behind_s": (int(said["commit_ms"]) - arrival) / 1000 if arrival and said.get("lines") else None}


def _merged(some: list[dict[str, Any]]) -> dict[str, Any]:
    behind = [one["behind_s"] for one in some if one["behind_s"] is not None]
    seconds = sum(one["seconds"] for one in some)
    lines = sum(one["lines"] for one in some)
    return {"at_ms": some[-1]["at_ms"], "seconds": max(one["seconds"] for one in some), "lines": lines,
            "rows_per_second": lines / seconds if seconds else None, "behind_s": max(behind, default=None),
            "state_rows": some[-1]["state_rows"],
            **{name: sum(one[name] for one in some) for name in ("late", "duplicates", "quarantined")}}
