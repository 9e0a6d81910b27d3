"""A stream that has run for days on a virtual clock: each hour a landing file, the batch that took it, and its seal."""
from __future__ import annotations

from typing import Any

from deploy.launch import INTENT_TIMEOUT_MS
from deploy.retention.doing import Listed, listed
from deploy.retention.horizons import Horizons
from spark_apps.contract import HOUR_MS, LandingFile, hour_name
from tests.fakes.checkpoints import BYTES, TEN, commit
from tests.fakes.world import PATHS, STREAM, World

#: The first hour of landing.
BEGAN = TEN
MINUTE_MS = 60_000
USUAL = Horizons()


def begun() -> World:
    """Nothing has arrived yet."""
    world = World()
    begin(world)
    return world


def begin(world: World) -> None:
    world.hdfs.write_json(PATHS.generation(1), {"parent": None, "shuffle_partitions": 2, "time_ms": BEGAN})
    world.hdfs.mkdirs(PATHS.control)
    world.hdfs.snapshottable.add(PATHS.base)
    world.ms = BEGAN


def days(world: World, count: float, generation: int = 1, sealed: bool = True) -> None:
    """So many more, from the hour that has begun; nothing is running at the end."""
    first = world.now_ms() - world.now_ms() % HOUR_MS
    for hour in range(first, first + round(count * 24) * HOUR_MS, HOUR_MS):
        an_hour(world, generation, hour, sealed)
    world.ms += INTENT_TIMEOUT_MS


def an_hour(world: World, generation: int, hour: int, sealed: bool = True) -> str:
    """The landing file that arrives in its midst; it is sealed 75 minutes after its end."""
    world.ms = hour + 30 * MINUTE_MS
    batch = 1 + max((int(name) for name in world.hdfs.list(f"{PATHS.checkpoint(generation)}/commits")), default=-1)
    commit(world, generation, batch, world.now_ms())
    world.ms = hour + HOUR_MS
    if sealed:
        seal(world, hour, time_ms=hour + 135 * MINUTE_MS)
    return LandingFile(hour + 30 * MINUTE_MS - 5_000, hour + 30 * MINUTE_MS, "x", "u1").name


def seal(world: World, hour: int, **said: Any) -> None:
    world.hdfs.write_json(PATHS.seal_result(hour), {
        "hour_ms": hour, "complete": True, "adds_up": True, "pending": 0, "lines": 100,
        "time_ms": world.now_ms(), **said})


def landed_late(world: World, hour: int, name: str = "late1") -> str:
    """A file of this hour that is landed only now."""
    at = hour + 40 * MINUTE_MS
    file = LandingFile(at - 5_000, at, "x", name).name
    world.hdfs.replace(f"{PATHS.landing_hour(hour)}/{file}", b"x" * BYTES)
    return file


def landing(world: World) -> set[str]:
    """Names of all that is there."""
    return {path.rpartition("/")[2] for path in world.hdfs.data
            if path.startswith(f"{PATHS.landing}/dt=")}


def a_stream(for_days: float = 9) -> World:
    world = begun()
    days(world, for_days)
    return world


def list_of(world: World, horizons: Horizons = USUAL) -> Listed:
    return listed(world.tools, STREAM, horizons)


def whats(found: Listed, kind: str) -> list[str]:
    return [item.what for item in found.found.items if item.kind == kind]


def reasons(found: Listed) -> str:
    return "\n".join(one.why for one in found.found.stays)


def hours(first: int, count: int) -> list[str]:
    return [hour_name(BEGAN + at * HOUR_MS) for at in range(first, first + count)]
