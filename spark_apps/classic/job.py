"""The graph of DStreams, and what its functions need of the driver that runs it.

A checkpoint holds functions by name and what they were given, so that whatever is a process's own, session, fence,
files, is found through `driver`, which each process sets anew.
"""
from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from pyspark import RDD
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.streaming import StreamingContext

from spark_apps import session
from spark_apps.classic import counting
from spark_apps.classic.intervals import Intervals
from spark_apps.classic.landing import Takes
from spark_apps.classic.results import Results
from spark_apps.contract import ALL_TWEETS, LandingFile
from spark_apps.shutdown import StopRequested
from spark_apps.sources import read_files
from spark_apps.transforms.tweets import read_lines, tag

Tweet = tuple[int, list[str]]
Found = TypeVar("Found")


@dataclass
class Driver:
    """`before` raises where this driver may not write any more; `done` gets each batch that is committed.

    Nothing is written after what broke it, and no output of a batch succeeds: only a batch whose last output failed
    stays in Spark's checkpoints as one to be computed again.
    """

    spark: SparkSession
    takes: Takes
    results: Results
    intervals: Intervals
    before: Callable[[], None]
    done: Callable[[dict[str, Any]], None]
    broken: BaseException | None = None
    stopping: bool = False      # no batch is begun any more
    now_ms: Callable[[], int] = lambda: 0
    batches: dict[int, dict[str, Any]] = field(default_factory=dict)   # by time, while they are not done

    def sound(self) -> Driver:
        """Itself; raises what broke it."""
        if self.broken:
            raise self.broken
        return self

    def trying(self, do: Callable[[], Found]) -> Found:
        self.sound()
        try:
            self.before()
            return do()
        except BaseException as error:
            self.broken = error
            raise

    def taken(self, at_ms: int) -> DataFrame | None:
        """Lines of the landing files that a batch takes; None where it takes none."""
        names = self.takes.of(at_ms)
        arrival_ms = max((LandingFile.parse(name).last_ms for name in names), default=None)
        self.batches[at_ms] = {"batch_ms": at_ms, "files": len(names), "began_ms": self.now_ms(), "tweets": 0,
                               "arrival_ms": arrival_ms}
        return read_files(self.spark, [self.takes.path(name) for name in names]) if names else None


_drivers: list[Driver] = []


def drive(found: Driver) -> None:
    _drivers[:] = [found]


def driver() -> Driver:
    return _drivers[0]


def build(spark: SparkSession, tick: str, intervals: Intervals, since_ms: int,
          initial: RDD[counting.Pair] | None) -> StreamingContext:
    """`tick`: an empty directory, whose DStream has a batch each interval and no more; a file DStream itself would not
    take what had landed before its start. Tweets before `since_ms` are in `initial`, or nowhere."""
    context = StreamingContext(spark.sparkContext, intervals.batch)
    tweets = context.textFileStream(tick).transform(tweets_of).filter(partial(is_since, since_ms))
    tweets.cache()   # two shuffles read them, and landing is parsed once
    batches = counting.per_batch(counting.ones(tweets.flatMap(keys)))
    batches.foreachRDD(write_batch)
    state = counting.running(batches, initial)
    # Every batch: before its first checkpoint state could not be had again, and lineage is what a restart computes.
    state.checkpoint(intervals.batch)
    state.foreachRDD(write_totals)
    counting.windowed(batches, intervals).foreachRDD(write_window)
    counting.window_size(tweets, intervals).foreachRDD(write_window_size)
    return context


def begin(context: StreamingContext) -> None:
    """Starts it. An RDD's jobs know no settings of the session, and its transforms would stop at a tag that a tweet has
    in two spellings: what the thread has that starts, each batch's jobs have."""
    for name, value in session.SQL.items():
        context.sparkContext.setLocalProperty(name, value)
    context.start()


def tweets_of(at: datetime, _: RDD[Any]) -> RDD[Tweet]:
    """(event_ms, tags) of each tweet of the landing files that this batch takes, by the main engine's own modules."""
    own, at_ms = driver(), ms(at)
    lines = None
    # A batch that cannot be begun is one that cannot be committed: of one without jobs Spark would know nothing more.
    with suppress(Exception):
        lines = own.trying(lambda: own.taken(at_ms))
    if lines is None:
        return own.spark.sparkContext.parallelize([], 1)
    tagged = (lines.transform(read_lines).where(F.col("fate").isNull()).transform(tag)
              .select("event_ms", F.map_keys("tags").alias("tags")))
    return tagged.rdd.map(plain)


def plain(row: Any) -> Tweet:
    return row[0], list(row[1])


def is_since(since_ms: int, tweet: Tweet) -> bool:
    return tweet[0] >= since_ms


def keys(tweet: Tweet) -> list[str]:
    return [ALL_TWEETS, *tweet[1]]


def write_batch(at: datetime, pairs: RDD[counting.Pair]) -> None:
    own, at_ms = driver().sound(), ms(at)
    if own.stopping:
        own.broken = StopRequested("before a batch")
        raise own.broken
    if own.takes.of(at_ms):
        own.trying(lambda: own.results.batch(at_ms, pairs))
        own.batches[at_ms]["tweets"] = pairs.filter(is_all).values().sum()


def write_totals(at: datetime, pairs: RDD[counting.Pair]) -> None:
    """And tells of the batch: its state is computed, and checkpointed, by then."""
    own, at_ms = driver().sound(), ms(at)
    found = own.trying(pairs.count)
    if own.takes.of(at_ms):
        own.trying(lambda: own.results.totals(at_ms, pairs))
    if batch := own.batches.pop(at_ms, None):
        own.done({**batch, "keys": found})


def write_window(at: datetime, pairs: RDD[counting.Pair]) -> None:
    own = driver().sound()
    if not own.trying(pairs.isEmpty):
        own.trying(lambda: own.results.window(ms(at), pairs.filter(has_name), own.intervals.window))


def write_window_size(at: datetime, sizes: RDD[int]) -> None:
    own = driver().sound()
    if any(found := own.trying(sizes.collect)):
        own.trying(lambda: own.results.window_size(ms(at), [sum(found)], own.intervals.window))


def is_all(pair: counting.Pair) -> bool:
    return pair[0] == ALL_TWEETS


def has_name(pair: counting.Pair) -> bool:
    return pair[0] != ALL_TWEETS


def ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)
