"""The check of a kept checkpoint by this release, in a Spark of its own as spark-submit runs it."""
from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pyspark
import pytest

from deploy.checkpoints import accepting, checking, local_spark
from deploy.config import Airflow, Cluster, Hdfs, Spark, Yarn
from deploy.launch import Launcher, StreamSpec
from spark_apps import fingerprint, guard
from spark_apps.contract import StreamPaths
from spark_apps.generations import Generation
from spark_apps.verdict import Verdict
from tests.fakes.directory import Directory
from tests.spark.conftest import HOME
from tests.spark.generations import Nobody
from tests.spark.kept_checkpoints import DIRECTORY, unpack


def kept(tmp_path: Path) -> tuple[Launcher, StreamPaths]:
    """The checkpoint of release 0.1.0, and what asks a Spark of its own about it."""
    paths = unpack(DIRECTORY / "0.1.0.tar.gz", tmp_path)
    Directory().create_exclusive(paths.generation(1), {"parent": None, "shuffle_partitions": 2})
    jars = ",".join(map(str, sorted((HOME / "jars" / "delta").glob("*.jar"))))
    # As on one machine: beside this spark-submit there is no Python.
    submit = Path(str(pyspark.__file__)).parent / "bin" / "spark-submit"
    spark = Spark(str(submit), python=sys.executable, jars=jars)
    cluster = Cluster("test", Hdfs("file:///", ("http://nowhere:1",), "", str(tmp_path)), Yarn(), spark, Airflow())
    return Launcher(cluster, Directory(), Nobody()), paths


G1 = Generation(1, shuffle_partitions=2)


@pytest.mark.parametrize("minutes,verdict", [(10, Verdict.COMPATIBLE), (20, Verdict.RESULTS_CHANGE)])
def test_it_tells_what_changes_tries_a_clone_and_leaves_nothing(
        tmp_path: Path, minutes: int, verdict: Verdict) -> None:
    tools, paths = kept(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    found = checking.check(tools, StreamSpec(paths.stream, watermark_minutes=minutes, max_files=1), G1,
                           local_spark.of_checkout())
    assert found.judgement.verdict == verdict, found.text()
    assert found.trial == "one batch on a clone came through"
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_one_without_a_record_may_go_on_on_a_persons_word_and_its_driver_agrees(tmp_path: Path) -> None:
    tools, paths = kept(tmp_path)
    record = fingerprint.newest(Directory(), paths, G1)
    shutil.rmtree(fingerprint.directory(paths))
    spec = StreamSpec(paths.stream, max_files=1)
    found = checking.check(tools, spec, G1, local_spark.of_checkout(), any_size=True)
    assert record and found.judgement.needs_a_word and found.tried, found.text()
    assert not found.judgement.answered_for().differences, "what is known is the same"
    accepting.accept(tools, spec, G1, found, "ada", "made by 0.1.0")
    # What that release wrote down itself is what the word stands for now.
    assert guard.check(Directory(), paths, (1, 2, 1), record.items, 0).goes_on
