"""`deploy/hashtide checkpoint check`, as a person types and reads it."""
from __future__ import annotations

import json
from typing import Any

import pytest

from deploy import artifact, supervisor
from deploy.checkpoints import checking
from deploy.launch import StreamSpec
from deploy.verbs import checkpoint_check
from spark_apps import fingerprint
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


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> CheckShell:
    """Three batches, and a stream that was asked for with a watermark of 20 minutes."""
    world = World()
    lived(world, 3)
    supervisor.ask(world.tools, StreamSpec(STREAM, release=RELEASE, watermark_minutes=20))
    world.hdfs.create_exclusive(fingerprint.path(PATHS, 1, 1, 1), Fingerprint(ITEMS).as_json())
    made = CheckShell(world, capsys)
    made.take(monkeypatch, checkpoint_check)
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
