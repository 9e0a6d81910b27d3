"""Sealing hours: which ones, how far landing is complete, the batch job that does it, and what it says it did."""
from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Protocol, cast

from deploy import artifact, submit
from deploy.errors import BadUse, HashtideError, TimedOut
from deploy.landed import Marks, needed, through
from deploy.launch import Launcher
from deploy.yarn import Application
from spark_apps.contract import HOUR_MS, StreamPaths, check_stream, hour_name, launch_tag

MAX_HOURS = 24 * 31


@dataclass(frozen=True)
class Seal:
    """One batch: hours of a stream, ascending, each with the instant through which its lines are read: (ms, ms).

    `late_within_hours` instead of hours: those of the last so many hours for which later lines have arrived.
    `then_verify`: the application goes on and verifies what it has sealed, which saves the start of another.
    """

    stream: str
    hours: tuple[tuple[int, int], ...] = ()
    gap: str = ""                      # why the hours are not complete
    late_within_hours: int = 0
    by: str = ""
    then_verify: bool = False
    purged: bool = False               # what the hours lose by it was purged

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


# submit, wait, result

def seal_tag(stream: str) -> str:
    """The YARN tag of this stream's batches; a stream's own tag has no second hyphen."""
    return f"hashtide-seal-{check_stream(stream)}"


def submit_seal(tools: Launcher, seal: Seal, release: str = "") -> Application:
    """The batch's application, confirmed at the RM. Two at once on one hour are harmless: Delta keeps one."""
    hours = [hour for hour, _ in seal.hours]
    what = span(hours) if hours else f"late within {seal.late_within_hours} h"
    name = f"hashtide seal {seal.stream} {f'{len(hours)} h' if hours else what}"
    tools.say(f"submitting the seal of {seal.stream}: {what}")
    return submit_batch(tools, seal.stream, name, args(seal, tools.cluster.root), release)


def submit_batch(tools: Launcher, stream: str, name: str, arguments: tuple[str, ...], release: str,
                 kind: str = "batch") -> Application:
    root = tools.cluster.root
    made = artifact.find(tools.hdfs, release, root) if release else artifact.publish(tools.hdfs, root)
    launch_id = tools.new_id()
    tag = launch_tag(launch_id)
    job = submit.Job(kind, name, tools.cluster.yarn.batch_queue, (seal_tag(stream), tag), arguments, made)
    client = tools.start(tools.cluster, job, f"{'seal' if kind == 'batch' else kind}-{stream}-{launch_id[:12]}")
    return submit.confirm(tools.yarn, client, tag, monotonic=tools.monotonic, sleep=tools.sleep)


def args(seal: Seal, root: str) -> tuple[str, ...]:
    """hashtag_batch.py's arguments."""
    out = ["--stream", seal.stream, "--root", root]
    if seal.hours:
        out += ["--hours", hours_argument(seal.hours)]
    else:
        out += ["--late-within-hours", str(seal.late_within_hours)]
    return (*out, *(("--incomplete", seal.gap) if seal.gap else ()), *(("--by", seal.by) if seal.by else ()),
            *(("--then-verify",) if seal.then_verify else ()), *(("--purged",) if seal.purged else ()))


def hours_argument(hours: Iterable[tuple[int, int]]) -> str:
    return ",".join(f"{hour_name(hour)}={through_ms}" for hour, through_ms in hours)


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
        raise HashtideError(f"YARN has forgotten {app_id}; run it again")
    if app.state != "FINISHED" or app.final_status != "SUCCEEDED":
        reason = submit.last_meaningful_line(app.diagnostics) if app.diagnostics else "no diagnostics"
        raise HashtideError(f"{app.id} ended {app.state}, {app.final_status}: {reason}; "
                            f"its log: {app.am_container_logs}")
    return app


def results(hdfs: Marks, paths: StreamPaths, hours: Iterable[int], since_ms: int = 0,
            application: str = "") -> list[dict[str, Any]]:
    """What the seals wrote of each hour; HashtideError where one wrote nothing since, whatever YARN says of it."""
    return [written(hdfs, paths.seal_result(hour), f"the seal of {hour_name(hour)}", since_ms, application)
            for hour in hours]


def is_sealed(hdfs: Marks, paths: StreamPaths, hour_ms: int, since_ms: int, application: str) -> bool:
    return _is_new(hdfs.read_json(paths.seal_result(hour_ms)) or {}, since_ms, application)


def late_results(hdfs: Marks, paths: StreamPaths, since_ms: int = 0, application: str = "") -> list[dict[str, Any]]:
    """The same of a seal of late lines, which chose its hours itself."""
    chosen = written(hdfs, paths.late_result, "the seal of late lines", since_ms, application)
    return results(hdfs, paths, [int(hour) for hour in chosen.get("hours") or ()], since_ms, application)


def written(hdfs: Marks, path: str, what: str, since_ms: int, application: str) -> dict[str, Any]:
    """The result at this path; HashtideError where this application, or a later one, left none."""
    found = hdfs.read_json(path) or {}
    if not _is_new(found, since_ms, application):
        raise HashtideError(f"{what} left no result at {path}: see the application's log, and run it again")
    return found


def _is_new(found: dict[str, Any], since_ms: int, application: str) -> bool:
    # Another seal of the same hour may have come after ours; an older one proves nothing.
    return bool(found) and (found.get("application", "") == application != ""
                            or int(found.get("time_ms") or 0) > since_ms)


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
