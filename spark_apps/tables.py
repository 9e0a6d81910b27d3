"""The Delta tables that batches write: an hour, a day or all of one is replaced in one commit."""
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F

from spark_apps.accounting import Fate
from spark_apps.contract import ALL_TWEETS, MEASURES

FATES = ("kind string, hour timestamp, landing_hour timestamp, event_hour timestamp, arrival timestamp, fate string, "
         "lines long")
LEDGER = ("hour timestamp, revision int, through_ms long, counts_version long, complete boolean, gap string, "
          "lines long, counted long, duplicate long, late long, control long, pending long, "
          "quarantined map<string,long>, sealed_at timestamp, digest string")

RELATED = ("tag string, related string, tweets long, support double, confidence double, lift double, "
           "from_hour timestamp, to_hour timestamp")
GRAPH_TAGS = "day date, tag string, tweets long, degree long, pagerank double, component long, community long"
GRAPH_LINKS = "day date, tag string, other string, tweets long, lift double"


def exists(spark: SparkSession, path: str) -> bool:
    jvm: Any = spark.sparkContext._jvm
    return bool(jvm.io.delta.tables.DeltaTable.isDeltaTable(spark._jsparkSession, path))


def replace_hours(frame: DataFrame, path: str, hours: Iterable[int], by: str) -> int:
    """Puts the frame in the place of these hours (ms) in one commit; the version that this made.

    `by`: column that the table is partitioned by; empty where it has no partitions.
    """
    where = ", ".join(f"timestamp_millis({hour})" for hour in hours)
    return replace(frame, path, f"hour IN ({where})", by)


def replace(frame: DataFrame, path: str, where: str = "", by: str = "") -> int:
    """Puts the frame in the place of the rows of this condition, of all where it is empty; otherwise the same."""
    spark = frame.sparkSession
    writer = frame.write.format("delta").mode("overwrite")
    if where and exists(spark, path):
        writer = writer.option("replaceWhere", where)
    elif by:
        writer = writer.partitionBy(by)
    writer.save(path)
    return int(spark.conf.get("spark.databricks.delta.lastCommitVersionInSession") or 0)


def rows(spark: SparkSession, path: str, hours: Iterable[int]) -> list[Row]:
    """Rows of these hours (ms); none where there is no table yet."""
    if not exists(spark, path):
        return []
    return spark.read.format("delta").load(path).where(F.unix_millis("hour").isin(list(hours))).collect()


def fate_of(row: Row) -> Fate:
    hour, landing_hour = ms(row["hour"]), ms(row["landing_hour"])
    assert hour is not None and landing_hour is not None
    return Fate(row["kind"], hour, landing_hour, ms(row["event_hour"]), ms(row["arrival"]), row["fate"], row["lines"])


def ms(at: datetime | None) -> int | None:
    """Of a timestamp as Spark gives it to Python: in the zone of the driver's machine."""
    return None if at is None else round(at.timestamp() * 1000)


def instant(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, timezone.utc)


@dataclass(frozen=True)
class Summary:
    """Of an hour's counts. `digest` is the same for the same rows in any order; sketches are left out of it, which hold
    the same in other bytes."""

    rows: int
    tweets: int
    digest: str


def summary(counts: DataFrame) -> Summary:
    key = F.xxhash64("window_start", "tag", "form", *MEASURES)
    tweets = F.sum(F.when(F.col("tag") == ALL_TWEETS, F.col("tweets")))
    found = counts.agg(F.count(F.lit(1)), tweets, F.sum(key.cast("decimal(38,0)")), F.bit_xor(key)).head()
    assert found
    return Summary(found[0], found[1] or 0, "-".join(str(value or 0) for value in (found[0], found[2], found[3])))
