"""The check of a kept checkpoint by this release, in a Spark of its own as spark-submit runs it."""
from __future__ import annotations

import sys
from pathlib import Path

import pyspark
import pytest

from deploy.checkpoints import checking, local_spark
from deploy.config import Airflow, Cluster, Hdfs, Spark, Yarn
from deploy.launch import Launcher, StreamSpec
from spark_apps.generations import Generation
from spark_apps.verdict import Verdict
from tests.fakes.directory import Directory
from tests.spark.conftest import HOME
from tests.spark.generations import Nobody
from tests.spark.kept_checkpoints import DIRECTORY, unpack


@pytest.mark.parametrize("minutes,verdict", [(10, Verdict.COMPATIBLE), (20, Verdict.RESULTS_CHANGE)])
def test_it_tells_what_changes_tries_a_clone_and_leaves_nothing(
        tmp_path: Path, minutes: int, verdict: Verdict) -> None:
    paths = unpack(DIRECTORY / "0.1.0.tar.gz", tmp_path)
    Directory().create_exclusive(paths.generation(1), {"parent": None, "shuffle_partitions": 2})
    jars = ",".join(map(str, sorted((HOME / "jars" / "delta").glob("*.jar"))))
    # As on one machine: beside this spark-submit there is no Python.
    submit = Path(str(pyspark.__file__)).parent / "bin" / "spark-submit"
    spark = Spark(str(submit), python=sys.executable, jars=jars)
    cluster = Cluster("test", Hdfs("file:///", ("http://nowhere:1",), "", str(tmp_path)), Yarn(), spark, Airflow())
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    found = checking.check(Launcher(cluster, Directory(), Nobody()), StreamSpec(
        paths.stream, watermark_minutes=minutes, max_files=1), Generation(1, shuffle_partitions=2),
        local_spark.of_checkout())
    assert found.judgement.verdict == verdict, found.text()
    assert found.trial == "one batch on a clone came through"
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
