"""The settings that results depend on, and those that keep a small cluster fast; whoever opens a session takes them."""
from __future__ import annotations

from collections.abc import Mapping

from pyspark.sql import SparkSession

#: What the transforms need, in stream, batch and tests alike.
SQL: dict[str, str] = {
    "spark.sql.session.timeZone": "UTC",
    # Of two spellings of one key the tweet's first one is kept: the transforms put it last.
    "spark.sql.mapKeyDedupPolicy": "LAST_WIN",
}

_DELTA = {
    # A batch, its Delta commit above all, can have more generated classes than the 100 that Spark keeps: two dozen were
    # then compiled again for each, by Spark and by the JVM: half of a warm stream's processor time, all in one JVM.
    "spark.sql.codegen.cache.maxEntries": "1000",
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    # 50 tasks for a log of a few hundred entries would cost seconds a batch.
    "spark.databricks.delta.snapshotPartitions": "2",
    # A driver that runs for months would fill its node's disk with plans; our own lines are kept.
    "spark.log.level": "WARN",
}

STREAM: dict[str, str] = {
    "spark.sql.streaming.stateStore.providerClass":
        "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider",
    "spark.sql.streaming.stateStore.rocksdb.changelogCheckpointing.enabled": "true",
    # A zombie task's late upload cannot replace state that was committed.
    "spark.sql.streaming.stateStore.checkpointFormatVersion": "2",
    "spark.sql.streaming.numRecentProgressUpdates": "20",
    # No session, so no action inside a batch, may plan with another number of partitions than the checkpoint has.
    "spark.sql.adaptive.enabled": "false",
}


def build(name: str, more: Mapping[str, str]) -> SparkSession:
    builder = SparkSession.builder.appName(name)
    for key, value in {**SQL, **_DELTA, **more}.items():
        builder = builder.config(key, value)
    return builder.getOrCreate()


def cores(spark: SparkSession) -> int:
    """Task slots of all executors that were asked for."""
    conf = spark.sparkContext.getConf()
    return int(conf.get("spark.executor.instances", "1") or 1) * int(conf.get("spark.executor.cores", "1") or 1)
