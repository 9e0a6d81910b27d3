"""The tables of a stream tidied beside it: by Spark's OPTIMIZE in a process of its own, as retention runs it."""
from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyspark
import pytest
from deltalake import DeltaTable
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from deploy.checkpoints import local_spark
from deploy.config import Airflow, Cluster, Hdfs, Spark, Yarn
from deploy.launch import Launcher
from deploy.retention import delta
from spark_apps import tables
from spark_apps.classic.results import Results
from spark_apps.contract import HOUR_MS, MINUTE_MS, StreamPaths, hour_name, txn_app_id
from spark_apps.sinks import CountsLive
from tests.fakes.directory import Directory
from tests.spark.conftest import HOME
from tests.spark.generations import Nobody
from tests.spark.landing import NOW, snowflake, tags, v2
from tests.spark.live import LiveStream

FILES, CLOSED = 8, 3


def optimise(paths: StreamPaths, *words: str) -> dict[str, Any]:
    jars = ",".join(map(str, sorted((HOME / "jars" / "delta").glob("*.jar"))))
    submit = Path(str(pyspark.__file__)).parent / "bin" / "spark-submit"
    cluster = Cluster("test", Hdfs("file:///", ("http://nowhere:1",), "", paths.root), Yarn(),
                      Spark(str(submit), python=sys.executable, jars=jars), Airflow())
    return local_spark.run(Launcher(cluster, Directory(), Nobody()), local_spark.of_checkout(), "optimise",
                           ["--root", paths.root, "--stream", paths.stream, *words])


def rows(path: str) -> list[dict[str, Any]]:
    found: pa.Table = DeltaTable(path).to_pyarrow_table()
    keys = [name for name in ("hour", "window_start", "tag", "form", "generation", "batch_id") if name in
            found.schema.names]
    return list(found.sort_by([(name, "ascending") for name in keys]).to_pylist())


def files(path: str) -> list[str]:
    return sorted(DeltaTable(path).file_uris())


def version(path: str) -> int:
    return int(DeltaTable(path).version())


class Stream(LiveStream):
    def land_one(self, n: int, hour: int) -> None:
        """A tweet of the end of one hour or the beginning of the next, so that neither is late."""
        at = hour + n * 1_000 + (55 * MINUTE_MS if hour == NOW else 0)
        self.land([v2(id=snowflake(at, n), entities=tags(f"t{n}", "all"))], at, at + 999, f"u{n}")

    @property
    def live(self) -> str:
        return self.paths.table("counts_live")


@pytest.fixture(scope="module")
def stream(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Stream:
    """A closed hour of some batches, and one that goes on."""
    made = Stream(tmp_path_factory.mktemp("tidy"), spark)
    for n in range(CLOSED):
        made.land_one(n, NOW)
    with made.running():
        pass
    return made


def test_a_stream_that_commits_beside_it_loses_no_batch_and_no_row_changes(stream: Stream) -> None:
    closed, before = rows(stream.live), version(stream.live)
    assert len(files(stream.live)) == CLOSED
    done = dict[str, Any]()
    beside = threading.Thread(target=lambda: done.update(optimise(
        stream.paths, f"counts_live={hour_name(NOW)}")))
    with stream.running() as query:
        beside.start()
        n = CLOSED
        while beside.is_alive() or n < CLOSED + FILES:
            # Each a batch of its own; every third adds to the hour that is being put together.
            stream.land_one(n, NOW if n % 3 == 0 else NOW + HOUR_MS)
            query.processAllAvailable()
            n += 1
    beside.join()
    assert done["counts_live"]["removed"] >= CLOSED and done["counts_live"]["added"] == 1, done
    log = [one for one in DeltaTable(stream.live).history() if one["version"] > before]
    [put] = [one["version"] for one in log if one["operation"] == "OPTIMIZE"]
    assert before < put < version(stream.live), "the stream committed before it and after"
    found = rows(stream.live)
    assert [row for row in found if row["batch_id"] < CLOSED] == closed
    # A batch that only moves the watermark has a number, too.
    assert len({row["batch_id"] for row in found}) == n, "each batch is there"
    counted = sum(row["tweets"] for row in found if row["tag"] == "all")
    assert counted == n, "and once"


def test_the_key_of_a_batch_survives_it_and_the_logs_next_checkpoint(stream: Stream, spark: SparkSession) -> None:
    before, app = rows(stream.live), txn_app_id(stream.paths.stream, 1)
    newest = max(row["batch_id"] for row in before)
    assert DeltaTable(stream.live).transaction_version(app) == newest
    jvm: Any = spark.sparkContext._jvm
    log = jvm.org.apache.spark.sql.delta.DeltaLog.forTable(spark._jsparkSession, stream.live)
    log.checkpoint(log.update(False, jvm.scala.Option.empty(), jvm.scala.Option.empty()), jvm.scala.Option.empty())
    again = spark.read.format("delta").load(stream.live).where(F.col("batch_id") == newest)
    CountsLive(stream.paths, 1, lambda: None).commit(again, newest)
    assert rows(stream.live) == before


def test_the_hour_is_told_as_the_stream_tells_it_whatever_the_readers_zone(stream: Stream) -> None:
    log = Path(stream.live) / "_delta_log"
    told = {line.partition('"hour":"')[2][:27] for path in log.glob("*.json") for line in path.read_text().splitlines()
            if line.startswith('{"add"')}
    assert told == {"2026-03-01T10:00:00.000000Z", "2026-03-01T11:00:00.000000Z"}


def sealed(spark: SparkSession, hour: int, revision: int) -> DataFrame:
    return spark.createDataFrame([(tables.instant(hour), revision, hour, 0, True, "", 1, 1, 0, 0, 0, 0, {"odd": 1},
                                   tables.instant(hour), "d")], tables.LEDGER).coalesce(1)


def test_a_seal_goes_on_with_a_ledger_that_was_put_together(stream: Stream, spark: SparkSession) -> None:
    path = stream.paths.table("ledger")
    for n in range(3):
        tables.replace_hours(sealed(spark, NOW + n * HOUR_MS, 1), path, [NOW + n * HOUR_MS], "")
    before = rows(path)
    done = optimise(stream.paths, "ledger", f"counts_live={hour_name(NOW)}")
    assert done["ledger"] == {"removed": 3, "added": 1} and len(files(path)) == 1
    assert rows(path) == before
    tables.replace_hours(sealed(spark, NOW, 2), path, [NOW], "")
    assert [row["revision"] for row in rows(path)] == [2, 1, 1]


def test_a_classic_batch_that_is_computed_again_changes_nothing_of_what_was_put_together(
        spark: SparkSession, tmp_path: Path) -> None:
    paths = StreamPaths("classic", str(tmp_path))
    own, path = Results(spark, paths, "000001-abc"), paths.table("classic_batches")
    batches = {at: spark.sparkContext.parallelize([("kpop", at), ("", 2 * at)]) for at in (10, 20, 30)}
    for at, pairs in batches.items():
        own.batch(at, pairs)
        own.totals(at, pairs)
    before = DeltaTable(path).to_pyarrow_table().to_pylist()
    done = optimise(paths, "classic_batches", "classic_totals")
    assert done["classic_batches"] == {"removed": 3, "added": 1}
    assert done["classic_totals"] == {"removed": 0, "added": 0}, "the newest batch alone: nothing to put together"
    own.batch(30, batches[30])
    own.totals(30, batches[30])
    after = DeltaTable(path).to_pyarrow_table().to_pylist()
    assert sorted(map(str, after)) == sorted(map(str, before)) and len(after) == 6
    own.totals(40, batches[10])
    own.batch(40, batches[10])
    assert len(DeltaTable(path).to_pyarrow_table()) == 8 and len(files(path)) == 2


def test_what_is_small_enough_already_is_left_and_the_log_too(stream: Stream) -> None:
    before = version(stream.live), files(stream.live)
    assert optimise(stream.paths, f"counts_live={hour_name(NOW)}")["counts_live"] == {"removed": 0, "added": 0}
    assert (version(stream.live), files(stream.live)) == before


def test_what_is_old_is_what_no_version_needs_and_without_it_spark_goes_on(stream: Stream, spark: SparkSession) -> None:
    assert delta.state(stream.live, 168)["old"] == [], "nothing here is as old as that"
    spark.sql(f"ALTER TABLE delta.`{stream.live}` SET TBLPROPERTIES ('delta.deletedFileRetentionDuration' = "
              "'interval 0 hours')")
    before, told = rows(stream.live), delta.state(stream.live, 0)
    there = {str(path.relative_to(stream.live)) for path in Path(stream.live).glob("hour=*/*.parquet")}
    live, old = ({path for path, *_ in told[name] if path.endswith(".parquet")} for name in ("live", "old"))
    assert live | old == there and not live & old and len(old) >= CLOSED
    for path, size, _ in told["old"]:
        assert (Path(stream.live) / path).stat().st_size == size
        (Path(stream.live) / path).unlink()
    assert rows(stream.live) == before
    stream.land_one(50, NOW + HOUR_MS)
    with stream.running():
        pass
    assert spark.read.format("delta").load(stream.live).count() == len(rows(stream.live)) > len(before)
