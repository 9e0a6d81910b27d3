from __future__ import annotations

import pytest

from deploy import lease
from tests.fakes.world import PATHS, STREAM, World


@pytest.fixture
def world() -> World:
    return World()


def test_a_free_lease_goes_to_whoever_holds_first(world: World) -> None:
    assert lease.held_by(world.tools, STREAM) == ""
    assert lease.hold(world.tools, STREAM, "a", 1) == ""
    assert lease.held_by(world.tools, STREAM) == "a"


def test_a_fresh_lease_of_another_is_named_and_stays_as_it_is(world: World) -> None:
    lease.hold(world.tools, STREAM, "a", 1)
    before = dict(world.hdfs.data)
    assert lease.hold(world.tools, STREAM, "b", 2) == "a"
    assert world.hdfs.data == before


@pytest.mark.parametrize("age_ms,holder", [(lease.LEASE_MS - 1, "a"), (lease.LEASE_MS, "")])
def test_a_lease_lasts_as_long_as_it_is_renewed(world: World, age_ms: int, holder: str) -> None:
    lease.hold(world.tools, STREAM, "a", 1)
    world.ms += age_ms
    assert lease.held_by(world.tools, STREAM) == holder
    lease.hold(world.tools, STREAM, holder or "b", 1)
    world.ms += age_ms
    assert lease.held_by(world.tools, STREAM) == (holder or "")


def test_a_task_takes_the_lease_over_from_its_earlier_try(world: World) -> None:
    lease.hold(world.tools, STREAM, "run#1", 1)
    lease.take(world.tools, STREAM, "run#2", 1)
    assert lease.hold(world.tools, STREAM, "run#1", 1) == "run#2"


def test_of_two_that_took_it_at_once_one_keeps_it(world: World) -> None:
    for holder in ("a", "b"):
        lease.take(world.tools, STREAM, holder, 1)
    assert [lease.hold(world.tools, STREAM, holder, 1) for holder in ("a", "b", "a")] == ["b", "", "b"]


def test_only_its_holder_lets_a_lease_go(world: World) -> None:
    lease.hold(world.tools, STREAM, "a", 1)
    lease.let_go(world.tools, STREAM, "b")
    assert lease.held_by(world.tools, STREAM) == "a"
    lease.let_go(world.tools, STREAM, "a")
    assert lease.held_by(world.tools, STREAM) == ""


def test_a_lease_whose_writer_was_cut_off_is_nobodys(world: World) -> None:
    world.hdfs.replace(PATHS.holder(1), b"")
    assert lease.held_by(world.tools, STREAM) == ""
    assert lease.hold(world.tools, STREAM, "b", 2) == ""


def test_a_renewal_that_was_on_its_way_does_not_undo_a_takeover(world: World) -> None:
    lease.hold(world.tools, STREAM, "a", 1)
    write = world.hdfs.write_json

    def overtaken(path: str, obj: object) -> None:
        world.hdfs.write_json = write  # type: ignore[method-assign]
        lease.take(world.tools, STREAM, "b", 1)
        write(path, obj)

    world.hdfs.write_json = overtaken  # type: ignore[method-assign]
    lease.hold(world.tools, STREAM, "a", 1)
    assert lease.held_by(world.tools, STREAM) == "b"


def test_a_lease_knows_from_when_on_its_stream_is_watched_without_a_gap(world: World) -> None:
    lease.take(world.tools, STREAM, "a", 1)
    began = world.now_ms()
    for _ in range(10):
        world.ms += lease.BLIND_MS - 1
        lease.hold(world.tools, STREAM, "a", 1)
        assert lease.newest(world.tools, STREAM).since_ms == began
    world.ms += lease.BLIND_MS
    lease.hold(world.tools, STREAM, "a", 1)
    assert lease.newest(world.tools, STREAM).since_ms == world.now_ms()


def test_after_a_poll_that_came_to_nothing_a_stream_is_watched_anew(world: World) -> None:
    """An outage of half a minute is no gap, and long enough for a driver to look silent after it."""
    lease.take(world.tools, STREAM, "a", 1)
    world.ms += 5_000
    world.tools.noticed.again(world.now_ms(), "HDFS is away")
    world.ms += 30_000
    lease.hold(world.tools, STREAM, "a", 1)
    again = world.now_ms()
    assert lease.newest(world.tools, STREAM).since_ms == again
    world.tools.noticed.over(world.hdfs, PATHS, again)
    world.ms += 5_000
    lease.hold(world.tools, STREAM, "a", 1)
    assert lease.newest(world.tools, STREAM).since_ms == again


def test_only_a_lease_that_was_not_let_go_is_left_open(world: World) -> None:
    lease.take(world.tools, STREAM, "run#1", 1)
    assert not lease.left_open(world.tools, STREAM, "run", world.now_ms() - 1)
    assert not lease.left_open(world.tools, STREAM, "ru", world.now_ms())
    assert lease.left_open(world.tools, STREAM, "run", world.now_ms())
    lease.take(world.tools, STREAM, "other#1", 1)
    assert lease.left_open(world.tools, STREAM, "run", world.now_ms())
    lease.take(world.tools, STREAM, "run#2", 1)
    lease.let_go(world.tools, STREAM, "run#2")
    lease.let_go(world.tools, STREAM, "other#1")
    assert lease.left_open(world.tools, STREAM, "run", world.now_ms())   # by its first try
    world.ms += lease.RETRIED_MS
    assert not lease.left_open(world.tools, STREAM, "run", world.now_ms())
