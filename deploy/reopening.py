"""A stream goes back to a savepoint, or begins with an empty checkpoint: what a run does of it, once, wherever cut off.

    plan --a person approves--> control/approved/<run>.json
      v
    stop: lease taken, desired state stopped, `opening` names the run
      v
    poll: the lease renewed until no driver lives or is on its way --somebody else said otherwise--> superseded
      v
    open: the next generation, unless this run has opened one already --> launched as any other

A try that follows goes on where the one before it was: after the approval, or with the generation that is open.
"""
from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from deploy import artifact, checkpoints, desired, engines, lease, supervisor
from deploy.checkpoints import points
from deploy.errors import BadUse, HashtideError, Refused
from deploy.holding import Event
from deploy.launch import Launcher, newest_epoch
from deploy.observation import observe
from deploy.spec import SAVEPOINT, Request
from spark_apps import generations
from spark_apps.contract import StreamPaths, generation_name
from spark_apps.generations import Generation

#: After so long nobody knows any more what was approved.
APPROVAL_MS = 3_600_000
_RENEW_S = 15.0


def plan(tools: Launcher, wish: Request) -> str:
    """What will happen, in words. BadUse, Refused where the point or the release is not there, or is damaged."""
    stream, paths = wish.spec.stream, StreamPaths(wish.spec.stream, tools.cluster.root)
    engines.only_structured(tools.hdfs, paths, f"mode {wish.mode}")
    if wish.spec.release:
        artifact.find(tools.hdfs, wish.spec.release, tools.cluster.root)
    if wish.mode != SAVEPOINT:
        return checkpoints.plan(tools, stream, "fresh").text()
    point, newest = points.find(tools.hdfs, paths, wish.savepoint), generations.newest(tools.hdfs, paths)
    if newest and point.kind == "generation" and point.generation.number == newest.number:
        raise BadUse(f"savepoint = {point.name}: stream {stream} goes on with that already")
    if fault := points.fault(tools.hdfs, paths, point):
        raise Refused(f"{point.label} is damaged: {fault}; `deploy/hashtide checkpoint list --stream {stream}` shows "
                      "others")
    return checkpoints.plan(tools, stream, "restore", wish.savepoint).text()


def opened(tools: Launcher, stream: str, holder: str) -> Generation | None:
    """The generation that this run, in whichever try, has opened; it stays so, whatever was opened since."""
    paths = StreamPaths(stream, tools.cluster.root)
    found = (generations.opened(tools.hdfs, paths, number)
             for number in generations.numbers(tools.hdfs, paths.generations))
    return next((one for one in found if one and one.who.startswith(f"{_run(holder)}#")), None)


def approve(tools: Launcher, stream: str, holder: str, by: str) -> None:
    tools.hdfs.write_json(_approval(tools, stream, holder), {"by": by, "run": _run(holder),
                                                             "time_ms": tools.now_ms()})


def approved(tools: Launcher, stream: str, holder: str) -> str:
    """By whom this run was; empty where it was not, too long ago, or somebody has said since what should be."""
    said = tools.hdfs.read_json(_approval(tools, stream, holder)) or {}
    at, since = int(said.get("time_ms") or 0), desired.read(tools.hdfs, StreamPaths(stream, tools.cluster.root))
    overruled = int(since.get("time_ms") or 0) > at and _run(str(since.get("who") or "")) != _run(holder)
    return str(said.get("by") or "") if tools.now_ms() - at < APPROVAL_MS and not overruled else ""


def stop(tools: Launcher, wish: Request, holder: str) -> int:
    """The stream is this run's, and its driver ends after its batch; its epoch, or 0."""
    stream = wish.spec.stream
    lease.take(tools, stream, holder, newest_epoch(tools.hdfs, StreamPaths(stream, tools.cluster.root)))
    return supervisor.stop(tools, stream, holder, why(wish), opening=holder)


def poll(tools: Launcher, stream: str, holder: str, retry_ms: int = 0) -> Event | None:
    """`open` once nothing of the stream runs. Unreachable where the lease cannot be kept."""
    paths = StreamPaths(stream, tools.cluster.root)
    if other := lease.hold(tools, stream, holder, 0):
        return Event("superseded", f"{other} took stream {stream} over before a generation was opened")
    seen = observe(tools, stream)
    if seen.unknown:
        return None
    if seen.desired.get("opening") != holder:
        return Event("superseded", f"stream {stream} is to be {seen.desired.get('state')} since, says "
                                   f"{seen.desired.get('who') or 'somebody'}; no generation was opened")
    supervisor.settle(tools, seen)
    for app in seen.others:
        supervisor.kill(tools, paths, app, f"superseded by epoch {seen.epoch}", "superseded")
    waits = seen.others or seen.now_ms < retry_ms or tools.what_to_wait_for(paths, seen.epoch)
    return None if waits else Event("open")


def open_next(tools: Launcher, wish: Request, holder: str) -> Generation:
    """Opens it, or finds that an earlier try has. Refused where a driver lives or somebody else opened one meanwhile,
    HashtideError for a point that is damaged; the stream stays stopped then."""
    stream = wish.spec.stream
    if found := opened(tools, stream, holder):
        tools.say(f"generation {generation_name(found.number)} was opened by this run already")
        return found
    who = f"{holder}, approved by {approved(tools, stream, holder) or 'nobody'}"
    with _renewed(tools, stream, holder):   # a copy of a large checkpoint may take longer than a lease lasts
        if wish.mode == SAVEPOINT:
            return checkpoints.restore(tools, stream, wish.savepoint, who, why(wish))
        return checkpoints.fresh(tools, stream, who, why(wish))


def why(wish: Request) -> str:
    return wish.reason or f"mode {wish.mode}{f' {wish.savepoint}' if wish.savepoint else ''}"


def _run(holder: str) -> str:
    """Whatever its try."""
    return holder.rpartition("#")[0]


def _approval(tools: Launcher, stream: str, holder: str) -> str:
    # A run's id is anybody's text, and has characters that HDFS does not take.
    name = hashlib.sha256(_run(holder).encode()).hexdigest()[:20]
    return f"{StreamPaths(stream, tools.cluster.root).control}/approved/{name}.json"


@contextmanager
def _renewed(tools: Launcher, stream: str, holder: str) -> Iterator[None]:
    over = threading.Event()

    def renew() -> None:
        while not over.wait(_RENEW_S):
            try:
                lease.hold(tools, stream, holder, 0)
            except HashtideError as error:
                tools.say(f"the lease is not renewed: {error}")

    thread = threading.Thread(target=renew, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(5)
