from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from deploy import desired, lease, supervisor
from deploy.errors import Unreachable
from deploy.launch import STOP_TIMEOUT_MS
from deploy.observation import Observation
from deploy.watchdog import Plan, plan, streams, watch
from deploy.yarn import Application
from spark_apps.contract import epoch_tag
from tests.fakes.world import PATHS, SPEC, STREAM, World


@pytest.fixture
def world() -> World:
    made = World()
    supervisor.ask(made.tools, SPEC)
    made.intent(3)
    return made


def killed(found: Plan) -> tuple[str, ...]:
    return tuple(app.id for app, _ in found.kill)


def test_a_stream_that_nobody_holds_needs_a_holder_whether_it_runs_or_not(world: World) -> None:
    assert watch(world.tools, STREAM).conf
    world.rm.add(3)
    found = watch(world.tools, STREAM)
    assert found.conf == SPEC.conf() and not found.kill and found.text == "nobody holds it"


def test_a_stream_that_is_held_is_left_to_its_holder(world: World) -> None:
    lease.take(world.tools, STREAM, "run#1", 3)
    found = watch(world.tools, STREAM)
    assert found.conf is None and found.text == "held by run#1"


def test_a_holder_that_went_silent_holds_nothing(world: World) -> None:
    lease.take(world.tools, STREAM, "run#1", 3)
    world.ms += lease.LEASE_MS
    assert watch(world.tools, STREAM).conf


@pytest.mark.parametrize("silent_ms", [0, lease.LEASE_MS])
def test_a_task_that_was_marked_while_nobody_could_hear_of_it_stops_its_stream(world: World, silent_ms: int) -> None:
    app = world.rm.add(3)
    lease.take(world.tools, STREAM, "hashtag_stream/a#1", 3)
    world.ms += silent_ms
    found = watch(world.tools, STREAM, dry_run=True, marked={"hashtag_stream/a#1": "admin"}.__getitem__)
    assert found.says(dry_run=True) == "admin marked the task of hashtag_stream/a#1 in Airflow; would be stopped"
    assert world.rm.killed == [] and desired.read(world.hdfs, PATHS)["state"] == "running"
    found = watch(world.tools, STREAM, marked={"hashtag_stream/a#1": "admin"}.__getitem__)
    assert (found.conf, world.rm.killed) == (None, [app.id])
    said = desired.read(world.hdfs, PATHS)
    assert (said["state"], said["why"]) == ("stopped", "admin marked the task of hashtag_stream/a#1 in Airflow")


def test_whether_a_task_was_marked_is_not_known_without_airflow_and_then_nobody_is_found_to_hold_its_stream(
        world: World) -> None:
    def marked(holder: str) -> str:
        raise Unreachable("Airflow does not answer")
    lease.take(world.tools, STREAM, "hashtag_stream/a#1", 3)
    world.ms += lease.LEASE_MS
    found = watch(world.tools, STREAM, marked=marked)
    assert found.conf is None and found.unreachable and found.undecided == "nothing concluded: Airflow does not answer"


@pytest.mark.parametrize("state", ["stopped", "parked"])
def test_a_stream_that_should_not_run_needs_nobody(world: World, state: str) -> None:
    supervisor.stop(world.tools, STREAM, state=state)
    found = watch(world.tools, STREAM)
    assert found.conf is None and found.text == f"desired state is {state}"


def test_applications_of_older_epochs_are_reaped_with_word_why(world: World) -> None:
    world.rm.add(3)
    old = [world.rm.add(2), world.rm.add(1)]
    assert set(killed(watch(world.tools, STREAM))) == {app.id for app in old} == set(world.rm.killed)
    assert (world.hdfs.read_json(PATHS.kill(2)) or {})["why"] == "superseded by epoch 3"


def test_a_driver_that_should_not_run_is_asked_to_stop_and_killed_only_when_that_takes_too_long(world: World) -> None:
    app = world.rm.add(3)
    desired.change(world.hdfs, PATHS, lambda before: {"state": "parked"})
    assert killed(watch(world.tools, STREAM)) == ()
    assert world.hdfs.read_json(PATHS.stop(3))
    assert desired.read(world.hdfs, PATHS) == {"state": "parked"}   # whoever asks meanwhile is not overruled
    world.ms += STOP_TIMEOUT_MS + 1
    assert killed(watch(world.tools, STREAM)) == (app.id,)


def test_a_stop_is_overdue_also_where_the_stream_is_wanted_again(world: World) -> None:
    app = world.rm.add(3)
    supervisor.stop(world.tools, STREAM)
    supervisor.ask(world.tools, SPEC)
    world.ms += STOP_TIMEOUT_MS + 1
    assert killed(watch(world.tools, STREAM)) == (app.id,)


def test_a_kill_that_was_announced_and_never_done_is_done(world: World) -> None:
    app = world.rm.add(3)
    world.hdfs.write_json(PATHS.kill(3), {"why": "stalled"})
    assert killed(watch(world.tools, STREAM)) == (app.id,)


def test_what_nobody_ever_asked_for_is_left_alone() -> None:
    world = World()
    world.intent(1)
    world.rm.add(1)
    found = watch(world.tools, STREAM)
    assert (found.kill, found.conf, found.text) == ((), None, "desired state is not set")
    assert world.hdfs.read_json(PATHS.stop(1)) is None


def test_from_silence_nothing_is_concluded(world: World) -> None:
    world.rm.add(2)
    world.rm.down = True
    found = watch(world.tools, STREAM)
    assert found.conf is None and found.undecided.startswith("nothing concluded: no ResourceManager")
    assert not world.rm.killed


def test_every_provisioned_stream_is_watched_and_no_other_directory(world: World) -> None:
    for name in ("music", "Old-Copy", ".tmp"):
        world.hdfs.mkdirs(f"/hashtide/streams/{name}")
    assert streams(world.tools) == [STREAM, "music"]


# dry run

def test_a_dry_run_says_what_the_run_after_it_does_and_writes_nothing(world: World) -> None:
    world.rm.add(3)
    old = world.rm.add(2)
    before = dict(world.hdfs.data)
    dry = watch(world.tools, STREAM, dry_run=True)
    assert dry.says(dry_run=True) == (f"nobody holds it; would kill {old.id}: superseded by epoch 3; "
                                      "would hand it to a run of hashtag_stream")
    assert world.hdfs.data == before and not world.rm.killed
    assert watch(world.tools, STREAM) == dry
    assert world.rm.killed == [old.id]


def test_a_dry_run_says_whom_it_would_ask_to_end(world: World) -> None:
    world.rm.add(3)
    desired.change(world.hdfs, PATHS, lambda before: {"state": "stopped"})
    dry = watch(world.tools, STREAM, dry_run=True)
    assert dry.says(dry_run=True) == "desired state is stopped; would ask the driver of epoch 3 to end"
    assert world.hdfs.read_json(PATHS.stop(3)) is None


# all that can be done

def test_what_cannot_be_killed_is_said_and_the_rest_is_done(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from deploy.errors import HashtideError

    world.rm.add(3)
    stubborn, other = world.rm.add(1), world.rm.add(2)
    kill = world.rm.kill

    def refused(app_id: str) -> None:
        if app_id == stubborn.id:
            raise HashtideError(f"YARN does not kill {app_id}: 403")
        kill(app_id)

    monkeypatch.setattr(world.rm, "kill", refused)
    found = watch(world.tools, STREAM)
    assert world.rm.killed == [other.id]
    assert found.undecided == f"not all was done: YARN does not kill {stubborn.id}: 403"
    assert found.conf and not found.unreachable


def test_unreadable_words_of_one_stream_are_said_of_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from deploy.errors import HashtideError

    def unreadable(path: str) -> Any:
        raise HashtideError(f"HDFS {path}: expected a JSON object")

    monkeypatch.setattr(world.hdfs, "read_json", unreadable)
    assert watch(world.tools, STREAM).undecided.startswith("nothing concluded: HDFS /hashtide")


def test_whatever_somebody_put_into_hdfs_hides_no_other_stream(world: World) -> None:
    desired.change(world.hdfs, PATHS, lambda before: {"state": "running", "parameters": [1]})
    assert watch(world.tools, STREAM).undecided.startswith("nothing concluded: ")


# the plan alone

APP = Application("application_1_0007", "RUNNING", tags=frozenset({epoch_tag(STREAM, 3)}))


@pytest.mark.parametrize("seen,holder,says", [
    ({"desired": {"state": "running"}}, "run#1", "held by run#1"),
    ({"desired": {"state": "running"}}, "", "nobody holds it; to be held by a run of hashtag_stream"),
    ({"desired": {"state": "stopped"}}, "", "desired state is stopped"),
    ({"desired": {"state": "stopped"}, "app": APP, "stop_ms": 999}, "", "desired state is stopped"),
    ({"desired": {"state": "stopped"}, "app": APP}, "",
     "desired state is stopped; asked the driver of epoch 3 to end"),
    ({"desired": {"state": "stopped"}, "app": APP, "kill": {"why": "word was left"}}, "",
     "desired state is stopped; killed application_1_0007: word was left"),
    ({"unknown": "RM is away", "desired": {"state": "running"}}, "", "nothing concluded: RM is away"),
])
def test_what_is_planned(seen: dict[str, Any], holder: str, says: str) -> None:
    made = plan(Observation(STREAM, 1_000, epoch=3, **seen), holder)
    assert made.says() == says
    assert made.idle == (";" not in says and not made.undecided)


def test_resources_and_reason_are_kept(world: World) -> None:
    spec = replace(SPEC, queue="batch", executors=3, executor_memory="2g")
    supervisor.ask(world.tools, spec, "ada", "more\x1b tags")
    assert watch(world.tools, STREAM).conf == {**spec.conf(), "reason": "more tags"}


@pytest.mark.parametrize("wrong,said", [({"executors": -1}, "executors = -1: expected a whole number"),
                                        ({"queue": "gone"}, "queue = 'gone': expected one of streaming, batch")])
def test_a_desired_state_that_is_not_allowed_starts_nothing_and_is_named(world: World, wrong: Any, said: str) -> None:
    desired.change(world.hdfs, PATHS, lambda before: {**before, "parameters": {**before["parameters"], **wrong}})
    found = watch(world.tools, STREAM)
    assert found.conf is None
    assert said in found.undecided and "deploy/hashtide stream submit --stream a" in found.undecided


@pytest.mark.parametrize("word", [{}, {"why": "its task was ended by a person"}])
def test_a_driver_that_should_not_run_and_that_yarn_forgot_is_asked_to_end(world: World, word: dict[str, Any]) -> None:
    supervisor.stop(world.tools, STREAM)
    world.hdfs.delete(PATHS.stop(3))
    if word:
        world.hdfs.write_json(PATHS.kill(3), word)   # left before the kill, which reaches nobody now
    world.hdfs.write_json(PATHS.heartbeat, {"epoch": 3, "time_ms": world.now_ms()})
    assert watch(world.tools, STREAM).ask_to_end == 3
    assert world.hdfs.read_json(PATHS.stop(3))
