"""Whole DAG runs by dag.test(): Airflow's own task runner, trigger and mapping, on SQLite."""
from __future__ import annotations

import asyncio
import sys
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from deploy import holding, supervisor
from deploy.errors import HashtideError
from deploy.launch import INTENT_TIMEOUT_MS
from spark_apps.contract import HOUR_MS, hour_name
from tests.fakes.batches import PATHS, STREAM, Batches
from tests.fakes.checkpoints import lived
from tests.fakes.hearing import hook
from tests.fakes.world import RELEASE

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def dags() -> dict[str, Any]:
    """Fresh ones: a run's conf stays in the parameters of the object it ran on."""
    from airflow.dag_processing.dagbag import DagBag

    return dict(DagBag(ROOT / "dags").dags)


def run(dag: Any, **given: Any) -> tuple[str, dict[str, str]]:
    """(state of the run, state of each task instance)."""
    # dag.test() has no row for a deadline, and fails; the scheduler makes one.
    dag.deadline = None
    done = dag.test(**given)
    return str(done.state), {f"{ti.task_id}{[ti.map_index] if ti.map_index >= 0 else ''}": str(ti.state)
                             for ti in done.get_task_instances()}


def test_provisioning_makes_the_directories_and_twice_is_once(world: Batches, dags: dict[str, Any]) -> None:
    assert run(dags["hashtag_provision"], run_conf={"stream": STREAM}) == ("success", {"provision": "success"})
    assert PATHS.base in world.hdfs.snapshottable
    before = (dict(world.hdfs.data), set(world.hdfs.made))
    assert run(dags["hashtag_provision"], run_conf={"stream": STREAM})[0] == "success"
    assert (dict(world.hdfs.data), set(world.hdfs.made)) == before


def test_a_stream_is_held_restarted_and_stopped_in_one_try(world: Batches, dags: dict[str, Any]) -> None:
    world.provision()
    world.after(60, lambda: setattr(world.rm.all[0], "to_ms", world.ms))
    world.after(200, lambda: supervisor.stop(world.tools, STREAM, "someone"))
    world.after(210, lambda: setattr(world.rm.all[1], "to_ms", world.ms))
    done = dags["hashtag_stream"].test(run_conf={"stream": STREAM, "release": RELEASE, "trigger_seconds": 5})
    [task] = done.get_task_instances()
    assert (str(done.state), str(task.state), task.try_number) == ("success", "success", 1)
    assert world.epochs() == ["000001.json", "000002.json"]
    assert {job.args[job.args.index("--trigger-seconds") + 1] for job in world.jobs} == {"5"}
    assert links(done) == {"YARN application": "http://rm:3/cluster/app/application_1_0002",
                           "Spark UI": "http://rm:3/proxy/application_1_0002/",
                           "Driver logs": "http://rm:3/cluster/app/application_1_0002",
                           "Checkpoint": "http://nn:2/explorer.html#/hashtide/streams/a/checkpoint/g0001"}


@pytest.mark.parametrize("answer,state,generations", [("Approve", "success", 2), ("Reject", "skipped", 1)])
def test_a_restore_waits_in_airflow_for_a_person(world: Batches, dags: dict[str, Any], monkeypatch: pytest.MonkeyPatch,
                                                 answer: str, state: str, generations: int) -> None:
    world.provision()
    lived(world, 3)
    world.hdfs.create_snapshot(PATHS.base, "savepoint-monday")
    world.ms += INTENT_TIMEOUT_MS
    world.after(200, lambda: supervisor.stop(world.tools, STREAM, "someone"))
    world.after(210, lambda: [setattr(app, "to_ms", world.ms) for app in world.rm.all])
    conf = {"stream": STREAM, "release": RELEASE, "mode": "savepoint", "savepoint": "monday"}
    seen = person(monkeypatch, answer)
    done = dags["hashtag_stream"].test(run_conf=conf)
    [task] = done.get_task_instances()
    assert (str(task.state), task.try_number) == (state, 1)
    assert seen["state"] == "awaiting_input"
    assert "Restore of stream a from savepoint monday" in seen["body"]
    assert len([name for name in world.hdfs.list(PATHS.generations) if name.endswith(".json")]) == generations
    assert len(world.jobs) == generations - 1


def person(monkeypatch: pytest.MonkeyPatch, option: str) -> dict[str, Any]:
    """Somebody who opens Required Actions while dag.test waits for that, reads and answers; what it said there."""
    from airflow import settings
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from airflow.api_fastapi.core_api.datamodels.hitl import UpdateHITLDetailPayload
    from airflow.api_fastapi.core_api.routes.public.hitl import update_hitl_detail
    from airflow.models.hitl import HITLDetail

    seen: dict[str, Any] = {}
    really = time.sleep

    def sleep(seconds: float) -> None:
        if not sys._getframe(1).f_code.co_filename.endswith("/sdk/definitions/dag.py"):
            return really(seconds)
        session = settings.Session()   # dag.test's own: SQLite takes one writer
        asked = session.query(HITLDetail).filter(HITLDetail.responded_at.is_(None)).one()
        ti = asked.task_instance
        seen.update(state=str(ti.state), subject=asked.subject, body=asked.body)
        update_hitl_detail(ti.dag_id, ti.run_id, ti.task_id, UpdateHITLDetailPayload(chosen_options=[option]),
                           SimpleAuthManagerUser(username="ada", role="admin"), session)
        return session.commit()

    monkeypatch.setattr(time, "sleep", sleep)
    return seen


def test_a_stream_that_was_not_provisioned_fails(world: Batches, dags: dict[str, Any]) -> None:
    assert run(dags["hashtag_stream"], run_conf={"stream": STREAM}) == ("failed", {"hold": "failed"})


def test_the_hourly_run_seals_every_stream_that_has_anything(world: Batches, dags: dict[str, Any]) -> None:
    world.provision()
    world.hdfs.mkdirs("/hashtide/streams/silent")
    hour = int(world.ms) // HOUR_MS * HOUR_MS - HOUR_MS
    world.land(hour + 5_000)
    world.mark(hour + 2 * HOUR_MS)
    # dag.test takes the interval that is over at this instant.
    state, tasks = run(dags["hashtag_hourly"], logical_date=at(hour + HOUR_MS))
    assert (state, tasks) == ("success", {"hours": "success", "each.landing[0]": "success", "each.seal[0]": "success",
                                          "each.verify[0]": "success"})
    assert world.hdfs.read_json(PATHS.seal_result(hour))["hour"] == hour_name(hour)  # type: ignore[index]
    assert len(world.jobs) == 1, "one application seals and verifies"


def test_the_hourly_run_fails_where_nothing_explains_a_row_and_the_seal_stays(world: Batches,
                                                                             dags: dict[str, Any]) -> None:
    world.provision()
    hour = int(world.ms) // HOUR_MS * HOUR_MS - HOUR_MS
    world.land(hour + 5_000)
    world.mark(hour + 2 * HOUR_MS)
    world.unexplained = 2
    state, tasks = run(dags["hashtag_hourly"], logical_date=at(hour + HOUR_MS))
    assert (state, tasks["each.seal[0]"], tasks["each.verify[0]"]) == ("failed", "success", "failed")
    assert world.hdfs.exists(PATHS.seal_result(hour))


def test_an_hour_from_before_the_first_line_is_skipped(world: Batches, dags: dict[str, Any]) -> None:
    world.provision()
    hour = int(world.ms) // HOUR_MS * HOUR_MS - HOUR_MS
    world.land(hour + HOUR_MS)
    world.mark(hour + 2 * HOUR_MS)
    state, tasks = run(dags["hashtag_hourly"], logical_date=at(hour + HOUR_MS))
    assert state == "success"
    assert set(tasks.values()) <= {"success", "skipped"}
    assert not world.jobs


def test_a_range_is_sealed_by_hand(world: Batches, dags: dict[str, Any]) -> None:
    world.provision()
    hour = int(world.ms) // HOUR_MS * HOUR_MS - 3 * HOUR_MS
    world.mark(hour + 5 * HOUR_MS)
    conf = {"stream": STREAM, "from": hour_name(hour), "to": hour_name(hour + HOUR_MS)}
    assert run(dags["hashtag_backfill"], run_conf=conf)[0] == "success"
    assert len(world.jobs) == 1
    assert world.jobs[0].args[5].count("=") == 2


def test_the_nightly_run_takes_the_late_lines_of_streams_in_service(world: Batches, dags: dict[str, Any]) -> None:
    world.provision()
    world.land(int(world.ms) - 2 * HOUR_MS)
    world.mark(int(world.ms))
    world.late_hours = []
    assert run(dags["hashtag_backfill"])[0] == "success"
    assert "--late-within-hours" in world.jobs[0].args


def test_the_watchdog_finds_what_nobody_holds(world: Batches, dags: dict[str, Any], ti: Any) -> None:
    from deploy.airflow import work

    world.provision()
    context = {"params": {"dry_run": False}, "ti": ti()}
    assert work.watch(context) == []
    supervisor.ask(world.tools, supervisor.StreamSpec(STREAM, trigger_seconds=7))
    [conf] = work.watch(context)
    assert (conf["stream"], conf["trigger_seconds"]) == (STREAM, 7)
    params = dags["hashtag_stream"].params
    assert set(conf) <= set(params)
    assert work.watch({**context, "params": {"dry_run": True}}) == []


def test_a_dry_run_of_the_watchdog_triggers_and_writes_nothing(world: Batches, dags: dict[str, Any]) -> None:
    world.provision()
    supervisor.ask(world.tools, supervisor.StreamSpec(STREAM))
    before, runs = dict(world.hdfs.data), confs("operator_triggered")
    state, tasks = run(dags["hashtag_watchdog"], run_conf={"dry_run": True})
    assert (state, tasks["watch"], tasks["decided"]) == ("success", "success", "success")
    assert (dict(world.hdfs.data), confs("operator_triggered")) == (before, runs)


def test_the_watchdog_triggers_a_run_with_the_streams_own_parameters(world: Batches, dags: dict[str, Any]) -> None:
    world.provision()
    supervisor.ask(world.tools, supervisor.StreamSpec(STREAM, trigger_seconds=7))
    pause(False)
    assert run(dags["hashtag_watchdog"]) == (
        "success", {"watch": "success", "alert": "success", "hold[0]": "success", "decided": "success"})
    [conf] = confs("operator_triggered")
    assert (conf["stream"], conf["trigger_seconds"]) == (STREAM, 7)
    assert run_ids("operator_triggered")[0].startswith(holding.AUTOMATIC)


def test_a_paused_stream_dag_shows_at_the_watchdog_and_piles_up_no_runs(world: Batches, dags: dict[str, Any]) -> None:
    world.provision()
    supervisor.ask(world.tools, supervisor.StreamSpec(STREAM))
    pause(True)
    before = confs("operator_triggered")
    assert run(dags["hashtag_watchdog"]) == (
        "failed", {"watch": "success", "alert": "success", "hold[0]": "failed", "decided": "success"})
    assert confs("operator_triggered") == before


def test_a_notifier_that_is_down_shows_at_its_own_task_and_the_stream_finds_its_holder(
        world: Batches, dags: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world.provision()
    supervisor.ask(world.tools, supervisor.StreamSpec(STREAM))
    world.hdfs.write_json(f"{PATHS.gaps}/{world.now_ms() - 3_600_000:013d}-x.json",
                          {"start_ms": world.now_ms() - 3_600_000, "source": "x", "cause": "lost"})
    pause(False)
    with hook() as down, hook() as up:
        down.answers = 503
        (tmp_path / "alerts.toml").write_text("".join(
            f'[[notify]]\nname = "{name}"\nkind = "webhook"\nurl = "{one.url}"\n' for name, one in
            (("down", down), ("up", up))))
        monkeypatch.setenv("HASHTIDE_ALERTS", str(tmp_path / "alerts.toml"))
        states = {"watch": "success", "hold[0]": "success", "decided": "success"}
        assert run(dags["hashtag_watchdog"]) == ("failed", {**states, "alert": "failed"})
        assert [one["rule"] for one in up.bodies] == ["gap"] and down.bodies == []
        down.answers = 204
        assert run(dags["hashtag_watchdog"]) == ("success", {**states, "alert": "success"})
        assert len(up.bodies) == len(down.bodies) == 1


def test_a_watchdog_that_comes_to_no_end_is_told_of_by_airflows_deadline_until_one_does(
        world: Batches, dags: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.sdk._shared.module_loading import import_string

    [deadline] = dags["hashtag_watchdog"].deadline
    assert deadline.interval < dags["hashtag_watchdog"].dagrun_timeout
    call = import_string(deadline.callback.path)
    with hook() as web:
        (tmp_path / "alerts.toml").write_text(f'[[notify]]\nname = "web"\nkind = "webhook"\nurl = "{web.url}"\n')
        monkeypatch.setenv("HASHTIDE_ALERTS", str(tmp_path / "alerts.toml"))
        for _ in range(2):
            asyncio.run(call(**deadline.callback.kwargs, context={"dag_run": {"dag_run_id": "scheduled__now"}}))
        assert [(one["rule"], one["state"]) for one in web.bodies] == [("watchdog", "firing")]
        assert web.bodies[0]["reason"] == "scheduled__now of hashtag_watchdog has not ended in 10 minutes"
        run(dags["hashtag_watchdog"])
        assert [one["state"] for one in web.bodies] == ["firing", "resolved"]
        world.hdfs.down = True
        asyncio.run(call())
        assert web.bodies[-1]["title"] == "the watchdog does not come to its end" and len(web.bodies) == 3


def test_nothing_to_hold_leaves_the_second_task_skipped(world: Batches, dags: dict[str, Any]) -> None:
    world.provision()
    state, tasks = run(dags["hashtag_watchdog"])
    assert state == "success"
    assert tasks["watch"] == "success"
    assert "success" not in {name: was for name, was in tasks.items() if name.startswith("hold")}.values()


def test_what_the_watchdog_cannot_decide_fails_its_run_and_the_others_find_their_holder(
        world: Batches, dags: dict[str, Any]) -> None:
    world.provision()
    world.hdfs.replace("/hashtide/streams/odd/control/desired/0000000000001.json", b"[1")
    read = world.hdfs.read_json

    def read_json(path: str) -> Any:
        if path.startswith("/hashtide/streams/odd/"):
            raise HashtideError(f"HDFS {path}: expected a JSON object")
        return read(path)

    world.hdfs.read_json = read_json  # type: ignore[method-assign]
    supervisor.ask(world.tools, supervisor.StreamSpec(STREAM, trigger_seconds=9))
    pause(False)
    assert run(dags["hashtag_watchdog"]) == (
        "failed", {"watch": "success", "alert": "failed", "hold[0]": "success", "decided": "failed"})
    assert confs("operator_triggered")[-1]["trigger_seconds"] == 9


def links(done: Any) -> dict[str, str]:
    """As the page of the task shows them."""
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session

    from deploy.airflow.operator import HashtagStreamOperator

    with create_session() as session:
        stored = {x.key: x.value for x in session.query(XComModel).filter(XComModel.run_id == done.run_id)}
    return {link.name: stored[link.xcom_key].strip('"') for link in HashtagStreamOperator.operator_extra_links}


def pause(paused: bool) -> None:
    from airflow.models.dag import DagModel
    from airflow.utils.session import create_session

    with create_session() as session:
        session.get(DagModel, "hashtag_stream").is_paused = paused


def run_ids(run_type: str) -> list[str]:
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session

    with create_session() as session:
        return [found.run_id for found in session.query(DagRun).filter(DagRun.run_type == run_type)]


def confs(run_type: str) -> list[dict[str, Any]]:
    """Of the runs of hashtag_stream."""
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session

    with create_session() as session:
        found = session.query(DagRun).filter(DagRun.dag_id == "hashtag_stream", DagRun.run_type == run_type)
        return [run.conf for run in found]


def at(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, timezone.utc)
