from __future__ import annotations

from typing import Any

import pytest

from deploy import desired, health, lease, supervisor
from deploy.errors import Unreachable
from deploy.launch import STOP_TIMEOUT_MS, StreamSpec
from deploy.observation import observe
from deploy.restart_policy import Done, Park, Submit, Wait
from spark_apps.contract import HOUR_MS, LandingFile
from tests.fakes.world import PATHS, SPEC, START_MS, STREAM, App, World


@pytest.fixture
def world() -> World:
    """Epoch 3 of a stream that should run since two minutes ago; no application yet."""
    made = World()
    supervisor.ask(made.tools, SPEC, who="me", why="test")
    made.intent(3)
    made.ms += 120_000
    return made


def settle(world: World) -> Any:
    return supervisor.settle(world.tools, observe(world.tools, STREAM))


def land(world: World, age_s: int, name: str = "") -> None:
    at = world.now_ms() - age_s * 1000
    path = f"{PATHS.landing_hour(at)}/{name or LandingFile(at - 5_000, at, 'x', f'u{age_s}').name}"
    world.hdfs.replace(path, b"{}\n")
    world.hdfs.times[path] = at


def running(world: World, commit_age_s: int | None = 5, started_s: int = 600) -> App:
    beat = {} if commit_age_s is None else {"commit_ms": world.now_ms() - commit_age_s * 1000}
    world.hdfs.write_json(PATHS.heartbeat, {"epoch": 3, "time_ms": world.now_ms(), **beat})
    return world.rm.add(3, from_ms=world.ms - started_s * 1000)


def failed(world: World, diagnostics: str = "exit code 1", **more: Any) -> App:
    return world.rm.add(3, from_ms=world.ms - 60_000, to_ms=world.ms - 1_000, diagnostics=diagnostics, **more)


# asked, stopped

def test_asking_keeps_the_budget_of_a_stream_that_should_run_already(world: World) -> None:
    world.ms += 60_000
    supervisor.ask(world.tools, StreamSpec(STREAM, max_files=7), who="you")
    said = desired.read(world.hdfs, PATHS)
    assert (said["since_ms"], said["who"], said["parameters"]["max_files"]) == (START_MS, "you", 7)


def test_asking_for_a_stopped_stream_begins_a_new_budget(world: World) -> None:
    supervisor.stop(world.tools, STREAM)
    world.ms += 60_000
    supervisor.ask(world.tools, SPEC)
    said = desired.read(world.hdfs, PATHS)
    assert (said["state"], said["since_ms"]) == ("running", world.now_ms())


def test_stopping_marks_the_newest_epoch_and_keeps_what_was_asked_for(world: World) -> None:
    assert supervisor.stop(world.tools, STREAM, who="me", why="lunch") == 3
    said = desired.read(world.hdfs, PATHS)
    assert (said["state"], said["why"], said["parameters"]["stream"]) == ("stopped", "lunch", STREAM)
    assert world.hdfs.read_json(PATHS.stop(3))


def test_stopping_what_never_ran_marks_nothing() -> None:
    world = World()
    assert supervisor.stop(world.tools, STREAM) == 0
    assert desired.read(world.hdfs, PATHS)["state"] == "stopped"


# settled

def test_a_driver_that_runs_well_is_left_alone(world: World) -> None:
    running(world)
    before = dict(world.hdfs.data)
    assert isinstance(settle(world), Wait)
    assert world.hdfs.data == before and not world.rm.killed


def test_an_outage_changes_nothing(world: World) -> None:
    before = dict(world.hdfs.data)
    world.rm.down = True
    assert isinstance(settle(world), Wait)
    assert world.hdfs.data == before


def test_an_end_is_written_down_once_and_submitted_at_a_time_that_does_not_move(world: World) -> None:
    failed(world)
    first, ended = settle(world), world.now_ms() - 1_000
    world.ms += 5_000
    assert isinstance(first, Submit) and first.at_ms > ended and settle(world) == first
    record = world.hdfs.read_json(PATHS.restart(3)) or {}
    assert (record["class"], record["time_ms"]) == ("error", ended)


def test_a_driver_that_yarn_forgot_is_replaced_at_a_time_that_does_not_move(world: World) -> None:
    first = settle(world)
    world.ms += 5_000
    assert isinstance(first, Submit) and settle(world) == first
    assert (world.hdfs.read_json(PATHS.restart(3)) or {})["class"] == "forgotten"


def test_an_end_whose_record_was_cut_off_is_replaced_all_the_same(world: World) -> None:
    world.hdfs.replace(PATHS.restart(3), b"")
    first = settle(world)
    assert isinstance(first, Submit) and first.at_ms < world.now_ms()


def test_an_end_after_a_stop_is_done_and_no_restart(world: World) -> None:
    failed(world)
    supervisor.stop(world.tools, STREAM)
    assert isinstance(settle(world), Done)
    assert world.hdfs.read_json(PATHS.restart(3)) is None


def test_what_another_try_cannot_mend_parks_the_stream_with_its_reason(world: World) -> None:
    failed(world, "java.lang.ClassNotFoundException: a.B")
    assert isinstance(settle(world), Park)
    said = desired.read(world.hdfs, PATHS)
    assert said["state"] == "parked" and "a.B" in said["why"]
    assert isinstance(settle(world), Done)


def test_before_the_first_launch_there_is_nothing_to_write_down() -> None:
    world = World()
    supervisor.ask(world.tools, SPEC)
    before = dict(world.hdfs.data)
    assert settle(world) == Submit(START_MS, "never launched")
    assert world.hdfs.data == before


def test_a_stop_that_takes_too_long_ends_in_a_kill_that_costs_nothing(world: World) -> None:
    app = running(world)
    supervisor.stop(world.tools, STREAM)
    world.ms += STOP_TIMEOUT_MS
    settle(world)
    assert not world.rm.killed
    world.ms += 1
    settle(world)
    assert world.rm.killed == [app.id]
    assert (world.hdfs.read_json(PATHS.kill(3)) or {})["class"] == "superseded"


def test_a_kill_that_was_announced_and_never_done_is_done(world: World) -> None:
    app = running(world)
    world.hdfs.write_json(PATHS.kill(3), {"why": "stalled", "class": "stalled"})
    settle(world)
    assert world.rm.killed == [app.id]


def test_a_driver_that_was_launched_while_its_stop_was_asked_for_is_told_and_nothing_else_changes(world: World) -> None:
    running(world)
    desired.change(world.hdfs, PATHS, lambda before: {"state": "stopped", "why": "lunch"})
    settle(world)
    assert world.hdfs.read_json(PATHS.stop(3))
    assert desired.read(world.hdfs, PATHS) == {"state": "stopped", "why": "lunch"}


# stalled

@pytest.mark.parametrize("commit_age_s,landed_ages,stalls", [
    (30, [40], False),              # commits
    (100, [], False),               # idle source
    (100, [120], False),            # landed before the last commit
    (100, [90, 80, 10], True),
    (100, [30], False),             # not waiting for long enough yet
    (None, [90], True),             # never committed
    (3_500, [3_400], True),         # in the hour before
])
def test_a_driver_stalls_where_landed_files_wait(
        world: World, commit_age_s: int | None, landed_ages: list[int], stalls: bool) -> None:
    app = running(world, commit_age_s, started_s=8_000)
    for age in landed_ages:
        land(world, age)
    settle(world)
    assert world.rm.killed == ([app.id] if stalls else [])
    if stalls:
        assert (world.hdfs.read_json(PATHS.kill(3)) or {})["class"] == "stalled"


def test_the_reason_says_how_long_and_how_many(world: World) -> None:
    running(world, 100)
    land(world, 90)
    land(world, 80)
    why = observe(world.tools, STREAM).stalled
    assert why == "no commit for 100 s while 2 landed files wait"


def test_files_of_others_in_landing_do_not_wait(world: World) -> None:
    running(world, 100)
    for name in (".part", "notes.txt", "_SUCCESS"):
        land(world, 90, name)
    assert observe(world.tools, STREAM).stalled == ""


def test_an_attempt_that_yarn_has_just_started_gets_its_time(world: World) -> None:
    app = running(world, 400, started_s=3_000)
    land(world, 90)
    now = world.now_ms()
    world.rm.attempts_of[app.id] = [{"id": 1, "startTime": now - 3_000_000}, {"id": 2, "startTime": now - 100_000}]
    assert observe(world.tools, STREAM).stalled == ""
    world.rm.attempts_of[app.id][1]["startTime"] = now - 181_000
    assert observe(world.tools, STREAM).stalled.startswith("no commit for 181 s")


def test_what_is_seen_is_looked_up_once_for_whoever_acts_and_for_whoever_tells(
        world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    app, asked = running(world, 100), list[str]()
    land(world, 90)
    monkeypatch.setattr(world.rm, "attempts", lambda app_id: asked.append(app_id) or [])
    seen = observe(world.tools, STREAM)
    supervisor.settle(world.tools, seen)
    assert health.judge(seen).verdict == "stalled: no commit for 100 s while 1 landed files wait"
    assert world.rm.killed == asked == [app.id]


def test_where_landing_cannot_be_listed_nothing_is_concluded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    running(world, 100)
    statuses = world.hdfs.statuses

    def away(path: str) -> Any:
        if path.startswith(PATHS.landing):
            raise Unreachable("no NameNode")
        return statuses(path)

    monkeypatch.setattr(world.hdfs, "statuses", away)
    assert observe(world.tools, STREAM).unknown == "no NameNode"


def test_what_a_source_lands_late_waits_as_well(world: World) -> None:
    running(world, 100)
    received = world.now_ms() - 30 * HOUR_MS
    path = f"{PATHS.landing_hour(received)}/{LandingFile(received, received, 'x', 'late').name}"
    world.hdfs.replace(path, b"{}\n")
    world.hdfs.times[path] = world.now_ms() - 90_000
    why = observe(world.tools, STREAM).stalled
    assert why == "no commit for 100 s while 1 landed files wait"


def test_a_driver_that_stands_still_is_stalled_whether_files_wait_or_not(world: World) -> None:
    app = running(world, commit_age_s=1)
    world.ms += 40_000
    settle(world)
    assert world.rm.killed == []
    world.ms += 1_000
    settle(world)
    assert world.rm.killed == [app.id]
    assert world.hdfs.read_json(PATHS.kill(3)) == {
        "why": "no heartbeat for 41 s", "class": "stalled", "time_ms": world.now_ms()}


def test_an_application_whose_attempts_fail_alike_is_killed_and_its_stream_parked(world: World) -> None:
    app = running(world)
    world.hdfs.write_json(PATHS.result(3), {"error": "boom 7", "tries": 3, "attempt": 3, "batch_id": 41})
    settle(world)
    assert world.rm.killed == [app.id]
    settle(world)
    said = desired.read(world.hdfs, PATHS)
    assert (said["state"], said["why"]) == (
        "parked", "the batch after 41 failed 3 times with the same error: boom 7")


# killed

def test_only_the_own_epochs_application_is_killed(world: World) -> None:
    other, mine = world.rm.add(2), running(world)
    assert supervisor.kill_own(world.tools, STREAM, 3, "cleared")
    assert world.rm.killed == [mine.id] and other.to_ms == float("inf")
    assert not supervisor.kill_own(world.tools, STREAM, 3, "cleared")


def test_after_an_outage_of_hdfs_a_driver_is_no_stalled_one(world: World) -> None:
    lease.take(world.tools, STREAM, "run#1", 3)
    running(world, commit_age_s=5)
    land(world, age_s=1)
    world.ms += 100_000   # neither could the driver commit nor anybody look
    lease.hold(world.tools, STREAM, "run#1", 3)
    settle(world)
    assert world.rm.killed == []
    for _ in range(8):
        world.ms += 10_000
        lease.hold(world.tools, STREAM, "run#1", 3)
    settle(world)
    assert world.rm.killed == ["application_1_0001"]


@pytest.mark.parametrize("state", ["running", "stopped"])
def test_a_driver_that_yarn_forgot_is_asked_to_end(world: World, state: str) -> None:
    supervisor.ask(world.tools, SPEC)
    running(world)
    world.rm.all.clear()
    desired.change(world.hdfs, PATHS, lambda before: {"state": state})
    decision = settle(world)
    assert isinstance(decision, Wait if state == "running" else Done)
    assert "forgotten" in (world.hdfs.read_json(PATHS.stop(3)) or {})["why"]
