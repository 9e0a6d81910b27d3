"""DStreams by a clock of the test's own: as many batches as there is data, as fast as they are computed."""
from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession
from pyspark.streaming import StreamingContext
from pyspark.streaming.dstream import DStream

CLOCK, MANUAL = "spark.streaming.clock", "org.apache.spark.util.ManualClock"


@contextmanager
def manual_clock(spark: SparkSession) -> Iterator[None]:
    conf = spark.sparkContext._jsc.sc().conf()
    conf.set(CLOCK, MANUAL)
    try:
        yield
    finally:
        conf.remove(CLOCK)


class Batches:
    """`seconds` a batch; `seen` has what each output gave, by its name and the second of the batch."""

    def __init__(self, spark: SparkSession, checkpoint: Path, seconds: int) -> None:
        self.context, self.seconds = StreamingContext(spark.sparkContext, seconds), seconds
        self.context.checkpoint(checkpoint.as_uri())
        self.seen: dict[str, dict[int, list[Any]]] = {}
        self.depths: dict[str, list[int]] = {}

    def queue(self, batches: list[list[Any]]) -> DStream[Any]:
        return self.context.queueStream([self.context.sparkContext.parallelize(batch, 2) for batch in batches],
                                        default=self.context.sparkContext.parallelize([], 1))

    def watch(self, name: str, stream: DStream[Any]) -> None:
        found = self.seen.setdefault(name, {})
        stream.foreachRDD(lambda at, rdd: found.__setitem__(round(at.timestamp()), sorted(rdd.collect())))

    def watch_depth(self, name: str, stream: DStream[Any]) -> None:
        """In `depths`: of each batch how many RDDs its own goes back to."""
        found = self.depths.setdefault(name, [])
        stream.foreachRDD(lambda rdd: found.append(rdd.toDebugString().count(b"\n")))

    def run(self, batches: int) -> None:
        """Ends when all of so many batches are done."""
        self.context.start()
        try:
            # Every batch has an output that is watched; the last one watched comes last.
            last = list(self.seen.values())[-1]
            for _ in range(batches):
                advance(self.context, self.seconds, lambda at_ms: at_ms // 1000 in last)
        finally:
            self.context.stop(stopSparkContext=False, stopGraceFully=False)


def advance(context: StreamingContext, seconds: int, done: Callable[[int], bool]) -> None:
    """One batch further, until it is done; that is asked with its time (ms)."""
    clock = context._jssc.ssc().scheduler().clock()
    clock.advance(seconds * 1000)
    at_ms, deadline = clock.getTimeMillis(), time.monotonic() + 240
    while not done(at_ms):
        assert not context._jssc.awaitTerminationOrTimeout(20), "the DStreams have ended"
        assert time.monotonic() < deadline, f"waited 240 s for the batch of {at_ms} ms"
