"""What a task may conclude at its start, and what an outage right after a submission does to it."""
from __future__ import annotations

from typing import Any

import pytest

from deploy import desired, handover, holding, lease, supervisor
from deploy.errors import Unreachable
from deploy.holding import Event
from tests.fakes.world import PATHS, SPEC, STREAM, World

FIRST, SECOND = "hashtag_stream/run1#1", "hashtag_stream/run1#2"


@pytest.fixture
def world() -> World:
    made = World()
    assert holding.begin(made.tools, SPEC, FIRST) is None
    return made


def state(world: World) -> str:
    return str(desired.read(world.hdfs, PATHS).get("state"))


@pytest.mark.parametrize("said,what", [("stopped", "done"), ("parked", "park")])
def test_a_task_that_is_tried_again_keeps_a_stream_stopped_that_was_stopped_meanwhile(
        world: World, said: str, what: str) -> None:
    supervisor.stop(world.tools, STREAM, who="operator", why="disk full", state=said)
    for _ in range(2):   # whoever is cut off before its answer counts gets the same one
        event = holding.begin(world.tools, SPEC, SECOND)
        assert event and (event.what, state(world)) == (what, said)
        assert f"was {said} meanwhile by operator: disk full" in event.reason


def test_a_task_that_is_tried_again_goes_on_with_a_stream_that_should_run(world: World) -> None:
    assert holding.begin(world.tools, SPEC, SECOND) is None


def test_a_cleared_tasks_own_end_does_not_stop_its_next_try(world: World) -> None:
    lease.take(world.tools, STREAM, FIRST, 0)
    handover.abandon(world.tools, STREAM, FIRST, 0, "ended by a person")
    assert holding.begin(world.tools, SPEC, SECOND) is None
    assert state(world) == "running"


def test_a_task_that_had_ended_and_is_cleared_runs_its_stream_again(world: World) -> None:
    supervisor.stop(world.tools, STREAM, who="operator")
    holding.finish(world.tools, STREAM, FIRST)
    assert holding.begin(world.tools, SPEC, SECOND) is None
    assert state(world) == "running"


def test_a_task_that_was_lost_long_ago_and_is_cleared_runs_its_stream_again(world: World) -> None:
    supervisor.stop(world.tools, STREAM, who="operator")
    world.ms += lease.RETRIED_MS
    assert holding.begin(world.tools, SPEC, SECOND) is None


def test_a_task_that_was_lost_before_it_could_say_running_says_it_at_its_next_try() -> None:
    world = World()
    supervisor.stop(world.tools, STREAM, who="operator")
    world.ms += 1
    lease.take(world.tools, STREAM, FIRST, 0)
    assert holding.begin(world.tools, SPEC, SECOND) is None
    assert state(world) == "running"


def test_who_comes_while_another_has_taken_the_stream_and_not_yet_said_running_is_superseded() -> None:
    world = World()
    supervisor.stop(world.tools, STREAM, who="operator")
    world.ms += 1
    lease.take(world.tools, STREAM, FIRST, 0)
    event = holding.begin(world.tools, SPEC, "hashtag_stream/run2#1")
    assert event and event.what == "superseded"


def test_a_holder_that_finds_the_lease_of_a_stopped_stream_free_does_not_keep_others_from_it() -> None:
    world = World()
    supervisor.stop(world.tools, STREAM, who="operator")
    world.ms += 1
    lease.hold(world.tools, STREAM, FIRST, 0)   # its triggerer was away, and knows nothing of the stop yet
    assert holding.begin(world.tools, SPEC, "hashtag_stream/run2#1") is None
    assert state(world) == "running"


def test_who_comes_while_the_holder_of_a_stopped_stream_is_on_its_way_out_takes_over(world: World) -> None:
    world.ms += 1
    supervisor.stop(world.tools, STREAM, who="operator")
    assert holding.begin(world.tools, SPEC, "hashtag_stream/run2#1") is None
    assert lease.held_by(world.tools, STREAM) == "hashtag_stream/run2#1"


def test_a_person_who_triggers_a_stopped_stream_runs_it(world: World) -> None:
    supervisor.stop(world.tools, STREAM, who="operator")
    assert holding.begin(world.tools, SPEC, "hashtag_stream/run2#1") is None
    assert state(world) == "running"


def test_the_watchdogs_run_does_not_start_what_was_stopped_since_it_looked(world: World) -> None:
    supervisor.stop(world.tools, STREAM, who="operator")
    event = holding.begin(world.tools, SPEC, f"hashtag_stream/{holding.AUTOMATIC}x__0#1")
    assert event and (event.what, state(world)) == ("done", "stopped")


def test_hdfs_that_goes_away_right_after_the_submission_does_not_fail_the_task(
        world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*args: object) -> str:
        raise Unreachable("HDFS does not answer")

    monkeypatch.setattr(lease, "hold", gone)
    launched = holding.launch(world.tools, SPEC, FIRST)
    assert launched.app and launched.epoch == 1


def test_a_submission_does_not_take_the_lease_back_from_who_took_it_meanwhile(world: World) -> None:
    lease.take(world.tools, STREAM, "other#1", 1)
    holding.launch(world.tools, SPEC, FIRST)
    assert lease.held_by(world.tools, STREAM) == "other#1"


@pytest.mark.parametrize("who,begins", [("command line", False), ("hashtag_stream/run0#1", True), (FIRST, True)])
def test_a_person_who_stops_the_stream_while_a_task_takes_it_is_obeyed_and_a_task_that_ends_is_not(
        world: World, monkeypatch: pytest.MonkeyPatch, who: str, begins: bool) -> None:
    succeed = lease.succeed

    def stopped_meanwhile(*args: Any) -> bool:
        supervisor.stop(world.tools, STREAM, who, "lunch")
        return succeed(*args)

    monkeypatch.setattr(lease, "succeed", stopped_meanwhile)
    event = holding.begin(world.tools, SPEC, SECOND)
    assert (event is None, state(world)) == ((True, "running") if begins else (False, "stopped"))
    assert lease.held_by(world.tools, STREAM) == (SECOND if begins else "")
    if event:
        assert event == Event("done", f"stream {STREAM} was stopped meanwhile by command line: lunch. Trigger "
                                      "hashtag_stream to run it again")


def test_the_word_of_a_cleared_try_that_was_not_taken_back_is_taken_back_by_the_next(world: World) -> None:
    lease.take(world.tools, STREAM, SECOND, 0)
    epoch = holding.launch(world.tools, SPEC, SECOND).epoch
    desired.change(world.hdfs, PATHS, lambda before: {**before, "state": "stopped", "who": FIRST})
    event, seen = holding.poll(world.tools, STREAM, SECOND, epoch)
    assert event is None and seen.wanted and state(world) == "running"
    assert world.hdfs.read_json(PATHS.stop(epoch)) is None


@pytest.mark.parametrize("who", ["operator", SECOND])
def test_the_word_of_anybody_else_holds(world: World, who: str) -> None:
    lease.take(world.tools, STREAM, SECOND, 0)
    epoch = holding.launch(world.tools, SPEC, SECOND).epoch
    supervisor.stop(world.tools, STREAM, who=who)
    holding.poll(world.tools, STREAM, SECOND, epoch)
    assert state(world) == "stopped"
