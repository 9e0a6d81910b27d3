"""What should be, and that no change of it is forgotten; outages that somebody noticed."""
from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
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

def test_each_change_stays_and_the_newest_stands(world: World) -> None:
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


def test_whoever_is_cut_off_in_writing_a_change_has_changed_nothing(world: World) -> None:
    supervisor.ask(world.tools, SPEC, "me")
    world.hdfs.replace(PATHS.desired_change(2), b"")
    assert desired.read(world.hdfs, PATHS)["state"] == "running"
    supervisor.stop(world.tools, STREAM, "you", "lunch")
    assert desired.read(world.hdfs, PATHS)["who"] == "you"


def test_a_change_by_a_clock_that_is_behind_comes_after_those_before_it(world: World) -> None:
    supervisor.ask(world.tools, SPEC, "me")
    world.ms -= 60_000
    supervisor.stop(world.tools, STREAM, "you", "lunch")
    assert changes(world) == [("running", "me"), ("stopped", "you")]
    assert desired.read(world.hdfs, PATHS)["state"] == "stopped"


def test_a_start_that_a_stop_overtakes_is_made_anew_after_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    supervisor.ask(world.tools, SPEC, "me")
    since, create = world.now_ms(), world.hdfs.create_exclusive

    def overtaken(path: str, obj: Any) -> bool:
        monkeypatch.setattr(world.hdfs, "create_exclusive", create)
        world.ms += 1_000
        supervisor.stop(world.tools, STREAM, "you", "lunch")
        return create(path, obj)

    monkeypatch.setattr(world.hdfs, "create_exclusive", overtaken)
    supervisor.ask(world.tools, SPEC, "me")
    assert changes(world) == [("running", "me"), ("stopped", "you"), ("running", "me")]
    assert desired.read(world.hdfs, PATHS)["since_ms"] > since, "its budget begins anew after a stop"


def test_many_at_once_lose_none_and_each_acts_on_what_stood_before_it(world: World) -> None:
    def add(before: desired.Said) -> desired.Said:
        return {"state": "running", "who": str(threading.get_ident()), "count": before.get("count", 0) + 1}

    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: desired.change(world.hdfs, PATHS, add), range(200)))
    assert sorted(number for number, _ in made) == list(range(1, 201))
    assert all(before.get("count", 0) == number - 1 for number, before in made)
    assert desired.read(world.hdfs, PATHS)["count"] == 200


def test_a_word_is_taken_back_only_where_nobody_has_spoken_since(world: World) -> None:
    supervisor.ask(world.tools, SPEC, "me")
    supervisor.stop(world.tools, STREAM, "you", "lunch")
    assert not desired.overrule(world.hdfs, PATHS, 1, {"state": "running", "who": "me"})
    assert desired.read(world.hdfs, PATHS)["who"] == "you"
    assert desired.overrule(world.hdfs, PATHS, 2, {"state": "running", "who": "me"})
    assert desired.read(world.hdfs, PATHS)["who"] == "me"


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
