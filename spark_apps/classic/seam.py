"""From where a new line of checkpoints counts: what is sealed is taken as it is, landing from there on."""
from __future__ import annotations

from dataclasses import dataclass

from pyspark import RDD
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from spark_apps.contract import HOUR_MS, StreamPaths
from spark_apps.tables import exists
from spark_apps.transforms.identify import AHEAD_MS


@dataclass(frozen=True)
class Seam:
    """Tweets from `hour_ms` on are counted, of landing files that arrived from `arrival_ms` on; `sealed`: to the totals
    of the hours before."""

    hour_ms: int = 0
    arrival_ms: int = 0
    sealed: bool = False


def find(spark: SparkSession, paths: StreamPaths, from_hour: int | None = None) -> Seam:
    """Behind the hours that are sealed one after another; without any, all of landing, or that from an hour on."""
    if not exists(spark, paths.table("ledger")):
        return Seam(0, from_hour or 0)
    ledger = spark.read.format("delta").load(paths.table("ledger"))
    hours = {row[0] for row in ledger.select(F.unix_millis("hour")).collect()}
    if not hours:
        return Seam(0, from_hour or 0)
    hour = first_open(hours)
    # A clock that is ahead dates a tweet after its arrival.
    return Seam(hour, hour - AHEAD_MS, sealed=True)


def first_open(hours: set[int]) -> int:
    """The first hour after the oldest that is not among them."""
    hour = min(hours)
    while hour in hours:
        hour += HOUR_MS
    return hour


def totals(spark: SparkSession, paths: StreamPaths, seam: Seam) -> RDD[tuple[str, int]] | None:
    """(tag, tweets) of all sealed hours before the seam; None where there are none."""
    if not seam.sealed:
        return None
    counts = spark.read.format("delta").load(paths.table("counts")).where(F.unix_millis("hour") < seam.hour_ms)
    found = [(row[0], int(row[1])) for row in counts.groupBy("tag").agg(F.sum("tweets")).collect()]
    # From the driver's memory, so that no later seal changes what a line of checkpoints began with.
    return spark.sparkContext.parallelize(found, spark.sparkContext.defaultParallelism)
