"""The state by Spark's readers has each tweet that the watermark has not passed, and to read it changes nothing."""
from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyspark
import pytest
from pyspark.sql import SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from deploy.checkpoints import points, state
from deploy.config import Airflow, Cluster, Hdfs, Spark, Yarn
from deploy.launch import Launcher
from spark_apps import state as readers
from spark_apps.contract import MINUTE_MS
from tests import oracle
from tests.fakes.directory import Directory
from tests.fakes.real import TAR
from tests.spark.changes import set_to
from tests.spark.conftest import HOME
from tests.spark.generations import Nobody, Restorable
from tests.spark.kept_checkpoints import lines, unpack
from tests.spark.landing import NOW, snowflake, v2

DELAY_MS = 10 * MINUTE_MS


class Told(Restorable):
    """`rows`: of the state after each batch, as its driver had it."""

    def __init__(self, root: Path, spark: SparkSession) -> None:
        super().__init__(root, spark)
        self.rows: dict[int, int] = {}

    def minutes(self, *numbers: int) -> None:
        """A file each: its tweets, one of the minute before again, and a line that is none."""
        for number in numbers:
            at_ms = NOW + number * MINUTE_MS
            records = [v2(id=snowflake(at_ms - i * 700, i)) for i in range(1, 3 + number)]
            records += [v2(id=snowflake(at_ms - MINUTE_MS - 700)), b"no JSON"]
            self.land(records, at_ms, at_ms, f"{at_ms:x}")

    @contextmanager
    def caught_up(self) -> Iterator[StreamingQuery]:
        with self.driver({}) as query:
            query.processAllAvailable()
            self.rows |= {one.batchId: one.stateOperators[0].numRowsTotal for one in query.recentProgress
                          if one.stateOperators}
            yield query


def kept(landed: Iterable[oracle.Line], checkpoint: str, batch: int) -> dict[int, int]:
    """When each tweet of these lines expires (ms), but for those that the batch's watermark has passed."""
    said = json.loads(Path(checkpoint, "offsets", str(batch)).read_text().splitlines()[1])
    tweets = [tweet for tweet in map(oracle.read, landed) if tweet.fate == "tweet"]
    return {one.identity: one.event_ms + DELAY_MS for one in tweets
            if one.event_ms + DELAY_MS > said["batchWatermarkMs"]}


@pytest.fixture
def stream(spark: SparkSession, tmp_path: Path) -> Told:
    return Told(tmp_path, spark)


def keys(found: dict[str, Any]) -> dict[int, int]:
    return {identity: expires_ms for identity, expires_ms, _ in found["newest"]}


def test_each_batch_has_the_tweets_that_the_watermark_has_not_passed(spark: SparkSession, stream: Told) -> None:
    checkpoint = stream.paths.checkpoint(1)
    stream.minutes(0, 8, 16)
    with stream.caught_up():
        pass
    middle, then = points.committed(stream.hdfs, checkpoint), list(stream.lines)
    stream.take("middle")
    stream.minutes(24, 25)
    seen = {}
    with stream.caught_up() as query, set_to(spark, readers.READING):
        last = points.committed(stream.hdfs, checkpoint)
        for batch, landed in ((middle, then), (last, stream.lines)):
            found = seen[batch] = readers.look(spark, checkpoint, batch, 1000)
            expected = kept(landed, checkpoint, batch)
            assert keys(found) == expected and sorted(found["oldest"]) == sorted(found["newest"])
            assert (found["oldest_ms"], found["newest_ms"]) == (min(expected.values()), max(expected.values()))
            assert sum(rows for _, _, rows in found["cells"]) == stream.rows[batch] == len(expected)
            cells = {(partition, minute): rows for partition, minute, rows in found["cells"]}
            assert cells == Counter((one[2], one[1] - one[1] % MINUTE_MS) for one in found["newest"])
            assert [(one["name"], one["partitions"]) for one in found["operators"]] == [("dedupeWithinWatermark", 2)]
        assert query.isActive, "it was read while the stream ran"
        assert len(expected) < len({tweet.identity for tweet in map(oracle.read, stream.lines)}), "nothing expired"
        assert readers.look(spark, checkpoint, last, 2)["oldest"] == seen[last]["oldest"][:2]

    made = stream.restore("middle")
    with set_to(spark, readers.READING):
        found = readers.look(spark, stream.paths.checkpoint(made.number), middle, 1000)
    assert keys(found) == keys(seen[middle]), "a generation has the state of the point it came from"


def test_a_state_without_a_tweet_is_empty(spark: SparkSession, stream: Told) -> None:
    stream.land([b"no JSON"], NOW, NOW, "1")
    with stream.caught_up(), set_to(spark, readers.READING):
        found = readers.look(spark, stream.paths.checkpoint(1), 0, 3)
    assert found["operator"]["partitions"] == 2
    assert (found["cells"], found["oldest_ms"], found["oldest"], found["newest"]) == ([], None, [], [])


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
