"""`deploy/hashtide checkpoint retire`, as a person types and reads it."""
from __future__ import annotations

import json
from typing import Any

import pytest

from deploy import cli
from deploy.checkpoints import savepoint
from deploy.retention import doing, together
from deploy.verbs import backfill as backfill_verb
from deploy.verbs import retire as verb
from spark_apps.contract import HOUR_MS, hour_name
from tests.fakes import delta
from tests.fakes.retention import BEGAN, begun, days, landing
from tests.fakes.world import CLUSTER, PATHS, STREAM, World


class Shell:
    def __init__(self, world: World, capsys: pytest.CaptureFixture[str]) -> None:
        self.world, self.capsys = world, capsys

    def __call__(self, *words: str, code: int = 0) -> str:
        got = cli.main([*words, "--stream", STREAM])
        said = self.capsys.readouterr()
        assert got == code, said
        return said.out + said.err


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    """Nine days of landing; a savepoint with a name was taken after the first of them."""
    world = begun()
    days(world, 1)
    savepoint.take(world.tools, STREAM, "before")
    days(world, 8)

    def tools_of(cluster: Any, files: Any, say: Any = print) -> Any:
        world.tools.say = say
        return world.tools

    for module in (verb, backfill_verb):
        monkeypatch.setattr(module, "open_cluster", lambda args: (CLUSTER, world.hdfs))
        monkeypatch.setattr(module, "tools_of", tools_of)
    monkeypatch.setattr(backfill_verb, "now_ms", world.now_ms)
    monkeypatch.setattr(doing, "look_at_tables", delta.look(world))
    monkeypatch.setattr(together, "run", delta.ops(world))
    return Shell(world, capsys)


def test_it_lists_what_may_go_with_reasons_and_changes_nothing(shell: Shell) -> None:
    before = dict(shell.world.hdfs.data)
    said = shell("checkpoint", "retire").splitlines()
    assert said[0].endswith(": 24 things, 24 files, 2.9 MB may go")
    assert said[2].split()[:5] == ["archive", hour_name(BEGAN), "1", "120.0", "kB"]
    assert PATHS.landing_hour(BEGAN) in said[2] and "arrived more than 168 hours ago, is sealed" in said[2]
    assert said[-2].startswith("stays  24 files, 2.9 MB: landing: savepoint before would take it; `deploy/hashtide "
                               "checkpoint drop before --stream a --yes` lets go of it")
    assert shell.world.hdfs.data == before


def test_the_command_that_it_prints_deletes_what_it_listed(shell: Shell) -> None:
    said = shell("checkpoint", "retire", "--landing-hours", "96")
    command = said.split("`deploy/hashtide ")[-1].split("`")[0].split()
    assert command[:6] == ["checkpoint", "retire", "--stream", "a", "--landing-hours", "96"]
    assert shell(*command).splitlines()[-1] == "Deleted: 24 things, 24 files, 2.9 MB."
    assert len(landing(shell.world)) == 8 * 24
    assert shell("checkpoint", "retire").splitlines()[0].endswith(": nothing may go")
    assert "Nothing is done" not in shell("checkpoint", "retire")


def test_what_is_put_together_is_on_the_list_and_done_by_its_checksum(shell: Shell) -> None:
    for n in range(9):
        delta.append(shell.world, "counts_live", BEGAN + 24 * HOUR_MS, f"{n}")
    shell.world.ms += HOUR_MS
    said = shell("checkpoint", "retire")
    assert "may go, and 9 small files to 1 be put together" in said.splitlines()[0]
    command = said.split("`deploy/hashtide ")[-1].split("`")[0].split()
    assert shell(*command).splitlines()[-1].endswith("2.9 MB; put together: 9 small files to 1.")
    assert delta.rows(shell.world, "counts_live") == [str(n) for n in range(9)]
    assert "--vacuum-hours N" in shell_help(shell)


def shell_help(shell: Shell) -> str:
    with pytest.raises(SystemExit):
        shell("checkpoint", "retire", "--help")
    return shell.capsys.readouterr().out


def test_as_json_it_is_whole(shell: Shell) -> None:
    listed = json.loads(shell("checkpoint", "retire", "--json"))
    assert len(listed["items"]) == 24 and set(listed["items"][0]) == {"kind", "what", "path", "bytes", "files", "why"}
    assert {one["files"] for one in listed["stays"]} == {24}
    gone = json.loads(shell("checkpoint", "retire", "--yes", "--checksum", listed["checksum"], "--json"))
    assert gone["deleted"]["items"] == listed["items"]


@pytest.mark.parametrize("words,said", [
    (["--yes"], "--yes and --checksum go together"), (["--checksum", "x"], "--yes and --checksum go together"),
    (["--yes", "--checksum", "x\x1b[31m"], "checksum 'x\\x1b[31m': expected that of a list"),
    (["--landing-hours", "47"], "landing_hours = 47: expected 48 to"),
    (["--vacuum-hours", "167"], "vacuum_hours = 167: expected 168 to"),
    (["--savepoints", "0"], "a whole number from 1")])
def test_bad_use_says_what_is_wrong(shell: Shell, words: list[str], said: str) -> None:
    assert said in shell("checkpoint", "retire", *words, code=2)
    assert len(landing(shell.world)) == 9 * 24


def test_another_list_is_a_no(shell: Shell) -> None:
    checksum = json.loads(shell("checkpoint", "retire", "--json"))["checksum"]
    savepoint.drop(shell.world.tools, STREAM, "before")
    assert "nothing was deleted" in shell("checkpoint", "retire", "--yes", "--checksum", checksum, code=1)


def retire(shell: Shell) -> None:
    checksum = json.loads(shell("checkpoint", "retire", "--json"))["checksum"]
    shell("checkpoint", "retire", "--yes", "--checksum", checksum)


def test_an_hour_that_is_packed_is_sealed_again_and_one_that_is_gone_is_not(shell: Shell) -> None:
    retire(shell)
    assert not shell.world.hdfs.list(PATHS.landing_hour(BEGAN))
    assert "Would seal" in shell("backfill", "--from", hour_name(BEGAN), "--dry-run")
    shell.world.ms = BEGAN + 91 * 24 * HOUR_MS
    retire(shell)
    assert "needs the landing of 2027-01-15T08, which was retired" in shell(
        "backfill", "--from", hour_name(BEGAN), "--dry-run", code=2)
    assert "Would seal" in shell("backfill", "--from", hour_name(BEGAN + 80 * 24 * HOUR_MS), "--dry-run")
