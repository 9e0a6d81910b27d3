"""Roll-ups of minute counts: sliding windows and running totals. Current counts in, one row a tag out.

In: `window_start` (the minute), `tag`, `form`, the measures and `authors` (sketch); several rows of one minute and form
add up, so increments may come as they are. The tag "" stands for all tweets, in and out. deploy/rollup.py does the same
without Spark.
"""
from __future__ import annotations

from collections.abc import Callable

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from spark_apps.contract import ALL_TWEETS, MEASURES
from spark_apps.windows import DAY_MS, Windows

Transform = Callable[[DataFrame], DataFrame]

SLIDING = ("window_start", "window_end", "tag", "display", *MEASURES, "authors")
RUNNING = ("since", "at", "tag", *MEASURES, "authors")
RANKED = ("window_start", "window_end", "rank", "tag", "display", *MEASURES, "authors")


def sliding(windows: Windows) -> Transform:
    """Every window that a counted minute lies in.

    display: the form that most tweets of the window used, ties by code points; authors: how many there are, of several
    thousands an estimate; both of the whole window.
    """
    def apply(counts: DataFrame) -> DataFrame:
        # Spark aligns the beginnings; ours are such that the ends lie at whole slides.
        offset = -windows.length_ms % windows.slide_ms
        window = F.window("window_start", _interval(windows.length_ms), _interval(windows.slide_ms), _interval(offset))
        forms = counts.groupBy(window.alias("window"), "tag", "form").agg(*_sums(), _merged())
        tags = forms.groupBy("window", "tag").agg(*_sums(), _merged(), _display())
        return (tags.withColumn("authors", F.theta_sketch_estimate("authors"))
                .withColumns({"window_start": F.col("window.start"), "window_end": F.col("window.end")})
                .select(*SLIDING))
    return apply


def running(step_ms: int, since_ms: int = DAY_MS) -> Transform:
    """What each tag has by the end of each step that counted it, since its hour, day or other whole span began.

    since, at: timestamps of the span's beginning and the step's end. `since_ms` has to be whole steps.
    """
    Windows(since_ms, step_ms)
    if since_ms % step_ms:
        raise ValueError(f"{since_ms} ms are no whole number of steps of {step_ms} ms")

    def apply(counts: DataFrame) -> DataFrame:
        minute = F.unix_millis("window_start")
        since, at = _floor(minute, since_ms), _floor(minute, step_ms) + F.lit(step_ms)
        steps = counts.groupBy(since.alias("since"), at.alias("at"), "tag").agg(*_sums(), _merged())
        so_far = (Window.partitionBy("since", "tag").orderBy("at")
                  .rowsBetween(Window.unboundedPreceding, Window.currentRow))
        totals = {name: F.sum(name).over(so_far) for name in MEASURES}
        people = F.theta_sketch_estimate(F.theta_union_agg("authors").over(so_far))
        return (steps.withColumns({**totals, "authors": people})
                .withColumns({name: F.timestamp_millis(name) for name in ("since", "at")})
                .select(*RUNNING))
    return apply


def most_frequent(k: int) -> Transform:
    """Of what `sliding` gave the k tags with most tweets of each window, ties by key; without the row of all tweets."""
    def apply(rolled: DataFrame) -> DataFrame:
        order = Window.partitionBy("window_end").orderBy(F.desc("tweets"), "tag")
        return (rolled.where(F.col("tag") != ALL_TWEETS)
                .withColumn("rank", F.row_number().over(order)).where(F.col("rank") <= k)
                .select(*RANKED))
    return apply


def _sums() -> list[Column]:
    return [F.sum(name).alias(name) for name in MEASURES]


def _merged() -> Column:
    return F.theta_union_agg("authors").alias("authors")


def _display() -> Column:
    return F.min(F.struct((-F.col("tweets")).alias("fewer"), "form"))["form"].alias("display")


def _floor(ms: Column, span: int) -> Column:
    return ms - F.pmod(ms, F.lit(span))


def _interval(ms: int) -> str:
    return f"{ms // 1_000} seconds"
