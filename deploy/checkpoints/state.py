"""The state of a point after one of its batches, opened by Spark's own readers in a local process of Spark.

Spark reads the checkpoint where it lies and writes nothing into it, so a savepoint's snapshot and the checkpoint of a
stream that runs will do: what a committed batch is loaded from stays for a hundred batches.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from deploy.checkpoints import about, local_spark, points, told
from deploy.checkpoints.points import Point
from deploy.errors import BadUse, HashtideError
from deploy.launch import Files, Launcher
from deploy.lines import line
from spark_apps import generations
from spark_apps.contract import StreamPaths, generation_name


@dataclass(frozen=True)
class Partition:
    """`bytes`: of its files in HDFS, older versions among them."""

    partition: int
    rows: int
    bytes: int


@dataclass(frozen=True)
class Key:
    """The identity of a tweet, the event time (ms) at which the watermark drops it, and where it is kept."""

    identity: int
    expires_ms: int
    partition: int

    def as_json(self) -> dict[str, Any]:
        # A snowflake is more than a JSON number holds for many readers.
        return {**asdict(self), "identity": str(self.identity)}


@dataclass(frozen=True)
class State:
    """`told_rows`: as the driver of the batch had them, None where it was cut off before it said so.

    `operators`: as spark_apps.state.operators has them; `minutes`: (minute of expiry in ms, rows), the oldest first;
    `oldest` and `newest`: the first k keys by expiry from either end."""

    stream: str
    point: str
    generation: int
    batch: int
    watermark_ms: int | None
    told_rows: int | None
    spark: str
    operators: tuple[dict[str, Any], ...]
    partitions: tuple[Partition, ...]
    minutes: tuple[tuple[int, int], ...]
    oldest_ms: int | None
    newest_ms: int | None
    oldest: tuple[Key, ...]
    newest: tuple[Key, ...]

    @property
    def rows(self) -> int:
        return sum(one.rows for one in self.partitions)

    @property
    def bytes(self) -> int:
        return sum(one.bytes for one in self.partitions)

    @property
    def largest(self) -> Partition:
        return max(self.partitions, key=lambda one: one.rows)

    @property
    def skew(self) -> float | None:
        """Rows of the largest partition over the mean; None of an empty state."""
        return self.largest.rows * len(self.partitions) / self.rows if self.rows else None

    def fullest(self, k: int) -> list[tuple[int, int]]:
        """Minutes of expiry with the most rows, the fullest first."""
        return sorted(self.minutes, key=lambda one: (-one[1], one[0]))[:k]

    def as_json(self, k: int) -> dict[str, Any]:
        return {
            "stream": self.stream, "point": self.point, "generation": generation_name(self.generation),
            "batch_id": self.batch, "watermark_ms": self.watermark_ms, "spark": self.spark,
            "operators": list(self.operators), "rows": self.rows,
            "told_rows": self.told_rows, "bytes": self.bytes, "skew": self.skew,
            "partitions": [asdict(one) for one in self.partitions],
            "expiry": {"oldest_ms": self.oldest_ms, "newest_ms": self.newest_ms, "minutes": len(self.minutes)},
            "fullest_minutes": [{"minute_ms": minute, "rows": rows} for minute, rows in self.fullest(k)],
            "oldest": [one.as_json() for one in self.oldest], "newest": [one.as_json() for one in self.newest]}


def look(tools: Launcher, stream: str, text: str, batch: int | None, k: int) -> State:
    """`batch`: None is the newest that is committed. BadUse where there is no such point or batch yet; HashtideError
    where it has no state yet, the batch is gone, or Spark cannot read it."""
    paths = StreamPaths(stream, tools.cluster.root)
    point = points.find(tools.hdfs, paths, text)
    number = batch_of(tools.hdfs, point, batch)
    offsets = points.batch_of(tools.hdfs, replace(point, batch=number))
    tools.say(f"{point.label}: the state after batch {number}, by a local Spark")
    said = local_spark.run(tools, local_spark.of_checkout(), "state", [
        "--checkpoint", point.checkpoint, "--batch", str(number), "-k", str(k)])
    if said.get("error_class"):
        raise HashtideError(f"{point.label}: Spark cannot read the state after batch {number} of {point.checkpoint}: "
                            f"{said['error_class']}: {line(said['error'], 300)}; `deploy/hashtide checkpoint doctor "
                            f"{point.name} --stream {stream}` shows whether it is damaged")
    own, cells = said["operator"], said["cells"]
    tools.say(f"the sizes of its {own['partitions']} partitions in HDFS")
    return State(
        stream, point.name, point.generation.number, number, offsets.watermark_ms if offsets else None,
        _told_rows(tools.hdfs, paths, point, number), said["spark"], tuple(said["operators"]),
        _partitions(tools.hdfs, f"{point.checkpoint}/state/{own['id']}", own["partitions"], cells), _minutes(cells),
        said["oldest_ms"], said["newest_ms"], tuple(Key(*one) for one in said["oldest"]),
        tuple(Key(*one) for one in said["newest"]))


def batch_of(hdfs: Files, point: Point, wanted: int | None) -> int:
    """The batch to look at; BadUse, or HashtideError, where Spark has no state of it."""
    if hdfs.status(point.checkpoint) is None:
        raise HashtideError(f"{point.label}: HDFS has no {point.checkpoint}; its checkpoint is missing")
    kept = sorted(int(name) for name in hdfs.list(f"{point.checkpoint}/commits") if name.isdecimal())
    if not kept:
        raise HashtideError(f"{point.label} has no state yet: no batch is committed in {point.checkpoint}")
    number = kept[-1] if wanted is None else wanted
    if number > kept[-1]:
        raise BadUse(f"{point.label}: batch {number} is not committed; the newest is {kept[-1]}")
    if number not in kept:
        raise HashtideError(f"{point.label}: batch {number} was pruned by Spark, which keeps the last hundred; there "
                            f"are {kept[0]} to {kept[-1]}")
    return number


def _told_rows(hdfs: Files, paths: StreamPaths, point: Point, batch: int) -> int | None:
    found = next(told.of_all(hdfs, paths, generations.line(hdfs, paths, point.generation), batch), None)
    return found.state_rows if found and found.batch == batch else None


def _partitions(hdfs: Files, directory: str, count: int, cells: Sequence[Sequence[int]]) -> tuple[Partition, ...]:
    rows = dict.fromkeys(range(count), 0)
    for partition, _, found in cells:
        rows[partition] += found
    return tuple(Partition(number, rows[number], about.size(hdfs, f"{directory}/{number}")["bytes"])
                 for number in sorted(rows))


def _minutes(cells: Sequence[Sequence[int]]) -> tuple[tuple[int, int], ...]:
    rows: dict[int, int] = {}
    for _, minute, found in cells:
        rows[minute] = rows.get(minute, 0) + found
    return tuple(sorted(rows.items()))
