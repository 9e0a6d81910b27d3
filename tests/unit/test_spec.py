"""What a form, a `--conf` or a desired.json may ask for: all else is named, in one line, before anything is done."""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deploy import config, submit
from deploy.artifact import Release
from deploy.errors import BadUse
from deploy.spec import RANGES, Request, StreamSpec
from tests.fakes.world import CLUSTER, PATHS, RELEASE, SPEC, STREAM, World

HOSTILE = ["../etc", "a b", "x;reboot", "$(id)", "a\n", "-q", "ä", "", "a" * 101, 7, None, ["a"], True]


@pytest.mark.parametrize("name,low,high", [
    (name, *bounds) for name, bounds in RANGES.items() if name not in ("window_seconds", "slide_seconds")])
def test_a_whole_number_is_taken_within_its_range_only(name: str, low: int, high: int) -> None:
    assert Request.of({"stream": "a", name: low}).spec == replace(StreamSpec("a"), **{name: low})
    assert getattr(Request.of({"stream": "a", name: high}).spec, name) == high
    for bad in (low - 1 or -1, high + 1, str(high), 1.5, True, [low]):
        with pytest.raises(BadUse, match=f"^{name} = .*expected a whole number from {low} to {high}$"):
            Request.of({"stream": "a", name: bad})


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("name", ["queue", "executor_memory", "release", "savepoint", "mode"])
def test_a_text_that_is_not_on_the_list_is_named(name: str, value: Any) -> None:
    if value in ("", None):   # left open
        assert Request.of({"stream": "a", name: value}) == Request(StreamSpec("a"))
        return
    with pytest.raises(BadUse) as refused:
        Request.of({"stream": "a", **({"mode": "savepoint"} if name == "savepoint" else {}), name: value})
    assert str(refused.value).startswith(f"{name} = ")
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 200


@pytest.mark.parametrize("size,good", [("640m", True), ("2g", True), ("499m", False), ("500m", True), ("0g", False),
                                       ("999g", True), ("1000g", False), ("1t", False), ("2G", False), ("2", False)])
def test_memory_is_a_size_that_an_executor_starts_with(size: str, good: bool) -> None:
    if good:
        assert StreamSpec("a", executor_memory=size).executor_memory == size
    else:
        with pytest.raises(BadUse, match="executor_memory = .*expected a size from 500m to 999g"):
            StreamSpec("a", executor_memory=size)


@pytest.mark.parametrize("reason", ["two\nlines", "\x1b[2J", "a" * 201, "\u2028", 7])
def test_a_reason_is_one_line(reason: Any) -> None:
    with pytest.raises(BadUse, match="^reason: expected one line of at most 200 characters$"):
        Request.of({"stream": "a", "reason": reason})


def test_all_faults_are_said_at_once() -> None:
    with pytest.raises(BadUse) as refused:
        Request.of({"stream": "No", "executors": 0.5, "mode": "rewind", "reason": "\x07"})
    faults = str(refused.value).split("; ")
    assert [fault.split(" ")[0] for fault in faults] == ["stream", "executors", "mode", "reason:"]


def test_a_savepoint_goes_with_its_mode_and_its_mode_with_a_savepoint() -> None:
    assert Request.of({"stream": "a", "mode": "savepoint", "savepoint": "monday"}).destructive
    assert not Request.of({"stream": "a"}).destructive
    with pytest.raises(BadUse, match="mode savepoint needs the name of one"):
        Request.of({"stream": "a", "mode": "savepoint"})
    for mode in ("resume", "fresh"):
        with pytest.raises(BadUse, match=f"only mode savepoint takes one, mode is {mode}"):
            Request.of({"stream": "a", "mode": mode, "savepoint": "monday"})


def test_a_queue_is_one_of_the_clusters() -> None:
    assert StreamSpec("a", queue="batch").within(CLUSTER).queue == "batch"
    with pytest.raises(BadUse, match="queue = 'root': expected one of streaming, batch"):
        StreamSpec("a", queue="root").within(CLUSTER)
    narrow = replace(CLUSTER, yarn=replace(CLUSTER.yarn, queues=("large",)))
    with pytest.raises(BadUse, match="expected one of streaming, large"):
        StreamSpec("a", queue="batch").within(narrow)


def test_queues_come_from_the_cluster_file(tmp_path: Path) -> None:
    path = tmp_path / "c.ini"
    text = "[hdfs]\ndefault_fs = hdfs://n:1\nwebhdfs = http://n:2\n[yarn]\nresourcemanagers = http://r:3\nqueues = "
    path.write_text(text + "streaming, root.large\n")
    assert config.load(path).yarn.known_queues == ("streaming", "root.large")
    path.write_text(text + "streaming, a b\n")
    with pytest.raises(BadUse, match="queues = a b: expected names of queues"):
        config.load(path)


def test_what_is_set_comes_back_as_a_conf() -> None:
    spec = StreamSpec("a", 5, queue="batch", executors=3, executor_memory="2g")
    assert StreamSpec.of(spec.conf()) == spec
    assert set(StreamSpec("a").conf()) == {"stream", "trigger_seconds", "max_files", "watermark_minutes"}


# what becomes of it

def settings(job: submit.Job) -> dict[str, str]:
    command = submit.build_command(CLUSTER, job)
    return dict(command[i + 1].split("=", 1) for i, word in enumerate(command) if word == "--conf")


def test_queue_executors_and_memory_reach_spark_submit_and_the_checkpoints_partitions() -> None:
    world = World()
    world.tools.launch(replace(SPEC, queue="batch", executors=3, executor_memory="4g"))
    conf = settings(world.jobs[0])
    assert {key: conf[f"spark.{key}"] for key in ("yarn.queue", "executor.instances", "executor.memory")} == {
        "yarn.queue": "batch", "executor.instances": "3", "executor.memory": "4g"}
    assert "spark.executor.extraJavaOptions" not in conf, "a serial collector is for small heaps"
    args = world.jobs[0].args
    assert args[args.index("--shuffle-partitions") + 1] == "6"


def test_what_is_left_open_is_the_clusters() -> None:
    world = World()
    world.tools.launch(SPEC)
    conf = settings(world.jobs[0])
    assert (conf["spark.yarn.queue"], conf["spark.executor.instances"], conf["spark.executor.memory"]) == (
        "streaming", "1", "640m")
    assert settings(submit.Job("batch", "b", "batch", (), (), Release(RELEASE)))["spark.executor.memory"] == "640m"


def test_a_launch_into_an_unknown_queue_writes_no_intent() -> None:
    world = World()
    with pytest.raises(BadUse, match="queue = 'nosuch'"):
        world.tools.launch(replace(SPEC, queue="nosuch"))
    assert (world.epochs(), world.jobs) == ([], [])


def test_a_driver_of_an_older_generation_is_not_adopted_but_replaced() -> None:
    world = World()
    old = world.tools.launch(SPEC)
    world.hdfs.create_exclusive(PATHS.generation(2), {"parent": "g0001", "shuffle_partitions": 2})
    new = world.tools.launch(SPEC)
    assert (new.epoch(STREAM), world.rm.killed) == (2, [old.id])
    assert world.jobs[1].args[world.jobs[1].args.index("--generation") + 1] == "2"
