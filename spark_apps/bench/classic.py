"""`python -m spark_apps.bench.classic`: DStreams beside the stream on the same files, and what an inverse saves."""
from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from pyspark.streaming import StreamingContext

from spark_apps.bench.sides import MAX_FILES, Run, Sides, Watch
from spark_apps.bench.spark import CORES, say, spark_session
from spark_apps.classic import counting, job
from spark_apps.classic.intervals import Intervals
from spark_apps.classic.landing import Takes
from spark_apps.classic.results import Results
from spark_apps.files import Files

INTERVALS = Intervals(10, 300, 60)
#: Batches of a window, each with so many keys; slides that are timed.
WINDOWS, KEYS, SLIDES = (4, 16, 64), 20_000, 7
_CLOCK = "spark.streaming.clock"


@contextmanager
def by_hand(spark: SparkSession) -> Iterator[None]:
    """A batch comes when it is asked for, so that none waits for the clock."""
    conf = spark.sparkContext._jsc.sc().conf()
    conf.set(_CLOCK, "org.apache.spark.util.ManualClock")
    try:
        yield
    finally:
        conf.remove(_CLOCK)


def step(context: StreamingContext, seconds: int, done: Callable[[int], bool]) -> int:
    """One batch; its time in ms."""
    clock = context._jssc.ssc().scheduler().clock()
    clock.advance(seconds * 1000)
    at_ms: int = clock.getTimeMillis()
    while not done(at_ms):
        if context._jssc.awaitTerminationOrTimeout(5):
            raise RuntimeError("the DStreams have ended")
    return at_ms


def classic(sides: Sides) -> Run:
    """The whole job: per batch, running, windows, each committed; MAX_FILES a batch, as the stream takes them."""
    spark, files_of = sides.spark, dict[int, int]()
    with sides.root("hour") as paths, by_hand(spark):
        files, base = Files(spark, paths.base), f"{paths.base}/classic"
        files.write_json(f"{base}/tick/.keep", {})
        watch = Watch()
        job.drive(job.Driver(spark, Takes(files, paths, base, MAX_FILES), Results(spark, paths, "bench"),
                             INTERVALS, lambda: None,
                             lambda batch: files_of.__setitem__(batch["batch_ms"], batch["files"])))
        context = job.build(spark, f"{base}/tick", INTERVALS, 0, None)
        context.checkpoint(f"{base}/spark")
        job.begin(context)
        try:
            while files_of.get(step(context, INTERVALS.batch, files_of.__contains__)):
                pass
            took = watch.read()
        finally:
            context.stop(stopSparkContext=False, stopGraceFully=False)
        totals = spark.read.format("delta").load(paths.table("classic_totals"))
        counts = Counter({(0, row["tag"]): row["tweets"] for row in totals.collect()})
    return Run("classic", *took, sides.tweets, [], counts)


def copies(sides: Sides, structured: Run, found: Run) -> dict[str, int]:
    """Tweets that each has counted: DStreams count every copy."""
    assert structured.counts is not None and found.counts is not None
    once = sum(n for (_, tag), n in structured.counts.items() if not tag)
    return {"structured": once, "classic": found.counts[0, ""]}


def window(spark: SparkSession, scratch: Path, batches: int, inverse: bool) -> float:
    """Seconds of a slide of one batch, over so many batches; the median of SLIDES."""
    seen = dict[int, int]()
    with by_hand(spark):
        context = StreamingContext(spark.sparkContext, 1)
        context.checkpoint((scratch / f"window-{batches}-{inverse}").as_uri())
        pairs = spark.range(KEYS).select(F.concat(F.lit("tag"), "id"), F.lit(1)).rdd.map(tuple).cache()
        sums = counting.per_batch(context.queueStream([], default=pairs))
        over = Intervals(1, batches, 1)
        windowed = counting.windowed(sums, over) if inverse else counting.windowed_anew(sums, over)
        windowed.foreachRDD(lambda at, rdd: seen.__setitem__(round(at.timestamp() * 1000), rdd.values().sum()))
        context.start()
        try:
            for _ in range(batches + 1):
                step(context, 1, seen.__contains__)
            took = []
            for _ in range(SLIDES):
                began = time.monotonic()
                at_ms = step(context, 1, seen.__contains__)
                took.append(time.monotonic() - began)
        finally:
            context.stop(stopSparkContext=False, stopGraceFully=False)
    if seen[at_ms] != batches * KEYS:
        raise RuntimeError(f"a window of {batches} batches of {KEYS} has {seen[at_ms]}")
    return statistics.median(took)


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="bench classic", allow_abbrev=False)
    for name in ("data", "scratch"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    for name in ("tweets", "repeats"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--jars", required=True)
    args = parser.parse_args(argv)
    spark = spark_session(args.jars, args.scratch)
    sides = Sides(spark, args.data, args.tweets, args.scratch)
    runs: list[dict[str, Any]] = []
    counted: dict[str, int] = {}
    for repeat in range(args.repeats + 1):   # the first round warms the JVM
        both = [sides.stream(), classic(sides)]
        counted = copies(sides, *both)
        for run in both if repeat else ():
            say(f"{run.side}: {run.tweets / run.seconds:,.0f} tweets/s")
            runs.append({"side": run.side, "repeat": repeat, "seconds": run.seconds, "cpu_s": run.cpu_s,
                         "tweets": run.tweets})
    windows = []
    for way in (True, False):   # its first batches are a JVM's, too
        window(spark, args.scratch, 1, way)
    for batches in WINDOWS:
        inverse, anew = (window(spark, args.scratch, batches, way) for way in (True, False))
        say(f"window of {batches} batches: {inverse:.2f} s a slide with the inverse, {anew:.2f} s without")
        windows.append({"batches": batches, "slides": SLIDES, "inverse_s": inverse, "anew_s": anew})
    print(json.dumps({"runs": runs, "windows": windows, "counted": counted, "spark": spark.version, "cores": CORES}))
    spark.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
