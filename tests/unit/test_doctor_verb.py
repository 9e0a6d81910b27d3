"""`deploy/hashtide checkpoint doctor`: what it says, what it does, and where it may be killed."""
from __future__ import annotations

import json
from typing import Any

import pytest

from deploy import desired, supervisor
from deploy.errors import Damaged
from deploy.launch import StreamSpec
from deploy.verbs import checkpoint, doctor
from spark_apps.contract import HOUR_MS
from spark_apps.generations import lineage, newest
from tests.fakes.actors import CutOff
from tests.fakes.checkpoints import commit, cut, lived
from tests.fakes.damage import Patient, whole_gone
from tests.fakes.shell import Shell
from tests.fakes.world import PATHS, RELEASE, STREAM, World

NEWEST = f"{PATHS.checkpoint(1)}/commits/4"


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    """Five batches, and a savepoint after the third; nothing runs."""
    world = World()
    lived(world, 3)
    made = Shell(world, capsys)

    made.take(monkeypatch, checkpoint, doctor)
    world.intent(1, generation=1)
    made("savepoint", "before")
    for batch in (3, 4):
        commit(world, 1, batch, world.now_ms())
        world.ms += 10_000
    world.ms += HOUR_MS
    return made


def through(world: World) -> dict[int, int | None]:
    return lineage(world.hdfs, PATHS)


def test_a_whole_checkpoint_is_said_to_be_whole(shell: Shell) -> None:
    before = dict(shell.world.hdfs.data)
    assert shell("doctor") == "g0001 of stream a is whole\n"
    assert json.loads(shell("doctor", "--json"))["healthy"] and shell("doctor", "--yes")
    assert shell("doctor", "before") == "before of stream a is whole\n"
    assert shell.world.hdfs.data == before


def test_damage_is_named_with_each_way_out_and_what_is_lost(shell: Shell) -> None:
    shell.world.hdfs.data[NEWEST] = b""
    before = dict(shell.world.hdfs.data)
    said = shell("doctor", code=1)
    assert said.startswith("g0001 of stream a is damaged: 1 finding\n  commits_damaged: commits/4\n      it is empty\n")
    assert ("  1 roll back: a new generation from batch 3 of g0001, because batch 3 is the newest of g0001 that is "
            "whole\n      lost      nothing: 1 landed files, about 100 tweets, are taken again") in said
    assert "  2 restore: a new generation from batch 2 of before\n      lost      nothing: 2 landed files" in said
    assert "      by        deploy/hashtide checkpoint restore before --yes --stream a\n" in said
    assert "  3 fresh: a new generation with an empty checkpoint" in said and "deploy/hashtide backfill" in said
    assert said.endswith("Nothing is changed; --yes takes the first.\n")
    found = json.loads(shell("doctor", "--json", code=1))
    assert [way["way"] for way in found["ways"]] == ["roll back", "restore", "fresh"] and found["whole_batch"] == 3
    assert shell.world.hdfs.data == before


def test_it_rolls_back_to_the_newest_whole_batch_and_leaves_the_evidence(shell: Shell) -> None:
    shell.world.hdfs.data[NEWEST] = b""
    before = dict(shell.world.hdfs.data)
    assert "g0002 goes on with the next" in shell("doctor", "--yes")
    assert through(shell.world) == {2: None, 1: 3}
    assert {path: shell.world.hdfs.data.get(path) for path in before} == before
    assert shell("doctor") == "g0002 of stream a is whole\n"
    assert "commits/4" in shell("doctor", "g0001", code=1)


def test_landing_that_is_deleted_by_now_is_said_to_be_lost(shell: Shell) -> None:
    shell.world.hdfs.data[NEWEST] = b""
    for path in [path for path in shell.world.hdfs.data if path.startswith(PATHS.landing)]:
        del shell.world.hdfs.data[path]
    assert "lost      1 landing files that were taken after it are deleted" in shell("doctor", code=1)


def test_without_a_whole_batch_it_restores_the_newest_whole_savepoint(shell: Shell) -> None:
    whole_gone(Patient(shell.world.hdfs, PATHS))
    assert "because savepoint before is the newest point that is whole" in shell("doctor", code=1)
    shell("doctor", "--yes")
    assert through(shell.world) == {2: None, 1: 2}


def test_without_either_it_starts_fresh_and_names_the_backfill(shell: Shell) -> None:
    shell("drop", "before", "--yes")
    whole_gone(Patient(shell.world.hdfs, PATHS))
    assert "no batch of g0001 is whole, and no savepoint is" in shell("doctor", code=1)
    assert "To make its hours whole: deploy/hashtide backfill --stream a --from " in shell("doctor", "--yes")
    made = newest(shell.world.hdfs, PATHS)
    assert made and made.fresh
    assert shell("doctor") == "g0002 of stream a is whole\n"


def test_a_damaged_metadata_is_written_anew_and_no_batch_is_taken_back(shell: Shell) -> None:
    del shell.world.hdfs.data[f"{PATHS.checkpoint(1)}/metadata"]
    shell("doctor", "--yes")
    assert through(shell.world) == {2: None, 1: 4}
    assert shell("doctor") == "g0002 of stream a is whole\n"


@pytest.mark.parametrize("words,message", [(("nowhere",), "has no savepoint nowhere"),
                                           (("before", "--yes"), "does not go on with before")])
def test_bad_use_says_so(shell: Shell, words: tuple[str, ...], message: str) -> None:
    assert message in shell("doctor", *words, code=2)


def test_a_launch_on_damage_is_refused_in_one_line_before_an_epoch_is_claimed_and_parks(shell: Shell) -> None:
    world, spec = shell.world, StreamSpec(STREAM, release=RELEASE)
    supervisor.ask(world.tools, spec)
    whole_gone(Patient(world.hdfs, PATHS))
    epochs = world.epochs()
    with pytest.raises(Damaged, match=r"^stream a: checkpoint g0001 is damaged: .*; nothing was started\. "
                                      r"`deploy/hashtide checkpoint doctor --stream a` shows the ways out[^\n]*$"):
        world.tools.launch(spec)
    assert world.epochs() == epochs and not world.jobs
    said = desired.read(world.hdfs, PATHS)
    assert (said["state"], said["who"]) == ("parked", "launch") and "is damaged" in said["why"]
    done = json.loads(shell("doctor", "--yes", "--json"))
    assert done["application"] and desired.read(world.hdfs, PATHS)["state"] == "running"


def test_a_running_stream_is_stopped_repaired_and_resumed(shell: Shell) -> None:
    running(shell.world)
    shell.world.hdfs.data[NEWEST] = b""
    done = json.loads(shell("doctor", "--yes", "--json"))
    assert done["generation"] == "g0002" and done["application"] == "application_1_0002"
    args = shell.world.jobs[-1].args
    assert (args[args.index("--generation") + 1], args[args.index("--max-files") + 1]) == ("2", "7")


def running(world: World) -> None:
    """Until it is asked to stop."""
    supervisor.ask(world.tools, StreamSpec(STREAM, release=RELEASE, max_files=7))
    app, ask = world.rm.add(1), world.hdfs.create_exclusive

    def create(path: str, obj: Any) -> bool:
        if path == PATHS.stop(1):
            app.to_ms, app.state = world.ms + 3_000, "FINISHED"
        return ask(path, obj)
    world.hdfs.create_exclusive = create  # type: ignore[method-assign]


@pytest.mark.parametrize("gone", [False, True], ids=["rolls back", "restores"])
def test_killed_at_any_change_it_comes_through_by_the_same_command(shell: Shell, gone: bool) -> None:
    """Before and after each: the stream goes on in one generation, with what was whole, and nothing that was there is
    changed."""
    world = shell.world
    running(world)
    if gone:
        whole_gone(Patient(world.hdfs, PATHS))
    else:
        world.hdfs.data[NEWEST] = b""
    kept = dict(world.hdfs.data), dict(world.hdfs.times), set(world.hdfs.made), world.ms
    app, ends = world.rm.all[0], world.rm.all[0].to_ms
    at, after = 0, True
    while True:
        at, after = (at, True) if not after else (at + 1, False)
        world.hdfs.data, world.hdfs.times, world.hdfs.made = dict(kept[0]), dict(kept[1]), set(kept[2])
        world.ms = kept[3]
        world.rm.all, world.jobs = [app], []
        app.to_ms, app.state = ends, "FAILED"
        shell.tools, watched = cut(world, at, after)
        try:
            shell("doctor", "--yes", "--no-airflow")
            assert watched.calls < at, "it came to its end, and was not killed"
            break
        except CutOff:
            shell.capsys.readouterr()
        shell.tools = world.tools
        world.ms += 600_000
        come_through(shell, f"{at} {'after' if after else 'before'}")
        assert through(world)[1] == (2 if gone else 3), (at, after)
        stays = {path: data for path, data in kept[0].items()
                 if not path.startswith((PATHS.desired_changes, PATHS.progress))}
        assert {path: world.hdfs.data.get(path) for path in stays} == stays, (at, after)
    assert at > 20


def come_through(shell: Shell, where: str) -> None:
    shell("doctor", "--yes", "--no-airflow")
    world = shell.world
    assert desired.read(world.hdfs, PATHS)["state"] == "running", where
    assert shell("doctor", "--json"), where
    assert world.jobs, where
