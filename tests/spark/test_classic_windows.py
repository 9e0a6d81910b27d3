"""A window three ways: with the inverse, by PySpark's own inverse, added up anew."""
from __future__ import annotations

import random
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from pyspark import RDD
from pyspark.sql import SparkSession
from pyspark.streaming.dstream import DStream

from spark_apps.bench.tasks import Work, last_job, since
from spark_apps.classic import counting
from spark_apps.classic.intervals import Intervals
from tests.spark.classic import Batches, manual_clock

SEED = 9


def test_all_ways_have_the_same_sums_of_batches_at_random(spark: SparkSession, tmp_path: Path) -> None:
    chance = random.Random(SEED)
    batches = [[(f"tag{int(40 ** chance.random())}", 1) for _ in range(chance.choice((0, 5, 60)))] for _ in range(7)]
    batches += [[]] * 6
    # Slides of two batches, one of which leaves as half of what one slide has brought; and slides of one.
    wide, narrow = Intervals(1, 11, 2), Intervals(1, 5, 1)
    with manual_clock(spark):
        made = Batches(spark, tmp_path / "checkpoint", 1)
        sums = counting.per_batch(made.queue(batches))
        for over in (wide, narrow):
            made.watch(f"inverse {over.slide}", counting.windowed(sums, over))
            made.watch(f"anew {over.slide}", counting.windowed_anew(sums, over))
        made.watch("spark 1", counting.windowed_by_spark(sums, narrow))
        made.run(len(batches))
    for over in (wide, narrow):
        found = made.seen[f"inverse {over.slide}"]
        assert found == made.seen[f"anew {over.slide}"], f"seed {SEED}, {over}"
        assert {at: sum(n for _, n in sums) for at, sums in found.items()} == {
            at: sum(map(len, batches[max(0, at - over.window):at]))
            for at in range(over.slide, len(batches) + 1, over.slide)}, f"seed {SEED}, {over}"
    assert made.seen["spark 1"] == made.seen["inverse 1"], f"seed {SEED}"
    assert made.seen["inverse 1"][13] == [], "keys at zero are dropped"


def test_what_a_slide_reads_stays_as_it_is_with_the_inverse_and_grows_with_the_window_without(
        spark: SparkSession, tmp_path: Path) -> None:
    window, keys, parts = 8, 300, spark.sparkContext.defaultParallelism
    work: dict[str, list[Work]] = {"inverse": [], "anew": []}

    with manual_clock(spark):
        made = Batches(spark, tmp_path / "checkpoint", 1)
        sums = counting.per_batch(made.queue([[(f"tag{n}", 1) for n in range(keys)]] * (window + 1)))
        made.watch("batch", sums)   # computed by this, a batch is no work of a window

        def watch(way: str, stream: DStream[counting.Pair]) -> None:
            found = made.seen.setdefault(way, {})

            def look(at: datetime, rdd: RDD[counting.Pair]) -> None:
                # By name: a checkpoint holds this function, and no session.
                job = last_job(SparkSession.active())
                count = rdd.count()
                work[way].append(since(SparkSession.active(), job))
                found[round(at.timestamp())] = [count]
            stream.foreachRDD(look)
        watch("inverse", counting.windowed(sums, Intervals(1, window, 1)))
        watch("anew", counting.windowed_anew(sums, Intervals(1, window, 1)))
        made.run(window + 1)
    assert made.seen["inverse"] == made.seen["anew"] == {at: [keys] for at in range(1, window + 2)}
    # With each batch the window has one more, up to the last, with which one leaves.
    inverse, anew = work["inverse"], work["anew"]
    assert {one.tasks for one in inverse[1:]} == {parts}, f"nothing is shuffled: {inverse}"
    assert {one.tasks for one in anew} == {2 * parts}, anew
    assert inverse[-1].read < 2 * inverse[1].read, f"the sums, what enters and what leaves: {inverse}"
    grows = [after.read - before.read for before, after in pairwise(anew[:window])]
    assert min(grows) > 0.3 * anew[0].read, f"by each batch of the window: {anew}"
