"""The task that goes back to a savepoint or starts fresh: asked, approved, stopped, opened once, launched."""
from __future__ import annotations

import asyncio
from typing import Any

import pytest
from airflow.providers.standard.operators import hitl
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, TaskAwaitingInput, TaskDeferred

from deploy import desired, lease, reopening, supervisor
from deploy.airflow import outcome
from deploy.airflow.operator import HashtagStreamOperator
from deploy.airflow.trigger import StreamTrigger
from deploy.launch import INTENT_TIMEOUT_MS, STOP_TIMEOUT_MS
from spark_apps import generations
from tests.fakes.actors import CutOff
from tests.fakes.batches import PATHS, STREAM, Batches
from tests.fakes.checkpoints import CutAt, lived
from tests.fakes.world import RELEASE


@pytest.fixture
def stream(world: Batches) -> Batches:
    """Three batches of generation 1, a savepoint of them, and a run that holds its driver."""
    world.provision()
    lived(world, 3)
    world.hdfs.create_snapshot(PATHS.base, "savepoint-monday")
    world.ms += INTENT_TIMEOUT_MS
    return world


class Run:
    """One task instance of hashtag_stream, its steps as Airflow would take them."""

    def __init__(self, world: Batches, ti: Any, monkeypatch: Any, **given: Any) -> None:
        self.world, self.ti, self.trigger = world, ti, None
        self.given = {"stream": STREAM, "release": RELEASE, **given}
        self.asked: list[dict[str, Any]] = []
        self.method = ""
        ti.id, self._patch = "id", monkeypatch

    def step(self, method: str, *args: Any) -> Run:
        self._patch.setattr(hitl, "upsert_hitl_detail", lambda **said: self.asked.append(said))
        self.trigger, self.method = None, ""
        try:
            getattr(HashtagStreamOperator(task_id="hold", **self.given), method)(
                {"ti": self.ti, "task_instance": self.ti}, *args)
        except TaskAwaitingInput as waits:
            self.method = waits.method_name
        except TaskDeferred as deferred:
            self.trigger, self.method = StreamTrigger(**deferred.trigger.serialize()[1]), deferred.method_name
        return self

    def execute(self) -> Run:
        return self.step("execute")

    def answer(self, option: str, timedout: bool = False) -> Run:
        from datetime import datetime, timezone

        return self.step(self.method, {
            "chosen_options": [option], "params_input": {}, "responded_at": datetime.now(timezone.utc),
            "responded_by_user": None if timedout else {"id": "1", "name": "ada\x1b"}, "timedout": timedout})

    def event(self) -> dict[str, Any]:
        async def first() -> Any:
            assert self.trigger
            async for event in self.trigger.run():
                return event.payload

        found: dict[str, Any] = asyncio.run(first())
        return found

    def go_on(self) -> Run:
        return self.step(self.method, self.event())


@pytest.fixture
def run(stream: Batches, ti: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    return lambda run_id="run2", try_number=1, **given: Run(
        stream, ti(run_id=run_id, try_number=try_number), monkeypatch, **given)


def wanted(world: Batches) -> dict[str, Any]:
    return desired.read(world.hdfs, PATHS)


def opened(world: Batches) -> list[tuple[int, str]]:
    """(number, by whom) of the generations after the first."""
    found = [generations.opened(world.hdfs, PATHS, number) for number in generations.numbers(
        world.hdfs, PATHS.generations)]
    return [(one.number, one.who) for one in found if one and one.number > 1]


def obeys(world: Batches, seconds: float = 8) -> None:
    """The driver ends so long after it was asked to."""
    app = world.rm.all[-1]

    def look() -> None:
        if PATHS.stop(1) in world.hdfs.data:
            app.to_ms, app.state = world.ms + seconds * 1000, "SUCCEEDED"
        else:
            world.after(1, look)
    world.after(1, look)


BACK = {"mode": "savepoint", "savepoint": "monday"}


def test_an_approved_restore_stops_opens_and_launches_with_what_was_asked_for(stream: Batches, run: Any) -> None:
    run("run1").execute()
    obeys(stream)
    back = run(**BACK, reason="bad release", executors="2").execute()
    [asked] = back.asked
    assert (asked["subject"], asked["options"]) == ("Stream a: go back to a savepoint", ["Approve", "Reject"])
    assert asked["body"].startswith("    Restore of stream a from savepoint monday: a new generation from batch 2")
    assert "stops" in asked["body"] and stream.rm.all[0].id in asked["body"]
    assert wanted(stream)["state"] == "running", "nothing happens before the answer"

    back.answer("Approve")
    assert back.trigger.opening
    assert (wanted(stream)["state"], wanted(stream)["why"]) == ("stopped", "bad release")
    assert opened(stream) == [], "not while its driver lives"
    back.go_on()
    assert opened(stream) == [(2, "hashtag_stream/run2#1, approved by ada")]
    assert (back.trigger.epoch, back.trigger.opening, wanted(stream)["state"]) == (2, False, "running")
    assert stream.rm.killed == [], "its driver ended by itself"
    args = stream.jobs[-1].args
    assert (args[args.index("--generation") + 1], stream.jobs[-1].executors) == ("2", 2)
    assert stream.hdfs.read_json(PATHS.epoch(2))["why"] == "bad release"
    assert lease.held_by(stream.tools, STREAM) == "hashtag_stream/run2#1"


def test_who_held_it_before_ends_in_good_order(stream: Batches, run: Any) -> None:
    held = run("run1").execute()
    run(**BACK).execute().answer("Approve")
    with pytest.raises(AirflowSkipException, match="run2#1 took stream a over"):
        held.go_on()


@pytest.mark.parametrize("late", [False, True])
def test_what_nobody_approves_changes_nothing_and_says_so(stream: Batches, run: Any, late: bool) -> None:
    run("run1").execute()
    before = dict(stream.hdfs.data)
    back = run(**BACK).execute()
    said = "nobody within a day" if late else "ada"
    with pytest.raises(AirflowSkipException, match=f"mode savepoint: rejected by {said}; nothing was changed"):
        back.answer("Reject", late)
    assert stream.hdfs.data == before
    assert back.ti.pushed[outcome.KEY]["what"] == "rejected"


def test_resume_asks_nobody(stream: Batches, run: Any) -> None:
    went = run().execute()
    assert (went.asked, went.trigger.epoch) == ([], 1)


def test_a_fresh_start_of_a_stopped_stream(stream: Batches, run: Any) -> None:
    anew = run(mode="fresh").execute()
    assert "Fresh start of stream a" in anew.asked[0]["body"]
    anew.answer("Approve").go_on()
    assert [number for number, _ in opened(stream)] == [2]
    assert stream.hdfs.read_json(PATHS.generation(2))["fresh"]
    assert anew.trigger.epoch == 1


@pytest.mark.parametrize("given,said", [
    ({"mode": "savepoint", "savepoint": "tuesday"}, "no savepoint tuesday; there are monday"),
    ({"mode": "savepoint", "savepoint": "g0001"}, "stream a goes on with that already"),
    ({"mode": "fresh", "release": "9.9"}, "release 9.9 is not in")])
def test_what_cannot_be_done_is_refused_before_anybody_is_asked(stream: Batches, run: Any, given: Any,
                                                               said: str) -> None:
    run("run1").execute()
    back = run(**given)
    with pytest.raises(AirflowFailException, match=said):
        back.execute()
    assert (back.asked, wanted(stream)["state"]) == ([], "running")


def test_a_savepoint_that_goes_while_it_waits_is_refused_and_the_stream_runs_on(stream: Batches, run: Any) -> None:
    run("run1").execute()
    back = run(**BACK).execute()
    stream.hdfs.delete_snapshot(PATHS.base, "savepoint-monday")
    with pytest.raises(AirflowFailException, match="no savepoint monday"):
        back.answer("Approve")
    assert wanted(stream)["state"] == "running"


def test_a_driver_that_does_not_stop_is_killed(stream: Batches, run: Any) -> None:
    run("run1").execute()
    back = run(**BACK).execute().answer("Approve")
    began = stream.ms
    back.go_on()
    assert stream.rm.killed == [stream.rm.all[0].id]
    assert stream.ms - began > STOP_TIMEOUT_MS
    assert len(opened(stream)) == 1


def test_a_driver_still_on_its_way_is_waited_for(stream: Batches, run: Any) -> None:
    stream.intent(1, age_s=1, generation=1)
    back = run(**BACK).execute().answer("Approve")
    began = stream.ms
    back.go_on()
    assert stream.ms - began >= INTENT_TIMEOUT_MS - 1_000
    assert len(opened(stream)) == 1


def test_an_outage_meanwhile_is_waited_out(stream: Batches, run: Any) -> None:
    run("run1").execute()
    obeys(stream)
    back = run(**BACK).execute()
    stream.hdfs.down = True
    stream.after(30, lambda: setattr(stream.hdfs, "down", False))
    back.answer("Approve")
    assert (back.trigger.begun, back.trigger.approved_by) == (False, "ada")
    stream.after(60, lambda: setattr(stream.rm, "down", True))
    stream.after(300, lambda: setattr(stream.rm, "down", False))
    while back.trigger.epoch < 2:
        back.go_on()
    assert len(back.asked) == 1, "approved is approved"
    assert (len(opened(stream)), back.trigger.epoch) == (1, 2)


def test_whoever_triggers_meanwhile_does_not_start_the_old_generation_again(stream: Batches, run: Any) -> None:
    run("run1").execute()
    run(**BACK).execute().answer("Approve")
    other = run("run3")
    with pytest.raises(AirflowSkipException, match="run2#1 opens the next generation of stream a"):
        other.execute()
    assert other.ti.pushed[outcome.KEY]["what"] == "superseded"


def test_somebody_who_stops_the_stream_meanwhile_is_obeyed(stream: Batches, run: Any) -> None:
    run("run1").execute()
    back = run(**BACK).execute().answer("Approve")
    supervisor.stop(stream.tools, STREAM, "command line")
    with pytest.raises(AirflowSkipException, match="is to be stopped since, says command line"):
        back.go_on()
    assert (opened(stream), wanted(stream)["state"]) == ([], "stopped")


def test_a_point_damaged_while_the_driver_ended_leaves_it_stopped_and_names_the_way_on(stream: Batches,
                                                                                      run: Any) -> None:
    back = run(**BACK).execute().answer("Approve")
    stream.hdfs.delete_snapshot(PATHS.base, "savepoint-monday")
    with pytest.raises(AirflowFailException, match="no savepoint monday.*Stream a is stopped: trigger it with mode"):
        back.go_on()
    assert not lease.held_by(stream.tools, STREAM)
    assert run("run3").execute().trigger.epoch == 1


def test_a_restart_of_the_opened_generation_opens_none(stream: Batches, run: Any) -> None:
    back = run(**BACK).execute().answer("Approve").go_on()
    stream.after(60, lambda: setattr(stream.rm.all[-1], "to_ms", stream.ms))
    back.go_on()
    assert (len(opened(stream)), back.trigger.epoch) == (1, 2)
    args = stream.jobs[-1].args
    assert args[args.index("--generation") + 1] == "2"


def test_a_cleared_task_asks_for_no_second_generation(stream: Batches, run: Any) -> None:
    run(**BACK).execute().answer("Approve").go_on()
    again = run(try_number=2, **BACK).execute()
    assert (again.asked, len(opened(stream)), again.trigger.epoch) == ([], 1, 1)


def test_a_run_of_another_name_that_begins_alike_is_another(stream: Batches, run: Any) -> None:
    run(**BACK).execute().answer("Approve").go_on()
    assert reopening.opened(stream.tools, STREAM, "hashtag_stream/run2#7")
    assert not reopening.opened(stream.tools, STREAM, "hashtag_stream/run#1")
    assert not reopening.opened(stream.tools, STREAM, "hashtag_stream/run22#1")


def test_an_approval_does_not_last_for_ever(stream: Batches, run: Any) -> None:
    run(**BACK).execute().answer("Approve")
    stream.ms += reopening.APPROVAL_MS
    assert run(try_number=2, **BACK).execute().method == "execute_complete"


@pytest.mark.parametrize("after", [False, True])
def test_cut_off_at_any_change_the_next_try_opens_it_once(stream: Batches, run: Any, after: bool) -> None:
    """Every change of HDFS between approval and launch, killed before or after it took effect."""
    def play(world: Batches, at: int) -> tuple[bool, int]:
        """Whether it was cut, and how many generations there are after the next try."""
        back, inner = run(**BACK), world.hdfs
        back.execute()
        world.tools.hdfs = CutAt(inner, at, after)
        was_cut = False
        try:
            back.answer("Approve").go_on()
        except CutOff:
            was_cut = True
            world.tools.hdfs = inner
            world.ms += INTENT_TIMEOUT_MS
            again = run(try_number=2, **BACK).execute()
            if again.method == "execute_complete":
                again.answer("Approve")
            while again.trigger and again.trigger.opening:
                again.go_on()
            assert wanted(world)["state"] == "running"
            assert again.trigger.epoch == len(world.epochs())
            assert len(world.rm.live_at(world.ms)) == 1
        world.tools.hdfs = inner
        return was_cut, len(opened(world))

    data, times, made, ms = (dict(stream.hdfs.data), dict(stream.hdfs.times), set(stream.hdfs.made), stream.ms)
    at = 0
    while True:
        at += 1
        stream.hdfs.data, stream.hdfs.times, stream.hdfs.made = dict(data), dict(times), set(made)
        stream.ms, stream.rm.all, stream.jobs = ms, [], []
        was_cut, count = play(stream, at)
        assert count == 1, f"cut at change {at}, {'after' if after else 'before'} it: {count} generations"
        if not was_cut:
            break
    assert at > 10


def test_on_a_damaged_checkpoint_nothing_is_started_and_the_run_says_the_way_out(stream: Batches, run: Any) -> None:
    stream.hdfs.data[f"{PATHS.checkpoint(1)}/commits/2"] = b""
    epochs, jobs = stream.hdfs.list(PATHS.epochs), len(stream.jobs)
    with pytest.raises(AirflowFailException, match="commits/2: it is empty.*checkpoint doctor"):
        run().execute()
    assert (wanted(stream)["state"], wanted(stream)["who"]) == ("parked", "launch")
    assert (stream.hdfs.list(PATHS.epochs), len(stream.jobs)) == (epochs, jobs)
