"""The state of a committed batch by Spark's own readers: rows by partition and minute of expiry, first and last keys.

Nothing is written: a checkpoint is read where it lies, also while its stream runs or in a read-only snapshot.
"""
from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from pyspark import StorageLevel
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from spark_apps import session
from spark_apps.causes import reason, spark_class
from spark_apps.contract import MINUTE_MS

#: Spark's name of dropDuplicatesWithinWatermark, the only one of a stream that keeps state.
DEDUPLICATION = "dedupeWithinWatermark"
#: The readers take the format of the files from the session, not from the checkpoint.
READING = {
    **session.STREAM, "spark.sql.shuffle.partitions": "1",
    # A store that is loaded from a snapshot tells the coordinator, which is only there where a query was started.
    "spark.sql.streaming.stateStore.coordinatorReportSnapshotUploadLag": "false",
}


def operators(spark: SparkSession, checkpoint: str) -> list[dict[str, Any]]:
    """{"id", "name", "store", "partitions", "first_batch", "last_batch"} of each store of each operator."""
    found = spark.read.format("state-metadata").load(checkpoint).select(
        F.col("operatorId").alias("id"), F.col("operatorName").alias("name"), F.col("stateStoreName").alias("store"),
        F.col("numPartitions").alias("partitions"), F.col("minBatchId").alias("first_batch"),
        F.col("maxBatchId").alias("last_batch"))
    return sorted((row.asDict() for row in found.collect()), key=lambda one: (one["id"], one["store"]))


def rows(spark: SparkSession, checkpoint: str, operator: int, batch: int) -> DataFrame:
    """(identity long, expires_ms long, partition int) of each identity that the batch left in the state."""
    return (spark.read.format("statestore").option("operatorId", operator).option("batchId", batch).load(checkpoint)
            .select(F.col("key.identity").alias("identity"),
                    F.expr("value.expiresAtMicros div 1000").alias("expires_ms"),
                    F.col("partition_id").alias("partition")))


def summary(kept: DataFrame, k: int) -> dict[str, Any]:
    """{"cells": [[partition, minute_ms, rows]], "oldest_ms", "newest_ms", "oldest", "newest"}, the latter two k keys
    by expiry as [identity, expires_ms, partition]; None and empty where the state is empty."""
    minute = F.col("expires_ms") - F.pmod("expires_ms", F.lit(MINUTE_MS))
    cells = (kept.groupBy("partition", minute.alias("minute"))
             .agg(F.count(F.lit(1)).alias("rows"), F.min("expires_ms").alias("oldest"),
                  F.max("expires_ms").alias("newest")).collect())
    return {"cells": sorted([row["partition"], row["minute"], row["rows"]] for row in cells),
            "oldest_ms": min((row["oldest"] for row in cells), default=None),
            "newest_ms": max((row["newest"] for row in cells), default=None),
            "oldest": _keys(kept, k, F.asc("expires_ms")), "newest": _keys(kept, k, F.desc("expires_ms"))}


def _keys(kept: DataFrame, k: int, by: Column) -> list[list[int]]:
    return [list(row) for row in kept.orderBy(by, "identity").limit(k).collect()]


def look(spark: SparkSession, checkpoint: str, batch: int, k: int) -> dict[str, Any]:
    """`operators`, `operator` that is the de-duplication, and its `summary`; ValueError where the checkpoint is of
    another query."""
    known = operators(spark, checkpoint)
    own = next((one for one in known if one["name"] == DEDUPLICATION), None)
    if own is None:
        raise ValueError(f"no operator {DEDUPLICATION} in it, but {', '.join(one['name'] for one in known) or 'none'}")
    # Each use of the rows would load all of RocksDB again.
    kept = rows(spark, checkpoint, own["id"], batch).persist(StorageLevel.DISK_ONLY)
    return {"operators": known, "operator": own, **summary(kept, k)}


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="ops.py state", allow_abbrev=False)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--checkpoint", required=True)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("-k", type=int, required=True)
    found = parser.parse_args(argv)
    spark = session.build("hashtide state", READING)
    told: dict[str, Any] = {"spark": spark.version}
    try:
        told |= look(spark, found.checkpoint, found.batch, found.k)
    except Exception as error:
        told |= {"error_class": spark_class(error), "error": " ".join(reason(error)[1].split())[:1000]}
    found.out.write_text(json.dumps(told), encoding="utf-8")
    spark.stop()
    return 0
