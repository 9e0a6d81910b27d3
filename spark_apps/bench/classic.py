"""`python -m spark_apps.bench.classic`: DStreams beside the stream on the same files, and what an inverse saves."""
from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from spark_apps.bench.sides import MAX_FILES, Run, Sides, Watch
from spark_apps.bench.spark import CORES, say, spark_session
from spark_apps.bench.windows import by_hand, measured, step
from spark_apps.classic import job
from spark_apps.classic.intervals import Intervals
from spark_apps.classic.landing import Takes
from spark_apps.classic.results import Results
from spark_apps.files import Files

INTERVALS = Intervals(10, 300, 60)


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
    windows = measured(spark, args.scratch)
    print(json.dumps({"runs": runs, "windows": windows, "counted": counted, "spark": spark.version, "cores": CORES}))
    spark.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
