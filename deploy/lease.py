"""Who watches a stream: one task at a time, by a lease in HDFS that it renews with each poll.

A lease that is taken over is a new file, made by exclusive create; the newest counts. Were it one file, a renewal that
was on its way while another took over would give the lease back to a task that is gone.
"""
from __future__ import annotations

from dataclasses import dataclass

from deploy.launch import Launcher
from spark_apps.contract import StreamPaths

#: A lease not renewed for so long is nobody's.
LEASE_MS = 90_000
#: Nobody saw the stream where its lease was not renewed for so long: HDFS was away, or who held it. Between two
#: heartbeats and this is less than SILENT_MS: no outage alone makes a driver look silent. A shorter one is told by
#: the polls that came to nothing; were this as short as a slow poll, each of those would pass for one, and no stall
#: be found.
BLIND_MS = 30_000
#: Airflow tries a lost task again after some minutes, or when its scheduler is back.
RETRIED_MS = 60 * 60_000
_LOOKED_AT = 8


@dataclass(frozen=True)
class Lease:
    """The newest one; `holder` is empty where nobody has it.

    `taken_ms`: when a task that begins got it; `since_ms`: from when on it was renewed without a gap, and no poll came
    to nothing.
    """

    number: int = 0
    holder: str = ""
    time_ms: int = 0
    since_ms: int = 0
    taken_ms: int = 0

    def fresh(self, now_ms: int) -> bool:
        return bool(self.holder) and now_ms - self.time_ms < LEASE_MS


def hold(tools: Launcher, stream: str, holder: str, epoch: int) -> str:
    """Renews the lease for `holder`; the name of another who holds a fresh one, and then nothing is written."""
    while True:
        found = newest(tools, stream)
        if found.holder != holder and found.fresh(tools.now_ms()):
            return found.holder
        if succeed(tools, stream, found, holder, epoch, begins=False):
            return ""


def take(tools: Launcher, stream: str, holder: str, epoch: int) -> None:
    """The lease goes to `holder`, whoever had it: a task that was cleared takes over from its own earlier try."""
    while not succeed(tools, stream, newest(tools, stream), holder, epoch):
        pass


def held_by(tools: Launcher, stream: str) -> str:
    """Who holds a fresh lease; empty where nobody does."""
    found = newest(tools, stream)
    return found.holder if found.fresh(tools.now_ms()) else ""


def let_go(tools: Launcher, stream: str, holder: str) -> None:
    """The lease is nobody's, where it was `holder`'s: who comes next need not wait until it is stale."""
    found = newest(tools, stream)
    if found.holder == holder:
        tools.hdfs.write_json(StreamPaths(stream, tools.cluster.root).holder(found.number),
                              {"holder": "", "epoch": 0, "time_ms": tools.now_ms()})


def left_open(tools: Launcher, stream: str, run: str, before_ms: int) -> bool:
    """Whether a try of this run took the stream before that, had it within the hour, and never let it go: its task was
    lost, not ended."""
    found = (_read(tools, stream, number) for number in _numbers(tools, stream)[-_LOOKED_AT:])
    return any(one.holder.rpartition("#")[0] == run and one.taken_ms <= before_ms
               and tools.now_ms() - one.time_ms < RETRIED_MS for one in found)


def newest(tools: Launcher, stream: str) -> Lease:
    return _read(tools, stream, max(_numbers(tools, stream), default=0))


def _numbers(tools: Launcher, stream: str) -> list[int]:
    names = tools.hdfs.list(StreamPaths(stream, tools.cluster.root).holders)
    return sorted(int(name.removesuffix(".json")) for name in names if name.removesuffix(".json").isdecimal())


def _read(tools: Launcher, stream: str, number: int) -> Lease:
    paths = StreamPaths(stream, tools.cluster.root)
    said = (tools.hdfs.read_json(paths.holder(number)) or {}) if number else {}
    return Lease(number, str(said.get("holder") or ""), int(said.get("time_ms") or 0), int(said.get("since_ms") or 0),
                 int(said.get("taken_ms") or 0))


def succeed(tools: Launcher, stream: str, found: Lease, holder: str, epoch: int, begins: bool = True) -> bool:
    """Renews the holder's own, or makes the one after `found`; False where somebody else made that.

    `begins`: it is to say next that the stream should run; one that finds its lease lapsed says nothing.
    """
    paths = StreamPaths(stream, tools.cluster.root)
    now = tools.now_ms()
    ours = found.holder == holder
    seen = ours and found.since_ms and now - found.time_ms < BLIND_MS and not tools.noticed.since_ms
    said = {"holder": holder, "epoch": epoch, "time_ms": now, "since_ms": found.since_ms if seen else now,
            "taken_ms": found.taken_ms if ours else now if begins else 0}
    if ours:
        tools.hdfs.write_json(paths.holder(found.number), said)
        return True
    return tools.hdfs.create_exclusive(paths.holder(found.number + 1), said)
