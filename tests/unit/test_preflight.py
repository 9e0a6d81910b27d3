"""What a launch does before it goes on with a checkpoint, and what it leaves where it may not."""
from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from deploy import artifact, desired, supervisor
from deploy.errors import HashtideError, Refused
from deploy.launch import Launcher
from spark_apps import fingerprint
from spark_apps.contract import HOUR_MS
from spark_apps.fingerprint import Fingerprint
from spark_apps.verdict import Judgement, Verdict, judge
from tests.fakes.checkpoints import lived
from tests.fakes.world import PATHS, RELEASE, SPEC, STREAM, World

ITEMS = {"source 0 path": "/a", "state 0 keys": "identity #1"}


def drove(world: World, epoch: int, from_batch: int = 0) -> None:
    """The driver of this epoch wrote down what it runs, and ended."""
    intent = world.hdfs.read_json(PATHS.epoch(epoch)) or {}
    made = Fingerprint(ITEMS, intent["release"], intent["inputs"], epoch=epoch, from_batch=from_batch)
    assert world.hdfs.create_exclusive(fingerprint.path(PATHS, 1, epoch, 1), made.as_json())
    world.rm.all[-1].to_ms = world.ms


@pytest.fixture
def world() -> World:
    """Three batches, and a launch that went on with them."""
    made = World()
    lived(made, 3)
    made.tools.launch(SPEC)
    made.hdfs.write_json(PATHS.restart(1), {"class": "killed"})
    drove(made, 1)
    made.checks.clear()
    return made


def test_where_nothing_has_changed_nothing_is_checked(world: World) -> None:
    world.tools.launch(SPEC)
    world.tools.launch(replace(SPEC, trigger_seconds=5))
    assert len(world.jobs) == 2 and not world.checks


def test_before_the_first_batch_nothing_is_checked() -> None:
    world = World()
    world.tools.launch(SPEC)
    assert world.jobs and not world.checks


def test_how_much_is_done_at_once_is_no_change(world: World) -> None:
    world.tools.launch(replace(SPEC, max_files=5, trigger_seconds=3, executor_memory="2g"))
    assert len(world.jobs) == 2 and not world.checks


OTHER = "0.1.0-11111111"


@pytest.mark.parametrize("change", [{"release": OTHER}, {"watermark_minutes": 20}])
def test_what_may_change_the_plan_is_checked_before_the_intent(world: World, change: dict[str, Any]) -> None:
    world.hdfs.replace(f"/hashtide/releases/{OTHER}/{artifact.SUMS}", b"")
    before = world.epochs()

    def check(tools: Launcher, spec: Any, generation: Any) -> Any:
        assert world.epochs() == before, "nothing is launched yet"
        return World.check(world, tools, spec, generation)

    world.tools.check = check
    world.tools.launch(replace(SPEC, **change))
    assert len(world.checks) == 1 and len(world.jobs) == 2


def test_settings_of_the_cluster_file_that_spark_computes_by_are_a_change(world: World) -> None:
    cluster = world.tools.cluster
    for conf, checks in (({"spark.yarn.priority": "1"}, 0), ({"spark.sql.ansi.enabled": "false"}, 1)):
        world.tools.cluster = replace(cluster, spark=replace(cluster.spark, conf=conf))
        world.tools.launch(SPEC)
        drove(world, 2 + checks)
        world.hdfs.write_json(PATHS.restart(2 + checks), {"class": "killed"})
        assert len(world.checks) == checks


def test_a_refused_launch_leaves_nothing_but_the_reason_and_parks_the_stream(world: World) -> None:
    supervisor.ask(world.tools, SPEC)
    before = dict(world.hdfs.data)
    world.verdict = judge(ITEMS, {**ITEMS, "state 0 keys": "event_ms #2"})
    with pytest.raises(Refused) as refused:
        world.tools.launch(replace(SPEC, watermark_minutes=20))
    assert str(refused.value) == (
        f"stream a: release {RELEASE} on g0001 needs a new generation: state 0 keys (identity #1 -> event_ms #2); "
        "nothing was launched: `deploy/hashtide checkpoint fresh --stream a --yes` begins an empty checkpoint for it, "
        "`deploy/hashtide checkpoint check --stream a` tells all")
    said = desired.read(world.hdfs, PATHS)
    assert said["state"] == "parked" and said["why"] == str(refused.value), "or the watchdog would ask again"
    changed = {path for path, data in world.hdfs.data.items() if before.get(path) != data}
    assert all(path.startswith(f"{PATHS.control}/desired") for path in changed)
    assert len(world.jobs) == 1


def test_one_that_nobody_asked_for_is_refused_without_a_word_in_hdfs(world: World) -> None:
    world.verdict, before = Judgement(Verdict.CANNOT_RUN), dict(world.hdfs.data)
    with pytest.raises(Refused):
        world.tools.launch(replace(SPEC, watermark_minutes=20))
    assert world.hdfs.data == before


def test_where_results_change_it_goes_on_and_says_which_hours_to_make_whole(world: World) -> None:
    world.verdict = judge({**ITEMS, "watermark 0 delay_ms": "1"}, {**ITEMS, "watermark 0 delay_ms": "2"})
    check = world.tools.check
    world.tools.check = lambda *given: replace(check(*given), hours=(0, HOUR_MS))
    world.tools.launch(replace(SPEC, watermark_minutes=20))
    assert len(world.jobs) == 2
    said = "\n".join(world.said)
    assert "results change from here on: watermark 0 delay_ms (1 -> 2)" in said
    assert f"deploy/hashtide backfill --stream {STREAM} --from 1970-01-01T00 --to 1970-01-01T01" in said


def test_where_spark_cannot_be_run_here_the_driver_itself_has_to_look(world: World) -> None:
    def check(*_: Any) -> Any:
        raise HashtideError("Spark on this machine ended with 1 and no answer: no room")

    world.tools.check = check
    world.tools.launch(replace(SPEC, watermark_minutes=20))
    assert len(world.jobs) == 2
    assert any("left to its driver: Spark on this machine ended with 1" in line for line in world.said)


@pytest.mark.parametrize("from_batch,checks", [(2, 0), (3, 1)])
def test_a_restored_generation_goes_by_what_its_parent_was_made_with_at_that_batch(
        world: World, from_batch: int, checks: int) -> None:
    world.hdfs.delete(fingerprint.path(PATHS, 1, 1, 1))
    drove(world, 1, from_batch)
    world.hdfs.write_json(PATHS.generation(2), {"parent": "g0001", "through_batch": 2, "shuffle_partitions": 3})
    for path, data in list(world.hdfs.data.items()):
        if path.startswith(PATHS.checkpoint(1)):
            world.hdfs.replace(path.replace("g0001", "g0002"), data)
    world.tools.launch(SPEC)
    assert len(world.checks) == checks and world.jobs[-1].args[5] == "2"
