from __future__ import annotations

import json
import shlex
from typing import Any

import pytest

from deploy import cli, supervisor
from deploy.health import health
from deploy.observation import observe
from deploy.verbs import stream as verb
from tests.fakes.world import PATHS, SPEC, STREAM, World
from tests.unit.test_supervisor import land

BEAT = {"epoch": 3, "generation": 1, "batch_id": 7, "batch_s": 2.5, "trigger_s": 10, "rows_per_s": 80.4, "late": 1,
        "duplicates": 1234, "state_rows": 56_789}


@pytest.fixture
def world() -> World:
    made = World()
    supervisor.ask(made.tools, SPEC)
    made.intent(3)
    return made


def beat(world: World, commit_age_s: float = 4) -> None:
    world.hdfs.write_json(PATHS.heartbeat, {**BEAT, "time_ms": world.now_ms(),
                                            "commit_ms": world.now_ms() - int(commit_age_s * 1000)})


def verdict(world: World) -> tuple[bool, str]:
    found = health(world.tools, STREAM)
    return found.ok, found.verdict


def test_a_driver_that_commits_is_running_and_its_numbers_are_there(world: World) -> None:
    app = world.rm.add(3, from_ms=world.ms - 60_000)
    beat(world)
    supervisor.ask(world.tools, SPEC, "ada", "more cores")
    found = health(world.tools, STREAM)
    assert (found.ok, found.verdict, found.application, found.epoch) == (True, "running", app.id, 3)
    assert found.text().splitlines()[1] == "  asked for    by ada: more cores"
    assert found.text().splitlines()[3:] == [
        "  last batch   7 of generation 1: 2.5 s of a 10.0 s trigger, 80 rows/s, committed 4.0 s ago",
        "  state        56,789 identities; since start: 1,234 duplicates, 1 late"]
    assert json.loads(json.dumps(found.as_json()))["commit_age_seconds"] == 4.0


def test_before_its_first_heartbeat_a_driver_is_starting(world: World) -> None:
    world.rm.add(3)
    assert verdict(world) == (False, "starting")


def test_a_driver_that_does_not_commit_while_files_wait_is_stalled(world: World) -> None:
    world.rm.add(3, from_ms=world.ms - 600_000)
    beat(world, 100)
    land(world, 90)
    assert verdict(world) == (False, "stalled: no commit for 100 s while 1 landed files wait")


def test_an_idle_source_is_no_stall(world: World) -> None:
    world.rm.add(3, from_ms=world.ms - 600_000)
    beat(world, 1_000)
    assert verdict(world) == (True, "running")


@pytest.mark.parametrize("state,why,expected", [
    ("stopped", "lunch", (True, "stopped")), ("parked", "5 ends in 10 min", (False, "parked: 5 ends in 10 min"))])
def test_what_should_not_run_and_does_not(world: World, state: str, why: str, expected: tuple[bool, str]) -> None:
    supervisor.stop(world.tools, STREAM, why=why, state=state)
    assert verdict(world) == expected


def test_what_should_not_run_and_does_is_stopping(world: World) -> None:
    world.rm.add(3)
    supervisor.stop(world.tools, STREAM)
    assert verdict(world) == (False, "stopping")


def test_what_should_run_and_does_not_says_who_will_see_to_it(world: World) -> None:
    ok, said = verdict(world)
    assert not ok and said.startswith("should run and does not")


def test_more_than_one_driver_is_never_well(world: World) -> None:
    world.rm.add(3)
    old = world.rm.add(2)
    beat(world)
    assert verdict(world) == (False, f"1 more application(s) than one: {old.id}")


def test_what_does_not_answer_is_unknown(world: World) -> None:
    world.rm.down = True
    ok, said = verdict(world)
    assert not ok and said.startswith("unknown: no ResourceManager")


def test_a_stream_nobody_submitted_says_so() -> None:
    assert verdict(World()) == (False, "never submitted")


def test_a_look_changes_nothing(world: World) -> None:
    world.rm.add(3, from_ms=world.ms - 600_000)
    beat(world, 100)
    land(world, 90)
    before: dict[str, Any] = dict(world.hdfs.data)
    health(world.tools, STREAM)
    assert world.hdfs.data == before and not world.rm.killed


# parked

def parked(world: World, error: str) -> None:
    world.ms += 120_000
    world.rm.add(3, from_ms=world.ms - 60_000, to_ms=world.ms - 1_000)
    world.hdfs.write_json(PATHS.result(3), {"error": error, "attempt": 2})
    supervisor.settle(world.tools, observe(world.tools, STREAM))


def test_a_parked_stream_says_why_and_the_three_ways_on(world: World) -> None:
    parked(world, "ClassNotFoundException: a.B")
    assert [" ".join(line.split()) for line in health(world.tools, STREAM).text().splitlines()] == [
        "stream a: parked: missing_class: ClassNotFoundException: a.B",
        "application application_1_0001 FAILED, epoch 3",
        "parked 2027-01-15T08:02:00Z by supervisor",
        "last error ClassNotFoundException: a.B",
        "resume deploy/hashtide stream submit --stream a "
        "# mend the cause first; goes on from its checkpoint, with a new budget of restarts",
        "roll back deploy/hashtide checkpoint restore --stream a SAVEPOINT "
        "# to a point of `checkpoint list`; says what will change, and with --yes does it; then resume",
        "stop deploy/hashtide stream stop --stream a # it stays down, and that is well"]


def test_a_program_reads_the_reason_and_the_steps(world: World) -> None:
    parked(world, "ClassNotFoundException: a.B")
    told = health(world.tools, STREAM).as_json()["parked"]
    assert (told["who"], told["error"]) == ("supervisor", "ClassNotFoundException: a.B")
    assert list(told["next_steps"]) == ["resume", "roll back", "stop"]
    assert told["next_steps"]["stop"] == "deploy/hashtide stream stop --stream a"


def test_each_of_the_three_ways_can_be_typed(world: World) -> None:
    parked(world, "ClassNotFoundException: a.B")
    for command in health(world.tools, STREAM).parked["next_steps"].values():
        program, *words = shlex.split(command)
        args = cli.parser().parse(words)
        assert (program, args.stream, callable(args.run)) == ("deploy/hashtide", STREAM, True)


def test_the_last_error_of_a_driver_that_said_nothing_is_yarns(world: World) -> None:
    world.ms += 120_000
    world.rm.add(3, from_ms=world.ms - 60_000, to_ms=world.ms - 1_000, diagnostics="Permission denied: user=x")
    supervisor.settle(world.tools, observe(world.tools, STREAM))
    assert health(world.tools, STREAM).parked["error"] == "Permission denied: user=x"


def test_an_error_cannot_forge_a_line_nor_steer_the_terminal(
        world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    parked(world, "ImportError: x\n  resume       rm -rf /\u2028\x1b[2J")
    monkeypatch.setattr(verb, "open_cluster", lambda args: (world.tools.cluster, world.hdfs))
    monkeypatch.setattr(verb, "tools_of", lambda cluster, files: world.tools)
    assert cli.main(["stream", "status", "--stream", STREAM]) == 1
    said = capsys.readouterr().out
    assert "\x1b" not in said and "\u2028" not in said
    assert [line.split()[0] for line in said.splitlines()] == [
        "stream", "application", "parked", "last", "resume", "roll", "stop"]


@pytest.mark.parametrize("state", ["running", "stopped"])
def test_what_is_not_parked_has_no_steps(world: World, state: str) -> None:
    supervisor.stop(world.tools, STREAM, state=state)
    assert health(world.tools, STREAM).parked == {}
