"""Sealing hours: which ones, how far landing is complete, the batch job that does it, and what it says it did."""
from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Protocol, cast

from deploy import artifact, submit
from deploy.errors import BadUse, HashtideError, TimedOut
from deploy.launch import Launcher
from deploy.yarn import Application
from spark_apps.contract import HOUR_MS, StreamPaths, check_stream, hour_name, launch_tag

#: After its hour a tweet may still be on its way: the platform's own delay, a reconnect with backfill minutes.
LATENESS_MS = 10 * 60_000
#: How long a seal waits for a silent source before it names the gap and goes on.
LIMIT_MS = 90 * 60_000
#: Later lines are taken in by sealing again, up to this long after the hour.
HORIZON_MS = 24 * HOUR_MS
MAX_HOURS = 24 * 31


@dataclass(frozen=True)
class Seal:
    """One batch: hours of a stream, ascending, each with the instant through which its lines are read: (ms, ms).

    `late_within_hours` instead of hours: those of the last so many hours for which later lines have arrived.
    """

    stream: str
    hours: tuple[tuple[int, int], ...] = ()
    gap: str = ""                      # why the hours are not complete
    late_within_hours: int = 0
    by: str = ""

    def __post_init__(self) -> None:
        try:
            check_stream(self.stream)
        except ValueError as error:
            raise BadUse(str(error)) from None
        if any(hour % HOUR_MS for hour, _ in self.hours):
            raise BadUse("a seal takes whole hours")
        if bool(self.hours) == bool(self.late_within_hours):
            raise BadUse("a seal takes hours, or the hours with late lines: one of the two")
        if len(self.hours) > MAX_HOURS:
            raise BadUse(f"{len(self.hours)} hours at once, at most {MAX_HOURS}")


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


def marks(hdfs: Marks, paths: StreamPaths) -> dict[str, int]:
    """Every source's mark (ms)."""
    found = {}
    for name in hdfs.list(paths.throughs):
        if name.endswith(".json") and not name.startswith("."):
            mark = hdfs.read_json(f"{paths.throughs}/{name}") or {}
            found[name.removesuffix(".json")] = int(mark.get("through_ms") or 0)
    return found


def through(found: dict[str, int], hour_ms: int) -> Through:
    """The marks that count for this hour: a source a day behind it was taken out of service."""
    return Through({source: ms for source, ms in found.items() if ms >= hour_ms - HORIZON_MS})


def needed(hour_ms: int) -> int:
    return hour_ms + HOUR_MS + LATENESS_MS


def seals(stream: str, hours: Sequence[int], found: dict[str, int], by: str) -> list[Seal]:
    """The hours as they are now: those that are complete in one batch, those with a gap in another."""
    complete: list[tuple[int, int]] = []
    incomplete: list[tuple[int, int]] = []
    gap = ""
    for hour in hours:
        at = through(found, hour)
        missing = at.gap(needed(hour))
        gap = gap or missing
        (incomplete if missing else complete).append((hour, at.seal_through(hour)))
    return [Seal(stream, tuple(group), why, by=by) for group, why in ((complete, ""), (incomplete, gap)) if group]


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
    days = [name for name in hdfs.list(paths.landing) if name.startswith("dt=")]
    if not days:
        return False
    first = min(hdfs.list(f"{paths.landing}/{days[0]}"), default="hr=99")
    if f"{paths.landing}/{days[0]}/{first}" > paths.landing_hour(hour_ms):
        return False
    return (any(ms > hour_ms for ms in marks(hdfs, paths).values())
            or any(hdfs.list(paths.landing_hour(at)) for at in (hour_ms, hour_ms + HOUR_MS)))


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


def span(hours: Sequence[int]) -> str:
    """Hours as a person reads them."""
    if len(hours) < 4:
        return ", ".join(hour_name(hour) for hour in hours)
    return f"{len(hours)} hours from {hour_name(hours[0])} to {hour_name(hours[-1])}"


def check_range(hours: Sequence[int], found: dict[str, int], now_ms: int) -> None:
    """BadUse where there are too many, or the last is not over, by our clock or by that of the sources."""
    if len(hours) > MAX_HOURS:
        raise BadUse(f"{len(hours)} hours at once, at most {MAX_HOURS}: split the range")
    if hours[-1] + HOUR_MS > now_ms and through(found, hours[-1]).gap(needed(hours[-1])):
        raise BadUse(f"the hour {hour_name(hours[-1])} is not over: seal it afterwards")


def iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


# submit, wait, result

def seal_tag(stream: str) -> str:
    """The YARN tag of this stream's batches; a stream's own tag has no second hyphen."""
    return f"hashtide-seal-{check_stream(stream)}"


def submit_seal(tools: Launcher, seal: Seal, release: str = "") -> Application:
    """The batch's application, confirmed at the RM. Two at once on one hour are harmless: Delta keeps one."""
    root = tools.cluster.root
    made = artifact.find(tools.hdfs, release, root) if release else artifact.publish(tools.hdfs, root)
    launch_id = tools.new_id()
    tag = launch_tag(launch_id)
    what = f"{len(seal.hours)} h" if seal.hours else f"late within {seal.late_within_hours} h"
    job = submit.Job("batch", f"hashtide seal {seal.stream} {what}", tools.cluster.yarn.batch_queue,
                     (seal_tag(seal.stream), tag), args(seal, root), made)
    tools.say(f"submitting the seal of {seal.stream}: {span([hour for hour, _ in seal.hours]) or what}")
    client = tools.start(tools.cluster, job, f"seal-{seal.stream}-{launch_id[:12]}")
    return submit.confirm(tools.yarn, client, tag, monotonic=tools.monotonic, sleep=tools.sleep)


def args(seal: Seal, root: str) -> tuple[str, ...]:
    """hashtag_batch.py's arguments."""
    out = ["--stream", seal.stream, "--root", root]
    if seal.hours:
        out += ["--hours", ",".join(f"{hour_name(hour)}={through_ms}" for hour, through_ms in seal.hours)]
    else:
        out += ["--late-within-hours", str(seal.late_within_hours)]
    return (*out, *(("--incomplete", seal.gap) if seal.gap else ()), *(("--by", seal.by) if seal.by else ()))


class Yarn(Protocol):
    def app(self, app_id: str) -> Application | None: ...


def application(tools: Launcher, app_id: str) -> Application | None:
    """None where YARN has forgotten it."""
    return cast(Yarn, tools.yarn).app(app_id)


def await_end(tools: Launcher, app_id: str, timeout_s: float = 3600.0,
              sleep: Callable[[float], None] | None = None) -> Application:
    """The terminal application; HashtideError where it did not succeed, TimedOut past `timeout_s`."""
    deadline = tools.monotonic() + timeout_s
    while True:
        app = application(tools, app_id)
        if app is None or not app.live:
            return check_end(app_id, app)
        if tools.monotonic() >= deadline:
            raise TimedOut(f"waited {timeout_s:.0f} s for the end of {app_id}, which is {app.state}; "
                           "see its log in YARN")
        (sleep or tools.sleep)(1.0)


def check_end(app_id: str, app: Application | None) -> Application:
    if app is None:
        raise HashtideError(f"YARN has forgotten {app_id}; seal again")
    if app.state != "FINISHED" or app.final_status != "SUCCEEDED":
        reason = submit.last_meaningful_line(app.diagnostics)
        raise HashtideError(f"{app.id} ended {app.state}, {app.final_status}: {reason}; "
                            f"its log: {app.am_container_logs}")
    return app


def results(hdfs: Marks, paths: StreamPaths, hours: Iterable[int], since_ms: int = 0,
            application: str = "") -> list[dict[str, Any]]:
    """What the seals wrote of each hour; HashtideError where one wrote nothing since, whatever YARN says of it."""
    return [_written(hdfs, paths.seal_result(hour), f"the seal of {hour_name(hour)}", since_ms, application)
            for hour in hours]


def is_sealed(hdfs: Marks, paths: StreamPaths, hour_ms: int, since_ms: int, application: str) -> bool:
    return _is_new(hdfs.read_json(paths.seal_result(hour_ms)) or {}, since_ms, application)


def late_results(hdfs: Marks, paths: StreamPaths, since_ms: int = 0, application: str = "") -> list[dict[str, Any]]:
    """The same of a seal of late lines, which chose its hours itself."""
    chosen = _written(hdfs, paths.late_result, "the seal of late lines", since_ms, application)
    return results(hdfs, paths, [int(hour) for hour in chosen.get("hours") or ()], since_ms, application)


def _written(hdfs: Marks, path: str, what: str, since_ms: int, application: str) -> dict[str, Any]:
    found = hdfs.read_json(path) or {}
    if not _is_new(found, since_ms, application):
        raise HashtideError(f"{what} left no result at {path}: see the application's log, and seal again")
    return found


def _is_new(found: dict[str, Any], since_ms: int, application: str) -> bool:
    # Another seal of the same hour may have come after ours; an older one proves nothing.
    return bool(found) and (found.get("application", "") == application != ""
                            or int(found.get("time_ms") or 0) >= since_ms)


def describe(result: dict[str, Any]) -> str:
    """One line for a person."""
    state = "sealed again" if int(result.get("revision") or 1) > 1 else "sealed"
    state = state if result.get("changed", True) else "unchanged"
    parts = [f"{result['hour']} {state}, revision {result.get('revision')}",
             f"{int(result.get('tweets') or 0):,} tweets, {int(result.get('rows') or 0):,} rows"]
    if not result.get("complete", True):
        parts.append(f"incomplete: {result.get('gap')}")
    if not result.get("adds_up", True):
        parts.append("the ledger does not add up")
    return "; ".join(parts)
