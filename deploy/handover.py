"""A person ended the task that holds a stream: cleared it, or marked it failed, success or skipped.

The lease decides what was meant. A cleared task's next try takes it, before or after the old try hears of it:

    still ours    --> the stream is not wanted: desired state stopped, so that no watchdog brings it back; driver killed
    lapsed, and somebody else has submitted since --> that one is left alone, and what should be, too
    another's now --> the next try took over, and has adopted our driver perhaps: our epoch's driver is killed, the next
                      try's trigger sees that and submits again; desired state stays as it is

    next try: takes the lease, then says running        old try: says stopped, then looks at the lease

Whichever of the four comes first, a cleared task ends with its stream running: either the old try sees the new lease
and takes its word back, or the new try says running after it.
"""
from __future__ import annotations

from deploy import desired, lease, supervisor
from deploy.launch import Launcher, newest_epoch
from spark_apps.contract import StreamPaths


def abandon(tools: Launcher, stream: str, holder: str, epoch: int, why: str) -> str:
    """A person ended the task; what was done about the stream, in words."""
    paths = StreamPaths(stream, tools.cluster.root)
    other = lease.held_by(tools, stream)
    if other and other != holder:
        return _leave_to(tools, stream, epoch, other)
    newest = newest_epoch(tools.hdfs, paths)
    if not other and 0 < epoch < newest and (tools.hdfs.read_json(paths.epoch(newest)) or {}).get("who") != holder:
        return _leave_to(tools, stream, epoch, f"whoever submitted epoch {newest}")

    def stopped(said: desired.Said) -> desired.Said | None:
        wanted = said.get("state") == "running"
        return {**said, "state": "stopped", "who": holder, "why": why, "time_ms": tools.now_ms()} if wanted else None

    number, before = desired.change(tools.hdfs, paths, stopped)
    if number:
        other = lease.held_by(tools, stream)
        if other and other != holder:
            desired.overrule(tools.hdfs, paths, number, {
                **before, "who": holder, "why": f"taken back: {other} takes over", "time_ms": tools.now_ms()})
            return _leave_to(tools, stream, epoch, other)
    # Ours is what runs, whoever submitted it: this task held the stream.
    mine = newest_epoch(tools.hdfs, paths)
    killed = supervisor.kill_own(tools, stream, mine, why)
    if mine and not killed:
        # It may be on its way to YARN, or YARN may have forgotten it: its driver reads this.
        supervisor.ask_to_end(tools, paths, mine, holder, why)
    lease.let_go(tools, stream, holder)
    return f"stream {stream} is stopped" + (f", the application of epoch {mine} killed" if killed else "")


def _leave_to(tools: Launcher, stream: str, epoch: int, other: str) -> str:
    killed = supervisor.kill_own(tools, stream, epoch, f"cleared; {other} takes over")
    return f"stream {stream} is left to {other}" + (f", the application of epoch {epoch} killed" if killed else "")
