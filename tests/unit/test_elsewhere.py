"""Checkpoints on s3a://: what the cluster file may say, which generations are there, and what says that it cannot."""
from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import pytest

from deploy import artifacts, checkpoints, config, elsewhere, restart_policy
from deploy.checkpoints import catalogue, points, savepoint
from deploy.errors import BadUse, Refused
from deploy.spec import CLASSIC, StreamSpec
from deploy.verbs import common
from spark_apps import guard
from spark_apps.args import stream_args
from spark_apps.classic.args import classic_args
from spark_apps.contract import StreamPaths
from spark_apps.generations import Generation, checkpoint, newest
from tests.fakes.checkpoints import lived
from tests.fakes.retention import a_stream, list_of
from tests.fakes.world import CLUSTER, PATHS, SPEC, STREAM, World
from tests.unit.test_config import GOOD, write

ROOT = "s3a://bucket/some/prefix"
ON_S3 = replace(CLUSTER, spark=replace(CLUSTER.spark, checkpoint_root=ROOT))


@pytest.fixture
def world() -> World:
    """Of a cluster whose file has the root of checkpoints."""
    made = World()
    made.tools.cluster = ON_S3
    return made


def end(world: World) -> None:
    world.rm.all[-1].to_ms, world.rm.all[-1].state = world.now_ms(), "FINISHED"
    world.ms += 1_000


def arguments(world: World) -> tuple[str, ...]:
    return world.jobs[-1].args


# the cluster file

@pytest.mark.parametrize("root", ["s3a://bucket", ROOT, "s3a://a.b-c/x_y/z.1"])
def test_a_root_is_a_bucket_with_or_without_a_prefix(root: str, tmp_path: Path) -> None:
    file = write(tmp_path, GOOD.replace("[spark]", f"[spark]\ncheckpoint_root = {root}"))
    assert config.load(file).spark.checkpoint_root == root


@pytest.mark.parametrize("root", ["s3://bucket", "s3a://b", "s3a:" "//key:word@bucket", "s3a://bucket/",
                                  "s3a://bucket/../x", "s3a://bucket//x", "hdfs://nn/x", "/checkpoints", "s3a://b/a b"])
def test_anything_else_is_refused_by_file_and_driver_alike_and_not_repeated(
        root: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(BadUse, match="expected s3a://bucket or s3a://bucket/prefix") as refused:
        config.load(write(tmp_path, GOOD.replace("[spark]", f"[spark]\ncheckpoint_root = {root}")))
    with pytest.raises(SystemExit):
        stream_args([*SPEC.args("/hashtide", Generation(1, shuffle_partitions=2, checkpoint_root=root), 7)])
    said = capsys.readouterr().err.rpartition("error:")[2]
    assert "expected s3a://bucket or s3a://bucket/prefix" in said
    assert "key:word" not in said + str(refused.value)


@pytest.mark.parametrize("name", ["access.key", "secret.key", "session.token", "bucket.one.secret.key",
                                  "encryption.key"])
def test_a_secret_of_s3_is_refused_in_the_cluster_file_and_not_repeated(name: str, tmp_path: Path) -> None:
    with pytest.raises(BadUse) as refused:
        config.load(write(tmp_path, f"{GOOD}spark.hadoop.fs.s3a.{name} = hidden1\n"))
    assert f"spark.hadoop.fs.s3a.{name}: a secret" in str(refused.value) and "hidden1" not in str(refused.value)
    assert "spark.hadoop.fs.s3a.security.credential.provider.path" in str(refused.value)
    config.load(write(tmp_path, f"{GOOD}spark.hadoop.fs.s3a.security.credential.provider.path = jceks://hdfs/x.jceks\n"))


def test_artifacts_with_s3_are_others_than_those_without(tmp_path: Path) -> None:
    home, own = tmp_path / "home", "lib/python3.11/site-packages/pyspark/jars/spark.jar"
    for path in ("envs/spark/pyvenv.cfg", f"envs/spark/{own}", "jars/delta/delta.jar"):
        (home / path).parent.mkdir(parents=True, exist_ok=True)
        (home / path).write_text(path)
    plain = artifacts.build(home, tmp_path / "out", ["spark_jars"])["spark_jars"]
    with pytest.raises(BadUse, match="no S3 jars in .*: run `deploy/hashtide artifacts --s3`"):
        artifacts.build(home, tmp_path / "out", ["spark_jars"], artifacts.WITH_S3)
    (home / "jars" / "s3").mkdir()
    (home / "jars" / "s3" / "hadoop-aws.jar").write_text("s3")
    made = artifacts.build(home, tmp_path / "out", ["spark_jars"], artifacts.WITH_S3)["spark_jars"]
    assert made["sha256"] != plain["sha256"]
    assert artifacts.build(home, tmp_path / "out", ["spark_jars"])["spark_jars"] == plain


# launches

@pytest.mark.parametrize("spec", [SPEC, replace(SPEC, engine=CLASSIC)], ids=["structured", "classic"])
def test_a_streams_first_driver_is_told_where_its_checkpoint_is_and_so_is_the_next(
        world: World, spec: StreamSpec) -> None:
    world.tools.launch(spec)
    assert arguments(world)[-2:] == ("--checkpoint-root", ROOT)
    made = newest(world.hdfs, PATHS)
    assert made and checkpoint(PATHS, made) == f"{ROOT}{PATHS.base}/checkpoint/g0001"
    end(world)
    # Its driver told of batches, and HDFS has no checkpoint: there that would be damage.
    world.hdfs.replace(f"{PATHS.batches}/g0001-000001.a1-2026-03-01T10.jsonl", b'{"batch_id": 3}\n')
    world.tools.cluster = CLUSTER
    world.tools.launch(spec)
    assert arguments(world)[-2:] == ("--checkpoint-root", ROOT), "a generation stays where it began"
    if spec.engine != CLASSIC:
        assert any("not examined here, and compared with" in said for said in world.said)


def test_drivers_of_both_engines_take_it_and_what_they_write_down_themselves_stays_in_hdfs() -> None:
    made = Generation(2, shuffle_partitions=2, checkpoint_root=ROOT)
    paths = stream_args([*SPEC.args("/hashtide", made, 7)]).paths
    assert paths.checkpoint(2) == f"{ROOT}/hashtide/streams/{STREAM}/checkpoint/g0002"
    assert replace(paths, checkpoint_root="") == PATHS and paths.control == PATHS.control
    classic = classic_args([*replace(SPEC, engine=CLASSIC).args("/hashtide", made, 7)])
    assert classic.checkpoint_root == ROOT and classic.paths == PATHS


def test_a_stream_in_hdfs_moves_by_a_fresh_start_alone_and_comes_back_by_another(world: World) -> None:
    world.tools.cluster = CLUSTER
    lived(world, 3)
    world.tools.cluster = ON_S3
    world.tools.launch(SPEC)
    assert "--checkpoint-root" not in arguments(world)
    end(world)
    assert f"an empty checkpoint on {ROOT}" in checkpoints.plan(world.tools, STREAM, "fresh").text()
    made = checkpoints.fresh(world.tools, STREAM)
    assert newest(world.hdfs, PATHS) == made and made.checkpoint_root == ROOT and made.fresh
    world.tools.launch(SPEC)
    assert arguments(world)[-2:] == ("--checkpoint-root", ROOT)
    end(world)
    # From what HDFS has a restore goes to HDFS, whatever the file says.
    assert checkpoints.restore(world.tools, STREAM, "g0001").checkpoint_root == ""
    world.tools.cluster = CLUSTER
    assert checkpoints.fresh(world.tools, STREAM).checkpoint_root == ""


def test_an_emptied_bucket_is_damage_that_parks_and_no_silent_beginning(world: World) -> None:
    paths = replace(PATHS, checkpoint_root=ROOT)
    world.tools.launch(SPEC)
    guard.check(world.hdfs, paths, (1, 1, 1), {"spark": "4"}, 5)
    world.hdfs.replace(f"{PATHS.batches}/g0001-000001.a1-2026-03-01T10.jsonl", b"")
    with pytest.raises(guard.DamagedCheckpoint) as damaged:
        guard.check(world.hdfs, paths, (1, 2, 1), {"spark": "4"}, 5)
    assert ROOT in str(damaged.value)
    assert restart_policy.classify(f"DamagedCheckpoint: {damaged.value}") == "damaged_checkpoint"


@pytest.mark.parametrize("said", ["AccessDeniedException: s3a://bucket: getFileStatus: 403 Forbidden",
                                  "UnknownStoreException: `s3a://bucket/': Bucket does not exist",
                                  "NoAuthWithAWSException: No AWS Credentials provided"])
def test_what_no_retry_mends_parks_at_once(said: str) -> None:
    assert restart_policy.classify(said) in restart_policy.FATAL


# what reads HDFS

def on_s3(world: World) -> None:
    """Two generations, the newest of them on S3."""
    world.tools.cluster = CLUSTER
    lived(world, 3)
    savepoint.take(world.tools, STREAM, "before")
    world.tools.cluster = ON_S3
    checkpoints.fresh(world.tools, STREAM)


def test_a_savepoint_and_the_way_back_to_one_say_in_a_line_what_does_go_on(world: World) -> None:
    on_s3(world)
    for what in (lambda: savepoint.take(world.tools, STREAM, "now"), lambda: points.find(world.hdfs, PATHS, "g0002"),
                 lambda: catalogue.entry(world.hdfs, PATHS, "g0002")):
        with pytest.raises(Refused) as refused:
            what()
        said = str(refused.value)
        assert f"of generation g0002 of stream {STREAM} its checkpoint is on {ROOT}" in said and "\n" not in said
        assert f"`deploy/hashtide checkpoint fresh --stream {STREAM} --yes`" in said
    assert points.known(world.hdfs, PATHS) == "before, g0001"


def test_the_list_shows_it_beside_the_points_that_one_can_go_back_to(world: World) -> None:
    on_s3(world)
    found = {one.name: one for one in catalogue.entries(world.hdfs, PATHS)}
    said = f"its checkpoint is on {ROOT}, where Spark alone goes on from it"
    assert found["g0002"].current and found["g0002"].fault == said
    assert found["before"].fault == found["g0001"].fault == ""


def test_another_release_goes_on_without_a_savepoint_before_it_and_says_so(world: World) -> None:
    world.tools.launch(SPEC)
    end(world)
    world.hdfs.write_json(PATHS.epoch(1), {**(world.hdfs.read_json(PATHS.epoch(1)) or {}), "release": "0.0.9-1"})
    world.tools.launch(SPEC)
    said = f"no savepoint before release {SPEC.release}: a savepoint reads HDFS"
    assert len(world.jobs) == 2 and any(one.startswith(said) for one in world.said)


@pytest.mark.parametrize("verb,point,refused", [
    ("doctor", "", True), ("doctor", "g0002", True), ("doctor", "before", False), ("check", "", True),
    ("savepoint", "", True), ("list", "", False), ("restore", "before", False), ("fresh", "", False),
    ("retire", "", False), ("drop", "", False)])
def test_verbs_that_need_it_refuse_before_anything_else(world: World, verb: str, point: str, refused: bool,
                                                        monkeypatch: pytest.MonkeyPatch) -> None:
    on_s3(world)
    monkeypatch.setattr(common.config, "load", lambda path: ON_S3)
    monkeypatch.setattr(common.hdfs, "Client", lambda cluster: world.hdfs)
    args = argparse.Namespace(cluster=None, stream=STREAM, checkpoint_verb=verb, point=point)
    if not refused:
        common.open_cluster(args)
        return
    with pytest.raises(Refused, match=f"^checkpoint {verb} reads HDFS"):
        common.open_cluster(args)


def test_retention_keeps_the_landing_that_nobody_can_say_was_taken_and_says_why() -> None:
    world = a_stream()
    kept = {item.what for item in list_of(world).found.items if item.kind == "archive"}
    assert kept
    world.hdfs.write_json(PATHS.generation(1), {**(world.hdfs.read_json(PATHS.generation(1)) or {}),
                                                "checkpoint_root": ROOT})
    found = list_of(world).found
    assert not [item for item in found.items if item.kind == "archive"]
    assert any(f"what generation g0001 has taken cannot be read; its checkpoint is on {ROOT}" in one.why
               for one in found.stays)


def test_a_generation_in_hdfs_is_nobodys_concern(world: World) -> None:
    elsewhere.refuse(StreamPaths("b"), None, "x")
    elsewhere.refuse(StreamPaths("b"), Generation(1), "x")
    assert elsewhere.where(Generation(1)) == ""
