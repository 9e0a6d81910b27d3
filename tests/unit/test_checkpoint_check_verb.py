"""`deploy/hashtide checkpoint check`, as a person types and reads it."""
from __future__ import annotations

import json
import re
from typing import Any

import pytest

from deploy import artifact, supervisor
from deploy.checkpoints import checking
from deploy.launch import StreamSpec
from deploy.verbs import checkpoint, checkpoint_check
from deploy.verbs.common import iso
from spark_apps import fingerprint, guard
from spark_apps.fingerprint import Fingerprint
from tests.fakes.checkpoints import lived
from tests.fakes.shell import Shell
from tests.fakes.world import PATHS, RELEASE, STREAM, World

ITEMS = {"state 0 keys": "identity #1", "watermark 0 delay_ms": "600000"}


class CheckShell(Shell):
    """`answer`: what the local Spark says; `words`, `version`: of what it was asked."""

    family = ("checkpoint", "check")

    def __init__(self, world: World, capsys: pytest.CaptureFixture[str]) -> None:
        super().__init__(world, capsys)
        self.words: list[str] = []
        self.version = ""
        self.answer: dict[str, Any] = {"items": ITEMS, "trial": {"error_class": "", "error": "", "batches": [3]}}

    def run(self, tools: Any, app: Any, action: str, words: list[str]) -> dict[str, Any]:
        self.words, self.version = words, app.version
        return self.answer

    def points(self, *words: str) -> str:
        """`checkpoint WORDS`."""
        other = Shell(self.world, self.capsys)
        return other(*words)


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> CheckShell:
    """Three batches, and a stream that was asked for with a watermark of 20 minutes."""
    world = World()
    lived(world, 3)
    supervisor.ask(world.tools, StreamSpec(STREAM, release=RELEASE, watermark_minutes=20))
    world.hdfs.create_exclusive(fingerprint.path(PATHS, 1, 1, 1), Fingerprint(ITEMS).as_json())
    made = CheckShell(world, capsys)
    made.take(monkeypatch, checkpoint, checkpoint_check)
    monkeypatch.setattr(checking, "run", made.run)
    return made


def test_a_compatible_release_is_a_yes_and_changes_nothing(shell: CheckShell) -> None:
    before = dict(shell.world.hdfs.data)
    said = shell()
    version = artifact.build()[0]
    assert f"Release {version} on g0001 of stream a: compatible\n" in said
    assert said.endswith("  trial: one batch on a clone came through\n")
    assert shell.words[shell.words.index("--watermark") + 1] == "20 minutes", "as the stream was last asked for"
    assert shell.words[shell.words.index("--shuffle-partitions") + 1] == "3"
    assert shell.version == version and shell.world.hdfs.data == before


def test_what_results_change_is_a_no_with_the_backfill(shell: CheckShell) -> None:
    shell.answer["items"] = {**ITEMS, "watermark 0 delay_ms": "60000"}
    said = shell("--watermark-minutes", "1", code=1)
    assert "compatible, results change from here on\n  watermark 0 delay_ms: 600000 -> 60000: tweets that" in said
    assert "deploy/hashtide backfill --stream a --from " in said
    assert shell.words[shell.words.index("--watermark") + 1] == "1 minutes"


def test_what_may_not_go_on_is_a_no_with_the_ways_on_and_nothing_that_steers_a_terminal(shell: CheckShell) -> None:
    shell.answer["items"] = {**ITEMS, "state 0 keys": "\x1b[31midentity #2"}
    said = shell(code=1)
    assert "needs a new generation\n  state 0 keys: identity #1 -> \\x1b[31midentity #2: " in said
    assert "`deploy/hashtide checkpoint fresh --stream a --yes` begins an empty checkpoint" in said


def test_as_json_it_has_all_that_differs(shell: CheckShell) -> None:
    shell.answer["trial"] = {"error_class": "STATE_STORE_X", "error": "other", "batches": []}
    told = json.loads(shell("--json", code=1))
    assert (told["verdict"], told["generation"], told["differences"][0]["new"]) == (
        "cannot run", "g0001", "STATE_STORE_X")


def test_only_to_compare_nothing_is_copied(shell: CheckShell) -> None:
    del shell.answer["trial"]
    assert "trial: none, its " in shell("--no-clone")
    assert "--clone" not in shell.words


def test_a_release_that_is_not_there_and_a_stream_without_a_checkpoint_are_wrong_use(shell: CheckShell) -> None:
    assert "release 9.9 is not in /hashtide/releases" in shell("--release", "9.9", code=2)
    shell.world.hdfs.data.clear()
    assert shell(code=2) == ("hashtide: stream a was never launched: it has no checkpoint that could be compared\n")


# where nobody wrote down what it was made with

ACCEPT = ("--accept", "--why", "made by hand from 0.0.9")


@pytest.fixture
def unrecorded(shell: CheckShell) -> CheckShell:
    shell.world.hdfs.delete(fingerprint.path(PATHS, 1, 1, 1))
    return shell


def test_without_a_record_it_is_a_no_that_names_the_way_on(unrecorded: CheckShell) -> None:
    said = unrecorded(code=1)
    assert "needs a new generation\n  fingerprint: none -> : nothing says what this checkpoint was made with" in said
    assert (f"`deploy/hashtide checkpoint check --stream a --release {artifact.build()[0]} --accept --why ...` lets it "
            "go on on your word, `deploy/hashtide checkpoint fresh --stream a --yes` begins") in said


def test_to_accept_changes_nothing_without_yes(unrecorded: CheckShell) -> None:
    before = dict(unrecorded.world.hdfs.data)
    said = unrecorded(*ACCEPT, code=1)
    assert said.startswith("[") and "By what is known of it:\nRelease " in said and "compatible\n" in said
    assert "deploy/hashtide backfill --stream a --from " in said, "what was counted before may have been another thing"
    assert said.endswith(f"Would write down that g0001 was made as release {artifact.build()[0]} makes one; --yes "
                         "does it.\n")
    assert unrecorded.world.hdfs.data == before


def test_on_a_persons_word_the_launch_goes_on_and_everybody_sees_whose(
        unrecorded: CheckShell, monkeypatch: pytest.MonkeyPatch) -> None:
    world, before = unrecorded.world, dict(unrecorded.world.hdfs.data)
    monkeypatch.setattr("getpass.getuser", lambda: "ada")
    said = unrecorded(*ACCEPT, "--yes")
    assert said.endswith("g0001 goes on with the next `deploy/hashtide stream submit --stream a`\n")
    [path] = [path for path, data in world.hdfs.data.items() if before.get(path) != data]
    assert path == f"{PATHS.control}/fingerprint/g0001-000000.a0.json"
    made = Fingerprint.of(world.hdfs.read_json(path) or {})
    assert (made.items, made.release, made.from_batch) == (ITEMS, artifact.build()[0], 2)
    assert (made.who, made.why, made.time_ms) == ("ada", "made by hand from 0.0.9", world.now_ms())
    world.tools.launch(StreamSpec(STREAM, watermark_minutes=20))
    assert world.jobs and not world.checks, "the launch finds what it would make"
    guard.check(world.hdfs, PATHS, (1, 1, 1), ITEMS, world.now_ms())
    listed = unrecorded.points("list")
    assert f"g0001 goes on by the word of ada, {iso(made.time_ms)}: made by hand from 0.0.9\n" in listed
    assert "  accepted   what it was made with is the word of ada, " in unrecorded.points("inspect", "g0001")
    assert json.loads(unrecorded.points("inspect", "g0001", "--json"))["accepted"]["why"] == "made by hand from 0.0.9"


@pytest.mark.parametrize("trial,why", [
    ({"error_class": "STATE_STORE_X", "error": "other schema"}, "cannot run: trial \\(none -> STATE_STORE_X\\)"),
    (None, "trial: none, the release says nothing of one")])
def test_nobodys_word_is_enough_where_the_trial_did_not_come_through(
        unrecorded: CheckShell, trial: Any, why: str) -> None:
    before = dict(unrecorded.world.hdfs.data)
    unrecorded.answer["trial"] = trial
    said = unrecorded(*ACCEPT, "--yes", code=1)
    assert re.search(f"g0001 cannot go on with release [^ ]+ on anybody's word: {why}; `deploy/hashtide checkpoint "
                     "fresh", said)
    assert unrecorded.world.hdfs.data == before


def test_nor_where_what_is_known_speaks_against_it(unrecorded: CheckShell) -> None:
    unrecorded.answer["items"] = {**ITEMS, "source 0 path": "/elsewhere"}
    assert "anybody's word: needs a new generation: source 0 path (/hashtide/landing/a -> /elsewhere)" in unrecorded(
        *ACCEPT, "--yes", code=1)


def test_a_large_checkpoint_is_copied_all_the_same(unrecorded: CheckShell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "LARGEST_CLONE", 100)
    unrecorded(*ACCEPT, code=1)
    assert "--clone" in unrecorded.words


@pytest.mark.parametrize("words,message", [
    (("--accept",), "--accept needs --why"), (("--why", "x"), "go with --accept only"),
    (("--yes",), "go with --accept only"), (("--no-clone", *ACCEPT), "not allowed with argument")])
def test_accepting_needs_a_reason_and_a_trial(unrecorded: CheckShell, words: tuple[str, ...], message: str) -> None:
    assert message in unrecorded(*words, code=2)


def test_what_is_written_down_or_has_no_batch_needs_nobodys_word(shell: CheckShell) -> None:
    assert "what g0001 was made with is written down" in shell(*ACCEPT, code=2)
    shell.world.hdfs.delete(fingerprint.path(PATHS, 1, 1, 1))
    for batch in range(3):
        shell.world.hdfs.delete(f"{PATHS.checkpoint(1)}/commits/{batch}")
    assert "g0001 has no batch yet" in shell(*ACCEPT, code=2)
    assert not shell.words, "no Spark was started"
