"""The state by Spark's readers has each tweet that the watermark has not passed, and to read it changes nothing."""
from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path

import pyspark

from deploy.checkpoints import state
from deploy.config import Airflow, Cluster, Hdfs, Spark, Yarn
from deploy.launch import Launcher
from spark_apps.contract import MINUTE_MS
from tests import oracle
from tests.fakes.directory import Directory
from tests.fakes.real import TAR
from tests.spark.conftest import HOME
from tests.spark.generations import Nobody
from tests.spark.kept_checkpoints import lines, unpack

DELAY_MS = 10 * MINUTE_MS


def kept(landed: Iterable[oracle.Line], checkpoint: str, batch: int) -> dict[int, int]:
    """When each tweet of these lines expires (ms), but for those that the batch's watermark has passed."""
    said = json.loads(Path(checkpoint, "offsets", str(batch)).read_text().splitlines()[1])
    tweets = [tweet for tweet in map(oracle.read, landed) if tweet.fate == "tweet"]
    return {one.identity: one.event_ms + DELAY_MS for one in tweets
            if one.event_ms + DELAY_MS > said["batchWatermarkMs"]}


def test_a_spark_of_its_own_reads_a_kept_checkpoint_and_changes_nothing(tmp_path: Path) -> None:
    """With snapshots of the state: to load one is more than to replay changes, as young checkpoints do."""
    paths = unpack(TAR, tmp_path)
    assert len(list(tmp_path.rglob("state/0/*/*.zip"))) == 4
    jars = ",".join(map(str, sorted((HOME / "jars" / "delta").glob("*.jar"))))
    # As on one machine: beside this spark-submit there is no Python.
    submit = Path(str(pyspark.__file__)).parent / "bin" / "spark-submit"
    spark = Spark(str(submit), python=sys.executable, jars=jars)
    cluster = Cluster("test", Hdfs("file:///", ("http://nowhere:1",), "", str(tmp_path)), Yarn(), spark, Airflow())
    before = times(tmp_path)
    found = state.look(Launcher(cluster, Directory(), Nobody()), "hashtags", "g0001", None, 1000)
    assert times(tmp_path) == before, "a directory tells of files that came and went"
    expected = kept(lines(paths), paths.checkpoint(1), found.batch)
    assert {one.identity: one.expires_ms for one in found.newest} == expected
    assert found.rows == found.told_rows == len(expected) and found.batch == 28
    assert [one.rows for one in found.partitions] == [
        sum(one.partition == number for one in found.newest) for number in (0, 1)]
    assert all(one.bytes for one in found.partitions)
    assert (found.oldest_ms, found.newest_ms) == (min(expected.values()), max(expected.values()))


def times(root: Path) -> dict[Path, tuple[int, int]]:
    return {path: (found.st_mtime_ns, found.st_size) for path in root.rglob("*") for found in [path.stat()]}
