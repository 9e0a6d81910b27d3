"""The stream: landing -> parse -> identify -> de-duplicate -> minute counts, a commit to counts_live each batch."""
from __future__ import annotations

import json
import logging
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.streaming.query import StreamingQuery

from spark_apps import guard, made_with, session
from spark_apps.args import StreamArgs, stream_args
from spark_apps.causes import reason
from spark_apps.contract import QUARANTINE_REASONS
from spark_apps.fence import Fence, Fenced
from spark_apps.files import Files
from spark_apps.progress import FATES, Reporter
from spark_apps.shutdown import StopGate, StopRequested
from spark_apps.sinks import CountsLive, in_few_words
from spark_apps.sources import read_stream
from spark_apps.transforms.tweets import read_lines, tag
from spark_apps.unreadable import part_of_error

log = logging.getLogger("hashtide")

OUTPUT_MODE = "append"


def tweets(lines: DataFrame, watermark: str) -> DataFrame:
    """Streaming (value, file) -> (event_ms, kind, author, tags) of each tweet once."""
    fates = {"lines": F.count(F.lit(1)), "tweets": F.count_if(F.col("fate").isNull()),
             "clamped": F.count_if(F.col("clamped")), "arrival_ms": F.max("arrival_ms"),
             **{name: F.count_if(F.col("fate") == name) for name in ("control", *QUARANTINE_REASONS)}}
    observed = lines.transform(read_lines).observe(FATES, *(column.alias(name) for name, column in fates.items()))
    tagged = observed.where(F.col("fate").isNull()).transform(tag)
    # Raw rows reach the only stateful operator, so that its metrics count every late and every repeated tweet.
    return (tagged.select("identity", "event_time", "event_ms", "kind", "author", "tags")
            .withWatermark("event_time", watermark).dropDuplicatesWithinWatermark(["identity"]))


def stream(spark: SparkSession, args: StreamArgs) -> DataFrame:
    """What is written, from the landing files on."""
    # Fixed at the first batch for the life of a checkpoint.
    spark.conf.set("spark.sql.shuffle.partitions", str(args.shuffle_partitions))
    return tweets(read_stream(spark, args.paths, args.max_files, args.from_hour), args.watermark)


def start(spark: SparkSession, args: StreamArgs, sink: Callable[[DataFrame, int], None],
          available_now: bool = False, counted: DataFrame | None = None) -> StreamingQuery:
    """`available_now`: it takes what is landed, in batches as ever, and ends. `counted`: as `stream` gave it."""
    counted = stream(spark, args) if counted is None else counted
    writer = (counted.writeStream.queryName(args.paths.stream).outputMode(OUTPUT_MODE).foreachBatch(in_few_words(sink))
              .option("checkpointLocation", args.paths.checkpoint(args.generation)))
    if available_now:
        return writer.trigger(availableNow=True).start()
    return writer.trigger(processingTime=f"{args.trigger_seconds} seconds").start()


def items(spark: SparkSession, counted: DataFrame, args: StreamArgs) -> dict[str, str]:
    """What the checkpoint is made with from here on."""
    sink = CountsLive(args.paths, 0, lambda: None)   # the same for every generation and batch
    return made_with.items(spark, counted, lambda rows: sink.increments(rows, 0), OUTPUT_MODE)


def hold(query: StreamingQuery, gate: StopGate, reporter: Reporter, check: Callable[[], None]) -> None:
    """Until the query ends; an idle one is ended from here, since no batch will come to its gate."""
    try:
        while not query.awaitTermination(1):
            _take(query, reporter)
            _try(reporter.beat)
            stop, idle = _try(gate.look), not query.status["isTriggerActive"]
            if stop and idle:
                query.stop()
                raise StopRequested("between two batches")
            if idle:
                _try(check)
    finally:
        _take(query, reporter)


def _take(query: StreamingQuery, reporter: Reporter) -> None:
    reporter.take([json.loads(progress.json) for progress in query.recentProgress])


def _try(do: Callable[[], object]) -> object:
    """A NameNode that does not answer for a while is no reason to end: the next batch will tell."""
    try:
        return do()
    except Exception as error:
        if isinstance(error, (Fenced, StopRequested)):
            raise
        log.warning("HDFS: %s: %s", *reason(error))
        return None


def run(spark: SparkSession, args: StreamArgs) -> int:
    """The exit code. 0 where the end was asked for or a newer driver has taken over: YARN need not try again."""
    context = spark.sparkContext
    files = Files(spark, args.paths.base)
    attempt = context._jsc.sc().applicationAttemptId()
    number = int(attempt.get()) if attempt.isDefined() else 1
    fence = Fence(files, args.paths, args.epoch, number, args.generation)
    gate = StopGate(files, args.paths.stop(args.epoch))
    reporter = Reporter(files, args.paths, args.generation, args.epoch, number, args.trigger_seconds,
                        context.applicationId, check=fence.check)

    def before() -> None:
        gate.check()
        fence.check()

    try:
        fence.claim({"application": context.applicationId, "spark": spark.version,
                     "time_ms": reporter.clock.now_ms()})
        _try(reporter.remember)
        _try(lambda: reporter.beat(now=True))
        counted = stream(spark, args)
        guard.check(files, args.paths, (args.generation, args.epoch, number), items(spark, counted, args),
                    reporter.clock.now_ms())
        sink = CountsLive(args.paths, args.generation, before)
        hold(start(spark, args, sink, counted=counted), gate, reporter, before)
        ended = reporter.result("ended", "the query ended by itself")
    except BaseException as error:
        ended = _end_of(error, reporter)
    if ended["reason"] != "fenced":
        # A driver that is fenced has nothing to say any more: both files belong to its successor.
        with suppress(Fenced):
            _try(lambda: reporter.beat(now=True))
        _try(lambda: files.write_json(args.paths.result(args.epoch), reporter.with_tries(ended)))
    log.info("ended: %s %s", ended["reason"], ended["error"])
    return 1 if ended["error"] else 0


def _end_of(error: BaseException, reporter: Reporter) -> dict[str, object]:
    """An exception of foreachBatch arrives as text inside Spark's own."""
    text = str(error)
    for kind, why in ((StopRequested, "stop"), (Fenced, "fenced")):
        if isinstance(error, kind) or f"{kind.__module__}.{kind.__name__}" in text:
            return reporter.result(why)
    if not isinstance(error, PySparkException):   # Spark has logged its own, with a plan of many pages
        traceback.print_exception(error)
    name, said = reason(error)
    condition = error.getCondition() if isinstance(error, PySparkException) else None
    # STREAM_FAILED says of every failure that it is one.
    said_by = part_of_error(error) or (name if condition in (None, "STREAM_FAILED") else condition)
    return reporter.result(name, " ".join(f"{said_by}: {said}".split())[:1000])


def main(argv: list[str]) -> int:
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    args = stream_args(argv)
    spark = session.build(f"hashtide {args.paths.stream} e{args.epoch}", session.STREAM)
    code = run(spark, args)
    spark.stop()
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
