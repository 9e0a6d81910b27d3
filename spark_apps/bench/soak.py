"""`python -m spark_apps.bench.soak`: a stream takes what somebody lands, its memory is looked at; a line of JSON."""
from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession
from pyspark.sql.streaming.listener import StreamingQueryProgress
from pyspark.sql.streaming.query import StreamingQuery

from spark_apps import hashtag_stream
from spark_apps.args import StreamArgs
from spark_apps.bench.machine import resident_mb
from spark_apps.bench.spark import CORES, say, spark_session
from spark_apps.contract import StreamPaths
from spark_apps.progress import batch_line
from spark_apps.sinks import CountsLive

_SAMPLE_S, _SAY_S = 15, 60
TRIGGER_S, MAX_FILES = 5, 60


def soak(spark: SparkSession, root: Path, minutes: float) -> list[dict[str, Any]]:
    """Samples, the first once the first batch is through: what starts a stream is no growth."""
    paths = StreamPaths("hashtags", str(root))
    args = StreamArgs(paths, 1, 1, TRIGGER_S, MAX_FILES, "10 minutes", CORES)
    query = hashtag_stream.start(spark, args, CountsLive(paths, 1, lambda: None))
    try:
        while query.lastProgress is None and query.isActive:
            query.awaitTermination(1)
        began = time.monotonic()
        samples: list[dict[str, Any]] = []
        said: float = -_SAY_S
        while (at := time.monotonic() - began) < minutes * 60:
            samples.append(sample(spark, at, query.lastProgress))
            if at - said >= _SAY_S:
                said = at
                say(told(samples[-1]))
            if query.awaitTermination(_SAMPLE_S):
                break   # it raises where the stream has failed
        return samples
    finally:
        rest(query)
        query.stop()


def rest(query: StreamingQuery, timeout_s: float = 60.0) -> None:
    """Until it is between two batches: Spark writes pages about one that is interrupted."""
    deadline = time.monotonic() + timeout_s
    while query.status["isTriggerActive"] and time.monotonic() < deadline:
        time.sleep(0.05)


def sample(spark: SparkSession, at_s: float, last: StreamingQueryProgress | None) -> dict[str, Any]:
    """`java_mb` is what is resident of the JVM: its heap, compiled code, classes, and `native_mb`, which is RocksDB,
    the threads' stacks, buffers and the JVM's own; `heap_mb` what is in use of the heap after a collection."""
    progress: dict[str, Any] = json.loads(last.json) if last else {}
    jvm: Any = spark.sparkContext._jvm
    jvm.java.lang.System.gc()
    management = jvm.java.lang.management.ManagementFactory
    heap = management.getMemoryMXBean().getHeapMemoryUsage()
    pools = {str(pool.getName()): pool.getUsage().getCommitted() / 2**20 for pool in management.getMemoryPoolMXBeans()}
    code = sum(mb for name, mb in pools.items() if name.startswith("Code"))
    classes = sum(mb for name, mb in pools.items() if name in ("Metaspace", "Compressed Class Space"))
    java, python = resident_mb()
    batch = batch_line(progress) or {}
    state = (progress.get("stateOperators") or [{}])[0]
    return {"at_s": round(at_s, 1), "java_mb": round(java, 1), "python_mb": round(python, 1),
            "heap_mb": round(heap.getUsed() / 2**20, 1), "code_mb": round(code, 1), "classes_mb": round(classes, 1),
            "native_mb": round(java - heap.getCommitted() / 2**20 - code - classes, 1),
            "state_rows": state.get("numRowsTotal", 0),
            "state_mb": round(state.get("memoryUsedBytes", 0) / 2**20, 1),
            "batch_id": progress.get("batchId"), "batch_s": batch.get("batch_s")}


def told(one: dict[str, Any]) -> str:
    return (f"soak: {one['at_s'] / 60:5.1f} min, batch {one['batch_id']}, JVM {one['java_mb']:,.0f} MB (heap in use "
            f"{one['heap_mb']:,.0f}), Python {one['python_mb']:,.0f} MB, {one['state_rows']:,} rows of state")


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="soak", allow_abbrev=False)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--scratch", type=Path, required=True)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--jars", required=True)
    args = parser.parse_args(argv)
    # As large as an executor on a cluster, and collected as one. The heap is taken whole at the start: it would grow to
    # that size in steps for hours, and what grows beside it would not be seen.
    spark = spark_session(args.jars, args.scratch, memory="1g",
                          options="-XX:+UseSerialGC -Xms1g -XX:+AlwaysPreTouch")
    print(json.dumps(soak(spark, args.root, args.minutes)))
    spark.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
