"""`stream submit`: what it hands to the form, and what it refuses before it asks anybody."""
from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from deploy import cli
from deploy.config import Airflow
from deploy.verbs import stream
from tests.fakes.world import CLUSTER, PATHS, World


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """With an Airflow whose triggers are kept in `world.confs`."""
    made = World()
    made.hdfs.mkdirs(PATHS.control)
    confs: list[dict[str, Any]] = []
    made.confs = confs  # type: ignore[attr-defined]

    class Api:
        def __init__(self, settings: Airflow) -> None: ...

        def unpause(self, dag_id: str) -> None: ...

        def trigger(self, dag_id: str, conf: dict[str, Any]) -> str:
            confs.append(conf)
            return "run1"

    monkeypatch.setattr(stream, "AirflowApi", Api)
    monkeypatch.setattr(stream, "open_cluster",
                        lambda args: (replace(CLUSTER, airflow=Airflow("http://airflow")), made.hdfs))
    return made


def submit(*words: str) -> int:
    return cli.main(["stream", "submit", "--stream", "a", "--json", *words])


def test_only_what_is_given_is_handed_to_the_form(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert submit("--queue", "batch", "--executors", "3", "--executor-memory", "2g", "--why", "peak") == 0
    assert json.loads(capsys.readouterr().out) == {"dag_run": "run1"}
    assert submit("--mode", "savepoint", "--savepoint", "monday") == 0
    assert world.confs == [  # type: ignore[attr-defined]
        {"stream": "a", "queue": "batch", "executors": 3, "executor_memory": "2g", "reason": "peak"},
        {"stream": "a", "mode": "savepoint", "savepoint": "monday"}]


@pytest.mark.parametrize("words,said", [
    (("--queue", "nosuch"), "queue = 'nosuch': expected one of streaming, batch"),
    (("--executors", "1001"), "executors = 1001: expected a whole number from 1 to 1000"),
    (("--executor-memory", "2t"), "executor_memory = '2t'"), (("--release", "../x"), "release = '../x'"),
    (("--savepoint", "monday"), "only mode savepoint takes one"), (("--why", "a\nb"), "reason: expected one line"),
    (("--mode", "fresh", "--no-airflow"), "mode fresh waits for approval in Airflow")])
def test_what_is_not_allowed_is_one_line_and_nobody_is_asked(world: World, words: tuple[str, ...], said: str,
                                                            capsys: pytest.CaptureFixture[str]) -> None:
    world.hdfs.down = "--no-airflow" not in words
    assert submit(*words) == 2
    err = capsys.readouterr().err
    assert said in err and err.count("\n") == 1
    assert not world.confs  # type: ignore[attr-defined]
