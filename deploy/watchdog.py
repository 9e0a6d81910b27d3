"""What the watchdog does for each stream: reap what should not run, find who needs somebody to hold it."""
from __future__ import annotations

from dataclasses import dataclass

from deploy import lease, supervisor
from deploy.launch import Launcher
from deploy.observation import Observation, observe, overdue_stop
from spark_apps.contract import STREAM_NAME, StreamPaths


@dataclass(frozen=True)
class Finding:
    """What the watchdog saw of one stream, what it killed, and whether somebody must be found to hold it."""

    stream: str
    needs_holder: bool = False
    killed: tuple[str, ...] = ()
    text: str = ""


def watch(tools: Launcher, stream: str) -> Finding:
    """Exactly one live application for a stream that should run, none for one that should not."""
    seen = observe(tools, stream)
    if seen.unknown:
        return Finding(stream, text=f"nothing concluded: {seen.unknown}")
    paths = StreamPaths(stream, tools.cluster.root)
    killed = _reap(tools, paths, seen)
    if not seen.wanted:
        return Finding(stream, False, killed, f"desired state is {seen.desired.get('state', 'not set')}")
    holder = lease.held_by(tools, stream)
    return Finding(stream, not holder, killed, f"held by {holder}" if holder else "nobody holds it")


def _reap(tools: Launcher, paths: StreamPaths, seen: Observation) -> tuple[str, ...]:
    doomed = [(app, f"superseded by epoch {seen.epoch}") for app in seen.others]
    if seen.app and seen.app.live:
        if seen.kill:
            doomed.append((seen.app, str(seen.kill["why"])))   # whoever left word may have been cut off before the kill
        elif overdue_stop(seen):
            doomed.append((seen.app, "its stop took too long"))
        elif seen.unwanted:
            supervisor.ask_to_end(tools, paths, seen.epoch, "watchdog", "the stream should not run")
    for app, why in doomed:
        supervisor.kill(tools, paths, app, why, "superseded")
    return tuple(app.id for app, _ in doomed)


def streams(tools: Launcher) -> list[str]:
    """Every stream that was provisioned; a directory of another name is not ours."""
    return [name for name in tools.hdfs.list(f"{tools.cluster.root}/streams") if STREAM_NAME.fullmatch(name)]
