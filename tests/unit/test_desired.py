"""What should be, and that no change of it is forgotten; outages that somebody noticed."""
from __future__ import annotations

import json
from typing import Any

import pytest

from deploy import desired, handover, holding, lease, supervisor
from deploy.errors import Unreachable
from deploy.outages import what_is_out
from tests.fakes.world import PATHS, SPEC, STREAM, World

HOLDER = "hashtag_stream/run1#1"


@pytest.fixture
def world() -> World:
    return World()


def changes(world: World) -> list[tuple[str, str]]:
    """(state, who) of each, oldest first."""
    found = [world.hdfs.read_json(f"{PATHS.desired_changes}/{name}") or {}
             for name in world.hdfs.list(PATHS.desired_changes)]
    return [(one["state"], one["who"]) for one in found]


def outages(world: World) -> list[dict[str, Any]]:
    return [world.hdfs.read_json(f"{PATHS.outages}/{name}") or {} for name in world.hdfs.list(PATHS.outages)]


# changes of what should be

def test_each_change_stays_though_the_state_is_replaced(world: World) -> None:
    supervisor.ask(world.tools, SPEC, "me", "go")
    world.ms += 1_000
    supervisor.stop(world.tools, STREAM, "you", "lunch")
    world.ms += 1_000
    supervisor.stop(world.tools, STREAM, "supervisor", "5 ends", "parked")
    assert changes(world) == [("running", "me"), ("stopped", "you"), ("parked", "supervisor")]
    assert desired.read(world.hdfs, PATHS)["state"] == "parked"


def test_two_changes_of_one_millisecond_both_stay(world: World) -> None:
    supervisor.ask(world.tools, SPEC, "me")
    supervisor.ask(world.tools, SPEC, "you")
    assert changes(world) == [("running", "me"), ("running", "you")]


def test_a_change_is_announced_before_it_is_made(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def cut_off(path: str, obj: Any) -> None:
        raise Unreachable("gone")

    monkeypatch.setattr(world.hdfs, "write_json", cut_off)
    with pytest.raises(Unreachable):
        supervisor.ask(world.tools, SPEC, "me")
    assert changes(world) == [("running", "me")]


def test_a_stop_that_is_taken_back_shows_as_two_changes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    holding.begin(world.tools, SPEC, HOLDER)
    held = iter(["", "hashtag_stream/run1#2"])
    monkeypatch.setattr(lease, "held_by", lambda tools, stream: next(held))
    handover.abandon(world.tools, STREAM, HOLDER, 1, "cleared")
    assert [state for state, _ in changes(world)] == ["running", "stopped", "running"]
    assert desired.read(world.hdfs, PATHS)["state"] == "running"


# outages

def poll(world: World) -> None:
    holding.poll(world.tools, STREAM, HOLDER, 1)


def held(world: World) -> None:
    holding.begin(world.tools, SPEC, HOLDER)
    holding.launch(world.tools, SPEC, HOLDER)
    poll(world)


def test_an_outage_of_yarn_is_written_down_with_its_length_when_it_is_over(world: World) -> None:
    held(world)
    world.rm.down, began = True, world.now_ms()
    for _ in range(3):
        poll(world)
        world.ms += 5_000
    assert not outages(world)
    world.rm.down = False
    poll(world)
    world.ms += 5_000
    poll(world)
    [told] = outages(world)
    assert (told["since_ms"], told["time_ms"], told["what"]) == (began, began + 15_000, "ResourceManager")


def test_an_outage_of_hdfs_is_written_down_once_hdfs_can_be_written(world: World) -> None:
    held(world)
    world.hdfs.down, began = True, world.now_ms()
    with pytest.raises(Unreachable):
        poll(world)
    world.ms += 80_000
    world.hdfs.down = False
    poll(world)
    [told] = outages(world)
    assert (told["since_ms"], told["time_ms"], told["what"]) == (began, began + 80_000, "HDFS")


def test_where_all_answers_nothing_is_written(world: World) -> None:
    held(world)
    before = json.dumps(sorted(world.hdfs.data))
    poll(world)
    assert json.dumps(sorted(world.hdfs.data)) == before


@pytest.mark.parametrize("text,what", [
    ("HDFS at http://nn:1 is in safe mode and takes no writes; wait", "safe mode"),
    ("no ResourceManager serves: http://rm:1 ConnectionError; applications are unknown, not dead", "ResourceManager"),
    ("YARN: http://rm:1/apps did not answer JSON; is it a ResourceManager?", "ResourceManager"),
    ("HDFS at http://nn:1 does not answer (ConnectionError); are NameNode and DataNode up?", "HDFS"),
    ("no NameNode of http://nn:1 is active: StandbyException", "HDFS"),
])
def test_what_is_out_is_told_by_the_error(text: str, what: str) -> None:
    assert what_is_out(text) == what
