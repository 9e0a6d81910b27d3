"""The check of a checkpoint: the clone, what is compared, what a trial adds; Spark's part is played."""
from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deploy import artifact, submit
from deploy.checkpoints import checking, local_spark
from deploy.checkpoints.checking import Checked
from deploy.checkpoints.local_spark import Application
from deploy.errors import BadUse, HashtideError
from spark_apps import fingerprint
from spark_apps.contract import HOUR_MS, hour_name
from spark_apps.fingerprint import Fingerprint
from spark_apps.generations import Generation
from spark_apps.verdict import Verdict
from tests.fakes.checkpoints import TEN, checkpoint, lived
from tests.fakes.world import CLUSTER, PATHS, SPEC, STREAM, World

ITEMS = {"state 0 keys": "identity #1", "watermark 0 delay_ms": "600000"}
G1 = Generation(1, shuffle_partitions=3)


class Sparks:
    """local_spark.run: `answers` what the release would say, and looks at the clone while it is there."""

    def __init__(self, world: World) -> None:
        self.world, self.answer = world, {"items": ITEMS, "trial": {"error_class": "", "error": "", "batches": [3]}}
        self.words: list[str] = []
        self.cloned: dict[str, bytes] = {}

    def __call__(self, tools: Any, app: Application, action: str, words: list[str]) -> dict[str, Any]:
        self.words = words
        if "--clone" in words:
            root = words[words.index("--clone") + 1]
            prefix = f"{root}/streams/{STREAM}/checkpoint/g0001/"
            self.cloned = {path.removeprefix(prefix): data for path, data in self.world.hdfs.data.items()
                           if path.startswith(prefix)}
        return {"spark": "4.2.0", **self.answer}


@pytest.fixture
def world() -> World:
    made = World()
    lived(made, 3)
    made.hdfs.create_exclusive(fingerprint.path(PATHS, 1, 1, 1), Fingerprint(ITEMS).as_json())
    return made


@pytest.fixture
def sparks(world: World, monkeypatch: pytest.MonkeyPatch) -> Sparks:
    made = Sparks(world)
    monkeypatch.setattr(checking, "run", made)
    return made


def check(world: World, **more: Any) -> Checked:
    return checking.check(world.tools, SPEC, G1, Application("0.1.0-2", {}), **more)


def test_what_is_the_same_is_compatible_and_leaves_nothing(world: World, sparks: Sparks) -> None:
    before = dict(world.hdfs.data)
    found = check(world)
    assert found.judgement.verdict == Verdict.COMPATIBLE
    assert found.text() == ("Release 0.1.0-2 on g0001 of stream a: compatible\n"
                            "  trial: one batch on a clone came through")
    assert sparks.cloned == checkpoint(world, 1)
    assert sparks.words[:2] == ["--stream", "a"] and "--watermark" in sparks.words
    assert world.hdfs.data == before


def test_what_spark_refuses_on_the_clone_cannot_run_whatever_was_compared(world: World, sparks: Sparks) -> None:
    sparks.answer["trial"] = {"error_class": "STATE_STORE_X", "error": "other schema", "batches": []}
    found = check(world)
    assert found.judgement.line() == "cannot run: trial (none -> STATE_STORE_X)"
    assert "trial: STATE_STORE_X: other schema" in found.text() and found.ways_on in found.text()


def test_a_clone_is_removed_also_where_spark_cannot_be_run(
        world: World, sparks: Sparks, monkeypatch: pytest.MonkeyPatch) -> None:
    before = dict(world.hdfs.data)

    def fails(*_: Any) -> Any:
        raise HashtideError("no answer")

    monkeypatch.setattr(checking, "run", fails)
    with pytest.raises(HashtideError, match="no answer"):
        check(world)
    assert world.hdfs.data == before


def test_a_file_that_the_driver_deletes_meanwhile_is_no_end(world: World, sparks: Sparks) -> None:
    copy, gone = world.hdfs.copy, [f"{PATHS.checkpoint(1)}/offsets/0"]

    def copying(source: str, target: str) -> None:
        if source in gone:
            world.hdfs.delete(gone.pop())
        copy(source, target)

    world.hdfs.copy = copying  # type: ignore[method-assign]
    assert check(world).judgement.goes_on
    assert sparks.cloned == checkpoint(world, 1) and "offsets/0" not in sparks.cloned


def test_what_a_check_left_that_was_cut_off_is_gone_after_a_day(world: World, sparks: Sparks) -> None:
    left = f"/hashtide/trial/{STREAM}-1/streams/a/checkpoint/g0001/metadata"
    world.hdfs.replace(left, b"x")
    world.ms += HOUR_MS
    check(world)
    assert left in world.hdfs.data
    world.ms += 24 * HOUR_MS
    check(world)
    assert left not in world.hdfs.data


def test_a_large_checkpoint_and_one_that_is_only_to_be_compared_are_not_copied(
        world: World, sparks: Sparks, monkeypatch: pytest.MonkeyPatch) -> None:
    del sparks.answer["trial"]
    assert "were not copied" in check(world, on_clone=False).trial
    monkeypatch.setattr(checking, "LARGEST_CLONE", 100)
    assert "were not copied" in check(world).trial
    assert "--clone" not in sparks.words


def test_without_a_batch_there_is_nothing_to_be_incompatible_with(sparks: Sparks) -> None:
    world = World()
    world.hdfs.write_json(PATHS.generation(1), {"parent": None})
    found = check(world)
    assert not found.begun and found.judgement.verdict == Verdict.COMPATIBLE
    assert found.trial == "none, the checkpoint has no batch yet"


def test_where_results_change_the_hours_since_the_watermark_are_to_be_made_whole(world: World, sparks: Sparks) -> None:
    sparks.answer["items"] = {**ITEMS, "watermark 0 delay_ms": "60000"}
    found = check(world)
    assert found.judgement.verdict == Verdict.RESULTS_CHANGE
    assert found.hours == (TEN - HOUR_MS, TEN), "the watermark is ten minutes behind"
    assert found.command == (f"deploy/hashtide backfill --stream a --from {hour_name(TEN - HOUR_MS)} "
                             f"--to {hour_name(TEN)}")
    world.hdfs.write_json(PATHS.seal_result(TEN - HOUR_MS), {})
    assert check(world).command == f"deploy/hashtide backfill --stream a --from {hour_name(TEN)}"


def test_a_release_that_does_not_start_is_told_so(world: World, sparks: Sparks) -> None:
    sparks.answer = {"error_class": "PATH_NOT_FOUND", "error": "no landing"}
    with pytest.raises(HashtideError, match=r"release 0.1.0-2 does not start: PATH_NOT_FOUND: no landing"):
        check(world)


# a local Spark

def submitting(tmp_path: Path, script: str) -> World:
    """A world whose spark-submit is this Python script; it gets the words in sys.argv."""
    program = tmp_path / "spark-submit"
    program.write_text(f"#!{sys.executable}\nimport sys, json, pathlib\n{script}")
    program.chmod(0o755)
    world = World()
    world.tools.cluster = replace(CLUSTER, spark=replace(CLUSTER.spark, submit=str(program), conf={"spark.a": "b c"}))
    world.tools.sleep = lambda seconds: __import__("time").sleep(0.02)
    return world


APP = Application("0.1.0-2", {"app.zip": b"zip", "ops.py": b"main"})


def test_its_answer_comes_through_a_file_and_its_directory_is_gone(tmp_path: Path) -> None:
    world = submitting(tmp_path, """
at = sys.argv.index("check")
main, words = pathlib.Path(sys.argv[at - 1]), sys.argv[at + 1:]
assert main.read_bytes() == b"main" and (main.parent / "app.zip").read_bytes() == b"zip"
assert "spark.a=b c" in sys.argv and "spark.hadoop.fs.defaultFS=hdfs://nn:1" in sys.argv
pathlib.Path(words[words.index("--out") + 1]).write_text(json.dumps({"words": words[2:], "where": str(main.parent)}))
""")
    answer = local_spark.run(world.tools, APP, "check", ["--stream", "a"])
    assert answer["words"] == ["--stream", "a"] and not Path(answer["where"]).exists()


def test_its_last_words_are_said_where_it_gives_no_answer(tmp_path: Path) -> None:
    world = submitting(tmp_path, "sys.exit('java.lang.OutOfMemoryError: no room')")
    with pytest.raises(HashtideError, match=r"ended with 1 and no answer: java.lang.OutOfMemoryError: no room"):
        local_spark.run(world.tools, APP, "check", [])


def test_one_that_hangs_is_ended(tmp_path: Path) -> None:
    world = submitting(tmp_path, "import time; time.sleep(600)")
    clock = iter(range(0, 10_000, 100))
    world.tools.monotonic = lambda: float(next(clock))
    with pytest.raises(HashtideError, match="waited 300 s"):
        local_spark.run(world.tools, APP, "check", [])


def test_a_spark_submit_that_is_not_there_is_named() -> None:
    world = World()
    world.tools.cluster = replace(CLUSTER, spark=replace(CLUSTER.spark, submit="/nowhere/spark-submit"))
    with pytest.raises(BadUse, match="/nowhere/spark-submit: no such program"):
        local_spark.run(world.tools, APP, "check", [])


def test_the_release_that_is_checked_is_the_one_in_hdfs_or_this_checkouts() -> None:
    world = World()
    version = artifact.publish(world.hdfs).version
    assert local_spark.of_checkout() == local_spark.Application(version, artifact.build()[1])
    found = local_spark.of_release(world.hdfs, version, "/hashtide")
    assert found.files.keys() == {"app.zip", "ops.py"}
    world.hdfs.delete(f"/hashtide/releases/{version}/ops.py")
    with pytest.raises(HashtideError, match="older than checks are"):
        local_spark.of_release(world.hdfs, version, "/hashtide")
    assert json.dumps(submit.libraries(CLUSTER)) == "{}"
