"""What is computed of a DStream of (key, number): per batch, running, by window.

Functions, no lambdas: a checkpoint holds them by name.
"""
from __future__ import annotations

from collections.abc import Iterable
from operator import add, sub
from typing import Any

from pyspark import RDD
from pyspark.streaming.dstream import DStream

from spark_apps.classic import inverse
from spark_apps.classic.intervals import Intervals

Pair = tuple[str, int]


def ones(keys: DStream[str]) -> DStream[Pair]:
    """Stateless: each key, once."""
    return keys.map(one)


def per_batch(pairs: DStream[Pair]) -> DStream[Pair]:
    """Stateless: the sum of each key of the batch, in the partition that is the key's in every batch."""
    return inverse.placed(pairs, add)


def running(batches: DStream[Pair], initial: RDD[Pair] | None = None) -> DStream[Pair]:
    """The sum of each key since the start, every key in every batch. `initial`: what was counted before."""
    return batches.updateStateByKey(total, initialRDD=initial)


def windowed(batches: DStream[Pair], over: Intervals) -> DStream[Pair]:
    """Of each key the sum of the window: the last one's, with the batches that enter, without those that leave.

    A key at zero would stay for ever, and is dropped. `batches`: those of `per_batch`.
    """
    return inverse.reduce_by_key_and_window(batches, add, sub, over, is_left)


def windowed_by_spark(pairs: DStream[Pair], over: Intervals) -> DStream[Pair]:
    """The same by PySpark's own method, which reduces each batch itself and shuffles all sums at each slide."""
    return pairs.reduceByKeyAndWindow(add, sub, over.window, over.slide, filterFunc=is_left)


def windowed_anew(batches: DStream[Pair], over: Intervals) -> DStream[Pair]:
    """The same without the inverse: all batches of the window added up at each slide. PySpark's method does this, once
    it has reduced each batch, as these are."""
    return batches.window(over.window, over.slide).reduceByKey(add)


def window_size(elements: DStream[Any], over: Intervals) -> DStream[int]:
    """How many elements the window has."""
    return elements.countByWindow(over.window, over.slide)


def one(key: str) -> Pair:
    return key, 1


def total(new: Iterable[int], before: int | None) -> int:
    return sum(new) + (before or 0)


def is_left(pair: Pair) -> bool:
    return pair[1] > 0
