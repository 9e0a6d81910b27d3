"""A driver that runs and does nothing: silent, or without a commit while landed files wait."""
from __future__ import annotations

from typing import TYPE_CHECKING

from deploy import lease
from deploy.launch import Files, Launcher
from spark_apps.contract import LandingFile, StreamPaths

if TYPE_CHECKING:
    from deploy.observation import Observation

#: The first batch of a JVM takes 11 s where the cores are free, several times that where they are not.
STARTUP_MS = 180_000
STALL_MS = 60_000
#: Eight heartbeats.
SILENT_MS = 40_000


def stalled(tools: Launcher, seen: Observation) -> str:
    """Why the running application counts as stalled; empty where it does not: an idle source is no stall."""
    trigger = int(seen.desired.get("parameters", {}).get("trigger_seconds") or 10)
    if seen.app is None or not (silent(seen, seen.app.started_ms) or
                                quiet_too_long(seen, trigger, seen.app.started_ms)):
        return ""
    attempts = tools.yarn.attempts(seen.app.id)
    started = int(attempts[-1].get("startTime") or 0) if attempts else seen.app.started_ms
    since = lease.newest(tools, seen.stream).since_ms
    if silent(seen, started, since):
        return f"no heartbeat for {(seen.now_ms - int(seen.heartbeat['time_ms'])) // 1000} s"
    if not quiet_too_long(seen, trigger, started, since):
        return ""
    last = int(seen.heartbeat.get("commit_ms") or 0)
    whose = str(seen.desired.get("parameters", {}).get("landing") or seen.stream)
    waiting = landed_between(tools.hdfs, StreamPaths(whose, tools.cluster.root), last, seen.now_ms - STALL_MS)
    if not waiting:
        return ""
    return f"no commit for {(seen.now_ms - max(last, started)) // 1000} s while {waiting} landed files wait"


def landed_between(hdfs: Files, paths: StreamPaths, after_ms: int, before_ms: int) -> int:
    """Landing files that became visible within (after, before], whatever hour they belong to: a source that was cut
    off lands what it had received long ago. A directory changes with each file that it gets."""
    found = 0
    for day in (f"{paths.landing}/{name}" for name in hdfs.list(paths.landing) if name.startswith("dt=")):
        for hour, directory in hdfs.statuses(day).items():
            if int(directory["modificationTime"]) > after_ms:
                found += sum(after_ms < int(status["modificationTime"]) <= before_ms and _is_landing(name)
                             for name, status in hdfs.statuses(f"{day}/{hour}").items())
    return found


def _is_landing(name: str) -> bool:
    try:
        LandingFile.parse(name)
    except ValueError:
        return False
    return True


def quiet_too_long(seen: Observation, trigger_seconds: int, started_ms: int, since_ms: int = 0) -> bool:
    """RUNNING, and for longer than max(3 triggers, 60 s) without a commit or a finished task: a batch that gets on is
    slow and no stall, and an attempt in its place would be as slow. Whether it is one, landing tells.

    `started_ms`: when the running attempt began; a driver that starts gets STARTUP_MS. `since_ms`: from when on the
    stream is watched: after an outage of HDFS the driver has its time again.
    """
    if not _should_be_heard_of(seen):
        return False
    last, task = (int(seen.heartbeat.get(name) or 0) for name in ("commit_ms", "task_ms"))
    if last <= started_ms:
        return seen.now_ms - max(started_ms, since_ms, task) > STARTUP_MS
    return seen.now_ms - max(last, since_ms, task) > max(3 * trigger_seconds * 1000, STALL_MS)


def silent(seen: Observation, started_ms: int, since_ms: int = 0) -> bool:
    """RUNNING, and no heartbeat for 40 s: its processes stand still, whatever the batch takes. A driver that starts has
    none yet; `started_ms`, `since_ms` as for quiet_too_long."""
    beat = int(seen.heartbeat.get("time_ms") or 0)
    return _should_be_heard_of(seen) and beat > started_ms and seen.now_ms - max(beat, since_ms) > SILENT_MS


def _should_be_heard_of(seen: Observation) -> bool:
    return bool(seen.app and seen.app.state == "RUNNING") and seen.stop_ms is None and not seen.overwritten
