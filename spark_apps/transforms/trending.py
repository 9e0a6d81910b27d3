"""What is emerging: windows scored against the windows before. Current minute counts in, as in `rollup`.

deploy/trending.py does the same without Spark.
"""
from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from operator import add

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from spark_apps.contract import ALL_TWEETS
from spark_apps.transforms.rollup import sliding
from spark_apps.windows import MIN_AUTHORS, MIN_TWEETS, SCORE_DIGITS, Trend

TRENDING = ("window_start", "window_end", "rank", "tag", "display", "tweets", "all_tweets", "tweets_before",
            "all_before", "authors", "score", "lift", "delta", "rank_change")


def trending(trend: Trend) -> Callable[[DataFrame], DataFrame]:
    """Every window's tags with enough tweets and authors, ranked by round(score, 6), then tweets, then key.

    tweets of all_tweets are the window's, tweets_before of all_before those of the windows before it; score and lift as
    below; delta: tweets more than in the previous window; rank_change: places gained on the previous window, null where
    the tag was not listed there.
    """
    def apply(counts: DataFrame) -> DataFrame:
        scored = counts.transform(sliding(trend.windows)).transform(_with_before(counts, trend)).transform(_scored)
        listed = scored.transform(_listed)
        return listed.transform(_rank_change(listed, trend)).select(*TRENDING)
    return apply


def score(c: Column, n: Column, b: Column, m: Column) -> Column:
    """Signed root of Dunning's log-likelihood ratio: c of n tweets of a window, b of m before it; null while m = 0.

    Dunning, Accurate Methods for the Statistics of Surprise and Coincidence, 1993:
    sign(c*m - b*n) * sqrt(2 * sum k*ln(k*N/(row*column))) over the cells c, b, n-c, m-b, where k = 0 adds nothing.
    """
    c, n, b, m = (value.cast("double") for value in (c, n, b, m))
    # In a table of two by two k*N - row*column is +-(c*m - b*n) for each cell. Of tables that are nearly even the plain
    # logarithms cancel down to noise, which would differ from one library to the next within the digits we keep.
    d = c * m - b * n
    rest = (n + m) - (c + b)
    cells = ((c, d, n * (c + b)), (b, -d, m * (c + b)), (n - c, -d, n * rest), (m - b, d, m * rest))
    total = reduce(add, (F.when(k > 0, k * F.log1p(over / expected)).otherwise(0.0) for k, over, expected in cells))
    return F.when(m > 0, F.signum(d) * F.sqrt(2 * F.greatest(total, F.lit(0.0))))


def lift(c: Column, n: Column, b: Column, m: Column) -> Column:
    """How many times its former share a tag has: (c/n)/(b/m); null where it had none."""
    return F.when((n > 0) & (b > 0) & (m > 0), (c / n) / (b / m))


def _with_before(counts: DataFrame, trend: Trend) -> Callable[[DataFrame], DataFrame]:
    """Windows -> the same and tweets_before, delta: each tag's minutes are summed up relative to the window's end."""
    def apply(windows: DataFrame) -> DataFrame:
        minutes = counts.groupBy(F.unix_millis("window_start").alias("at"), "tag").agg(F.sum("tweets").alias("added"))
        end = F.unix_millis("window_end").alias("at")
        ends = windows.select(end, "tag", F.struct(*windows.columns).alias("window"))
        around = Window.partitionBy("tag").orderBy("at")

        def total(span: tuple[int, int]) -> Column:
            return F.coalesce(F.sum("added").over(around.rangeBetween(span[0], span[1] - 1)), F.lit(0))
        before = reduce(add, map(total, trend.spans()))
        return (minutes.unionByName(ends, allowMissingColumns=True)
                .select("window", before.alias("tweets_before"), total(trend.earlier(0, 1)).alias("previous"))
                .where(F.col("window").isNotNull())
                .select("window.*", "tweets_before", (F.col("window.tweets") - F.col("previous")).alias("delta")))
    return apply


def _scored(windows: DataFrame) -> DataFrame:
    """Each tag beside all tweets of its window and of those before, which are the row of tag ""."""
    everyone = Window.partitionBy("window_end")

    def of_all(name: str) -> Column:
        return F.max(F.when(F.col("tag") == ALL_TWEETS, F.col(name))).over(everyone)
    table = [F.col(name) for name in ("tweets", "all_tweets", "tweets_before", "all_before")]
    return (windows.withColumns({"all_tweets": of_all("tweets"), "all_before": of_all("tweets_before")})
            .where(F.col("tag") != ALL_TWEETS)
            .withColumns({"score": score(*table), "lift": lift(*table)}))


def _listed(scored: DataFrame) -> DataFrame:
    order = Window.partitionBy("window_end").orderBy(F.desc(F.round("score", SCORE_DIGITS)), F.desc("tweets"), "tag")
    return (scored.where((F.col("tweets") >= MIN_TWEETS) & (F.col("authors") >= MIN_AUTHORS))
            .withColumn("rank", F.row_number().over(order)))


def _rank_change(listed: DataFrame, trend: Trend) -> Callable[[DataFrame], DataFrame]:
    step = F.expr(f"INTERVAL {trend.step_ms // 1_000} SECONDS")
    earlier = listed.select((F.col("window_end") + step).alias("window_end"), "tag", F.col("rank").alias("rank_before"))

    def apply(ranked: DataFrame) -> DataFrame:
        return (ranked.join(earlier, ["window_end", "tag"], "left")
                .withColumn("rank_change", F.col("rank_before") - F.col("rank")))
    return apply
