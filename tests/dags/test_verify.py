"""Verification as a task: what the seal's application found, or an application of its own, and loud where need be."""
from __future__ import annotations

import asyncio
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, TaskDeferred
from structlog.testing import capture_logs

from deploy.airflow import links
from deploy.airflow.seal_operator import SealOperator
from deploy.airflow.verify_operator import VerifyOperator
from deploy.errors import HashtideError
from spark_apps.contract import HOUR_MS, hour_name
from tests.dags.test_seal import Task
from tests.fakes.batches import PATHS, STREAM, Batches


@pytest.fixture
def hour(world: Batches) -> int:
    """The last hour that is over, landed."""
    world.provision()
    found = int(world.ms) // HOUR_MS * HOUR_MS - HOUR_MS
    world.mark(found + 2 * HOUR_MS)
    return found


@pytest.fixture
def seal(world: Batches, ti: Any) -> Any:
    return lambda hour, **given: Task(world, ti("hashtag_hourly"), SealOperator, hour, then_verify=True, **given).run()


@pytest.fixture
def verify(world: Batches, ti: Any) -> Any:
    def made(hour: int, try_number: int = 1) -> Task:
        return Task(world, ti("hashtag_hourly", try_number=try_number), VerifyOperator, hour)
    return made


def test_what_the_seals_application_found_needs_no_other(world: Batches, hour: int, seal: Any, verify: Any) -> None:
    seal(hour)
    task = verify(hour)
    [said] = task.run()
    assert (said["hour"], said["unexplained"], task.deferrals) == (hour_name(hour), 0, 0)
    assert len(world.jobs) == 1
    assert "differences" not in said, "an XCom is no place for rows"


def test_where_the_seal_did_not_come_to_it_the_task_has_an_application_of_its_own(world: Batches, hour: int, seal: Any,
                                                                                 verify: Any) -> None:
    world.verifies = False
    seal(hour)
    world.verifies = True
    task = verify(hour)
    assert task.run()[0]["application"] == "application_2_0002"
    assert task.deferrals == 1
    assert world.jobs[1].args[4:6] == ("--verify", f"{hour_name(hour)}={hour + 2 * HOUR_MS}")
    assert (world.jobs[1].kind, world.jobs[1].queue) == ("batch", "batch")
    assert task.ti.pushed[links.KEY]["application"] == "application_2_0002"


def test_a_verification_of_an_earlier_seal_is_not_believed(world: Batches, hour: int, seal: Any, verify: Any) -> None:
    seal(hour)
    world.verifies = False
    seal(hour)
    world.verifies = True
    assert verify(hour).run()[0]["application"] == "application_2_0003"


def test_a_task_that_a_person_clears_looks_again(world: Batches, hour: int, seal: Any, verify: Any) -> None:
    seal(hour)
    assert verify(hour, try_number=2).run()[0]["application"] == "application_2_0002"


def test_what_nothing_explains_fails_and_names_the_rows(world: Batches, hour: int, seal: Any, verify: Any) -> None:
    world.unexplained = 2
    seal(hour)
    with capture_logs() as logs, pytest.raises(AirflowFailException) as caught:
        verify(hour).run()
    assert str(caught.value) == (
        f"{hour_name(hour)}, revision 1: 3 of 30 rows differ: late 1 (5 tweets), unexplained 2; "
        f"`deploy/hashtide verify --stream {STREAM} --from {hour_name(hour)}` shows the rows")
    assert [one for one in logs if one["log_level"] == "error" and one["event"].startswith("unexplained")]
    assert world.hdfs.exists(PATHS.seal_result(hour))


def test_an_hour_without_a_seal_has_nothing_to_verify(world: Batches, hour: int, verify: Any) -> None:
    with pytest.raises(AirflowFailException, match="not sealed"):
        verify(hour).run()
    assert not world.jobs


def test_yarns_success_without_a_result_is_a_failure(world: Batches, hour: int, seal: Any, verify: Any) -> None:
    world.verifies = False
    seal(hour)
    world.writes = False
    with pytest.raises(HashtideError, match="left no result at /hashtide/streams/a/progress/verify/"):
        verify(hour).run()


def test_a_person_who_ends_the_task_ends_its_application(world: Batches, hour: int, seal: Any, ti: Any) -> None:
    world.verifies = False
    seal(hour)
    with pytest.raises(TaskDeferred) as deferred:
        VerifyOperator(task_id="t", stream=STREAM, first=hour_name(hour)).execute({"ti": ti()})
    asyncio.run(deferred.value.trigger.on_kill())
    assert world.rm.killed == ["application_2_0002"]
