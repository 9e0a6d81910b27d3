"""kill -9 of the process that deletes, before and after each change that it makes: whatever can still be gone back to
has all that it would take, nothing pinned is lost, and the next run comes to the end."""
from __future__ import annotations

import pytest

from deploy import checkpoints
from deploy.checkpoints import points, savepoint
from deploy.errors import HashtideError
from deploy.retention import doing
from deploy.retention.doing import Listed, listed, retire
from deploy.retention.horizons import Horizons
from spark_apps import generations
from spark_apps.contract import HOUR_MS
from spark_apps.generations import lineage
from tests.fakes.actors import CutOff
from tests.fakes.checkpoints import cut
from tests.fakes.retention import begun, days, landing
from tests.fakes.world import PATHS, STREAM, World

SHORT = Horizons(landing_hours=48, generation_days=2, savepoints=1, savepoint_days=1)


@pytest.fixture(autouse=True)
def one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doing, "AT_ONCE", 1)


def a_world() -> World:
    """Of each kind some that go and some that stay; a copy, a snapshot, two old generations."""
    world = begun()
    days(world, 0.25)
    savepoint.take(world.tools, STREAM, "copied", pinned=False, by_copy=True)
    savepoint.take(world.tools, STREAM, "unpinned", pinned=False)
    days(world, 0.25)
    checkpoints.restore(world.tools, STREAM, "unpinned")
    days(world, 0.125, generation=2)
    savepoint.take(world.tools, STREAM, "pinned")
    checkpoints.fresh(world.tools, STREAM)
    days(world, 0.25, generation=3)
    savepoint.take(world.tools, STREAM, "newest", pinned=False)
    world.ms += 5 * 24 * HOUR_MS
    return world


def wants(world: World) -> dict[str, set[str]]:
    """What a driver would take that started from each point that can be gone back to, as its checkpoint says."""
    all_there, found = ever(world), {}
    names = [*points.savepoint_names(world.hdfs, PATHS), *(
        f"g{number:04d}" for number in generations.numbers(world.hdfs, PATHS.generations))]
    for name in names:
        try:
            point = points.find(world.hdfs, PATHS, name)
        except HashtideError:
            continue
        root = f"{point.checkpoint}/sources/0/"
        logs = [data.decode() for path, data in world.hdfs.data.items()
                if path.startswith(root) and int(path.removeprefix(root).removesuffix(".compact")) <= point.batch]
        taken = {word for text in logs for word in text.split('"') if "jsonl" in word}
        first = point.generation.from_hour or 0
        found[name] = {path for path, at in all_there.items() if path not in taken and at >= first}
    return found


def ever(world: World) -> dict[str, int]:
    """Every landing file that there ever was: arrival by path."""
    if not hasattr(world, "ever"):
        world.ever = {path: int(path.rpartition("/")[2].split("-")[1])  # type: ignore[attr-defined]
                      for path in world.hdfs.data if path.startswith(f"{PATHS.landing}/dt=")}
    return dict(world.ever)  # type: ignore[attr-defined]


def check(world: World) -> None:
    there = {path for path in world.hdfs.data if path.startswith(PATHS.landing)}
    for name, wanted in wants(world).items():
        assert wanted <= there, f"{name} could be gone back to, and misses {sorted(wanted - there)[:2]}"
    for name in ("pinned", "newest", "g0003"):
        assert name in wants(world), f"{name} is lost"
    assert set(world.hdfs.list(PATHS.generations)) >= {"g0001.json", "g0002.json", "g0003.json"}


def the_list(world: World) -> Listed:
    return listed(world.tools, STREAM, SHORT)


def test_the_world_has_something_of_each_kind_to_lose() -> None:
    world = a_world()
    found = the_list(world)
    assert [(item.kind, item.what) for item in found.found.items if item.kind != "archive"] == [
        ("savepoint", "copied"), ("savepoint", "unpinned"), ("checkpoint", "g0001"), ("checkpoint", "g0002")]
    assert len([item for item in found.found.items if item.kind == "archive"]) >= 5
    assert len(wants(world)) == 7 and wants(world)["pinned"] and wants(world)["copied"]
    check(world)


def the_end(world: World) -> tuple[set[str], set[str], dict[int, int | None]]:
    there = {path for path in world.hdfs.data if "/control/retired/" not in path and not path.endswith(".retired")}
    return landing(world), there, lineage(world.hdfs, PATHS)


def test_killed_anywhere_nothing_that_stays_is_lost_and_the_next_run_comes_to_the_end() -> None:
    whole = a_world()
    checksum = the_list(whole).checksum
    tools, calls = cut(whole, 1 << 30, False)
    retire(tools, STREAM, SHORT, checksum)
    check(whole)
    assert calls.calls >= 20
    for at in range(1, calls.calls + 1):
        for after in (False, True):
            for same_list in (True, False):
                world = a_world()
                check(world)
                tools, _ = cut(world, at, after)
                try:
                    with pytest.raises(CutOff):
                        retire(tools, STREAM, SHORT, checksum)
                    check(world)
                    if not same_list:   # nobody has the old checksum at hand
                        checksum_now = the_list(world).checksum
                        retire(world.tools, STREAM, SHORT, checksum_now)
                    else:
                        retire(world.tools, STREAM, SHORT, checksum)
                    check(world)
                    assert the_end(world) == the_end(whole)
                    assert not the_list(world).found.items
                except BaseException as error:
                    raise AssertionError(f"killed {'after' if after else 'before'} change {at} of {calls.calls}, "
                                         f"{same_list = }: {error}") from error
