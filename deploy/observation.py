"""One look at a stream, and what it means: changes nothing, concludes nothing from silence."""
from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from deploy import desired, restart_policy
from deploy.errors import Unreachable
from deploy.launch import (
    HEARTBEAT_FRESH_MS,
    INTENT_TIMEOUT_MS,
    STOP_TIMEOUT_MS,
    Files,
    Launcher,
    intent_ms,
    newest_epoch,
)
from deploy.restart_policy import Decision, Event, Restart
from deploy.stall import STALL_MS, stalled
from deploy.yarn import Application
from spark_apps.contract import StreamPaths, epoch_tag


@dataclass(frozen=True)
class Observation:
    """One look at a stream. `unknown` says what could not be seen; nothing may be concluded then."""

    stream: str
    now_ms: int
    unknown: str = ""
    desired: dict[str, Any] = field(default_factory=dict)
    epoch: int = 0
    intent_ms: int = 0                   # when it was written
    app: Application | None = None       # of the newest epoch, live or not
    others: tuple[Application, ...] = ()   # live ones of older epochs
    heartbeat: dict[str, Any] = field(default_factory=dict)   # of the newest epoch only
    overwritten: bool = False            # another epoch's driver has just written its own over it
    result: dict[str, Any] = field(default_factory=dict)      # of the newest attempt of this epoch that has ended
    stop_ms: int | None = None           # when its stop was asked for
    kill: dict[str, Any] = field(default_factory=dict)        # why its kill was asked for
    history: tuple[Restart, ...] = ()    # read only where no application lives
    stalled: str = ""                    # why the running application counts as stalled

    @property
    def wanted(self) -> bool:
        return self.desired.get("state") == "running"

    @property
    def unwanted(self) -> bool:
        """It runs, somebody said that it should not, and its driver was not told."""
        runs = self.app.live if self.app else self.outlived
        return bool(runs and self.desired and not self.wanted and self.stop_ms is None)

    @property
    def outlived(self) -> bool:
        """By its heartbeat the driver lives, and YARN has forgotten it: a ResourceManager came back without memory."""
        return (self.app is None and self.now_ms - self.intent_ms >= INTENT_TIMEOUT_MS
                and self.now_ms - int(self.heartbeat.get("time_ms") or 0) < HEARTBEAT_FRESH_MS)


def observe(tools: Launcher, stream: str) -> Observation:
    """Never raises Unreachable: what does not answer is unknown, not dead."""
    try:
        return _observe(tools, StreamPaths(stream, tools.cluster.root))
    except Unreachable as error:
        return Observation(stream, tools.now_ms(), unknown=str(error))


def _observe(tools: Launcher, paths: StreamPaths) -> Observation:
    # Applications first: each has its intent by then, so none is newer than the epoch read after them.
    hdfs, live = tools.hdfs, tools.live(paths.stream)
    epoch = newest_epoch(hdfs, paths)
    mine = tools.yarn.apps(tag=epoch_tag(paths.stream, epoch)) if epoch else []
    beat = hdfs.read_json(paths.heartbeat) or {}
    stop = hdfs.status(paths.stop(epoch)) if epoch else None
    over, now = not (mine and mine[-1].live), tools.now_ms()
    ours = beat.get("epoch") == epoch
    seen = Observation(
        paths.stream, now, "", desired.read(hdfs, paths), epoch,
        intent_ms(hdfs, paths, epoch) if epoch else 0, mine[-1] if mine else None,
        tuple(app for app in live if app.epoch(paths.stream) != epoch),
        beat if ours else {}, not ours and now - int(beat.get("time_ms") or 0) < HEARTBEAT_FRESH_MS,
        (hdfs.read_json(paths.result(epoch)) or {}) if epoch else {},
        int(stop["modificationTime"]) if stop else None,
        _word(hdfs.read_json(paths.kill(epoch))) if epoch else {},
        history(hdfs, paths) if over else ())
    return replace(seen, stalled=stalled(tools, seen)) if seen.wanted else seen


def history(hdfs: Files, paths: StreamPaths, last: int = 20) -> tuple[Restart, ...]:
    """The newest ends, oldest first."""
    names = [name for name in hdfs.list(paths.restarts) if name.removesuffix(".json").isdecimal()][-last:]
    # Whoever was cut off while writing still said which epoch had ended.
    return tuple(Restart.of({"epoch": int(name.removesuffix(".json")),
                             **(hdfs.read_json(f"{paths.restarts}/{name}") or {})}) for name in names)


def _word(said: dict[str, Any] | None) -> dict[str, Any]:
    """Never empty where the file is there, whatever its writer came to."""
    return {} if said is None else {"why": "killed on request", **said}


# decide: pure

def event(seen: Observation) -> Event:
    """What the observation means."""
    if seen.unknown:
        return Event("outage", seen.unknown)
    app = seen.app
    if app and app.live:
        return Event("running", f"{app.id} is {app.state}")
    if not seen.wanted:
        return Event("stopped", f"desired state is {seen.desired.get('state', 'not set')}")
    if app is None and _may_yet_appear(seen):
        return Event("outage", f"epoch {seen.epoch} is unknown to YARN, but may be on its way or still alive")
    return Event("died", restart=_end(seen))


def decide(seen: Observation) -> Decision:
    if seen.wanted and not seen.epoch and not seen.unknown:
        return restart_policy.Submit(seen.now_ms, "never launched")
    since = int(seen.desired.get("since_ms") or 0)
    return restart_policy.decide(seen.history, event(seen), seen.now_ms, since_ms=since)


def _end(seen: Observation) -> Restart:
    """How the newest epoch ended, as it was written down or as it looks."""
    for known in seen.history:
        if known.epoch == seen.epoch:
            return known
    app, beat = seen.app, seen.heartbeat
    at = (app.finished_ms if app else 0) or seen.now_ms
    evidence, kind = _evidence(seen)
    commit, told = int(beat.get("commit_ms") or 0), bool(seen.result.get("error"))
    return Restart(seen.epoch, at, kind, evidence[:1000], app.id if app else "",
                   seen.result.get("batch_id") if told else beat.get("batch_id"),
                   max(0, commit - app.started_ms) if app and commit else 0, commit,
                   int(seen.result.get("tries") or 1) if told else 0)


def _evidence(seen: Observation) -> tuple[str, str]:
    """(text, class): our own kill, the driver's last words, then YARN's."""
    if seen.kill:
        return str(seen.kill.get("why")), str(seen.kill.get("class") or "superseded")
    if seen.stop_ms is not None:
        return "stopped on request", "superseded"
    app, error = seen.app, str(seen.result.get("error") or "")
    if error:
        return error, restart_policy.classify(error)
    if app is None:
        return f"YARN knows no application of epoch {seen.epoch}", "forgotten"
    if app.state == "KILLED":
        return app.diagnostics or "killed in YARN", "killed"
    if app.final_status == "SUCCEEDED":
        # Exit 0 with no stop request is an accident.
        return f"ended by itself: {seen.result.get('reason') or 'no reason given'}", "ended"
    return app.diagnostics or f"{app.state}, {app.final_status}", restart_policy.classify(app.diagnostics)


def _may_yet_appear(seen: Observation) -> bool:
    if any(known.epoch == seen.epoch for known in seen.history):
        return False
    return (seen.now_ms - seen.intent_ms < INTENT_TIMEOUT_MS
            or seen.now_ms - int(seen.heartbeat.get("time_ms") or 0) < STALL_MS)


def overdue_stop(seen: Observation) -> bool:
    return bool(seen.app and seen.app.live and seen.stop_ms and seen.now_ms - seen.stop_ms > STOP_TIMEOUT_MS)


def failing(seen: Observation) -> tuple[str, str]:
    """(error, class) where YARN's next attempt of the running application would only fail as those before it; both
    empty where it may do better."""
    error, beat = str(seen.result.get("error") or ""), seen.heartbeat
    kind = restart_policy.classify(error)
    better = int(beat.get("attempt") or 0) > int(seen.result.get("attempt") or 0) and beat.get("commit_ms")
    if not error or better or not restart_policy.is_hopeless(kind, int(seen.result.get("tries") or 1)):
        return "", ""
    return error, kind
