"""Analyses as tasks: submit, wait for the end, believe only what was written."""
from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, TaskDeferred

from deploy.airflow import links, work
from deploy.airflow.analysis_operator import AnalysisOperator
from deploy.airflow.seal_trigger import SealTrigger
from deploy.errors import HashtideError
from spark_apps.contract import HOUR_MS
from tests.fakes.batches import PATHS, STREAM, Batches

FOUND = {"day": "2026-03-01", "tags": 3, "links": 2, "components": 1, "communities": 1, "modularity": 0.5}


def run(world: Batches, ti: Any, written: dict[str, Any] | None, **given: Any) -> Any:
    """The task as Airflow would run it; the application writes this before its end."""
    world.provision()
    options = {"kind": "graph", "stream": STREAM, "options": {"day": "2026-03-01"}, **given}
    context: Any = {"ti": ti}
    with pytest.raises(TaskDeferred) as deferred:
        AnalysisOperator(task_id="t", **options).execute(context)
    app = world.rm.apps()[-1]
    if written is not None:
        world.hdfs.write_json(PATHS.graph_result("2026-03-01"), {**written, "application": app.id, "time_ms": 1})
    trigger = SealTrigger(**deferred.value.trigger.serialize()[1])

    async def event() -> Any:
        async for one in trigger.run():
            return one.payload
    return AnalysisOperator(task_id="t", **options).resume(context, asyncio.run(event()))


def test_what_the_application_wrote_is_the_xcom(world: Batches, ti: Any) -> None:
    world.writes, task = False, ti("hashtag_graph")
    found = run(world, task, FOUND)
    assert {name: found[name] for name in FOUND} == FOUND
    [job] = world.jobs
    assert (job.kind, job.queue) == ("graph", "batch") and "--day" in job.args
    assert job.release.main(job.kind).endswith("/hashtag_graph.py")
    assert "application_2_" in task.pushed[links.KEY]["page"]


def test_nothing_to_learn_from_is_a_skip_that_says_why(world: Batches, ti: Any) -> None:
    world.writes = False
    with pytest.raises(AirflowSkipException, match="no sealed hour"):
        run(world, ti(), {"refused": "2026-03-01 has no sealed hour"})


def test_no_result_is_a_failure_whatever_yarn_says_and_so_is_a_parameter_out_of_range(world: Batches, ti: Any) -> None:
    world.writes = False
    with pytest.raises(HashtideError, match="graph of a left no result at /hashtide/streams/a/progress/graph/"):
        run(world, ti(), None)
    with pytest.raises(AirflowFailException, match="min_lift = 'many'"):
        AnalysisOperator(task_id="t", kind="graph", stream=STREAM, options={
            "day": "2026-03-01", "min_lift": "many"}).execute({"ti": ti()})


def test_each_stream_in_service_has_its_own_newest_day(world: Batches) -> None:
    world.provision()
    context = {"params": {"day": "", "min_tweets": 5, "min_lift": 2.0}, "dag_run": SimpleNamespace(conf={})}
    assert work.graph(context) == []
    hour = world.now_ms() - world.now_ms() % HOUR_MS - HOUR_MS
    world.land(hour), world.mark(world.now_ms())
    assert work.graph(context) == []
    world.hdfs.write_json(f"{PATHS.progress}/seal/2026-03-02T03.json", {})
    assert work.graph(context) == [{"stream": STREAM, "options": {"day": "2026-03-02", "min_tweets": 5,
                                                                  "min_lift": 2.0}}]
    asked = {**context, "dag_run": SimpleNamespace(conf={"stream": "music"}), "params": {
        "from": "", "to": "", "newest": 24, "min_tweets": 5}}
    assert [one["stream"] for one in work.related(asked)] == ["music"]
