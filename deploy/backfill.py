"""Sealing hours: which ones, how far landing is complete, the batch job that does it, and what it says it did."""
from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Protocol

from deploy import artifact, submit
from deploy.errors import BadUse, HashtideError, TimedOut
from deploy.launch import Launcher
from deploy.yarn import Application
from spark_apps.contract import HOUR_MS, StreamPaths, check_stream, launch_tag

#: After its hour a tweet may still be on its way: the platform's own delay, a reconnect with backfill minutes.
LATENESS_MS = 10 * 60_000
#: How long a seal waits for a silent source before it names the gap and goes on.
LIMIT_MS = 90 * 60_000
#: Later lines are taken in by sealing again, up to this long after the hour.
HORIZON_MS = 24 * HOUR_MS
MAX_HOURS = 24 * 31


@dataclass(frozen=True)
class Seal:
    """One batch: hours (ms, ascending) of a stream, with the lines that arrived before `through_ms`.

    `late_within_hours` instead of hours: those of the last so many hours for which later lines have arrived.
    """

    stream: str
    hours: tuple[int, ...] = ()
    through_ms: int = 0
    gap: str = ""                      # why the hours are not complete
    late_within_hours: int = 0
    by: str = ""

    def __post_init__(self) -> None:
        try:
            check_stream(self.stream)
        except ValueError as error:
            raise BadUse(str(error)) from None
        if any(hour % HOUR_MS for hour in self.hours):
            raise BadUse("a seal takes whole hours")
        if len(self.hours) > MAX_HOURS:
            raise BadUse(f"{len(self.hours)} hours at once, at most {MAX_HOURS}: split the range")


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
        needed = hour_ms + HOUR_MS + LATENESS_MS
        if landed < needed:
            landed = max(self.marks.values(), default=0)
        return max(needed, min(landed, hour_ms + HOUR_MS + HORIZON_MS))


def through(hdfs: Marks, paths: StreamPaths, hour_ms: int) -> Through:
    """The marks that count for this hour: a source a day behind it was taken out of service."""
    marks = {}
    for name in hdfs.list(paths.throughs):
        if name.endswith(".json") and not name.startswith("."):
            mark = hdfs.read_json(f"{paths.throughs}/{name}") or {}
            marks[name.removesuffix(".json")] = int(mark.get("through_ms") or 0)
    return Through({source: ms for source, ms in marks.items() if ms >= hour_ms - HORIZON_MS})


def parse_hour(text: str) -> int:
    """`2026-03-01T10`, with or without minutes, seconds and zone (UTC where none), as ms of its whole hour."""
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        raise BadUse(f"hour {text!r}: expected UTC such as 2026-03-01T10") from None
    at = at if at.tzinfo else at.replace(tzinfo=timezone.utc)
    ms = int(at.timestamp() * 1000)
    return ms - ms % HOUR_MS


def hour_range(first: str, last: str) -> tuple[int, ...]:
    """Hours from first to last, both included."""
    from_ms, to_ms = parse_hour(first), parse_hour(last)
    if to_ms < from_ms:
        raise BadUse(f"the range ends at {last} before it begins at {first}")
    return tuple(range(from_ms, to_ms + 1, HOUR_MS))


def iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


# submit, wait, result

def seal_tag(stream: str) -> str:
    """The YARN tag of this stream's batches; a stream's own tag has no second hyphen."""
    return f"hashtide-seal-{check_stream(stream)}"


def submit_seal(tools: Launcher, seal: Seal, arguments: Callable[[Seal, str], tuple[str, ...]] | None = None,
                release: str = "") -> Application:
    """The batch's application, confirmed at the RM. Two at once on one hour are harmless: Delta keeps one."""
    root = tools.cluster.root
    made = artifact.find(tools.hdfs, release, root) if release else artifact.publish(tools.hdfs, root)
    launch_id = tools.new_id()
    tag = launch_tag(launch_id)
    what = f"{len(seal.hours)} h" if seal.hours else f"late within {seal.late_within_hours} h"
    job = submit.Job("batch", f"hashtide seal {seal.stream} {what}", tools.cluster.yarn.batch_queue,
                     (seal_tag(seal.stream), tag), (arguments or args)(seal, root), made)
    tools.say(f"submitting the seal of {seal.stream}: {', '.join(iso(h)[:13] for h in seal.hours[:5]) or what}")
    client = tools.start(tools.cluster, job, f"seal-{seal.stream}-{launch_id[:12]}")
    return submit.confirm(tools.yarn, client, tag, monotonic=tools.monotonic, sleep=tools.sleep)


def args(seal: Seal, root: str) -> tuple[str, ...]:
    """hashtag_batch.py's arguments."""
    out = ["--stream", seal.stream, "--root", root]
    if seal.hours:
        out += ["--hours", ",".join(iso(hour)[:13] for hour in seal.hours), "--through", str(seal.through_ms)]
    else:
        out += ["--late-within-hours", str(seal.late_within_hours)]
    return (*out, *(("--incomplete", seal.gap) if seal.gap else ()), *(("--by", seal.by) if seal.by else ()))


def await_end(tools: Launcher, app_id: str, timeout_s: float = 3600.0) -> Application:
    """The terminal application; HashtideError where it did not succeed, TimedOut past `timeout_s`."""
    deadline = tools.monotonic() + timeout_s
    while True:
        app = tools.yarn.app(app_id)
        if app is None or not app.live:
            return check_end(app_id, app)
        if tools.monotonic() >= deadline:
            raise TimedOut(f"waited {timeout_s:.0f} s for the end of {app_id}, which is {app.state}; see its log in YARN")
        tools.sleep(1.0)


def check_end(app_id: str, app: Application | None) -> Application:
    if app is None:
        raise HashtideError(f"YARN has forgotten {app_id}; seal again")
    if app.state != "FINISHED" or app.final_status != "SUCCEEDED":
        reason = submit.last_meaningful_line(app.diagnostics)
        raise HashtideError(f"{app.id} ended {app.state}, {app.final_status}: {reason}; its log: {app.am_container_logs}")
    return app


def results(hdfs: Marks, paths: StreamPaths, hours: Iterable[int], since_ms: int = 0) -> list[dict[str, Any]]:
    """What the seals wrote of each hour; HashtideError where one wrote nothing, whatever YARN says of it."""
    found = []
    for hour in hours:
        result = hdfs.read_json(paths.seal_result(hour))
        if not result or int(result.get("time_ms") or since_ms) < since_ms:
            raise HashtideError(f"the seal of {iso(hour)[:13]} left no result at {paths.seal_result(hour)}")
        found.append(result)
    return found


def now_ms() -> int:
    return time.time_ns() // 1_000_000
