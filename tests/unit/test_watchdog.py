from __future__ import annotations

import pytest

from deploy import lease, supervisor
from deploy.launch import STOP_TIMEOUT_MS
from deploy.watchdog import streams, watch
from tests.fakes.world import PATHS, SPEC, STREAM, World


@pytest.fixture
def world() -> World:
    made = World()
    supervisor.ask(made.tools, SPEC)
    made.intent(3)
    return made


def test_a_stream_that_nobody_holds_needs_a_holder_whether_it_runs_or_not(world: World) -> None:
    assert watch(world.tools, STREAM).needs_holder
    world.rm.add(3)
    found = watch(world.tools, STREAM)
    assert found.needs_holder and not found.killed and found.text == "nobody holds it"


def test_a_stream_that_is_held_is_left_to_its_holder(world: World) -> None:
    lease.take(world.tools, STREAM, "run#1", 3)
    found = watch(world.tools, STREAM)
    assert not found.needs_holder and found.text == "held by run#1"


def test_a_holder_that_went_silent_holds_nothing(world: World) -> None:
    lease.take(world.tools, STREAM, "run#1", 3)
    world.ms += lease.LEASE_MS
    assert watch(world.tools, STREAM).needs_holder


@pytest.mark.parametrize("state", ["stopped", "parked"])
def test_a_stream_that_should_not_run_needs_nobody(world: World, state: str) -> None:
    supervisor.stop(world.tools, STREAM, state=state)
    found = watch(world.tools, STREAM)
    assert not found.needs_holder and found.text == f"desired state is {state}"


def test_applications_of_older_epochs_are_reaped_with_word_why(world: World) -> None:
    world.rm.add(3)
    old = [world.rm.add(2), world.rm.add(1)]
    assert set(watch(world.tools, STREAM).killed) == {app.id for app in old} == set(world.rm.killed)
    assert (world.hdfs.read_json(PATHS.kill(2)) or {})["why"] == "superseded by epoch 3"


def test_a_driver_that_should_not_run_is_asked_to_stop_and_killed_only_when_that_takes_too_long(world: World) -> None:
    app = world.rm.add(3)
    world.hdfs.write_json(PATHS.desired, {"state": "parked"})
    assert watch(world.tools, STREAM).killed == ()
    assert world.hdfs.read_json(PATHS.stop(3))
    assert world.hdfs.read_json(PATHS.desired) == {"state": "parked"}   # whoever asks meanwhile is not overruled
    world.ms += STOP_TIMEOUT_MS + 1
    assert watch(world.tools, STREAM).killed == (app.id,)


def test_a_stop_is_overdue_also_where_the_stream_is_wanted_again(world: World) -> None:
    app = world.rm.add(3)
    supervisor.stop(world.tools, STREAM)
    supervisor.ask(world.tools, SPEC)
    world.ms += STOP_TIMEOUT_MS + 1
    assert watch(world.tools, STREAM).killed == (app.id,)


def test_a_kill_that_was_announced_and_never_done_is_done(world: World) -> None:
    app = world.rm.add(3)
    world.hdfs.write_json(PATHS.kill(3), {"why": "stalled"})
    assert watch(world.tools, STREAM).killed == (app.id,)


def test_what_nobody_ever_asked_for_is_left_alone() -> None:
    world = World()
    world.intent(1)
    world.rm.add(1)
    found = watch(world.tools, STREAM)
    assert (found.killed, found.needs_holder, found.text) == ((), False, "desired state is not set")
    assert world.hdfs.read_json(PATHS.stop(1)) is None


def test_from_silence_nothing_is_concluded(world: World) -> None:
    world.rm.add(2)
    world.rm.down = True
    found = watch(world.tools, STREAM)
    assert not found.needs_holder and found.text.startswith("nothing concluded: no ResourceManager")
    assert not world.rm.killed


def test_every_provisioned_stream_is_watched_and_no_other_directory(world: World) -> None:
    for name in ("music", "Old-Copy", ".tmp"):
        world.hdfs.mkdirs(f"/hashtide/streams/{name}")
    assert streams(world.tools) == [STREAM, "music"]
