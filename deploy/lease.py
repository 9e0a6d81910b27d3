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


@dataclass(frozen=True)
class Lease:
    """The newest one; `holder` is empty where nobody has it."""

    number: int = 0
    holder: str = ""
    time_ms: int = 0

    def fresh(self, now_ms: int) -> bool:
        return bool(self.holder) and now_ms - self.time_ms < LEASE_MS


def hold(tools: Launcher, stream: str, holder: str, epoch: int) -> str:
    """Renews the lease for `holder`; the name of another who holds a fresh one, and then nothing is written."""
    while True:
        found = newest(tools, stream)
        if found.holder != holder and found.fresh(tools.now_ms()):
            return found.holder
        if _write(tools, stream, found, holder, epoch):
            return ""


def take(tools: Launcher, stream: str, holder: str, epoch: int) -> None:
    """The lease goes to `holder`, whoever had it: a task that was cleared takes over from its own earlier try."""
    while not _write(tools, stream, newest(tools, stream), holder, epoch):
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


def newest(tools: Launcher, stream: str) -> Lease:
    paths = StreamPaths(stream, tools.cluster.root)
    names = (name.removesuffix(".json") for name in tools.hdfs.list(paths.holders) if name.endswith(".json"))
    number = max((int(name) for name in names if name.isdecimal()), default=0)
    said = (tools.hdfs.read_json(paths.holder(number)) or {}) if number else {}
    return Lease(number, str(said.get("holder") or ""), int(said.get("time_ms") or 0))


def _write(tools: Launcher, stream: str, found: Lease, holder: str, epoch: int) -> bool:
    """Renews the holder's own, or makes the next one; False where somebody else made that."""
    paths = StreamPaths(stream, tools.cluster.root)
    said = {"holder": holder, "epoch": epoch, "time_ms": tools.now_ms()}
    if found.holder == holder:
        tools.hdfs.write_json(paths.holder(found.number), said)
        return True
    return tools.hdfs.create_exclusive(paths.holder(found.number + 1), said)
