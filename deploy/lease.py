"""Who watches a stream: one task at a time, by a lease in HDFS that it renews with each poll."""
from __future__ import annotations

from deploy.launch import Launcher
from spark_apps.contract import StreamPaths

#: A lease not renewed for so long is nobody's.
LEASE_MS = 90_000


def hold(tools: Launcher, stream: str, holder: str, epoch: int) -> str:
    """Renews the lease for `holder`; the name of another who holds a fresh one, and then nothing is written."""
    paths = StreamPaths(stream, tools.cluster.root)
    other = held_by(tools, stream)
    if other and other != holder:
        return other
    tools.hdfs.write_json(paths.holder, {"holder": holder, "epoch": epoch, "time_ms": tools.now_ms()})
    return ""


def take(tools: Launcher, stream: str, holder: str, epoch: int) -> None:
    """The lease goes to `holder`, whoever had it: a task that was cleared takes over from its own earlier try."""
    paths = StreamPaths(stream, tools.cluster.root)
    tools.hdfs.write_json(paths.holder, {"holder": holder, "epoch": epoch, "time_ms": tools.now_ms()})


def held_by(tools: Launcher, stream: str) -> str:
    """Who holds a fresh lease; empty where nobody does."""
    lease = tools.hdfs.read_json(StreamPaths(stream, tools.cluster.root).holder) or {}
    fresh = tools.now_ms() - int(lease.get("time_ms") or 0) < LEASE_MS
    return str(lease.get("holder") or "") if fresh else ""


def let_go(tools: Launcher, stream: str, holder: str) -> None:
    """The lease is nobody's, where it was `holder`'s: who comes next need not wait until it is stale."""
    if held_by(tools, stream) == holder:
        tools.hdfs.write_json(StreamPaths(stream, tools.cluster.root).holder,
                              {"holder": "", "epoch": 0, "time_ms": tools.now_ms()})
