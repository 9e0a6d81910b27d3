"""What the task that holds a stream does, from its start to its end; Airflow's part is only when it does it.

    begin --another holds it, and it should run--> superseded
      | lease taken, then desired state running
      v
    submit <-------------------------------+
      | launched, adopted, or put off      |
      v                                    |
    poll: the lease renewed, then settle --+ submit: it died, and its back-off is over
      |-- park: the policy gave it up, desired state parked
      |-- done: somebody asked for its end, and it ended
      +-- superseded: another task took the lease

What becomes of the stream where a person ends the task: deploy.handover.
"""
from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from deploy import desired, lease, pages, supervisor
from deploy.errors import BadUse, HashtideError, Refused, TimedOut, Unreachable
from deploy.launch import Launcher, StreamSpec, newest_epoch
from deploy.observation import Observation, observe
from deploy.restart_policy import Decision, Done, Park, Restart, Submit
from deploy.submit import SubmitFailed
from deploy.yarn import Application
from spark_apps.contract import StreamPaths

#: A launch that has to wait longer, for the end of a predecessor say, is put off: it would occupy a worker.
LAUNCH_TIMEOUT_S = 60.0
_RENEW_MS = 15_000
#: How the run ids begin of runs that no person asked for.
AUTOMATIC = "watchdog__"


@dataclass(frozen=True)
class Event:
    """Why the task goes on: submit, park, done or superseded."""

    what: str
    reason: str = ""


@dataclass(frozen=True)
class Launched:
    """What became of a submission; `put_off` says why there is no application yet."""

    epoch: int
    app: Application | None = None
    put_off: str = ""


def holder_name(run: str, try_number: int) -> str:
    return f"{run}#{try_number}"


def run_of(holder: str) -> tuple[str, str]:
    """(DAG, run) of a holder."""
    dag_id, _, run_id = _run(holder).partition("/")
    return dag_id, run_id


def preflight(tools: Launcher, spec: StreamSpec) -> None:
    """BadUse where the stream is not provisioned or its release is not there; Unreachable as deploy.errors has it."""
    paths = StreamPaths(spec.stream, tools.cluster.root)
    if tools.hdfs.status(paths.control) is None:
        raise BadUse(f"stream {spec.stream} is not provisioned: run hashtag_provision with stream = {spec.stream}")
    live = tools.live(spec.stream)
    running = (tools.hdfs.read_json(paths.epoch(live[-1].epoch(spec.stream))) or {}).get("release") if live else ""
    if spec.release and running and running != spec.release:
        raise Refused(f"stream {spec.stream} runs release {running}, wanted is {spec.release}: "
                      f"stop it first, `deploy/hashtide stream stop --stream {spec.stream}`")


def begin(tools: Launcher, spec: StreamSpec, holder: str, why: str = "") -> Event | None:
    """Takes the stream; `superseded` where another task holds it already, and then nothing is changed.

    `park`, `done`: it was given up or stopped, and this task was not asked for since: it goes on for one that was lost,
    or somebody stopped the stream at this very moment.
    """
    while True:
        found = lease.newest(tools, spec.stream)
        stood = desired.read(tools.hdfs, StreamPaths(spec.stream, tools.cluster.root))
        if event := _not_ours(tools, found, stood, spec, holder):
            return event
        # Of many at once one comes through; the others look again, and find it.
        if lease.succeed(tools, spec.stream, found, holder, newest(tools, spec.stream)):
            break

    def stopped_since(before: desired.Said) -> bool:
        # A task's word is of before: who marks one and triggers again wants the stream.
        return before != stood and before.get("state") == "stopped" and not _run(str(before.get("who") or ""))

    if stop := supervisor.ask(tools, spec, who=holder, why=why, unless=stopped_since):
        lease.let_go(tools, spec.stream, holder)
        return Event("done", _meanwhile(spec.stream, stop))
    return None


def _not_ours(tools: Launcher, found: lease.Lease, before: desired.Said, spec: StreamSpec, holder: str) -> Event | None:
    """Why the stream is not to be taken from who had the lease `found`."""
    wanted, fresh = before.get("state") == "running", found.fresh(tools.now_ms())
    if fresh and before.get("opening") == found.holder and _run(found.holder) != _run(holder):
        return Event("superseded", f"{found.holder} opens the next generation of stream {spec.stream} and then goes "
                                   "on; nothing was changed")
    # Who took a stream that was stopped has yet to say running; who had it when it was stopped is on its way out, as
    # an earlier try of the same run is.
    stays = wanted or found.taken_ms > int(before.get("time_ms") or 0)
    if fresh and stays and _run(found.holder) != _run(holder):
        return Event("superseded", f"{found.holder} holds stream {spec.stream} already; its parameters stay as they "
                                   "are. To change them stop the stream, then trigger again")
    if before and not wanted and _goes_on(tools, before, spec.stream, holder):
        return Event("park" if before.get("state") == "parked" else "done",
                     _meanwhile(spec.stream, before))
    return None


def _meanwhile(stream: str, said: desired.Said) -> str:
    return (f"stream {stream} was {said.get('state')} meanwhile by {said.get('who')}: "
            f"{said.get('why') or 'no reason given'}. Trigger hashtag_stream to run it again")


def launch(tools: Launcher, spec: StreamSpec, holder: str, why: str = "") -> Launched:
    """Submits or adopts, with the lease kept meanwhile. BadUse, Refused: no other try can mend it."""
    paths = StreamPaths(spec.stream, tools.cluster.root)
    try:
        app = _renewing(tools, spec.stream, holder).launch(spec, holder, why, LAUNCH_TIMEOUT_S)
    except (SubmitFailed, TimedOut, Unreachable) as error:
        return Launched(_epoch(tools, paths), put_off=str(error))
    epoch = app.epoch(spec.stream)
    with suppress(Unreachable):   # the first poll renews it, and finds out who took it meanwhile
        lease.hold(tools, spec.stream, holder, epoch)
    return Launched(epoch, app)


def wanted_spec(tools: Launcher, stream: str) -> StreamSpec:
    """What should run. A restart keeps the release that runs since it was asked for: to upgrade, stop and submit."""
    paths = StreamPaths(stream, tools.cluster.root)
    said = desired.read(tools.hdfs, paths)
    spec = StreamSpec.of({"stream": stream, **said.get("parameters", {})})
    intent = tools.hdfs.read_json(paths.epoch(newest_epoch(tools.hdfs, paths))) or {}
    if not spec.release and int(intent.get("time_ms") or 0) >= int(said.get("since_ms") or 0):
        spec = replace(spec, release=str(intent.get("release") or ""))
    return spec


def poll(tools: Launcher, stream: str, holder: str, epoch: int, retry_ms: int = 0) -> tuple[Event | None, Observation]:
    """One look, and what follows; no event while there is nothing to do. Unreachable where the lease cannot be kept.

    `retry_ms`: when a launch that was put off may be tried again.
    """
    try:
        other = lease.hold(tools, stream, holder, epoch)
    except Unreachable as error:
        tools.noticed.again(tools.now_ms(), str(error))
        raise
    if other:
        return Event("superseded", f"{other} took stream {stream} over"), Observation(stream, tools.now_ms())
    seen = observe(tools, stream)
    if seen.unknown:
        tools.noticed.again(seen.now_ms, seen.unknown)
    else:
        tools.noticed.over(tools.hdfs, StreamPaths(stream, tools.cluster.root), seen.now_ms)
    if _by_earlier_try(seen, holder):
        supervisor.ask(tools, wanted_spec(tools, stream), who=holder, why="its earlier try was ended, this one runs it")
        seen = observe(tools, stream)
    return _event(seen, supervisor.settle(tools, seen), retry_ms), seen


def _by_earlier_try(seen: Observation, holder: str) -> bool:
    """Whether what stopped the stream is the end of a try before ours, and was to be taken back since the lease is
    ours: its triggerer was lost before it came to that (deploy.handover)."""
    who = str(seen.desired.get("who") or "")
    return not seen.unknown and seen.desired.get("state") == "stopped" and who != holder and _run(who) == _run(holder)


def _event(seen: Observation, decision: Decision, retry_ms: int) -> Event | None:
    if isinstance(decision, Park):
        return Event("park", decision.reason)
    if isinstance(decision, Done):
        # Parked by a trigger that was gone before it could say so.
        parked = seen.desired.get("state") == "parked"
        return Event("park", str(seen.desired.get("why"))) if parked else Event("done", decision.reason)
    if isinstance(decision, Submit):
        return Event("submit", decision.reason) if seen.now_ms >= max(decision.at_ms, retry_ms) else None
    return None


def finish(tools: Launcher, stream: str, holder: str) -> None:
    """The task ends; whoever comes next finds the lease free."""
    lease.let_go(tools, stream, holder)


def newest(tools: Launcher, stream: str) -> int:
    return newest_epoch(tools.hdfs, StreamPaths(stream, tools.cluster.root))


def restart_before(tools: Launcher, seen: Observation) -> str:
    """Why the epoch before this one ended where nobody wanted it to; empty where it did not."""
    paths = StreamPaths(seen.stream, tools.cluster.root)
    raw = tools.hdfs.read_json(paths.restart(seen.epoch - 1)) if seen.epoch > 1 else None
    before = Restart.of(raw or {})
    wanted = raw and before.kind != "superseded" and before.time_ms >= int(seen.desired.get("since_ms") or 0)
    return f"{before.kind}: {before.evidence}"[:300] if wanted else ""


def _goes_on(tools: Launcher, said: dict[str, Any], stream: str, holder: str) -> bool:
    """Whether nobody asked for this task since the stream was stopped: the watchdog did, before; or it tries again
    what an earlier try had begun and not ended. Where that was cleared, its own end is what stopped the stream."""
    if _run(str(said.get("who") or "")) == _run(holder):
        return False
    return f"/{AUTOMATIC}" in holder or lease.left_open(
        tools, stream, _run(holder), int(said.get("time_ms") or 0))


def _run(holder: str) -> str:
    return holder.rpartition("#")[0]


def _epoch(tools: Launcher, paths: StreamPaths) -> int:
    try:
        return newest_epoch(tools.hdfs, paths)
    except Unreachable:
        return 0


def _renewing(tools: Launcher, stream: str, holder: str) -> Launcher:
    """The launcher with a sleep that keeps the lease: spark-submit may take longer than a lease lasts."""
    last = [tools.now_ms()]

    def sleep(seconds: float) -> None:
        tools.sleep(seconds)
        if tools.now_ms() - last[0] > _RENEW_MS:
            last[0] = tools.now_ms()
            try:
                lease.hold(tools, stream, holder, 0)
            except HashtideError as error:
                tools.say(f"the lease is not renewed: {error}")

    return replace(tools, sleep=sleep)


def describe(launched: Launched, tools: Launcher, stream: str) -> dict[str, Any]:
    """What the task's links are made of."""
    if launched.app is None:
        return {"epoch": launched.epoch}
    try:
        intent = tools.hdfs.read_json(StreamPaths(stream, tools.cluster.root).epoch(launched.epoch)) or {}
    except HashtideError:
        intent = {}
    generation = int(intent.get("generation") or 0)
    return {"epoch": launched.epoch, "application": launched.app.id, "generation": generation or None,
            **pages.of(tools.cluster, stream, launched.app, generation)}
