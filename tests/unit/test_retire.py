"""Exactly what was listed goes, by the checksum of the list."""
from __future__ import annotations

import pytest

from deploy.backfill import seal_tag
from deploy.checkpoints import points
from deploy.errors import BadUse, HashtideError, Refused
from deploy.retention import gone
from deploy.retention.doing import listed, retire
from deploy.retention.horizons import Horizons
from spark_apps.contract import HOUR_MS, generation_name, hour_name
from tests.fakes.retention import (
    BEGAN,
    USUAL,
    a_stream,
    an_hour,
    begun,
    hours,
    landed_late,
    landing,
    list_of,
)
from tests.fakes.world import PATHS, STREAM, World


def test_what_goes_is_what_was_listed_and_nothing_else() -> None:
    world = a_stream()
    before, found = set(world.hdfs.data), list_of(world)
    assert retire(world.tools, STREAM, USUAL, found.checksum, "me") == found
    deleted = {f"{item.path}/{name}" for item in found.found.items for name in item.names}
    assert before - set(world.hdfs.data) == deleted
    made = {path for path in set(world.hdfs.data) - before if not path.startswith(f"{PATHS.archive}/dt=")}
    assert made == {f"{PATHS.control}/retired/{found.checksum}.json"}
    assert not list_of(world).found.items


def test_the_list_of_a_minute_can_be_gone_through_with_hours_later() -> None:
    world = a_stream()
    found = list_of(world)
    world.ms += 23 * HOUR_MS
    assert list_of(world).found != found.found, "more is past the horizon by now"
    assert retire(world.tools, STREAM, USUAL, found.checksum).found.items == found.found.items


def test_where_the_list_is_another_one_nothing_goes() -> None:
    world = a_stream()
    found = list_of(world)
    world.hdfs.delete(PATHS.seal_result(BEGAN + 3 * HOUR_MS))
    before = dict(world.hdfs.data)
    for horizons in (USUAL, Horizons(landing_hours=48)):
        with pytest.raises(Refused, match="no longer what this checksum stands for, and nothing was deleted"):
            retire(world.tools, STREAM, horizons, found.checksum)
    assert world.hdfs.data == before


def test_a_file_that_changed_its_size_or_name_makes_another_list() -> None:
    world = a_stream()
    found, path = list_of(world), f"{PATHS.landing_hour(BEGAN)}/{an_hour_name(BEGAN)}"
    world.hdfs.data[path] += b"x"
    assert list_of(world).checksum != found.checksum
    assert list_of(world).as_of_ms == found.as_of_ms


def an_hour_name(hour: int) -> str:
    other = begun()
    return an_hour(other, 1, hour)


@pytest.mark.parametrize("sum_", ["", "x", "20270115T0800Z", "20270115T0800Z-" + "g" * 16, "../../etc/passwd",
                                  "20279915T0800Z-" + "0" * 16, "20200115T0800Z-" + "0" * 16,
                                  "20990115T0800Z-" + "0" * 16])
def test_what_is_no_checksum_of_these_days_is_bad_use(sum_: str) -> None:
    with pytest.raises(BadUse, match="checksum"):
        retire(a_stream(1).tools, STREAM, USUAL, sum_)


def test_what_lands_in_an_hour_that_goes_just_then_is_not_lost() -> None:
    world = a_stream()
    found, delete, late = list_of(world), world.hdfs.delete, []

    def deleting(path: str, recursive: bool = False) -> bool:
        if not late and path.startswith(PATHS.landing):
            late.append(landed_late(world, BEGAN))
        if not recursive and path not in world.hdfs.data and world.hdfs.list(path):
            raise HashtideError(f"HDFS {path}: PathIsNotEmptyDirectoryException")
        return delete(path, recursive)

    world.hdfs.delete = deleting  # type: ignore[method-assign]
    retire(world.tools, STREAM, USUAL, found.checksum)
    assert late[0] in landing(world)


def test_the_hours_of_which_landing_is_gone_are_known() -> None:
    world = a_stream()
    every = [BEGAN + at * HOUR_MS for at in range(9 * 24)]
    gone.check(world.hdfs, PATHS, every, world.now_ms())
    retire(world.tools, STREAM, USUAL, list_of(world).checksum)
    assert not gone.hours(world.hdfs, PATHS), "packed is not gone"
    world.ms = BEGAN + (90 * 24 + 48) * HOUR_MS
    retire(world.tools, STREAM, USUAL, list_of(world, USUAL).checksum)
    assert gone.hours(world.hdfs, PATHS) == set(hours(0, 48))
    for hour in (every[0], every[47], every[48]):
        with pytest.raises(BadUse, match=f"hour {hour_name(hour)} cannot be computed again: .* which was retired"):
            gone.check(world.hdfs, PATHS, [every[100], hour], world.now_ms())
    gone.check(world.hdfs, PATHS, every[49:], world.now_ms())


def test_beside_a_seal_nothing_goes_and_afterwards_it_does() -> None:
    world = a_stream()
    found, files = list_of(world), landing(world)
    seals = world.rm.add(0, seal_tag(STREAM))
    with pytest.raises(HashtideError, match=f"{seals.id} seals hours of stream a .* nothing was deleted"):
        retire(world.tools, STREAM, USUAL, found.checksum)
    assert landing(world) == files
    seals.to_ms = world.ms
    assert retire(world.tools, STREAM, USUAL, found.checksum).found.items == found.found.items


def test_no_stream_is_bad_use() -> None:
    with pytest.raises(BadUse, match="no stream nothere at /hashtide/streams/nothere"):
        listed(World().tools, "nothere", USUAL)


def test_generations_are_called_as_everywhere() -> None:
    assert points.generation_number(generation_name(12)) == 12
