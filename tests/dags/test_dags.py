"""Rules for every DAG, and that all of them load."""
from __future__ import annotations

import subprocess
import sys
import time
from copy import copy
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "dags").glob("*.py"))
BY_HAND = {"hashtag_provision", "hashtag_stream"}


@pytest.fixture(scope="module")
def dags() -> dict[str, Any]:
    from airflow.dag_processing.dagbag import DagBag

    began = time.monotonic()
    bag = DagBag(ROOT / "dags")
    assert not bag.import_errors
    assert time.monotonic() - began < 10
    return dict(bag.dags)


def test_a_file_holds_the_dag_of_its_name(dags: dict[str, Any]) -> None:
    assert sorted(dags) == [path.stem for path in FILES]
    assert {Path(dag.fileloc).stem: dag_id for dag_id, dag in dags.items()} == {path.stem: path.stem for path in FILES}


@pytest.mark.parametrize("name", [path.stem for path in FILES])
class TestEach:
    def test_says_whose_it_is_and_what_it_does(self, dags: dict[str, Any], name: str) -> None:
        dag = dags[name]
        assert dag.description
        assert "hashtide" in dag.tags
        assert {task.owner for task in dag.tasks} == {"hashtide"}
        for heading in ("### What it does", "### When not to use it", "### States", "### At night"):
            assert heading in dag.doc_md

    def test_never_catches_up_and_is_scheduled_only_where_it_says_so(self, dags: dict[str, Any], name: str) -> None:
        dag = dags[name]
        assert dag.catchup is False
        assert bool(dag.timetable.can_be_scheduled) == (name not in BY_HAND)

    def test_defaults_are_valid_in_their_own_form(self, dags: dict[str, Any], name: str) -> None:
        for key in dags[name].params:
            param = dags[name].params.get_param(key)
            assert param.schema, key
            param.resolve()
        dags[name].params.validate()

    def test_the_scheduler_reads_what_the_processor_stored(self, dags: dict[str, Any], name: str) -> None:
        from airflow.serialization.serialized_objects import DagSerialization

        stored = DagSerialization.from_dict(DagSerialization.to_dict(dags[name]))
        assert stored.dag_id == name
        assert set(stored.task_dict) == set(dags[name].task_dict)

    def test_what_loads_the_batch_queue_is_in_its_pool(self, dags: dict[str, Any], name: str) -> None:
        from deploy.airflow.analysis_operator import AnalysisOperator
        from deploy.airflow.seal_operator import SealOperator
        from deploy.airflow.verify_operator import VerifyOperator
        from deploy.local.airflow import POOL

        seals = [task for task in dags[name].tasks if issubclass(
            getattr(task, "operator_class", type(task)), (AnalysisOperator, SealOperator, VerifyOperator))
            or (name, task.task_id) == ("hashtag_purge", "purge")]
        assert {task.pool for task in seals} <= {POOL["name"]}
        assert {task.pool for task in dags[name].tasks if task not in seals} == {"default_pool"}


def test_a_held_stream_has_no_time_limit_and_never_queues(dags: dict[str, Any]) -> None:
    dag = dags["hashtag_stream"]
    assert dag.dagrun_timeout is None
    assert dag.tasks[0].execution_timeout is None
    assert dag.max_active_runs >= 1_000
    assert sorted(kind.value for kind in dag.allowed_run_types) == ["manual", "operator_triggered"]


def test_each_hourly_seal_is_verified_and_a_verification_is_not_tried_again(dags: dict[str, Any]) -> None:
    dag = dags["hashtag_hourly"]
    verify = dag.get_task("each.verify")
    assert verify.retries == 0
    assert "each.seal" in verify.upstream_task_ids
    assert dag.get_task("each.seal").retries > 0


@pytest.mark.parametrize("bad", [
    {"stream": "No-Name"}, {"trigger_seconds": 0}, {"trigger_seconds": 301}, {"watermark_minutes": 1441},
    {"max_files": "many"}, {"release": "../etc"}, {"mode": "rewind"}, {"savepoint": "../g1"}, {"queue": "nosuch"},
    {"executors": 0}, {"executors": "2"}, {"executor_memory": "2t"}, {"reason": "a\nb"}, {"reason": "a" * 201}])
def test_the_form_refuses_what_the_launch_would_refuse(dags: dict[str, Any], bad: dict[str, Any]) -> None:
    from airflow.sdk.exceptions import ParamValidationError

    for key, value in bad.items():
        copy(dags["hashtag_stream"].params.get_param(key)).resolve()
        with pytest.raises(ParamValidationError):
            copy(dags["hashtag_stream"].params.get_param(key)).resolve(value)


def test_the_form_has_every_parameter_of_a_launch(dags: dict[str, Any]) -> None:
    from deploy.spec import Request, StreamSpec

    wish = {*StreamSpec.__dataclass_fields__, *Request.__dataclass_fields__} - {"spec"}
    assert set(dags["hashtag_stream"].params) == wish
    given = {name: getattr(dags["hashtag_stream"].tasks[0], name.replace("queue", "yarn_queue")) for name in wish}
    assert given == {name: f"{{{{ params.{name} }}}}" for name in wish}, "each reaches the task"


def test_the_forms_defaults_are_the_clusters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from deploy.airflow import forms

    path = tmp_path / "c.ini"
    path.write_text("[hdfs]\ndefault_fs = hdfs://n:1\nwebhdfs = http://n:2\n[yarn]\nresourcemanagers = http://r:3\n"
                    "stream_queue = live\n[spark]\nexecutors = 4\nexecutor_memory = 4g\n")
    monkeypatch.setenv("HASHTIDE_CLUSTER", str(path))
    made = forms.streaming()
    assert {name: made[name].value for name in ("queue", "executors", "executor_memory")} == {
        "queue": "live", "executors": 4, "executor_memory": "4g"}
    assert made["queue"].schema["enum"] == ["live", "batch"]


def test_the_form_is_there_before_the_cluster_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from deploy.airflow import forms

    monkeypatch.setenv("HASHTIDE_CLUSTER", str(tmp_path / "none.ini"))
    assert forms.streaming()["queue"].value == "streaming"


def test_airflow_is_the_library_where_our_package_has_its_name() -> None:
    code = "import airflow, deploy.airflow; print(airflow.__file__, deploy.airflow.__file__)"
    done = subprocess.run([sys.executable, "-P", "-c", code], cwd=ROOT / "deploy", capture_output=True, text=True,
                          env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin"}, check=True)
    library, ours = done.stdout.split()
    assert "site-packages" in library
    assert ours == str(ROOT / "deploy" / "airflow" / "__init__.py")
