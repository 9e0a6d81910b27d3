"""`deploy/hashtide checkpoint`, as a person types and reads it."""
from __future__ import annotations

import json
from typing import Any

import pytest

from deploy import cli, desired, supervisor
from deploy.launch import StreamSpec
from deploy.verbs import checkpoint as verb
from spark_apps.contract import HOUR_MS, hour_name
from spark_apps.generations import newest
from tests.fakes.actors import CutOff
from tests.fakes.checkpoints import BATCH_MS, TEN, commit, lived
from tests.fakes.shell import Shell
from tests.fakes.world import PATHS, RELEASE, STREAM, App, World


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    """Three batches, a savepoint, two batches more; stopped."""
    world = World()
    lived(world, 3)

    made = Shell(world, capsys)
    made.take(monkeypatch, verb)
    world.intent(1, generation=1)
    made("savepoint", "before", "--why", "a test\x1b[31m")
    for batch in (3, 4):
        commit(world, 1, batch, world.now_ms())
        world.ms += BATCH_MS
    world.ms += HOUR_MS
    return made


def running(world: World) -> App:
    supervisor.ask(world.tools, StreamSpec(STREAM, release=RELEASE, max_files=7))
    app = world.rm.add(1)
    ask = world.hdfs.create_exclusive

    def create(path: str, obj: Any) -> bool:
        if path == PATHS.stop(1):
            app.to_ms, app.state = world.ms + 3_000, "FINISHED"
        return ask(path, obj)

    world.hdfs.create_exclusive = create  # type: ignore[method-assign]
    return app


def test_a_savepoint_says_what_it_holds_and_how_to_go_back(shell: Shell) -> None:
    said = shell("savepoint", "second")
    assert said.startswith("Savepoint second: batch 4 of g0001, watermark ") and "by snapshot" in said
    assert "`deploy/hashtide checkpoint restore second --stream a` goes back to it." in said


def test_the_list_is_a_table_of_points_with_nothing_that_steers_a_terminal(shell: Shell) -> None:
    said = shell("list").splitlines()
    assert said[0].split() == ["point", "kind", "batch", "watermark", "size", "taken", "release", "by", "why"]
    assert said[1].startswith("g0001   goes on   g0001:4")
    assert said[2].startswith("before  snapshot  g0001:2") and said[2].endswith("command line  a test\\x1b[31m")
    as_json = json.loads(shell("list", "--json"))
    assert [(one["name"], one["batch_id"], one["fault"]) for one in as_json] == [("g0001", 4, ""), ("before", 2, "")]


def test_a_point_is_described(shell: Shell) -> None:
    said = shell("inspect", "before").splitlines()
    assert said[0] == "snapshot before: pinned"
    assert said[1].startswith("  batch      2 of g0001, watermark ")
    assert f"release {RELEASE}" in said[4] and said[-1].endswith("by command line: a test\\x1b[31m")
    assert json.loads(shell("inspect", "g0001", "--json"))["current"]
    assert "has no savepoint nowhere; there are before, g0001" in shell("inspect", "nowhere", code=2)


def test_a_damaged_point_is_a_no(shell: Shell) -> None:
    shell.world.hdfs.data[f"{PATHS.checkpoint(1)}/commits/4"] = b""
    assert "commits/4: it is empty" in shell("inspect", "g0001", code=1)
    assert "g0001 cannot be restored: " in shell("list")


def test_a_drop_has_to_be_meant(shell: Shell) -> None:
    assert shell("drop", "before", code=1) == (
        "Would forget savepoint before; it is the last good one; --yes does it.\n")
    assert shell("drop", "before", "--yes") == "Savepoint before is forgotten.\n"
    assert "has no savepoint before" in shell("drop", "before", code=2)


def test_a_restore_says_what_it_would_do_and_changes_nothing(shell: Shell) -> None:
    before = dict(shell.world.hdfs.data)
    said = shell("restore", "before", code=1)
    assert said.startswith("Restore of stream a from savepoint before: a new generation from batch 2 of g0001")
    assert said.endswith("Nothing is changed; --yes does it.\n")
    assert json.loads(shell("restore", "before", "--json", code=1))["would"]["opens"]["through_batch"] == 2
    assert shell.world.hdfs.data == before


def test_a_stopped_stream_stays_stopped_after_its_restore(shell: Shell) -> None:
    said = shell("restore", "before", "--yes", "--why", "bad counts")
    assert "g0002 goes on with the next `deploy/hashtide stream submit --stream a`" in said
    made = newest(shell.world.hdfs, PATHS)
    assert made and (made.number, made.who, made.why) == (2, "command line", "bad counts")
    assert not shell.world.jobs


def test_a_running_stream_is_stopped_restored_and_resumed_with_its_parameters(shell: Shell) -> None:
    running(shell.world)
    done = json.loads(shell("restore", "before", "--yes", "--json"))
    assert done["generation"] == "g0002" and done["application"] == "application_1_0002"
    args = shell.world.jobs[-1].args
    assert (args[args.index("--generation") + 1], args[args.index("--max-files") + 1]) == ("2", "7")
    assert desired.read(shell.world.hdfs, PATHS)["state"] == "running"
    assert not shell.world.rm.killed


def test_one_that_was_cut_off_after_the_stop_is_resumed_by_the_next(shell: Shell) -> None:
    running(shell.world)
    copy = shell.world.hdfs.copy

    def cut(source: str, target: str) -> None:
        raise CutOff

    shell.world.hdfs.copy = cut  # type: ignore[method-assign]
    with pytest.raises(CutOff):
        shell("restore", "before", "--yes")
    shell.capsys.readouterr()
    shell.world.hdfs.copy = copy  # type: ignore[method-assign]
    assert not shell.world.jobs
    assert json.loads(shell("restore", "before", "--yes", "--json"))["generation"] == "g0003"
    assert len(shell.world.jobs) == 1


def test_a_restore_that_fails_says_that_the_stream_is_stopped_and_how_it_goes_on(shell: Shell) -> None:
    running(shell.world)

    def full(source: str, target: str) -> None:
        raise cli.HashtideError("HDFS: DSQuotaExceededException: no room")

    shell.world.hdfs.copy = full  # type: ignore[method-assign]
    said = shell("restore", "before", "--yes", code=1)
    assert "stream a is stopped, and goes on as before by `deploy/hashtide stream submit --stream a`" in said
    assert said.endswith("hashtide: HDFS: DSQuotaExceededException: no room\n")
    made = newest(shell.world.hdfs, PATHS)
    assert made and made.number == 1


def test_a_fresh_start_prints_the_backfill_that_repairs_its_seam(shell: Shell) -> None:
    commit(shell.world, 1, 5, TEN + HOUR_MS + BATCH_MS)
    said = shell("fresh", "--yes")
    assert f"takes what arrives from {hour_name(TEN + HOUR_MS)} on" in said
    assert said.endswith("To make its hours whole: deploy/hashtide backfill --stream a "
                         f"--from {hour_name(TEN - HOUR_MS)} --to {hour_name(TEN)}\n")


def test_it_can_begin_at_another_hour(shell: Shell) -> None:
    shell("fresh", "--yes", "--from", hour_name(TEN - HOUR_MS))
    made = newest(shell.world.hdfs, PATHS)
    assert made and (made.from_hour, made.through_batch) == (TEN - HOUR_MS, -1)
