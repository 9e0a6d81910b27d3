"""Is a stream healthy: one verdict in words, from YARN, the heartbeat and what should be."""
from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from typing import Any

from deploy.launch import Launcher
from deploy.observation import Observation, observe


@dataclass(frozen=True)
class Health:
    """`ok` where the state of the stream is the one asked for and nothing holds it up."""

    stream: str
    ok: bool
    verdict: str
    application: str
    state: str
    epoch: int
    generation: int | None
    batch_id: int | None
    batch_seconds: float | None
    trigger_seconds: float | None
    rows_per_second: float | None
    commit_age_seconds: float | None
    late: int | None
    duplicates: int | None
    state_rows: int | None
    spark_ui: str
    who: str = ""                    # who said last what should be, and why
    why: str = ""
    parked: dict[str, Any] = field(default_factory=dict)   # where it is: as `parked` gives it

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def text(self) -> str:
        lines = [f"stream {self.stream}: {self.verdict}"]
        if self.who and not self.parked:
            lines.append(f"  asked for    by {self.who}" + (f": {self.why}" if self.why else ""))
        if self.application:
            lines.append(f"  application  {self.application} {self.state}, epoch {self.epoch}  {self.spark_ui}")
        if self.batch_id is not None:
            lines += [
                f"  last batch   {self.batch_id} of generation {self.generation}: {_s(self.batch_seconds)} of a "
                f"{_s(self.trigger_seconds)} trigger, {self.rows_per_second or 0:.0f} rows/s, "
                f"committed {_s(self.commit_age_seconds)} ago",
                f"  state        {_n(self.state_rows)} identities; since start: {_n(self.duplicates)} duplicates, "
                f"{_n(self.late)} late"]
        return "\n".join([*lines, *parked_lines(self.parked)])


def parked(stream: str, reason: str, error: str = "", who: str = "", since_ms: int = 0) -> dict[str, Any]:
    """Why a stream is parked, the last error of its driver, and the three ways on, each with its command."""
    verb = "deploy/hashtide"
    return {"reason": one_line(reason) or "no reason was given", "error": one_line(error), "who": one_line(who),
            "since_ms": since_ms, "next_steps": {
                "resume": f"{verb} stream submit --stream {stream}",
                "roll back": f"{verb} checkpoint restore --stream {stream} SAVEPOINT",
                "stop": f"{verb} stream stop --stream {stream}"}}


_WHAT_FOR = {"resume": "mend the cause first; goes on from its checkpoint, with a new budget of restarts",
             "roll back": "to a point of `checkpoint list`; says what will change, and with --yes does it; then resume",
             "stop": "it stays down, and that is well"}


def parked_lines(told: dict[str, Any]) -> list[str]:
    """For a terminal or a log, from what `parked` gave; none where it gave nothing."""
    if not told:
        return []
    at = f"{datetime.fromtimestamp(told['since_ms'] / 1000, timezone.utc):%Y-%m-%dT%H:%M:%SZ}"
    lines = [f"  parked       {at}{' by ' if told['who'] else ''}{told['who']}"] if told["since_ms"] else []
    # The reason has the error in it as a rule, but shortened.
    lines += [f"  last error   {told['error']}"] if told["error"] else []
    steps = told["next_steps"]
    wide = max(map(len, steps.values()))
    return [*lines, *(f"  {name:<11}  {command:<{wide}}   # {_WHAT_FOR[name]}" for name, command in steps.items())]


def one_line(text: str) -> str:
    return " ".join(text.split())


def health(tools: Launcher, stream: str) -> Health:
    return judge(observe(tools, stream))


def judge(seen: Observation) -> Health:
    """Pure."""
    app, beat = seen.app, seen.heartbeat
    ok, verdict = _verdict(seen)
    commit = beat.get("commit_ms")
    return Health(
        seen.stream, ok, verdict, app.id if app else "", app.state if app else "", seen.epoch, beat.get("generation"),
        beat.get("batch_id"), beat.get("batch_s"), beat.get("trigger_s"), beat.get("rows_per_s"),
        (seen.now_ms - commit) / 1000 if commit else None, beat.get("late"), beat.get("duplicates"),
        beat.get("state_rows"), app.tracking_url if app and app.live else "",
        str(seen.desired.get("who") or ""), one_line(str(seen.desired.get("why") or "")),
        _parked(seen) if seen.desired.get("state") == "parked" and not (app and app.live) else {})


def _parked(seen: Observation) -> dict[str, Any]:
    ends = [end for end in seen.history if end.epoch == seen.epoch]
    error = str(seen.result.get("error") or "") or (ends[-1].evidence if ends else "")
    return parked(seen.stream, str(seen.desired.get("why") or ""), error, str(seen.desired.get("who") or ""),
                  int(seen.desired.get("time_ms") or 0))


def _verdict(seen: Observation) -> tuple[bool, str]:
    wanted = str(seen.desired.get("state") or "never submitted")
    if seen.unknown:
        return False, f"unknown: {seen.unknown}"
    if seen.others:
        return False, f"{len(seen.others)} more application(s) than one: {', '.join(a.id for a in seen.others)}"
    live = seen.app is not None and seen.app.live
    if not live:
        if wanted == "running":
            return False, "should run and does not; its supervisor or the watchdog starts it again"
        why = f": {one_line(str(seen.desired['why']))}" if seen.desired.get("why") else ""
        return wanted == "stopped", wanted + (why if wanted == "parked" else "")
    if wanted != "running" or seen.stop_ms is not None:
        return False, "stopping"
    if not seen.heartbeat:
        return False, "starting"
    if seen.stalled:
        return False, f"stalled: {seen.stalled}"
    return True, "running"


def _s(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.1f} s"


def _n(count: int | None) -> str:
    return "-" if count is None else f"{count:,}"
