"""The stream: landing -> parse -> identify -> de-duplicate -> minute counts, a commit to counts_live each batch."""
from __future__ import annotations

import json
import sys
from collections.abc import Callable

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.streaming.query import StreamingQuery

from spark_apps import driving, guard, made_with
from spark_apps.args import StreamArgs, stream_args
from spark_apps.contract import QUARANTINE_REASONS
from spark_apps.driving import patiently
from spark_apps.progress import FATES, Reporter
from spark_apps.shutdown import StopGate, StopRequested
from spark_apps.sinks import CountsLive, in_few_words
from spark_apps.sources import read_stream
from spark_apps.transforms.tweets import read_lines, tag

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
            patiently(reporter.beat)
            stop, idle = patiently(gate.look), not query.status["isTriggerActive"]
            if stop and idle:
                query.stop()
                raise StopRequested("between two batches")
            if idle:
                patiently(check)
    finally:
        _take(query, reporter)


def _take(query: StreamingQuery, reporter: Reporter) -> None:
    reporter.take([json.loads(progress.json) for progress in query.recentProgress])


def run(spark: SparkSession, args: StreamArgs) -> int:
    """The exit code, as Driving.through has it."""
    own = driving.of(spark, args.paths, args.generation, args.epoch, args.trigger_seconds)

    def work() -> None:
        patiently(own.reporter.remember)
        patiently(lambda: own.reporter.beat(now=True))
        counted = stream(spark, args)
        guard.check(own.files, args.paths, (args.generation, args.epoch, own.reporter.attempt),
                    items(spark, counted, args), own.reporter.clock.now_ms())
        sink = CountsLive(args.paths, args.generation, own.before)
        hold(start(spark, args, sink, counted=counted), own.gate, own.reporter, own.before)

    return own.through(spark.version, work)


if __name__ == "__main__":
    sys.exit(driving.main(sys.argv[1:], stream_args, run))
