"""A classic driver, from its checkpoint on: claim, getOrCreate, watch, graceful stop."""
from __future__ import annotations

import logging
from typing import Any

from pyspark.sql import SparkSession
from pyspark.streaming import StreamingContext

from spark_apps import driving
from spark_apps.classic import job, lines, seam
from spark_apps.classic.args import ClassicArgs
from spark_apps.classic.intervals import Intervals
from spark_apps.classic.landing import Takes
from spark_apps.classic.results import Results
from spark_apps.contract import QUARANTINE_REASONS
from spark_apps.driving import Driving, patiently
from spark_apps.shutdown import StopRequested

#: Batches until the first one's state is surely named in a checkpoint: Spark writes those beside the batches.
KEPT_AFTER = 3
#: Batches between two looks at what is not computed again.
SETTLE_EVERY = 50


def run(spark: SparkSession, args: ClassicArgs) -> int:
    """The exit code, as Driving.through has it."""
    logging.getLogger("py4j").setLevel(logging.WARNING)   # which tells of each call of Spark's
    own = driving.of(spark, args.paths, args.generation, args.epoch, args.intervals.batch)
    own.reporter.landing = args.landing

    def work() -> None:
        patiently(lambda: own.reporter.beat(now=True))
        hold(open_context(spark, args, own), own)

    return own.through(spark.version, work)


def open_context(spark: SparkSession, args: ClassicArgs, own: Driving) -> StreamingContext:
    """From the newest line of checkpoints of this code, or a new line from what is sealed."""
    spark.conf.set("spark.sql.shuffle.partitions", str(spark.sparkContext.defaultParallelism))
    code = lines.code(args.intervals, args.landing.stream)
    where = lines.directory(own.files, args.paths.checkpoint(args.generation), code)
    kept = f"{args.checkpoint_root}{where}/spark"
    line, tick, origin = where.rpartition("/")[2], f"{where}/tick", f"{where}/origin.json"
    done, settled_ms, ready = 0, 0, own.files.exists(f"{where}/{lines.READY}")
    made = own.files.read_json(origin) or {}
    found = seam.Seam(**made) if made else seam.find(spark, args.landing, args.from_hour)
    if not made:
        own.files.write_json(origin, vars(found))
        own.files.write_json(f"{tick}/.keep", {})

    def can_be_gone_on_with() -> bool:
        """What began with nothing needs a checkpoint alone."""
        return done >= KEPT_AFTER if found.sealed else any(
            name.startswith("checkpoint-") and not name.endswith(".bk") for name in own.files.list(kept))

    def committed(batch: dict[str, Any]) -> None:
        nonlocal done, ready, settled_ms
        done += 1
        if not ready and can_be_gone_on_with():
            own.files.write_json(f"{where}/{lines.READY}", {"batch_ms": batch["batch_ms"]})
            ready = True
        if done % SETTLE_EVERY == 0:
            # What was committed so long ago is behind every checkpoint that Spark has kept since.
            through_ms, settled_ms = settled_ms - replayed_ms(args.intervals), batch["batch_ms"]
            patiently(lambda: takes.settle(through_ms))
        if batch["files"]:
            own.reporter.note(line_of(batch, own.reporter.clock.now_ms()))

    takes = Takes(own.files, args.landing, where, args.max_files, found.arrival_ms)
    # The fence alone: what is asked to stop finishes the batch that it is at.
    job.drive(job.Driver(spark, takes, Results(spark, args.paths, line), args.intervals, own.fence.check, committed,
                         now_ms=own.reporter.clock.now_ms))
    context = StreamingContext.getOrCreate(kept, lambda: job.build(
        spark, tick, args.intervals, found.hour_ms, seam.totals(spark, args.landing, found)))
    takes.none_until(begun_ms(context))
    return context


def replayed_ms(intervals: Intervals) -> int:
    """How far before a batch Spark looks for the earlier ones that its windows and state are computed from, and more:
    it keeps a window's state every 10 s or slide."""
    return (2 * (intervals.window + intervals.slide) + 20 + 20 * intervals.batch) * 1000


def begun_ms(context: StreamingContext) -> int:
    """Up to when batches were an earlier driver's: Spark computes those since its last checkpoint again."""
    streams = context._jssc.ssc()
    kept = streams.initialCheckpoint()
    return max(int(streams.scheduler().clock().getTimeMillis()), kept.checkpointTime().milliseconds() if kept else 0)


def hold(context: StreamingContext, own: Driving) -> None:
    """Until it fails, or its end is asked for: then the batch that runs is finished, and those that wait behind it are
    the next driver's, from its checkpoint. Spark's own graceful stop would compute all of them first: behind a slow
    batch that is minutes."""
    job.begin(context)
    try:
        # Python's own method of that name does not give the answer.
        while not context._jssc.awaitTerminationOrTimeout(1000):
            patiently(own.reporter.beat)
            if patiently(own.gate.look):
                job.driver().stopping = True
            if job.driver().stopping and not context._jssc.ssc().scheduler().getPendingTimes().nonEmpty():
                raise StopRequested("between two batches")
    finally:
        context.stop(stopSparkContext=False, stopGraceFully=False)


def line_of(batch: dict[str, Any], now_ms: int) -> dict[str, Any]:
    """A batch as spark_apps.progress tells one of the main engine. Its number is its time in ms; lines and their fates
    are not counted."""
    took = (now_ms - batch["began_ms"]) / 1000
    return {"batch_id": batch["batch_ms"], "query": "classic", "started": "", "batch_s": took, "add_batch_s": took,
            "lines": batch["tweets"], "tweets": batch["tweets"], "clamped": 0,
            "fates": {name: 0 for name in ("control", *QUARANTINE_REASONS)}, "late": 0, "duplicates": 0,
            "files": batch["files"], "arrival_ms": batch["arrival_ms"], "watermark": None, "state_rows": batch["keys"],
            "source_offset": None}
