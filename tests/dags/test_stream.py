"""The task that holds a stream, from trigger to end, on a virtual clock."""
from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, TaskDeferred
from structlog.testing import capture_logs

from deploy import desired, health, lease, supervisor
from deploy.airflow import links, outcome
from deploy.airflow.operator import HashtagStreamOperator
from deploy.airflow.trigger import MAX_FAULTS, QUIET_S, StreamTrigger
from deploy.config import Airflow
from deploy.errors import HashtideError, Unreachable
from tests.fakes.batches import PATHS, STREAM, Batches
from tests.fakes.world import RELEASE


@pytest.fixture(autouse=True)
def _provisioned(world: Batches) -> None:
    world.provision()


class Task:
    """One task instance: the operator and its trigger, run as Airflow would."""

    def __init__(self, world: Batches, ti: Any, **given: Any) -> None:
        self.world, self.ti = world, ti
        self.given = {"stream": STREAM, "release": RELEASE, **given}
        self.trigger: StreamTrigger | None = None
        self.method, self.events, self.deferrals = "", [], 0

    def execute(self) -> Task:
        return self._step("execute")

    def _step(self, method: str, **kwargs: Any) -> Task:
        # Airflow makes the operator anew for each step.
        operator = HashtagStreamOperator(task_id="hold", **self.given)
        self.trigger = None
        try:
            getattr(operator, method)({"ti": self.ti}, **kwargs)
        except TaskDeferred as deferred:
            path, arguments = deferred.trigger.serialize()
            assert path == "deploy.airflow.trigger.StreamTrigger"
            self.trigger, self.method = StreamTrigger(**arguments), deferred.method_name
            self.deferrals += 1
        return self

    def next_event(self) -> dict[str, Any]:
        async def first() -> Any:
            assert self.trigger
            async for event in self.trigger.run():
                return event.payload

        self.events.append(asyncio.run(first()))
        return self.events[-1]

    def go_on(self) -> Task:
        return self._step(self.method, event=self.next_event())

    @property
    def desired(self) -> str:
        return str(desired.read(self.world.hdfs, PATHS).get("state"))


@pytest.fixture
def task(world: Batches, ti: Any) -> Any:
    return lambda try_number=1, run_id="run1", **given: Task(world, ti(try_number=try_number, run_id=run_id), **given)


def app(world: Batches, epoch: int) -> Any:
    return next(a for a in world.rm.all if f"hashtide-{STREAM}-e{epoch}" in a.tags)


def die(world: Batches, epoch: int, diagnostics: str = "Container killed with exit code 137") -> None:
    gone = app(world, epoch)
    gone.to_ms, gone.diagnostics = world.ms, diagnostics


def test_a_triggered_stream_is_submitted_and_held(world: Batches, task: Any) -> None:
    held = task().execute()
    assert held.trigger
    assert (held.trigger.epoch, held.desired) == (1, "running")
    page = "http://rm:3/cluster/app/application_1_0001"
    assert held.ti.pushed[links.KEY] == {
        "epoch": 1, "application": "application_1_0001", "generation": 1, "page": page, "logs": page,
        "spark_ui": "http://rm:3/proxy/application_1_0001/",
        "checkpoint": "http://nn:2/explorer.html#/hashtide/streams/a/checkpoint/g0001"}
    assert lease.held_by(world.tools, STREAM) == "hashtag_stream/run1#1"


def test_the_form_reaches_the_driver_as_numbers(world: Batches, task: Any) -> None:
    task(trigger_seconds="7", max_files="5", watermark_minutes="20").execute()
    args = world.jobs[0].args
    assert args[args.index("--trigger-seconds") + 1] == "7"
    assert args[args.index("--watermark") + 1] == "20 minutes"


@pytest.mark.parametrize("given,said", [
    ({"trigger_seconds": "301"}, "trigger_seconds = 301: expected a whole number from 1 to 300"),
    ({"executors": "many"}, "executors = 'many': expected a whole number from 1 to 1000"),
    ({"executor_memory": "2t"}, "executor_memory = '2t': expected a size"),
    ({"yarn_queue": "nosuch"}, "queue = 'nosuch': expected one of streaming, batch"),
    ({"mode": "rewind"}, "mode = 'rewind': expected one of resume, savepoint, fresh"),
    ({"mode": "savepoint"}, "savepoint is missing"), ({"reason": "a\nb"}, "reason: expected one line"),
    ({"stream": "No"}, "stream name 'No'"), ({"release": "9.9"}, "release 9.9 is not in /hashtide/releases"),
    ({"stream": "other"}, "stream other is not provisioned: run hashtag_provision")])
def test_a_wrong_parameter_is_one_line_and_no_retry(world: Batches, task: Any, given: Any, said: str) -> None:
    with pytest.raises(AirflowFailException, match=said) as failed:
        task(**given).execute()
    assert "\n" not in str(failed.value)
    assert not lease.held_by(world.tools, STREAM)


def test_a_wrong_parameter_is_refused_before_anything_is_asked(world: Batches, task: Any) -> None:
    world.hdfs.down = world.rm.down = True
    with pytest.raises(AirflowFailException, match="queue = 'nosuch'"):
        task(yarn_queue="nosuch").execute()


def test_resources_and_reason_reach_the_launch_and_stay_for_its_restarts(world: Batches, task: Any) -> None:
    held = task(yarn_queue="batch", executors="3", executor_memory="2g", reason="more tags").execute()
    world.after(60, lambda: die(world, 1))
    held.go_on()
    assert [(job.queue, job.executors, job.executor_memory) for job in world.jobs] == [("batch", 3, "2g")] * 2
    assert desired.read(world.hdfs, PATHS)["why"] == "more tags"
    assert world.hdfs.read_json(PATHS.epoch(1))["why"] == "more tags"
    assert "exit code 137" in world.hdfs.read_json(PATHS.epoch(2))["why"], "a restart says what it is for"


def test_a_desired_state_that_is_not_allowed_any_more_ends_the_task_in_one_line(world: Batches, task: Any) -> None:
    held = task().execute()
    desired.change(world.hdfs, PATHS,
                   lambda before: {**before, "parameters": {**before["parameters"], "executors": -1}})
    die(world, 1)
    with pytest.raises(AirflowFailException, match="stream a: desired state: executors = -1: expected"):
        held.go_on()
    assert not lease.held_by(world.tools, STREAM)


def test_no_event_in_the_first_fifteen_seconds(world: Batches, task: Any) -> None:
    held = task().execute()
    began = world.ms
    supervisor.stop(world.tools, STREAM)
    app(world, 1).to_ms = world.ms
    assert held.next_event()["what"] == "done"
    assert world.ms - began >= QUIET_S * 1000


def test_a_dead_driver_is_replaced_within_the_same_try(world: Batches, task: Any) -> None:
    held = task().execute()
    world.after(60, lambda: die(world, 1))
    held.go_on()
    assert held.events[-1]["what"] == "submit"
    assert (held.trigger.epoch, held.ti.try_number) == (2, 1)
    assert [a.id for a in world.rm.live_at(world.ms)] == [app(world, 2).id]
    assert held.ti.pushed[links.KEY]["epoch"] == 2


def test_a_restart_keeps_the_release_it_was_launched_with(world: Batches, task: Any, monkeypatch: Any) -> None:
    held = task(release="").execute()
    published = world.jobs[0].release.version
    monkeypatch.setattr("deploy.artifact.build", lambda source=None: ("9.9.9-newer", {}))
    world.after(60, lambda: die(world, 1))
    held.go_on()
    assert world.jobs[1].release.version == published


def test_a_stream_that_keeps_dying_is_parked_with_reason_and_next_step(world: Batches, task: Any) -> None:
    held = task().execute()
    with pytest.raises(AirflowFailException, match="5 ends within 10 min.*trigger hashtag_stream with stream = a"):
        for epoch in range(1, 7):
            world.after(20, lambda epoch=epoch: die(world, epoch))
            held.go_on()
    assert held.events[-1]["what"] == "park"
    assert held.desired == "parked"
    assert not lease.held_by(world.tools, STREAM)


def test_a_parked_streams_task_shows_why_and_the_three_ways_on(world: Batches, task: Any,
                                                               monkeypatch: pytest.MonkeyPatch) -> None:
    notes: dict[str, str] = {}
    monkeypatch.setattr(outcome.AirflowApi, "note", lambda self, dag, run, text: notes.update({f"{dag}/{run}": text}))
    cluster = replace(world.tools.cluster, airflow=Airflow("http://airflow"))
    monkeypatch.setattr(world.tools, "cluster", cluster)
    held = task().execute()
    error = "ClassNotFoundException: io.delta\n](javascript:1) <b>**x**"
    die(world, 1, error)
    with pytest.raises(AirflowFailException, match="ClassNotFoundException.*To resume mend the cause, then trigger"):
        held.go_on()
    told = held.ti.pushed[outcome.KEY]
    assert (told["what"], "ClassNotFoundException: io.delta" in told["error"]) == ("parked", True)
    assert [text for text in told["next_steps"].values()
            if "mode = resume" in text or "mode = savepoint" in text or "stream stop --stream a`" in text] == [
        told["next_steps"][name] for name in ("resume", "roll back", "stop")]
    note = notes["hashtag_stream/run1"].splitlines()
    assert note[0] == "**parked**"
    assert [line for line in note if "javascript" in line or "<b>" in line] == [note[2]]
    assert note[2].startswith("    "), "anybody's text is shown as it is"
    assert note[4:] == [f"* {name}: {text}" for name, text in told["next_steps"].items()]


@pytest.mark.parametrize("way", ["resume", "stop"])
def test_from_a_park_it_goes_on_by_each_way_without_a_hand_in_the_database(world: Batches, task: Any,
                                                                          way: str) -> None:
    held = task().execute()
    die(world, 1, "ClassNotFoundException: io.delta")
    with pytest.raises(AirflowFailException):
        held.go_on()
    if way == "stop":
        supervisor.stop(world.tools, STREAM, "command line")
        assert health.health(world.tools, STREAM).ok
    again = task(run_id="run2").execute()
    assert (again.trigger.epoch, again.desired) == (2, "running")
    for _ in range(4):
        world.sleep(5)
        assert again.trigger.poll() is None, "what it was parked for is over and done with"


def test_a_note_is_not_longer_than_airflow_takes() -> None:
    told = {"reason": "x" * 5_000, "next_steps": outcome.ways_on("a")}
    assert len(outcome.note("parked", told)) <= 1_000
    assert outcome.note("parked", told).endswith(outcome.ways_on("a")["stop"])


def test_an_airflow_that_takes_no_note_changes_nothing(world: Batches, task: Any,
                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    def note(*_: Any) -> None:
        raise Unreachable("Airflow does not answer")

    monkeypatch.setattr(outcome.AirflowApi, "note", note)
    monkeypatch.setattr(world.tools, "cluster", replace(world.tools.cluster, airflow=Airflow("http://airflow")))
    task().execute()
    with pytest.raises(AirflowSkipException, match="run1#1 holds stream a already"):
        task(run_id="run2").execute()


def test_a_park_survives_the_triggerer_that_decided_it(world: Batches, task: Any) -> None:
    held = task().execute()
    die(world, 1, "ClassNotFoundException: io.delta")
    assert held.trigger.poll().what == "park"
    again = StreamTrigger(**held.trigger.serialize()[1])
    event = again.poll()
    assert event is not None
    assert (event.what, "ClassNotFoundException" in event.reason) == ("park", True)


def test_a_parked_stream_that_is_triggered_again_runs(world: Batches, task: Any) -> None:
    held = task().execute()
    die(world, 1, "ClassNotFoundException: io.delta")
    with pytest.raises(AirflowFailException):
        held.go_on()
    mended = task(run_id="run2").execute()
    assert (mended.trigger.epoch, mended.desired) == (2, "running")
    assert mended.trigger.poll() is None


def test_a_stop_on_request_is_a_success(world: Batches, task: Any) -> None:
    held = task().execute()

    def stop() -> None:
        supervisor.stop(world.tools, STREAM, "someone")
        world.after(12, lambda: setattr(app(world, 1), "to_ms", world.ms))

    world.after(60, stop)
    held.go_on()
    assert held.trigger is None
    assert held.events[-1] == {"what": "done", "reason": "desired state is stopped", "put_off": 0}
    assert not lease.held_by(world.tools, STREAM)


def test_a_second_run_ends_at_once_and_changes_nothing(world: Batches, task: Any) -> None:
    task().execute()
    before = dict(world.hdfs.data)
    with pytest.raises(AirflowSkipException, match="run1#1 holds stream a already"):
        task(run_id="run2", trigger_seconds="5").execute()
    assert world.hdfs.data == before


def test_a_run_right_after_a_stop_takes_the_stream_over(world: Batches, task: Any) -> None:
    first = task().execute()
    supervisor.stop(world.tools, STREAM)
    app(world, 1).to_ms = world.ms + 4_000
    second = task(run_id="run2").execute()
    assert (second.trigger.epoch, second.desired) == (2, "running")
    with pytest.raises(AirflowSkipException, match="run2#1 took stream a over"):
        first.go_on()
    assert lease.held_by(world.tools, STREAM) == "hashtag_stream/run2#1"


def test_yarn_and_hdfs_out_of_order_at_the_start_put_the_launch_off(world: Batches, task: Any) -> None:
    world.hdfs.down = world.rm.down = True
    held = task().execute()
    assert (held.trigger.begun, held.method) == (False, "begin_again")
    waits = []
    for _ in range(4):
        began = world.ms
        held.go_on()
        waits.append((world.ms - began) / 1000)
    assert waits == sorted(waits)
    assert waits[-1] >= 60
    world.hdfs.down = world.rm.down = False
    held.go_on()
    assert held.trigger.begun
    assert world.epochs() == ["000001.json"]


def test_a_failing_submission_is_put_off_not_failed(world: Batches, task: Any) -> None:
    world.fails = "java.net.ConnectException: Connection refused"
    held = task().execute()
    assert (held.trigger.put_off, held.ti.pushed) == (1, {links.KEY: {}})
    held.go_on()
    world.fails = ""
    held.go_on()
    assert held.trigger.epoch == 3
    assert app(world, 3).to_ms > world.ms


def test_an_outage_while_held_waits_and_spends_nothing(world: Batches, task: Any) -> None:
    held = task().execute()
    world.after(30, lambda: setattr(world.rm, "down", True))
    world.after(600, lambda: setattr(world.rm, "down", False))
    world.after(700, lambda: setattr(world.hdfs, "down", True))
    world.after(1000, lambda: setattr(world.hdfs, "down", False))
    world.after(1100, lambda: supervisor.stop(world.tools, STREAM))
    world.after(1110, lambda: setattr(app(world, 1), "to_ms", world.ms))
    held.go_on()
    assert held.events[-1]["what"] == "done"
    assert world.epochs() == ["000001.json"]


def test_a_poll_that_keeps_failing_wakes_the_task(world: Batches, task: Any, monkeypatch: Any) -> None:
    held = task().execute()

    def broken(*_: Any) -> Any:
        raise HashtideError("HDFS /x: AccessControlException: Permission denied")

    monkeypatch.setattr("deploy.holding.poll", broken)
    began = world.ms
    with pytest.raises(AirflowFailException, match="Permission denied"):
        held.go_on()
    assert (world.ms - began) / 5_000 >= MAX_FAULTS - 1


# a person ends the task

def test_marked_failed_means_stopped_for_good(world: Batches, task: Any) -> None:
    held = task().execute()
    asyncio.run(held.trigger.on_kill())
    assert held.desired == "stopped"
    assert world.rm.killed == [app(world, 1).id]
    assert not lease.held_by(world.tools, STREAM)


def test_a_cleared_task_runs_again_when_its_next_try_was_first(world: Batches, task: Any) -> None:
    first = task().execute()
    second = task(try_number=2).execute()     # adopts epoch 1
    assert second.trigger.epoch == 1
    asyncio.run(first.trigger.on_kill())
    assert second.desired == "running"
    assert world.rm.killed == [app(world, 1).id]
    second.go_on()
    assert second.trigger.epoch == 2
    assert [a.id for a in world.rm.live_at(world.ms)] == [app(world, 2).id]


def test_a_cleared_task_runs_again_when_its_next_try_was_last(world: Batches, task: Any) -> None:
    first = task().execute()
    asyncio.run(first.trigger.on_kill())
    second = task(try_number=2).execute()
    assert (second.trigger.epoch, second.desired) == (2, "running")


def test_a_killed_task_leaves_a_newer_epoch_of_another_alone(world: Batches, task: Any) -> None:
    first = task().execute()
    die(world, 1)
    second = task(try_number=2).execute()
    asyncio.run(first.trigger.on_kill())
    assert world.rm.killed == []
    assert (second.trigger.epoch, second.desired) == (2, "running")


def test_a_kill_during_an_outage_is_tried_until_airflow_gives_up(world: Batches, task: Any) -> None:
    held = task().execute()
    world.rm.down = True
    world.after(6, lambda: setattr(world.rm, "down", False))
    asyncio.run(held.trigger.on_kill())
    assert (held.desired, world.rm.killed) == ("stopped", [app(world, 1).id])


def test_a_kill_that_never_gets_through_says_so_and_leaves_it_to_the_watchdog(world: Batches, task: Any) -> None:
    held = task().execute()
    world.rm.down = True
    asyncio.run(held.trigger.on_kill())
    assert held.desired == "stopped"


# what outlasts the trigger

def test_a_trigger_made_anew_is_the_same(world: Batches) -> None:
    made = StreamTrigger("a", "run1#1", 3, 17, 2, later_release="kept")
    path, arguments = made.serialize()
    assert path == "deploy.airflow.trigger.StreamTrigger"
    assert StreamTrigger(**arguments).serialize() == (path, arguments)
    assert arguments["later_release"] == "kept"


def test_a_lost_worker_is_followed_by_adoption(world: Batches, task: Any) -> None:
    task().execute()
    retried = task(try_number=2).execute()
    assert (retried.trigger.epoch, world.epochs()) == (1, ["000001.json"])


def test_a_restart_and_the_recovery_from_it_stand_in_the_tasks_log(world: Batches, task: Any) -> None:
    with capture_logs() as logs:
        held = task().execute()
        world.after(60, lambda: die(world, 1))
        held.go_on()
        world.commit(2)
        assert [held.trigger.poll() for _ in range(2)] == [None, None]
    told = [one["event"] for one in logs if one["log_level"] == "warning"]
    ended = "error: Container killed with exit code 137"
    assert [one for one in told if "137" in one] == [
        f"stream {STREAM}: submitted again, since its application ended: {ended}",
        f"stream {STREAM}, epoch 2: commits again after: {ended}; last batch 1"]
