"""The task of a stream whose release may not go on with its checkpoint."""
from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, TaskDeferred

from deploy import desired, lease, watchdog
from deploy.airflow.operator import HashtagStreamOperator
from spark_apps.verdict import judge
from tests.fakes.batches import PATHS, STREAM, Batches
from tests.fakes.checkpoints import lived
from tests.fakes.world import RELEASE

ITEMS = {"state 0 keys": "identity #1", "watermark 0 delay_ms": "1"}


@pytest.fixture
def stream(world: Batches) -> Batches:
    world.provision()
    lived(world, 3)
    return world


def execute(ti: Any) -> None:
    HashtagStreamOperator(task_id="hold", stream=STREAM, release=RELEASE).execute({"ti": ti()})


def test_it_is_refused_in_one_line_and_parked_so_that_the_watchdog_does_not_ask_again(
        stream: Batches, ti: Any) -> None:
    stream.verdict = judge(ITEMS, {**ITEMS, "state 0 keys": "event_ms #2"})
    with pytest.raises(AirflowFailException, match=r"needs a new generation: state 0 keys .*checkpoint fresh"):
        execute(ti)
    assert desired.read(stream.hdfs, PATHS)["state"] == "parked" and not stream.jobs and not stream.epochs()
    assert not lease.newest(stream.tools, STREAM).fresh(stream.now_ms()), "whoever comes next finds it free"
    watched = watchdog.watch(stream.tools, STREAM)
    assert watched.conf is None and not watched.undecided


def test_where_results_change_it_is_submitted_and_held(stream: Batches, ti: Any) -> None:
    stream.verdict = judge(ITEMS, {**ITEMS, "watermark 0 delay_ms": "2"})
    with pytest.raises(TaskDeferred):
        execute(ti)
    assert len(stream.jobs) == len(stream.checks) == 1


def test_the_lease_is_kept_while_the_check_takes_its_time(stream: Batches, ti: Any) -> None:
    def check(tools: Any, spec: Any, generation: Any) -> Any:
        for _ in range(300):
            tools.sleep(0.5)
            assert lease.newest(stream.tools, STREAM).fresh(stream.now_ms())
        return Batches.check(stream, tools, spec, generation)

    stream.tools.check = check
    with pytest.raises(TaskDeferred):
        execute(ti)
    assert len(stream.checks) == 1
