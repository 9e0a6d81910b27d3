"""The classic engine's computations, on numbers that can be added up by hand."""
from __future__ import annotations

from pathlib import Path

from pyspark.sql import SparkSession

from spark_apps.classic import counting
from spark_apps.classic.intervals import Intervals
from tests.spark.classic import Batches, manual_clock

NUMBERS = [[4], [7, 3, 8], [9, 0, 1], [6, 4, 3]]


def test_sums_of_a_batch_and_running_sums(spark: SparkSession, tmp_path: Path) -> None:
    with manual_clock(spark):
        made = Batches(spark, tmp_path / "checkpoint", 1)
        sums = counting.per_batch(made.queue([[("n", number) for number in batch] for batch in NUMBERS]))
        made.watch("batch", sums)
        made.watch("running", counting.running(sums))
        made.watch("sealed", counting.running(sums, spark.sparkContext.parallelize([("n", 100), ("old", 7)], 2)))
        made.run(len(NUMBERS))
    assert [dict(made.seen["batch"][at])["n"] for at in (1, 2, 3, 4)] == [4, 18, 10, 13]
    assert [dict(made.seen["running"][at])["n"] for at in (1, 2, 3, 4)] == [4, 22, 32, 45]
    assert [dict(made.seen["sealed"][at]) for at in (1, 4)] == [{"n": 104, "old": 7}, {"n": 145, "old": 7}]


def test_error_rates_of_a_log_two_batches_enter_and_two_leave(spark: SparkSession, tmp_path: Path) -> None:
    # Of six batches of ten seconds; a window of thirty, each twenty.
    lines = [["ok"] * ok + ["error"] * bad for ok, bad in ((8, 2), (5, 5), (9, 1), (0, 10), (10, 0), (7, 3))]
    with manual_clock(spark):
        made = Batches(spark, tmp_path / "checkpoint", 10)
        over, log = Intervals(10, 30, 20), made.queue(lines)
        made.watch("size", counting.window_size(log, over))
        made.watch("levels", counting.windowed(counting.per_batch(counting.ones(log)), over))
        made.watch("all", log)
        made.run(len(lines))
    assert made.seen["size"] == {20: [20], 40: [30], 60: [30]}
    rates = {at: dict(levels).get("error", 0) / sum(n for _, n in levels) for at, levels in made.seen["levels"].items()}
    # At 40 the batches of 30 and 40 have entered, and that of 10 left with the empty one before it.
    assert rates == {20: 7 / 20, 40: 16 / 30, 60: 13 / 30}


def test_what_a_window_holds_gains_and_loses_and_that_keys_at_zero_go(spark: SparkSession, tmp_path: Path) -> None:
    batches = [[("a", 6), ("gone", 1)], [("a", 3)], [("a", 2)], [], []]
    with manual_clock(spark):
        made = Batches(spark, tmp_path / "checkpoint", 1)
        over, sums = Intervals(1, 2, 1), counting.per_batch(made.queue(batches))
        made.watch("inverse", counting.windowed(sums, over))
        made.watch("anew", counting.windowed_anew(sums, over))
        made.run(len(batches))
    inverse = made.seen["inverse"]
    assert [dict(inverse[at]) for at in (2, 3)] == [{"a": 9, "gone": 1}, {"a": 5}], "9, and 2 more, and 6 less"
    assert inverse[5] == [], "a key at zero is dropped"
    assert inverse == made.seen["anew"]


def test_lineage_is_cut_by_checkpoints_and_grows_without(spark: SparkSession, tmp_path: Path) -> None:
    batches, often, never = 9, 3, 1000
    with manual_clock(spark):
        made = Batches(spark, tmp_path / "checkpoint", 1)
        sums = counting.per_batch(made.queue([[("n", 1)]] * batches))
        for name, every in (("cut", often), ("kept", never)):
            state = counting.running(sums)
            state.checkpoint(every)
            made.watch_depth(name, state)
            made.watch(name, state)
        made.run(batches)
    cut, kept = made.depths["cut"], made.depths["kept"]
    assert kept == sorted(set(kept)), f"deeper with each batch: {kept}"
    assert cut[2 * often:] == cut[often:2 * often], f"as deep as between the checkpoints before: {cut}"
    assert max(cut) < kept[-1], f"{cut} {kept}"
    assert made.seen["cut"] == made.seen["kept"]
