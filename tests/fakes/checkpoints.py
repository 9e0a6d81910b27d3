"""A stream that has run: its checkpoint as Spark lays it out, what its driver told, its landing; and calls that end."""
from __future__ import annotations

import json
from typing import Any

from deploy.launch import Launcher
from spark_apps.contract import LandingFile, StreamPaths, generation_name, hour_name
from tests.fakes.actors import CutOff
from tests.fakes.world import PATHS, World

TEN = 1_800_000_000_000 - 1_800_000_000_000 % 3_600_000   # a full hour
BATCH_MS, LINES, BYTES = 10_000, 100, 120_000


def commit(world: World, generation: int, batch: int, at_ms: int, paths: StreamPaths = PATHS) -> None:
    """One file landed at this instant, and the batch that took it."""
    hdfs, checkpoint = world.hdfs, paths.checkpoint(generation)
    name = land(world, at_ms, paths)
    hdfs.replace(f"{checkpoint}/metadata", b'{"id": "q"}')
    offsets(world, generation, batch, at_ms, paths)
    hdfs.replace(f"{checkpoint}/sources/0/{batch}", f'v1\n{{"path":"{name}","batchId":{batch}}}'.encode())
    for partition in (0, 1):
        hdfs.replace(f"{checkpoint}/state/0/{partition}/{batch + 1}.changelog", b"x" * (batch + 1))
    hdfs.replace(f"{checkpoint}/commits/{batch}", b'v1\n{"nextBatchWatermarkMs":0}')
    line = {"batch_id": batch, "lines": LINES, "batch_s": 2.0, "arrival_ms": at_ms}
    file = f"{paths.batches}/{generation_name(generation)}-000001.a1-{hour_name(at_ms)}.jsonl"
    hdfs.replace(file, (hdfs.read(file) or b"") + json.dumps(line).encode() + b"\n")


def offsets(world: World, generation: int, batch: int, at_ms: int, paths: StreamPaths = PATHS) -> None:
    """Of a batch that has begun."""
    text = f'v1\n{{"batchWatermarkMs":{at_ms - 600_000}}}\n{{"logOffset":{batch}}}'
    world.hdfs.replace(f"{paths.checkpoint(generation)}/offsets/{batch}", text.encode())


def land(world: World, at_ms: int, paths: StreamPaths = PATHS) -> str:
    path = f"{paths.landing_hour(at_ms)}/{LandingFile(at_ms - 5_000, at_ms, 'x', 'u1').name}"
    world.hdfs.replace(path, b"x" * BYTES)
    return path


def lived(world: World, batches: int, first_ms: int = TEN + BATCH_MS) -> None:
    """Generation 1 through so many batches, ten seconds each; nothing runs any more."""
    world.hdfs.write_json(PATHS.generation(1), {"parent": None, "shuffle_partitions": 3})
    world.hdfs.mkdirs(PATHS.control)
    world.hdfs.snapshottable.add(PATHS.base)
    for batch in range(batches):
        commit(world, 1, batch, first_ms + batch * BATCH_MS)
    world.ms = first_ms + batches * BATCH_MS


def checkpoint(world: World, generation: int, paths: StreamPaths = PATHS) -> dict[str, bytes]:
    root = f"{paths.checkpoint(generation)}/"
    return {path.removeprefix(root): data for path, data in world.hdfs.data.items() if path.startswith(root)}


class CutAt:
    """HDFS for a process that is killed at its n-th change, before or after that took effect."""

    CHANGES = ("create_exclusive", "write_json", "replace", "mkdirs", "delete", "copy", "create_snapshot",
               "delete_snapshot")

    def __init__(self, inner: Any, at: int, after: bool) -> None:
        self.inner, self.at, self.after, self.calls = inner, at, after, 0

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.inner, name)
        return self._counted(method) if name in self.CHANGES else method

    def _counted(self, method: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            self.calls += 1
            if self.calls > self.at or self.calls == self.at and not self.after:
                raise CutOff
            answer = method(*args, **kwargs)
            if self.calls == self.at:
                raise CutOff
            return answer
        return call


def cut(world: World, at: int, after: bool) -> tuple[Launcher, CutAt]:
    hdfs = CutAt(world.hdfs, at, after)
    return Launcher(world.tools.cluster, hdfs, world.rm, world.start, world.now_ms, world.monotonic,  # type: ignore[arg-type]
                    world.sleep, world.said.append, world.new_id), hdfs
