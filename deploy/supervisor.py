"""A stream that should run: observe -> decide -> act; what is decided is written down before anything is done.

The trigger in Airflow and the command line use these, with the same memory in HDFS: the desired state, the newest
epoch, the heartbeat, each epoch's result, the restarts so far.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

from deploy import desired
from deploy.launch import Launcher, StreamSpec, newest_epoch
from deploy.observation import Observation, decide, event, failing, overdue_stop
from deploy.restart_policy import Decision, Park
from deploy.yarn import Application
from spark_apps.contract import StreamPaths


def ask(tools: Launcher, spec: StreamSpec, who: str = "", why: str = "",
        unless: Callable[[desired.Said], bool] = lambda before: False) -> desired.Said:
    """Desired state becomes running; the restart budget begins anew where it was not. What stands instead where that is
    not to be overruled, or nothing."""
    paths = StreamPaths(spec.stream, tools.cluster.root)

    def running(before: desired.Said) -> desired.Said | None:
        if unless(before):
            return None
        since = before.get("since_ms") if before.get("state") == "running" else None
        return {"state": "running", "parameters": asdict(spec), "release": spec.release, "engine": spec.engine,
                "since_ms": since or tools.now_ms(), "who": who, "why": why, "time_ms": tools.now_ms()}

    number, before = desired.change(tools.hdfs, paths, running)
    return {} if number else before


def stop(tools: Launcher, stream: str, who: str = "", why: str = "", state: str = "stopped",
         opening: str = "") -> int:
    """Desired state becomes `state`, and the newest epoch's driver is asked to end after its batch; its epoch or 0.

    `opening`: the task that opens the next generation as soon as it has ended, and then goes on.
    """
    paths = StreamPaths(stream, tools.cluster.root)

    def stopped(before: desired.Said) -> desired.Said:
        kept = {name: value for name, value in before.items() if name != "opening"}
        return {**kept, "state": state, "who": who, "why": why, "time_ms": tools.now_ms(),
                **({"opening": opening} if opening else {})}

    desired.change(tools.hdfs, paths, stopped)
    epoch = newest_epoch(tools.hdfs, paths)
    if epoch:
        ask_to_end(tools, paths, epoch, who, why)
    return epoch


def ask_to_end(tools: Launcher, paths: StreamPaths, epoch: int, who: str, why: str) -> None:
    """The driver of this epoch ends after its batch; what should be stays as it is."""
    tools.hdfs.create_exclusive(paths.stop(epoch), {"who": who, "why": why, "time_ms": tools.now_ms()})


def settle(tools: Launcher, seen: Observation) -> Decision:
    """Acts on what needs no new application, and returns what is decided: the caller submits, or ends.

    Kills the application whose stop is overdue, that stalls or only fails again; writes down an end, parks.
    """
    paths = StreamPaths(seen.stream, tools.cluster.root)
    decision = decide(seen)
    if seen.unknown or seen.app is None and not seen.epoch:
        return decision
    if seen.app and seen.app.live:
        if overdue_stop(seen):
            kill(tools, paths, seen.app, "its stop took too long", "superseded")
        elif seen.kill:
            tools.yarn.kill(seen.app.id)   # whoever left word may have been cut off before the kill
        elif seen.unwanted:
            ask_to_end(tools, paths, seen.epoch, "supervisor", "launched while its stop was asked for")
        elif seen.wanted and seen.stalled:
            kill(tools, paths, seen.app, seen.stalled, "stalled")
        elif seen.wanted and (said := failing(seen))[0]:
            kill(tools, paths, seen.app, *said)
        return decision
    if seen.outlived and seen.stop_ms is None:
        # No kill can reach it; it ends after its batch, and what should run is submitted then.
        ask_to_end(tools, paths, seen.epoch, "supervisor", "YARN has forgotten its application")
    if (end := event(seen).restart) and end not in seen.history:
        tools.hdfs.create_exclusive(paths.restart(end.epoch), end.as_json())
    if isinstance(decision, Park):
        stop(tools, seen.stream, "supervisor", decision.reason, "parked")
    return decision


def kill_own(tools: Launcher, stream: str, epoch: int, why: str) -> bool:
    """Kills the live application of this epoch and of no other; whether there was one."""
    paths = StreamPaths(stream, tools.cluster.root)
    mine = [app for app in tools.live(stream) if app.epoch(stream) == epoch]
    for app in mine:
        kill(tools, paths, app, why, "superseded")
    return bool(mine)


def kill(tools: Launcher, paths: StreamPaths, app: Application, why: str, kind: str) -> None:
    tools.hdfs.create_exclusive(paths.kill(app.epoch(paths.stream)),
                                {"why": why, "class": kind, "time_ms": tools.now_ms()})
    tools.yarn.kill(app.id)
