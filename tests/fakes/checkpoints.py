"""A stream that has run: its checkpoint as Spark lays it out, what its driver told, its landing; and calls that end."""
from __future__ import annotations

import json
from typing import Any

import google_crc32c

from deploy.checkpoints.doctor import state
from deploy.checkpoints.doctor.files import SCHEMA
from deploy.launch import Launcher
from spark_apps.contract import LandingFile, StreamPaths, generation_name, hour_name
from spark_apps.taken import log_files
from tests.fakes.actors import CutOff
from tests.fakes.world import PATHS, World

TEN = 1_800_000_000_000 - 1_800_000_000_000 % 3_600_000   # a full hour
BATCH_MS, LINES, BYTES = 10_000, 100, 120_000


def _partitions(world: World, generation: int, paths: StreamPaths) -> int:
    return int((world.hdfs.read_json(paths.generation(generation)) or {}).get("shuffle_partitions") or 3)


def commit(world: World, generation: int, batch: int, at_ms: int, paths: StreamPaths = PATHS) -> None:
    """One file landed at this instant, and the batch that took it."""
    hdfs, checkpoint = world.hdfs, paths.checkpoint(generation)
    hdfs.replace(f"{checkpoint}/metadata", b'{"id":"00000000-0000-0000-0000-000000000000"}')
    offsets(world, generation, batch, at_ms, paths)
    count = _partitions(world, generation, paths)
    ids = [f"{generation:08x}-{partition:04x}-0000-0000-{batch:012x}" for partition in range(count)]
    for partition, one in enumerate(ids):
        data, path = b"x" * (batch + 1), f"{checkpoint}/state/0/{partition}/{batch + 1}_{one}.changelog"
        hdfs.replace(path, data)
        hdfs.replace(f"{path}.crc", _dump({"algorithm": "CRC32C", "value": google_crc32c.value(data),
                                           "mainFileSize": len(data)}))
    hdfs.replace(f"{checkpoint}/{state.OPERATOR}", b"v1\n" + _dump({
        "operatorInfo": {"operatorId": 0, "operatorName": "dedupeWithinWatermark"},
        "stateStoreInfo": [{"storeName": "default", "numColsPrefixKey": 0, "numPartitions": count}]}))
    hdfs.replace(f"{checkpoint}/{state.SCHEMA}", SCHEMA)
    hdfs.replace(f"{checkpoint}/commits/{batch}", b"v2\n" + _dump({
        "nextBatchWatermarkMs": at_ms - 600_000, "stateUniqueIds": {"0": [[one] for one in ids]}}))
    line = {"batch_id": batch, "lines": LINES, "batch_s": 2.0, "arrival_ms": at_ms}
    file = f"{paths.batches}/{generation_name(generation)}-000001.a1-{hour_name(at_ms)}.jsonl"
    hdfs.replace(file, (hdfs.read(file) or b"") + json.dumps(line).encode() + b"\n")


def offsets(world: World, generation: int, batch: int, at_ms: int, paths: StreamPaths = PATHS) -> None:
    """Of a batch that has begun, with the file that landed at this instant; the one before it has handed its watermark
    on."""
    _source(world, paths.checkpoint(generation), batch, land(world, at_ms, paths))
    hdfs, checkpoint, watermark = world.hdfs, paths.checkpoint(generation), at_ms - 600_000
    said = {"batchWatermarkMs": watermark, "batchTimestampMs": at_ms,
            "conf": {"spark.sql.shuffle.partitions": str(_partitions(world, generation, paths))}}
    hdfs.replace(f"{checkpoint}/offsets/{batch}", b"\n".join((b"v1", _dump(said), _dump({"logOffset": batch}))))
    if before := hdfs.read(f"{checkpoint}/commits/{batch - 1}"):
        handed = json.loads(before.partition(b"\n")[2]) | {"nextBatchWatermarkMs": watermark}
        hdfs.data[f"{checkpoint}/commits/{batch - 1}"] = b"v2\n" + _dump(handed)


def _source(world: World, checkpoint: str, batch: int, name: str) -> None:
    """The entry of the source's log that names this file; each tenth is of all before it, too."""
    directory, lines = f"{checkpoint}/sources/0", list[bytes]()
    if batch % 10 == 9:
        for one in log_files(world.hdfs.list(directory)):
            lines += (world.hdfs.read(f"{directory}/{one}") or b"").split(b"\n")[1:]
    lines.append(_dump({"path": name, "timestamp": world.hdfs.times[name], "batchId": batch}))
    to = f"{directory}/{batch}{'.compact' if batch % 10 == 9 else ''}"
    world.hdfs.replace(to, b"\n".join((b"v1", *lines)))


def _dump(said: Any) -> bytes:
    return json.dumps(said, separators=(",", ":")).encode()


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

    CHANGES = ("create_exclusive", "write_json", "replace", "replace_keeping_time", "mkdirs", "delete", "copy",
               "create_snapshot", "delete_snapshot")

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
