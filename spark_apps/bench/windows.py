"""A window's slide with the inverse function, beside the same added up anew and PySpark's own inverse."""
from __future__ import annotations

import random
import statistics
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from pyspark import RDD
from pyspark.sql import SparkSession
from pyspark.streaming import StreamingContext
from pyspark.streaming.dstream import DStream

from spark_apps.bench.sides import Watch
from spark_apps.bench.spark import say
from spark_apps.bench.tasks import Work, last_job, since
from spark_apps.classic import counting
from spark_apps.classic.intervals import Intervals

#: Seconds between batches, and batches between slides, as the engine has them if nothing else is asked for; batches of
#: the windows: 5 and 20 minutes, an hour.
BATCH, SLIDE, WINDOWS = 10, 6, (30, 120, 360)
#: Of each batch, by Zipf's law from so many tags: of every batch the same few, and in the window ever more.
NAMED, TAGS = 5_000, 100_000
#: That are timed; before them a window is filled, and every so many slides computed on the way.
SLIDES, AT_ONCE = 5, 10
#: Each is given what costs it least.
WAYS: dict[str, Callable[[DStream[counting.Pair], Intervals], DStream[counting.Pair]]] = {
    "inverse": lambda pairs, over: counting.windowed(counting.per_batch(pairs), over),
    "anew": lambda pairs, over: counting.windowed_anew(counting.per_batch(pairs), over),
    "spark": counting.windowed_by_spark}
_CLOCK = "spark.streaming.clock"


@dataclass(frozen=True)
class Slide:
    seconds: float
    cpu_s: float
    work: Work


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
    """So far on, and its last batch done; that one's time in ms."""
    clock = context._jssc.ssc().scheduler().clock()
    clock.advance(seconds * 1000)
    at_ms: int = clock.getTimeMillis()
    while not done(at_ms):
        if context._jssc.awaitTerminationOrTimeout(5):
            raise RuntimeError("the DStreams have ended")
    return at_ms


def measured(spark: SparkSession, scratch: Path, windows: Iterable[int] = WINDOWS) -> list[dict[str, Any]]:
    """Medians of a slide of each window, each way; RuntimeError where two ways have counted differently."""
    found = []
    for way in WAYS:   # its first batches are a JVM's, too
        slides(spark, scratch, way, SLIDE)
    for batches in windows:
        ways: dict[str, Any] = {}
        sums: dict[str, dict[str, int]] = {}
        for way in WAYS:
            took, sums[way] = slides(spark, scratch, way, batches)
            ways[way] = {"seconds": statistics.median(one.seconds for one in took),
                         "cpu_s": statistics.median(one.cpu_s for one in took),
                         **asdict(sorted((one.work for one in took), key=lambda work: work.read)[len(took) // 2])}
            say(f"{way}, a window of {batches} batches: {ways[way]}")
        if any(each != sums["anew"] for each in sums.values()) or sum(sums["anew"].values()) != batches * NAMED:
            raise RuntimeError(f"a window of {batches} batches of {NAMED}: "
                               f"{ {way: (len(each), sum(each.values())) for way, each in sums.items()} }")
        found.append({"batches": batches, "slides": SLIDES, "tags": len(sums["anew"]), **ways})
    return found


def slides(spark: SparkSession, scratch: Path, way: str, batches: int) -> tuple[list[Slide], dict[str, int]]:
    """SLIDES of them, and what the last window has."""
    seen, wanted, sums, slide_s = set[int](), [False], dict[str, int](), SLIDE * BATCH

    def look(at: datetime, rdd: RDD[counting.Pair]) -> None:
        if wanted[0]:
            sums.clear()
            sums.update(rdd.collectAsMap())
        seen.add(round(at.timestamp() * 1000))

    with by_hand(spark):
        context = StreamingContext(spark.sparkContext, BATCH)
        context.checkpoint(Path(tempfile.mkdtemp(prefix="window-", dir=scratch)).as_uri())
        empty: DStream[Any] = context.queueStream([], default=spark.sparkContext.parallelize([], 1))
        WAYS[way](empty.transform(named), Intervals(BATCH, batches * BATCH, slide_s)).foreachRDD(look)
        context.start()
        try:
            filling = -(-batches // SLIDE) + 1
            for n in range(1, filling + 1):
                # What is added up anew needs nothing of an earlier window; sums go on from it, without one slide's end.
                wanted[0] = n == filling or (way != "anew" and n % AT_ONCE == 0)
                step(context, slide_s, seen.__contains__)
            took = []
            for _ in range(SLIDES):
                job, watch = last_job(spark), Watch()
                step(context, slide_s, seen.__contains__)
                took.append(Slide(*watch.read(), since(spark, job)))
        finally:
            context.stop(stopSparkContext=False, stopGraceFully=False)
    return took, sums


def named(at: datetime, nothing: RDD[Any]) -> RDD[counting.Pair]:
    """The tags of a batch; of its time alone, so that each way has the same."""
    parts = nothing.context.defaultParallelism
    return nothing.context.parallelize(range(NAMED), parts).mapPartitionsWithIndex(partial(drawn, at.timestamp()))


def drawn(seed: float, part: int, each: Iterable[int]) -> Iterator[counting.Pair]:
    chance = random.Random(f"{seed} {part}")
    for _ in each:
        yield f"tag{int(TAGS ** chance.random())}", 1
