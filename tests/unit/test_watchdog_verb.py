"""`deploy/hashtide watchdog`: what it prints, and when its answer is no."""
from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from deploy import cli, desired, supervisor
from deploy.config import Airflow
from deploy.errors import Unreachable
from deploy.verbs import watchdog
from spark_apps.contract import StreamPaths
from tests.fakes.world import CLUSTER, PATHS, SPEC, STREAM, World


class Api:
    """Airflow's, as far as a watchdog needs it."""

    is_paused, down, runs = False, False, list[Any]()

    def __init__(self, settings: Airflow) -> None:
        if self.down:
            raise Unreachable("Airflow at http://a:1 does not answer")

    def paused(self, dag_id: str) -> bool:
        return self.is_paused

    def trigger(self, dag_id: str, conf: dict[str, Any], note: str = "") -> str:
        self.runs.append((dag_id, conf["stream"]))
        return "manual__1"


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """Stream a has an application too many and nobody who holds it; b is stopped."""
    made = World()
    supervisor.ask(made.tools, SPEC)
    made.intent(3)
    made.rm.add(3)
    made.rm.add(2)
    desired.change(made.hdfs, StreamPaths("b"), lambda before: {"state": "stopped"})
    cluster = replace(CLUSTER, airflow=Airflow("http://a:1"))
    monkeypatch.setattr(Api, "runs", [])
    monkeypatch.setattr(watchdog, "AirflowApi", Api)
    monkeypatch.setattr(watchdog, "open_cluster", lambda args: (cluster, made.hdfs))
    monkeypatch.setattr(watchdog, "tools_of", lambda cluster, files: made.tools)
    return made


def test_a_dry_run_lists_a_line_for_each_stream_and_does_nothing(
        world: World, capsys: pytest.CaptureFixture[str]) -> None:
    before = dict(world.hdfs.data)
    assert cli.main(["watchdog", "--dry-run"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "a: nobody holds it; would kill application_1_0002: superseded by epoch 3; "
        "would hand it to a run of hashtag_stream",
        "b: desired state is stopped; nothing to do"]
    assert (world.hdfs.data, world.rm.killed, Api.runs) == (before, [], [])


def test_by_hand_it_kills_and_finds_a_holder(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["watchdog", "--stream", STREAM]) == 0
    assert capsys.readouterr().out == (
        "a: nobody holds it; killed application_1_0002: superseded by epoch 3; "
        "held by run manual__1 of hashtag_stream now\n")
    assert (world.rm.killed, Api.runs) == (["application_1_0002"], [("hashtag_stream", STREAM)])


def test_as_json_a_program_reads_the_same(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["watchdog", "--dry-run", "--stream", STREAM, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    [found] = said["streams"]
    assert said["dry_run"] is True
    assert found["kill"] == [{"application": "application_1_0002", "epoch": 2, "why": "superseded by epoch 3"}]
    assert (found["hold"]["stream"], found["ask_to_end"], found["undecided"]) == (STREAM, None, "")


def test_where_yarn_does_not_answer_the_code_is_three(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.rm.down = True
    assert cli.main(["watchdog"]) == 3
    assert "a: nothing concluded: no ResourceManager serves" in capsys.readouterr().out
    assert not Api.runs


@pytest.mark.parametrize("how,said", [
    ({"is_paused": True}, "hashtag_stream is paused, so nobody is found to hold it: `deploy/hashtide stream submit"),
    ({"down": True}, "nobody is found to hold it: Airflow at http://a:1 does not answer"),
])
def test_where_no_holder_is_found_the_answer_is_no(
        world: World, how: dict[str, bool], said: str, monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str]) -> None:
    for name, value in how.items():
        monkeypatch.setattr(Api, name, value)
    assert cli.main(["watchdog"]) == 1
    assert said in capsys.readouterr().out
    assert not Api.runs


def test_words_of_others_cannot_steer_the_terminal(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.hdfs.write_json(PATHS.kill(3), {"why": "\x1b[2Jnothing\nto see"})
    cli.main(["watchdog", "--dry-run", "--stream", STREAM])
    said = capsys.readouterr().out
    assert "[2Jnothing to see" in said and "\x1b" not in said and said.count("\n") == 1


def test_a_stream_that_is_not_there_is_named(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["watchdog", "--stream", "music"]) == 2
    assert "stream music is not provisioned" in capsys.readouterr().err
