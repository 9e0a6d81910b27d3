"""Sealing: hours recomputed from landing by the stream's own transforms, made final with a revision and an account."""
from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.storagelevel import StorageLevel

from spark_apps import purged, quarantine, tables
from spark_apps.accounting import CONTROL, COUNTED, DUPLICATE, TWEET, Account, Fate, account, late_hours
from spark_apps.clock import Clock
from spark_apps.contract import HOUR_MS, MINUTE_MS, StreamPaths, hour_name
from spark_apps.files import Files
from spark_apps.packs import Landed, landed
from spark_apps.sources import read_landed
from spark_apps.transforms.counts import minute_counts
from spark_apps.transforms.tweets import event_hour, first_version, read_lines, tag

log = logging.getLogger("hashtide")

#: A clock of the platform may be so far ahead of ours that a tweet lands in the hour before its own.
AHEAD_MS = HOUR_MS
HORIZON_MS = 24 * HOUR_MS


@dataclass(frozen=True)
class Sealed:
    """What one hour came to."""

    hour: int
    through_ms: int
    revision: int
    changed: bool
    rows: int
    tweets: int
    account: Account


@dataclass
class Sealer:
    spark: SparkSession
    files: Files
    paths: StreamPaths
    gap: str = ""
    clock: Clock = Clock()
    purged: bool = False        # keeps what the hours lose, for those who compare them with the stream later

    def seal(self, hours: Mapping[int, int], done: Callable[[Sealed], None]) -> None:
        """Each hour through its instant (ms by hour); landing is parsed once for all of them."""
        found = landed(self.files, self.paths, min(hours) - AHEAD_MS, max(hours.values()))
        log.info("reading %d landing files for %d hour(s)", len(found), len(hours))
        tweets = read_landing(self.spark, found).persist(StorageLevel.MEMORY_AND_DISK)
        try:
            for hour in sorted(hours):
                quarantine.write(self.files, tweets, found, self.paths, hour)
                if self.gap:
                    self._write_files(found.where, hour)
                done(self._seal(tweets, hour, hours[hour]))
        finally:
            tweets.unpersist()

    def late(self, within_hours: int) -> dict[int, int]:
        """Hours to seal again, through the end of the last accounted landing hour, at most HORIZON_MS after them."""
        since = self.clock.now_ms() - within_hours * HOUR_MS
        ledger = self._ledger(range(since - since % HOUR_MS - HORIZON_MS, self.clock.now_ms(), HOUR_MS))
        fates = self._fates(ledger)
        sealed = {hour: row["through_ms"] for hour, row in ledger.items()}
        end = max(ledger, default=0) + HOUR_MS
        found = {hour: min(end, hour + HOUR_MS + HORIZON_MS) for hour in late_hours(fates, sealed, since)}
        return {hour: through for hour, through in found.items() if through > sealed[hour]}

    def _seal(self, tweets: DataFrame, hour: int, through_ms: int) -> Sealed:
        mine = (tweets.where((F.col("event_hour") == hour) & (F.col("arrival_ms") < through_ms))
                .transform(first_version).persist(StorageLevel.MEMORY_AND_DISK))
        counts = mine.where("wins").transform(minute_counts).persist(StorageLevel.MEMORY_AND_DISK)
        try:
            fates = [*self._landed(tweets, hour), *_sealed(mine, hour)]
            before = self._ledger([hour]).get(hour)
            found = tables.summary(counts)
            changed = before is None or before["digest"] != found.digest
            revision = (before["revision"] if before else 0) + changed
            if self.purged and before and changed:
                purged.keep(self.spark, self.files, self.paths, hour, revision, counts)
            version = before["counts_version"] if before and not changed else self._write_counts(counts, hour, revision)
            self._write_fates(fates, hour)
            said = {"revision": revision, "counts_version": version, "digest": found.digest, "through_ms": through_ms}
            accounted = self._write_ledger(hour, said)
            return Sealed(hour, through_ms, revision, changed, found.rows, found.tweets, accounted)
        finally:
            counts.unpersist()
            mine.unpersist()

    def _write_files(self, names: Iterable[str], hour: int) -> None:
        """What was there to be read: whoever verifies the hour later can tell which lines came after."""
        self.files.write_json(self.paths.seal_files(hour), {"files": list(names)})

    def _landed(self, tweets: DataFrame, hour: int) -> list[Fate]:
        minute = F.col("arrival_ms") - F.pmod("arrival_ms", F.lit(MINUTE_MS))
        found = (tweets.where(F.col("landing_hour") == hour)
                 .groupBy(minute.alias("arrival"), "event_hour", F.coalesce("fate", F.lit(TWEET)).alias("fate"))
                 .count().collect())
        return [Fate("landed", hour, hour, row["event_hour"] if row["fate"] == TWEET else None, row["arrival"],
                     row["fate"], row["count"]) for row in found]

    def _write_counts(self, counts: DataFrame, hour: int, revision: int) -> int:
        final = counts.withColumn("revision", F.lit(revision).cast("int")).coalesce(1)
        return tables.replace_hours(final, self.paths.table("counts"), [hour], "hour")

    def _write_fates(self, fates: list[Fate], hour: int) -> None:
        rows = [(f.kind, tables.instant(f.hour), tables.instant(f.landing_hour), _at(f.event_hour), _at(f.arrival),
                 f.fate, f.lines) for f in fates]
        frame = self.spark.createDataFrame(rows, tables.FATES).coalesce(1)
        tables.replace_hours(frame, self.paths.table("fates"), [hour], "hour")

    def _write_ledger(self, hour: int, said: dict[str, Any]) -> Account:
        """The hour's row, and those of its neighbours whose lines this seal counted: written last of all."""
        fates = self._fates(range(hour - 2 * HORIZON_MS, said["through_ms"] + HOUR_MS, HOUR_MS))
        ledger = self._ledger({row.hour for row in fates} | {hour})
        sealed = {at: row["through_ms"] for at, row in ledger.items()} | {hour: said["through_ms"]}
        touched = {row.landing_hour for row in fates if row.kind == "sealed" and row.hour == hour} & set(ledger)
        own = {"complete": not self.gap, "gap": self.gap, "sealed_at": tables.instant(self.clock.now_ms()), **said}
        accounts = {at: account(at, fates, sealed) for at in touched | {hour}}
        rows = [_ledger_row(at, own if at == hour else ledger[at].asDict(), accounts[at]) for at in accounts]
        frame = self.spark.createDataFrame(rows, tables.LEDGER).coalesce(1)
        tables.replace_hours(frame, self.paths.table("ledger"), sorted(accounts), "")
        return accounts[hour]

    def _fates(self, hours: Any) -> list[Fate]:
        return [tables.fate_of(row) for row in tables.rows(self.spark, self.paths.table("fates"), hours)]

    def _ledger(self, hours: Any) -> dict[int, Any]:
        found = tables.rows(self.spark, self.paths.table("ledger"), hours)
        return {tables.ms(row["hour"]) or 0: row for row in found}


def read_landing(spark: SparkSession, found: Landed) -> DataFrame:
    """Each line of these landing files with its fate, event_hour and landing_hour (ms) and, where it is one, tweet."""
    tweets = read_landed(spark, found).transform(read_lines).transform(tag).transform(event_hour).drop("event_time")
    return tweets.withColumn("landing_hour", F.col("arrival_ms") - F.pmod("arrival_ms", F.lit(HOUR_MS)))


def _sealed(mine: DataFrame, hour: int) -> list[Fate]:
    found = mine.groupBy("landing_hour", "wins").count().collect()
    return [Fate("sealed", hour, row["landing_hour"], hour, None, COUNTED if row["wins"] else DUPLICATE, row["count"])
            for row in found]


def _ledger_row(hour: int, said: dict[str, Any], found: Account) -> dict[str, Any]:
    return {**said, "hour": tables.instant(hour), "lines": found.lines, "counted": found.counted,
            "duplicate": found.duplicate, "late": found.late, "control": found.control, "pending": found.pending,
            "quarantined": found.quarantined}


def _at(at_ms: int | None) -> Any:
    return None if at_ms is None else tables.instant(at_ms)


def result(sealed: Sealed, gap: str, application: str, time_ms: int) -> dict[str, Any]:
    """What is written to StreamPaths.seal_result: a job says what it did, whatever YARN says of it."""
    found = sealed.account
    return {"hour": hour_name(sealed.hour), "hour_ms": sealed.hour, "revision": sealed.revision,
            "changed": sealed.changed, "rows": sealed.rows, "tweets": sealed.tweets, "lines": found.lines,
            "counted": found.counted, "duplicate": found.duplicate, "late": found.late, CONTROL: found.control,
            "pending": found.pending, "quarantined": found.quarantined, "adds_up": found.adds_up, "complete": not gap,
            "gap": gap, "through_ms": sealed.through_ms, "time_ms": time_ms, "application": application}
