"""Verifying: a sealed hour recomputed from landing, and compared row by row with `counts` and `counts_live`.

Writes no table. Where rows differ, each tweet of the hour is followed through the stream.
"""
from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.storagelevel import StorageLevel

from spark_apps import drift, follow, purged, tables
from spark_apps.clock import Clock
from spark_apps.contract import HOUR_MS, MEASURES, StreamPaths, hour_name
from spark_apps.drift import REASONS, Difference, Row, Vector
from spark_apps.files import Files
from spark_apps.follow import History
from spark_apps.packs import landed
from spark_apps.seal import AHEAD_MS, HORIZON_MS, read_landing
from spark_apps.transforms.counts import minute_counts
from spark_apps.transforms.tweets import first_version

log = logging.getLogger("hashtide")

SIDES = ("live", "sealed", "fresh", "expected")
#: How many rows a result lists, the unexplained first; its sums are over all of them.
MAX_LISTED = 2_000


@dataclass(frozen=True)
class Verified:
    """What one hour came to. `batch`: (generation, last committed batch) of the stream, None where it never ran."""

    hour: int
    through_ms: int
    revision: int
    complete: bool
    rows: int
    batch: tuple[int, int] | None
    differences: list[Difference] = field(default_factory=list)


@dataclass
class Verifier:
    spark: SparkSession
    files: Files
    paths: StreamPaths
    clock: Clock = Clock()

    def verify(self, hours: Mapping[int, int], done: Callable[[Verified], None]) -> None:
        """Each hour as it was sealed through its instant (ms by hour); landing is read anew, once for all of them."""
        # A seal may have come in between: what the ledger says now is what `counts` has.
        ledger = {tables.ms(row["hour"]): row for row in
                  tables.rows(self.spark, self.paths.table("ledger"), list(hours))}
        sealed = {hour: int(ledger[hour]["through_ms"]) for hour in hours if hour in ledger}
        for hour in sorted(set(hours) - set(sealed)):
            log.warning("%s is not sealed", hour_name(hour))
        if not sealed:
            return
        found = landed(self.files, self.paths, min(sealed) - AHEAD_MS, max(sealed.values()))
        tweets = read_landing(self.spark, found).persist(StorageLevel.MEMORY_AND_DISK)
        try:
            for hour in sorted(sealed):
                done(self._verify(tweets, hour, ledger[hour]))
        finally:
            tweets.unpersist()

    def _verify(self, tweets: DataFrame, hour: int, said: Any) -> Verified:
        history, through_ms = History.read(self.spark, self.files, self.paths), said["through_ms"]
        mine = (tweets.where((F.col("event_hour") == hour) & (F.col("arrival_ms") < through_ms))
                .transform(first_version).persist(StorageLevel.MEMORY_AND_DISK))
        try:
            total, differing = self._compare(mine, hour, said, history)
            found = self._explain(mine, hour, through_ms, history, differing) if differing else []
        finally:
            mine.unpersist()
        return Verified(hour, through_ms, said["revision"], said["complete"], total, history.newest, found)

    def _compare(self, mine: DataFrame, hour: int, said: Any, history: History) -> tuple[int, list[Row]]:
        """How many rows there are, and those that differ."""
        sides = {"fresh": mine.where("wins").transform(minute_counts)}
        if (sealed := self._table("counts", hour)) is not None:
            sides["sealed"] = sealed
        if (live := self._table("counts_live", hour)) is not None:
            sides["live"] = live.where(history.counts())
        had = None if said["complete"] else self.files.read_json(self.paths.seal_files(hour))
        if had is not None:
            part = mine.drop("wins").where(F.col("file").isin(list(had["files"]))).transform(first_version)
            sides["expected"] = part.where("wins").transform(minute_counts)
        compared = side_by_side(sides).persist()
        try:
            same = (F.col("live") == F.col("fresh")) & (F.col("sealed") == F.col("fresh"))
            return compared.count(), [_row(row, had is not None) for row in compared.where(~same).collect()]
        finally:
            compared.unpersist()

    def _table(self, name: str, hour: int) -> DataFrame | None:
        path = self.paths.table(name)
        if not tables.exists(self.spark, path):
            return None
        return self.spark.read.format("delta").load(path).where(F.col("hour") == F.timestamp_millis(F.lit(hour)))

    def _explain(self, mine: DataFrame, hour: int, through_ms: int, history: History,
                 rows: list[Row]) -> list[Difference]:
        takes = history.takes(hour)
        later = landed(self.files, self.paths, through_ms, hour + HOUR_MS + HORIZON_MS).only(
            lambda name: (take := takes.get(name)) is not None and take.late_ms < hour + HOUR_MS)
        log.info("%s: %d rows differ; %d landing files are taken, %d of them after the seal's instant",
                 hour_name(hour), len(rows), len(takes), len(later))
        more = read_landing(self.spark, later).where(
            (F.col("event_hour") == hour) & (F.col("arrival_ms") >= through_ms)).withColumn("wins", F.lit(False))
        followed = follow.follow(mine.unionByName(more), takes).persist(StorageLevel.MEMORY_AND_DISK)
        try:
            return drift.explain(rows, follow.causes(followed), follow.unsure(followed),
                                 purged.read(self.files, self.paths, hour))
        finally:
            followed.unpersist()


def side_by_side(sides: Mapping[str, DataFrame]) -> DataFrame:
    """(minute, tag, form) and for each of SIDES an array of its measures, zeros where it has no such row."""
    def named(side: str, frame: DataFrame) -> DataFrame:
        return frame.select(F.lit(side).alias("side"), F.unix_millis("window_start").alias("minute"), "tag", "form",
                            *MEASURES)

    def measures(side: str) -> Any:
        return F.array(*(F.sum(F.when(F.col("side") == side, F.col(name)).otherwise(0)) for name in MEASURES))

    every = reduce(DataFrame.unionByName, (named(side, frame) for side, frame in sides.items()))
    return every.groupBy("minute", "tag", "form").agg(*(measures(side).alias(side) for side in SIDES))


def _row(row: Any, is_expected: bool) -> Row:
    live, sealed, fresh, expected = (tuple(row[side]) for side in SIDES)
    return Row((row["minute"], row["tag"], row["form"]), live, sealed, fresh, expected if is_expected else None)


def result(verified: Verified, application: str, time_ms: int) -> dict[str, Any]:
    """What is written to StreamPaths.verify_result: rows compared, rows that differ, and why."""
    found = verified.differences
    reasons = {reason: {"rows": sum(reason in one.reasons for one in found),
                        "tweets": sum(one.reasons[reason][0] for one in found
                                      if reason in one.reasons and one.row.key[1:] == ("", ""))}
               for reason in REASONS}
    return {"hour": hour_name(verified.hour), "hour_ms": verified.hour, "revision": verified.revision,
            "through_ms": verified.through_ms, "complete": verified.complete, "rows": verified.rows,
            "differing": len(found), "unexplained": sum(not one.explained for one in found),
            "reasons": {name: told for name, told in reasons.items() if told["rows"]},
            "generation": verified.batch and verified.batch[0], "batch_id": verified.batch and verified.batch[1],
            "differences": [_listed(one) for one in found[:MAX_LISTED]], "time_ms": time_ms,
            "application": application}


def _listed(one: Difference) -> dict[str, Any]:
    minute, tag, form = one.row.key
    sides = {side: _named(vector) for side, vector in
             (("live", one.row.live), ("sealed", one.row.sealed), ("fresh", one.row.fresh))}
    # An id is no number to a reader of JSON that has only floating point.
    reasons = {reason: {"tweets": tweets, "ids": list(map(str, ids))} for reason, (tweets, ids) in one.reasons.items()}
    return {"minute_ms": minute, "tag": tag, "form": form, **sides, "reasons": reasons}


def _named(vector: Vector) -> dict[str, int]:
    return dict(zip(MEASURES, vector, strict=True))
