"""reduceByKeyAndWindow with the inverse function, whose sums stay where they are.

PySpark's own brings all sums of the window through two shuffles at each slide: one to take off what leaves, one to add
what enters. Here the sums of a partition are one dict, batches are partitioned as it is, and a slide is a `zip` of the
sums with what has changed, so that only this moves. It is Spark's own DStream, PythonReducedWindowedDStream, with its
previous window, its slices of batches and its checkpoints, that is given other functions.
"""
from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any
from zlib import crc32

from pyspark import RDD, StorageLevel
from pyspark.streaming.dstream import DStream
from pyspark.streaming.util import TransformFunction

from spark_apps.classic.intervals import Intervals

Pair = tuple[str, Any]
Sums = dict[str, Any]
Fold = Callable[[Any, Any], Any]
#: The sums of one partition, with what changes of them.
Change = Iterable[tuple[Sums, list[Pair]]]


def placed(pairs: DStream[Pair], func: Fold) -> DStream[Pair]:
    """reduceByKey, with each key in the partition that is its own in every batch."""
    parts = pairs.context().sparkContext.defaultParallelism

    def reduced(rdd: RDD[Pair]) -> RDD[Pair]:
        return rdd.reduceByKey(func, parts, place)
    return pairs.transform(reduced)


def reduce_by_key_and_window(batches: DStream[Pair], func: Fold, inverse: Fold, over: Intervals,
                             keep: Callable[[Pair], bool]) -> DStream[Pair]:
    """As PySpark's method, of batches that `placed` has reduced. Spark goes by the inverse where a window has five
    slides or more; a shorter one it adds up anew."""
    context = batches.context()
    spark: Any = context.sparkContext
    parts = spark.defaultParallelism

    def changes(rdd: RDD[Pair]) -> RDD[Pair]:
        # Spark unites batches of one partitioner partition by partition; were it to put them beside one another, keys
        # would have to be brought to their places again.
        return rdd if rdd.getNumPartitions() == parts else rdd.reduceByKey(func, parts, place)

    def first(pairs: Iterable[Pair]) -> Iterable[Sums]:
        return add([({}, list(pairs))])

    def add(both: Change) -> Iterable[Sums]:
        for sums, change in both:
            for key, value in change:
                sums[key] = func(sums[key], value) if key in sums else value
            yield dict(filter(keep, sums.items()))

    def take_off(both: Change) -> Iterable[Sums]:
        for sums, change in both:
            for key, value in change:
                if key in sums:
                    sums[key] = inverse(sums[key], value)
            yield sums

    def enters(_: datetime, before: RDD[Sums] | None, new: RDD[Pair]) -> RDD[Sums]:
        if before is None:
            return changes(new).mapPartitions(first)
        return before.zip(changes(new).glom()).mapPartitions(add)

    def leaves(_: datetime, before: RDD[Sums], old: RDD[Pair]) -> RDD[Sums]:
        return before.zip(changes(old).glom()).mapPartitions(take_off)

    # A batch is read as it enters, and as it leaves: until then on the disk where memory is short.
    batches.persist(StorageLevel.MEMORY_AND_DISK)
    function: Any = TransformFunction
    sums = spark._jvm.PythonReducedWindowedDStream(
        batches._jdstream.dstream(), *(function(spark, each, spark.serializer) for each in (enters, leaves)),
        *map(context._jduration, (over.window, over.slide)))
    return DStream(sums.asJavaDStream(), context, spark.serializer).flatMap(dict.items)


def place(key: str) -> int:
    """Python's own hash is another one with another seed, and the sums of a checkpoint are where an earlier process had
    put them."""
    return crc32(key.encode())
