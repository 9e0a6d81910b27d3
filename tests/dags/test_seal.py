"""Sealing as tasks: wait for landing, run the batch, believe only what it wrote."""
from __future__ import annotations

import asyncio
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, TaskDeferred

from deploy.airflow import links
from deploy.airflow.seal_operator import LandingOperator, SealOperator
from deploy.airflow.seal_trigger import SealTrigger
from deploy.errors import HashtideError
from deploy.landed import LATENESS_MS, LIMIT_MS
from spark_apps.contract import HOUR_MS, hour_name
from tests.fakes.batches import PATHS, STREAM, Batches

MINUTE_S = 60


@pytest.fixture
def hour(world: Batches) -> int:
    """The last hour that is over, a minute ago."""
    world.ms -= world.ms % HOUR_MS - MINUTE_S * 1000
    world.provision()
    return int(world.ms) - int(world.ms) % HOUR_MS - HOUR_MS


class Task:
    """The operator and its triggers, run as Airflow would."""

    def __init__(self, world: Batches, ti: Any, kind: Any, first: int = 0, last: int = 0, **given: Any) -> None:
        self.world, self.ti, self.kind = world, ti, kind
        names = {"first": hour_name(first), "last": hour_name(last or first)} if first else {}
        self.given = {"stream": STREAM, **names, **given}
        self.trigger: SealTrigger | None = None
        self.deferrals = 0

    def run(self) -> Any:
        method, kwargs = "execute", {}
        while True:
            try:
                return getattr(self.kind(task_id="t", **self.given), method)({"ti": self.ti}, **kwargs)
            except TaskDeferred as deferred:
                self.deferrals += 1
                path, arguments = deferred.trigger.serialize()
                assert path == "deploy.airflow.seal_trigger.SealTrigger"
                self.trigger = SealTrigger(**arguments)
                assert self.trigger.serialize() == (path, arguments)
                method, kwargs = deferred.method_name, {"event": asyncio.run(self._event())}

    async def _event(self) -> Any:
        assert self.trigger
        async for event in self.trigger.run():
            return event.payload


@pytest.fixture
def landing(world: Batches, ti: Any) -> Any:
    return lambda *hours, **given: Task(world, ti(), LandingOperator, *hours, **given)


@pytest.fixture
def seal(world: Batches, ti: Any) -> Any:
    return lambda *hours, **given: Task(world, ti("hashtag_hourly"), SealOperator, *hours, **given)


# landing

def test_what_is_landed_need_not_wait(world: Batches, hour: int, landing: Any) -> None:
    world.mark(hour + HOUR_MS + LATENESS_MS)
    task = landing(hour)
    task.run()
    assert task.deferrals == 0


def test_a_seal_waits_until_the_last_source_is_far_enough(world: Batches, hour: int, landing: Any) -> None:
    world.mark(world.now_ms(), "slow")
    world.mark(hour + 2 * HOUR_MS, "fast")
    world.after(20 * MINUTE_S, lambda: world.mark(hour + HOUR_MS + LATENESS_MS, "slow"))
    began = world.ms
    landing(hour).run()
    assert 20 * MINUTE_S <= (world.ms - began) / 1000 < 21 * MINUTE_S


def test_it_waits_no_longer_than_the_limit(world: Batches, hour: int, landing: Any) -> None:
    world.mark(world.now_ms(), "dead")
    landing(hour).run()
    late_s = (world.ms - (hour + HOUR_MS + LATENESS_MS + LIMIT_MS)) / 1000
    assert 0 <= late_s < 30


def test_hdfs_out_of_order_while_it_waits_is_waited_for(world: Batches, hour: int, landing: Any) -> None:
    world.mark(world.now_ms())
    world.after(5 * MINUTE_S, lambda: setattr(world.hdfs, "down", True))
    world.after(15 * MINUTE_S, lambda: setattr(world.hdfs, "down", False))
    world.after(16 * MINUTE_S, lambda: world.mark(hour + 2 * HOUR_MS))
    landing(hour).run()
    assert not world.hdfs.down


@pytest.mark.parametrize("first,last,said", [
    (1, 1, "is not over: seal it afterwards"), (-800, 0, "801 hours at once, at most 744"),
    (0, -3, "ends at .* before it begins")])
def test_a_range_that_no_seal_takes_is_refused_in_one_line(world: Batches, hour: int, landing: Any, first: int,
                                                          last: int, said: str) -> None:
    world.mark(world.now_ms())
    with pytest.raises(AirflowFailException, match=said):
        landing(hour + first * HOUR_MS, hour + last * HOUR_MS).run()


# seal

def test_an_hour_is_sealed_through_what_is_landed_and_its_result_is_the_xcom(world: Batches, hour: int,
                                                                            seal: Any) -> None:
    world.mark(hour + 2 * HOUR_MS)
    task = seal(hour)
    assert [(one["hour"], one["complete"], one["through_ms"]) for one in task.run()] == [
        (hour_name(hour), True, hour + 2 * HOUR_MS)]
    assert (world.jobs[0].kind, world.jobs[0].queue) == ("batch", "batch")
    assert task.ti.pushed[links.KEY]["page"].startswith("http://rm:3/cluster/app/application_2_")


def test_past_the_limit_it_seals_as_incomplete_and_names_the_gap(world: Batches, hour: int, landing: Any,
                                                                seal: Any) -> None:
    world.mark(world.now_ms(), "dead")
    landing(hour).run()
    [result] = seal(hour).run()
    assert result["complete"] is False
    assert "dead is at " in result["gap"]


def test_complete_hours_of_a_range_are_not_spoilt_by_one_with_a_gap(world: Batches, hour: int, seal: Any) -> None:
    world.mark(hour + LATENESS_MS)
    results = seal(hour - 2 * HOUR_MS, hour).run()
    assert [(one["hour"], one["complete"]) for one in results] == [
        (hour_name(hour - 2 * HOUR_MS), True), (hour_name(hour - HOUR_MS), True), (hour_name(hour), False)]
    assert len(world.jobs) == 2


def test_yarns_success_without_a_result_is_a_failure(world: Batches, hour: int, seal: Any) -> None:
    world.mark(hour + 2 * HOUR_MS)
    seal(hour).run()
    world.writes = False
    with pytest.raises(HashtideError, match="left no result at /hashtide/streams/a/progress/seal/"):
        seal(hour).run()


def test_a_failed_application_is_named(world: Batches, hour: int, seal: Any) -> None:
    world.mark(hour + 2 * HOUR_MS)
    world.ends, world.writes = "FAILED", False
    with pytest.raises(HashtideError, match="application_2_0001 ended FAILED"):
        seal(hour).run()


def test_an_application_that_yarn_has_forgotten_is_judged_by_its_result(world: Batches, hour: int, seal: Any) -> None:
    world.mark(hour + 2 * HOUR_MS)
    world.after(36, world.rm.all.clear)
    assert seal(hour).run()[0]["rows"] == 3


def test_late_lines_are_sealed_where_the_batch_found_them(world: Batches, hour: int, seal: Any, landing: Any) -> None:
    world.late_hours = [hour - 5 * HOUR_MS, hour - 3 * HOUR_MS]
    landing().run()
    assert len(seal(late_within_hours=24).run()) == 2
    assert "--late-within-hours" in world.jobs[0].args


def test_no_late_lines_is_a_success_too(world: Batches, hour: int, seal: Any) -> None:
    world.late_hours = []
    assert seal(late_within_hours=24).run() == []


def test_a_person_who_ends_the_task_ends_its_application(world: Batches, hour: int, seal: Any) -> None:
    world.mark(hour + 2 * HOUR_MS)
    with pytest.raises(TaskDeferred) as deferred:
        SealOperator(task_id="t", stream=STREAM, first=hour_name(hour)).execute({"ti": seal(hour).ti})
    asyncio.run(deferred.value.trigger.on_kill())
    assert world.rm.killed == ["application_2_0001"]


def test_waiting_for_landing_kills_nothing(world: Batches) -> None:
    asyncio.run(SealTrigger(STREAM, [0]).on_kill())
    assert world.rm.killed == []


def test_results_lie_where_the_contract_says(world: Batches, hour: int, seal: Any) -> None:
    world.mark(hour + 2 * HOUR_MS)
    seal(hour).run()
    assert world.hdfs.exists(PATHS.seal_result(hour))
