"""`deploy/hashtide checkpoint inspect POINT --state`, as a person types and reads it; Spark's part is played."""
from __future__ import annotations

import json
from typing import Any

import pytest

from deploy.checkpoints import local_spark
from deploy.checkpoints.state import Key, Partition, State
from deploy.verbs import checkpoint, checkpoint_state
from spark_apps.contract import MINUTE_MS
from tests.fakes.checkpoints import BATCH_MS, TEN, commit, lived
from tests.fakes.shell import Shell
from tests.fakes.world import PATHS, World

OPERATOR = {"id": 0, "name": "dedupeWithinWatermark", "store": "default", "partitions": 3, "first_batch": 0,
            "last_batch": 4}
#: Ten rows: seven in partition 0, none in partition 1, three in partition 2.
CELLS = [[0, TEN, 2], [0, TEN + MINUTE_MS, 5], [2, TEN, 3]]
KEY = 2028048951227750787


class StateShell(Shell):
    """`answer`: what the local Spark says; `words`: of what it was asked."""

    family = ("checkpoint", "inspect")

    def __init__(self, world: World, capsys: pytest.CaptureFixture[str]) -> None:
        super().__init__(world, capsys)
        self.words: list[str] = []
        self.answer: dict[str, Any] = {
            "spark": "4.2.0", "operators": [OPERATOR], "operator": OPERATOR, "cells": CELLS, "oldest_ms": TEN + 1_000,
            "newest_ms": TEN + 119_000, "oldest": [[KEY, TEN + 1_000, 2]], "newest": [[KEY + 1, TEN + 119_000, 0]]}

    def run(self, tools: Any, app: Any, action: str, words: list[str]) -> dict[str, Any]:
        assert action == "state" and "ops.py" in app.files
        self.words = words
        return self.answer


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> StateShell:
    """Three batches, a savepoint, two batches more."""
    world = World()
    lived(world, 3)
    made = StateShell(world, capsys)
    made.take(monkeypatch, checkpoint, checkpoint_state)
    monkeypatch.setattr(local_spark, "run", made.run)
    made.family = ("checkpoint",)
    made("savepoint", "before")
    made.family = StateShell.family
    for batch in (3, 4):
        commit(world, 1, batch, world.now_ms())
        world.ms += BATCH_MS
    return made


def asked(shell: StateShell, option: str) -> str:
    return shell.words[shell.words.index(option) + 1]


def test_the_state_of_a_generation_is_told_and_nothing_is_changed(shell: StateShell) -> None:
    before = dict(shell.world.hdfs.data)
    said = shell("g0001", "--state")
    assert (asked(shell, "--checkpoint"), asked(shell, "--batch"), asked(shell, "-k")) == (
        PATHS.checkpoint(1), "4", "10")
    assert "] generation g0001: the state after batch 4, by a local Spark\n" in said, "steps are said"
    lines = [line for line in said.splitlines() if not line.startswith("[")]
    assert lines[0].startswith("state of g0001 after batch 4 of g0001, watermark 20") and "by Spark 4.2.0" in lines[0]
    assert lines[1] == "  operator  0 dedupeWithinWatermark, store default, 3 partitions, batches 0 to 4"
    assert lines[2] == "  rows      10 identities of tweets, one each (nobody said how many)"
    assert lines[3].startswith("  bytes     ") and lines[3].endswith(" in HDFS, with older versions")
    assert lines[4] == "  skew      2.10: partition 0 has 7 rows, the mean is 3.3"
    table = [line.split() for line in lines[lines.index("") + 1:]]
    assert table[0] == ["partition", "rows", "bytes"] and [row[:2] for row in table[1:4]] == [
        ["0", "7"], ["1", "0"], ["2", "3"]]
    assert shell.world.hdfs.data == before


def test_minutes_are_listed_by_their_rows_and_keys_by_their_expiry(shell: StateShell) -> None:
    said = shell("g0001", "--state", "-k", "1")
    assert asked(shell, "-k") == "1"
    minutes = said.split("minutes of expiry with most rows, of 2:\n")[1].split("\n\n")[0].splitlines()
    # Both have five rows: the earlier one.
    assert [row.split()[1:] for row in minutes[1:]] == [["5", "50.0%"]] and "T" in minutes[1]
    keys = said.split("keys by expiry:\n")[1].splitlines()
    assert [(row.split()[0], row.split()[1], row.split()[3]) for row in keys[1:]] == [
        ("first", str(KEY), "2"), ("last", str(KEY + 1), "0")]


def test_a_savepoint_is_read_inside_its_snapshot_and_bytes_are_those_of_its_files(shell: StateShell) -> None:
    told = json.loads(shell("before", "--state", "--json"))
    inside = f"{PATHS.snapshots}/savepoint-before/checkpoint/g0001"
    assert (asked(shell, "--checkpoint"), asked(shell, "--batch")) == (inside, "2")
    files = {path: len(data) for path, data in shell.world.hdfs.data.items() if path.startswith(f"{inside}/state/0/1/")}
    assert told["partitions"][1] == {"partition": 1, "rows": 0, "bytes": sum(files.values())} and files
    assert (told["generation"], told["batch_id"], told["rows"], told["skew"]) == ("g0001", 2, 10, 2.1)
    assert told["expiry"] == {"oldest_ms": TEN + 1_000, "newest_ms": TEN + 119_000, "minutes": 2}
    assert told["newest"] == [{"identity": str(KEY + 1), "expires_ms": TEN + 119_000, "partition": 0}]


def test_the_watermark_is_that_of_the_batch_that_was_asked_for(shell: StateShell) -> None:
    told = json.loads(shell("g0001", "--state", "--batch", "1", "--json"))
    assert (told["batch_id"], told["watermark_ms"]) == (1, TEN + 2 * BATCH_MS - 600_000)
    assert asked(shell, "--batch") == "1"


def test_what_the_driver_of_the_batch_said_stands_beside_it(shell: StateShell) -> None:
    hdfs, file = shell.world.hdfs, f"{PATHS.batches}/g0001-000002.a1-2027-01-15T08.jsonl"
    hdfs.replace(file, b'{"batch_id": 3, "state_rows": 8}\n{"batch_id": 4, "state_rows": 1234}\n')
    assert "10 identities of tweets, one each (1,234 said its driver)" in shell("g0001", "--state")
    assert json.loads(shell("g0001", "--state", "--batch", "3", "--json"))["told_rows"] == 8


def test_a_batch_that_is_gone_or_not_there_yet_is_named_with_those_that_are(shell: StateShell) -> None:
    assert shell("g0001", "--state", "--batch", "5", code=2) == (
        "hashtide: generation g0001: batch 5 is not committed; the newest is 4\n")
    del shell.world.hdfs.data[f"{PATHS.checkpoint(1)}/commits/0"]
    assert "generation g0001: batch 0 was pruned by Spark, which keeps the last hundred; there are 1 to 4" in shell(
        "g0001", "--state", "--batch", "0", code=1)
    assert not shell.words, "Spark was not started for it"


def test_what_has_no_state_or_no_checkpoint_is_named(shell: StateShell) -> None:
    hdfs = shell.world.hdfs
    assert "has no savepoint nowhere; there are before, g0001" in shell("nowhere", "--state", code=2)
    for path in [path for path in hdfs.data if path.startswith(f"{PATHS.checkpoint(1)}/commits/")]:
        del hdfs.data[path]
    assert "generation g0001 has no state yet: no batch is committed in " in shell("g0001", "--state", code=1)
    hdfs.delete(PATHS.checkpoint(1), recursive=True)
    assert f"generation g0001: HDFS has no {PATHS.checkpoint(1)}" in shell("g0001", "--state", code=1)
    assert not shell.words


def test_what_spark_cannot_read_is_one_line_with_its_class_and_the_way_on(shell: StateShell) -> None:
    shell.answer = {"spark": "4.2.0", "error_class": "CANNOT_LOAD_STATE_STORE.X", "error": "5.zip\x1b[31m is cut off"}
    said = shell("g0001", "--state", "--json", code=1)
    assert said.count("\n") == 1 and "CANNOT_LOAD_STATE_STORE.X: 5.zip\\x1b[31m is cut off; `" in said
    assert "`deploy/hashtide checkpoint doctor g0001 --stream a`" in said


def test_options_of_the_state_are_wrong_use_without_it(shell: StateShell) -> None:
    assert shell("g0001", "--batch", "1", code=2) == "hashtide: --batch is of the state: add --state\n"
    assert shell("g0001", "-k", "3", code=2) == "hashtide: -k is of the state: add --state\n"
    assert "expected a batch id such as 412" in shell("g0001", "--state", "--batch", "-1", code=2)
    assert shell("g0001").startswith("generation g0001: ") and not shell.words


def test_an_empty_state_has_no_skew_and_no_keys() -> None:
    found = State("a", "g0001", 1, 0, None, None, "4.2.0", (OPERATOR,), (Partition(0, 0, 300), Partition(1, 0, 300)),
                  (), None, None, (), ())
    assert found.skew is None and found.as_json(3)["skew"] is None
    said = checkpoint_state.text(found, 3)
    assert "0 identities of tweets" in said and "skew" not in said and "keys" not in said


def test_the_fullest_minutes_come_first_and_of_equal_ones_the_earlier() -> None:
    minutes = ((TEN, 4), (TEN + MINUTE_MS, 9), (TEN + 2 * MINUTE_MS, 4))
    found = State("a", "g0001", 1, 0, None, None, "4.2.0", (), (Partition(0, 17, 0),), minutes, TEN, TEN,
                  (Key(KEY, TEN, 0),), ())
    assert found.fullest(2) == [(TEN + MINUTE_MS, 9), (TEN, 4)] and found.skew == 1
