"""What one look at a stream means. Times are seconds before now, unless a name says otherwise."""
from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from deploy import desired
from deploy.launch import INTENT_TIMEOUT_MS
from deploy.observation import (
    Observation,
    decide,
    event,
    failing,
    history,
    observe,
    overdue_stop,
)
from deploy.restart_policy import Done, Park, Restart, Submit, Wait
from deploy.stall import STALL_MS, STARTUP_MS, quiet_too_long, silent
from deploy.yarn import Application
from tests.fakes.world import PATHS, STREAM, World

NOW = 1_800_000_000_000
RUNNING = Application("application_1_1", "RUNNING", started_ms=NOW - 600_000)
FAILED = replace(RUNNING, state="FAILED", final_status="FAILED", finished_ms=NOW - 1_000, diagnostics="exit code 1")
WANTED = {"state": "running", "since_ms": NOW - 3_600_000}


def seen(**what: Any) -> Observation:
    """Epoch 3 of a stream that should run, its intent long ago, unless it is said otherwise."""
    return Observation(STREAM, NOW, **{"desired": WANTED, "epoch": 3, "intent_ms": NOW - 900_000, **what})


@pytest.mark.parametrize("what,expected", [
    ({"unknown": "no RM"}, "outage"),
    ({"unknown": "no RM", "app": FAILED}, "outage"),
    ({"app": RUNNING}, "running"),
    ({"app": replace(RUNNING, state="ACCEPTED")}, "running"),
    ({"app": RUNNING, "desired": {"state": "stopped"}}, "running"),
    ({"app": FAILED}, "died"),
    ({"app": FAILED, "desired": {"state": "stopped"}}, "stopped"),
    ({"app": FAILED, "desired": {"state": "parked"}}, "stopped"),
    ({"desired": {}}, "stopped"),
    ({"app": None}, "died"),
    ({"app": None, "intent_ms": NOW - INTENT_TIMEOUT_MS + 1}, "outage"),
    ({"app": None, "heartbeat": {"time_ms": NOW - STALL_MS + 1}}, "outage"),
    ({"app": None, "heartbeat": {"time_ms": NOW - STALL_MS}}, "died"),
    ({"app": None, "intent_ms": NOW, "history": (Restart(3, NOW, "submit_failed"),)}, "died"),
])
def test_a_look_means(what: dict[str, Any], expected: str) -> None:
    assert event(seen(**what)).what == expected


@pytest.mark.parametrize("what,kind,evidence", [
    ({"app": FAILED}, "error", "exit code 1"),
    ({"app": replace(FAILED, diagnostics="")}, "error", "FAILED, FAILED"),
    ({"app": replace(FAILED, diagnostics="Connection refused")}, "outage", "Connection refused"),
    ({"app": FAILED, "result": {"error": "ModuleNotFoundError: x"}}, "missing_class", "ModuleNotFoundError: x"),
    ({"app": replace(FAILED, state="KILLED", diagnostics="by a person")}, "killed", "by a person"),
    ({"app": replace(FAILED, state="FINISHED", final_status="SUCCEEDED"), "result": {"reason": "fenced"}}, "ended",
     "ended by itself: fenced"),
    ({"app": FAILED, "stop_ms": NOW - 5_000}, "superseded", "stopped on request"),
    ({"app": FAILED, "kill": {"why": "no commit", "class": "stalled"}}, "stalled", "no commit"),
    ({"app": FAILED, "kill": {"why": "killed on request"}}, "superseded", "killed on request"),
    ({"app": None}, "forgotten", "YARN knows no application of epoch 3"),
    ({"app": None, "result": {"error": "ModuleNotFoundError: x"}}, "missing_class", "ModuleNotFoundError: x"),
])
def test_an_end_has_a_class_and_evidence(what: dict[str, Any], kind: str, evidence: str) -> None:
    end = event(seen(**what)).restart
    assert end and (end.epoch, end.kind, end.evidence) == (3, kind, evidence)


THREE = {"error": "boom", "tries": 3, "attempt": 3, "batch_id": 41}


@pytest.mark.parametrize("result,beat,said", [
    (THREE, {}, ("boom", "error")), ({**THREE, "tries": 2}, {}, ("", "")), ({}, {}, ("", "")),
    (THREE, {"attempt": 4}, ("boom", "error")),               # it has begun, and committed nothing
    (THREE, {"attempt": 4, "commit_ms": NOW}, ("", "")),      # this one does better
    (THREE, {"attempt": 3, "commit_ms": NOW}, ("boom", "error")),
    ({**THREE, "error": "ImportError: x", "tries": 1}, {}, ("ImportError: x", "missing_class")),
    ({**THREE, "error": "Connection refused"}, {}, ("", ""))])
def test_yarns_next_attempt_is_not_awaited_where_it_would_only_fail_again(
        result: dict[str, Any], beat: dict[str, Any], said: tuple[str, str]) -> None:
    assert failing(seen(app=RUNNING, result=result, heartbeat=beat)) == said


def test_an_end_says_on_which_batch_how_many_attempts_failed() -> None:
    killed = event(seen(app=FAILED, result=THREE, kill={"why": "boom", "class": "error"})).restart
    assert killed and (killed.kind, killed.evidence, killed.batch_id, killed.tries) == ("error", "boom", 41, 3)
    silent = event(seen(app=FAILED, heartbeat={"batch_id": 7})).restart
    assert silent and (silent.batch_id, silent.tries) == (7, 0)


@pytest.mark.parametrize("beat_s,intent_s,app,expected", [
    (5, 900, None, True), (60, 900, None, False), (5, 60, None, False), (5, 900, RUNNING, False)])
def test_a_driver_outlives_its_application_where_its_heart_beats_and_yarn_knows_nothing(
        beat_s: int, intent_s: int, app: Application | None, expected: bool) -> None:
    look = seen(app=app, heartbeat={"time_ms": NOW - beat_s * 1000}, intent_ms=NOW - intent_s * 1000,
                desired={"state": "stopped"})
    assert look.outlived is expected
    assert look.unwanted is (expected or app is not None)


def test_a_heartbeat_that_an_older_driver_has_just_written_over_is_no_sign_of_a_stall() -> None:
    world = World()
    world.intent(3)
    world.rm.add(3, from_ms=world.ms - 600_000)
    world.hdfs.write_json(PATHS.heartbeat, {"epoch": 2, "time_ms": world.now_ms() - 1_000})
    look = observe(world.tools, STREAM)
    assert look.heartbeat == {} and not quiet_too_long(look, 10, int(world.ms) - 600_000)
    world.ms += 60_000
    look = observe(world.tools, STREAM)
    assert quiet_too_long(look, 10, int(world.ms) - 600_000)


def test_a_driver_has_its_time_again_after_an_outage() -> None:
    look = seen(app=RUNNING, heartbeat={"commit_ms": NOW - 300_000})
    assert quiet_too_long(look, 10, RUNNING.started_ms)
    assert not quiet_too_long(look, 10, RUNNING.started_ms, NOW - 30_000)
    assert quiet_too_long(look, 10, RUNNING.started_ms, NOW - STALL_MS - 1)
    assert not quiet_too_long(seen(app=RUNNING), 10, RUNNING.started_ms, NOW - STALL_MS - 1)


def test_an_end_that_was_written_down_stays_as_it_was() -> None:
    written = Restart(3, NOW - 700, "outage", "as it was")
    assert event(seen(app=FAILED, history=(written,))).restart == written


def test_a_healthy_run_counts_from_its_start_to_its_last_commit() -> None:
    beat = {"batch_id": 41, "commit_ms": NOW - 60_000}
    end = event(seen(app=FAILED, heartbeat=beat)).restart
    assert end and (end.time_ms, end.batch_id, end.healthy_ms, end.down_since_ms) == (
        NOW - 1_000, 41, 540_000, NOW - 60_000)


@pytest.mark.parametrize("what,expected", [
    ({"app": RUNNING}, Wait), ({"unknown": "x"}, Wait), ({"app": FAILED, "desired": {"state": "stopped"}}, Done),
    ({"app": FAILED}, Submit), ({"app": replace(FAILED, diagnostics="ClassNotFoundException: x")}, Park)])
def test_what_is_decided(what: dict[str, Any], expected: type) -> None:
    assert isinstance(decide(seen(**what)), expected)


def test_a_stream_that_was_never_launched_is_submitted_now_and_not_ever_later() -> None:
    assert decide(seen(epoch=0, intent_ms=0)) == Submit(NOW, "never launched")


@pytest.mark.parametrize("stop_age,expected", [(None, False), (299, False), (301, True)])
def test_a_stop_is_overdue_after_five_minutes(stop_age: int | None, expected: bool) -> None:
    assert overdue_stop(seen(app=RUNNING, stop_ms=stop_age and NOW - stop_age * 1000)) is expected


def test_what_has_ended_has_no_overdue_stop() -> None:
    assert not overdue_stop(seen(app=FAILED, stop_ms=1))


@pytest.mark.parametrize("commit_age,trigger,started_age,quiet", [
    (59, 10, 600, False), (61, 10, 600, True),
    (61, 30, 600, False), (91, 30, 600, True),         # three triggers
    (None, 10, 179, False), (None, 10, 181, True),     # no commit at all: the start takes its time
    (300, 10, 100, False), (300, 10, 181, True),       # the last commit was another attempt's
])
def test_quiet_too_long(commit_age: int | None, trigger: int, started_age: int, quiet: bool) -> None:
    beat = {} if commit_age is None else {"commit_ms": NOW - commit_age * 1000}
    assert quiet_too_long(seen(app=RUNNING, heartbeat=beat), trigger, NOW - started_age * 1000) is quiet
    assert STARTUP_MS == 180_000


@pytest.mark.parametrize("commit_age,task_age,started_age,quiet", [
    (300, 59, 600, False), (300, 61, 600, True), (59, 300, 600, False),
    (None, 179, 600, False), (None, 181, 600, True),   # the first batch of a JVM whose cores others have
    (300, 300, 100, False)])                           # both were another attempt's
def test_a_batch_that_finishes_tasks_is_not_quiet(commit_age: int | None, task_age: int, started_age: int,
                                                  quiet: bool) -> None:
    beat = {"commit_ms": commit_age and NOW - commit_age * 1000, "task_ms": NOW - task_age * 1000}
    assert quiet_too_long(seen(app=RUNNING, heartbeat=beat), 10, NOW - started_age * 1000) is quiet


@pytest.mark.parametrize("beat_age,started_age,since_age,is_silent", [
    (39, 600, 600, False), (41, 600, 600, True),
    (300, 100, 600, False),                            # another attempt's, this one starts
    (300, 600, 39, False), (300, 600, 41, True),       # nobody could look before
    (None, 600, 600, False)])
def test_a_driver_without_a_heartbeat_is_silent(beat_age: int | None, started_age: int, since_age: int,
                                                is_silent: bool) -> None:
    beat = {} if beat_age is None else {"time_ms": NOW - beat_age * 1000}
    look = seen(app=RUNNING, heartbeat=beat)
    assert silent(look, NOW - started_age * 1000, NOW - since_age * 1000) is is_silent
    assert not silent(replace(look, stop_ms=1), NOW - started_age * 1000)


@pytest.mark.parametrize("what", [{"app": replace(RUNNING, state="ACCEPTED")}, {"app": None}, {"stop_ms": 1}])
def test_what_does_not_run_or_should_end_is_not_quiet_too_long(what: dict[str, Any]) -> None:
    assert not quiet_too_long(seen(**{"app": RUNNING, **what}), 10, 0)


# looking

@pytest.fixture
def world() -> World:
    return World()


def test_a_look_at_a_running_stream_sees_its_epoch_application_and_heartbeat(world: World) -> None:
    world.intent(2)
    world.intent(3, age_s=50)
    running, old = world.rm.add(3), world.rm.add(2)
    desired.change(world.hdfs, PATHS, lambda before: WANTED)
    world.hdfs.write_json(PATHS.heartbeat, {"epoch": 3, "batch_id": 7})
    found = observe(world.tools, STREAM)
    assert found.app and (found.epoch, found.app.id, found.heartbeat["batch_id"]) == (3, running.id, 7)
    assert [app.id for app in found.others] == [old.id]
    assert found.intent_ms == world.now_ms() - 50_000 and found.wanted


def test_a_heartbeat_of_an_older_epoch_is_not_this_ones(world: World) -> None:
    world.intent(3)
    world.hdfs.write_json(PATHS.heartbeat, {"epoch": 2, "batch_id": 7})
    assert observe(world.tools, STREAM).heartbeat == {}


@pytest.mark.parametrize("dead", ["hdfs", "rm"])
def test_what_does_not_answer_is_unknown_and_not_dead(world: World, dead: str) -> None:
    world.intent(3)
    getattr(world, dead).down = True
    found = observe(world.tools, STREAM)
    assert "does not answer" in found.unknown or "unknown, not dead" in found.unknown
    assert isinstance(decide(found), Wait)


def test_a_driver_submitted_during_the_look_is_no_older_one(world: World) -> None:
    world.intent(2)
    listed = world.hdfs.list

    def launched_meanwhile(path: str) -> list[str]:
        names = listed(path)
        if path == PATHS.epochs and len(names) == 1:
            world.intent(3)
            world.rm.add(3)
        return names

    world.hdfs.list = launched_meanwhile  # type: ignore[method-assign]
    assert observe(world.tools, STREAM).others == ()


def test_an_intent_whose_writer_was_cut_off_may_yet_have_an_application(world: World) -> None:
    desired.change(world.hdfs, PATHS, lambda before: WANTED)
    world.hdfs.replace(PATHS.epoch(3), b"")
    assert event(observe(world.tools, STREAM)).what == "outage"


def test_a_kill_whose_reason_was_cut_off_is_still_a_kill(world: World) -> None:
    world.intent(3)
    world.hdfs.replace(PATHS.kill(3), b"")
    assert observe(world.tools, STREAM).kill == {"why": "killed on request"}


def test_the_history_is_in_order_and_one_whose_writer_was_cut_off_keeps_its_epoch(world: World) -> None:
    for epoch in (10, 9):
        world.hdfs.write_json(PATHS.restart(epoch), Restart(epoch, epoch, "killed").as_json())
    world.hdfs.replace(PATHS.restart(11), b"")
    world.hdfs.replace(f"{PATHS.restarts}/.000012.json.ab12", b"{")
    assert history(world.hdfs, PATHS) == (Restart(9, 9, "killed"), Restart(10, 10, "killed"), Restart(11, 0, "error"))
