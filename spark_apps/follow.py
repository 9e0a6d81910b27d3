"""Each tweet of an hour followed through the stream: which batch took its line, was it late, did another come first."""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import reduce
from operator import or_
from typing import Any

from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from spark_apps.contract import (
    ALL_TWEETS,
    HOUR_MS,
    LANDING_FILE_PATTERN,
    MEASURES,
    MINUTE_MS,
    StreamPaths,
    generation_name,
    hour_name,
)
from spark_apps.drift import INCOMPLETE, KINDS, LATE, MAX_IDS, OTHER_VERSION, SEAM, Cause, Copy
from spark_apps.files import Files
from spark_apps.generations import ancestry, checkpoint, kept, numberings
from spark_apps.seal import AHEAD_MS, HORIZON_MS
from spark_apps.taken import Batch, Take, batch_of_line, batch_of_offsets, log_files, take_of, takes

#: Of so many copies at most the possibilities are weighed on the driver.
MAX_UNSURE = 20_000
_LINE = "batch_id long, watermark string, source_offset long"
_TAKES = "file string, batch long, late_ms long, maybe_late_ms long, part int"


@dataclass(frozen=True)
class History:
    """What the stream has done through its last committed batch. A batch that runs meanwhile does not disturb it."""

    spark: SparkSession
    files: Files
    paths: StreamPaths
    kept: dict[int, int | None]     # last batch by generation, the newest first
    committed: int                  # -1 before the first
    numberings: tuple[tuple[int, ...], ...]   # generations whose batches are numbered as one, all the newest first
    checkpoints: dict[int, str]     # by generation

    @classmethod
    def read(cls, spark: SparkSession, files: Files, paths: StreamPaths) -> History:
        line = ancestry(files, paths)
        parts = tuple(tuple(one.number for one in part) for part in numberings(line))
        where = {one.number: checkpoint(paths, one) for one in line}
        commits = _numbers(files, f"{where[line[0].number]}/commits")
        return cls(spark, files, paths, kept(line), max(commits, default=-1), parts, where)

    @property
    def generation(self) -> int:
        return next(iter(self.kept))

    @property
    def newest(self) -> tuple[int, int] | None:
        return (self.generation, self.committed) if self.committed >= 0 else None

    def counts(self) -> Column:
        """Which rows of counts_live count, of what is committed."""
        return counting({number: self.committed if last is None else last for number, last in self.kept.items()})

    def takes(self, hour: int) -> dict[str, Take]:
        """By landing file, for those of the hour and its horizon that the stream has taken; its batches are numbered
        through fresh starts."""
        taken: dict[str, Take] = {}
        before = 0
        for part, generations in enumerate(reversed(self.numberings)):
            last = self.kept[generations[0]]
            through = self.committed if last is None else last
            found = takes(self._batches(hour, generations, through), through)
            for row in self._entries(hour, generations[0]):
                if take := take_of(found, row["entry"]):
                    taken[row["file"]] = replace(take, batch=before + take.batch, part=part)
            before += through + 1
        return taken

    def _entries(self, hour: int, generation: int) -> list[Any]:
        """Landing files and their entries in the source's log."""
        directory = f"{self.checkpoints[generation]}/sources/0"
        names = log_files(self.files.list(directory))
        if not names:
            return []
        lines = self.spark.read.text([f"{directory}/{name}" for name in names]).where(F.col("value").startswith("{"))
        entry = F.from_json("value", "path string, batchId long")
        file = F.element_at(F.split(entry["path"], "/"), -1)
        arrival = F.regexp_extract(file, LANDING_FILE_PATTERN, 2).try_cast("long")
        near = (arrival >= hour - AHEAD_MS) & (arrival < hour + HOUR_MS + HORIZON_MS)
        return lines.where(near).select(file.alias("file"), entry["batchId"].alias("entry")).collect()

    def _batches(self, hour: int, generations: tuple[int, ...], through: int) -> dict[int, Batch]:
        """Of the batches since the hour's first lines: nothing is committed before it has arrived."""
        names, since = tuple(map(generation_name, generations)), hour_name(hour - AHEAD_MS)
        found = [(name, f"{directory}/{name}") for directory in (self.paths.offsets, self.paths.batches)
                 for name in self.files.list(directory)
                 if name.startswith(names) and name.removesuffix(".jsonl")[-len(since):] >= since]
        known: dict[int, Batch] = {}
        # A child goes on with its parent's numbers.
        for generation in reversed(generations):
            last = self.kept[generation]
            mine = [path for name, path in found if name.startswith(generation_name(generation))]
            lines = self.spark.read.schema(_LINE).json(mine).collect() if mine else []
            told = (batch_of_line(line.asDict()) for line in lines)
            known |= {number: batch for number, batch in filter(None, told) if last is None or number <= last}
        offsets = f"{self.checkpoints[generations[0]]}/offsets"
        for number in (number for number in _numbers(self.files, offsets) if number <= through):
            if batch := batch_of_offsets((self.files.read(f"{offsets}/{number}") or b"").decode()):
                known[number] = batch
        return known


def _numbers(files: Files, directory: str) -> list[int]:
    return [int(name) for name in files.list(directory) if name.isdecimal()]


def counting(kept: Mapping[int, int | None]) -> Column:
    """Which rows of counts_live count, by the last batch of each generation."""
    return reduce(or_, ((F.col("generation") == number) & (
        F.lit(True) if last is None else F.col("batch_id") <= F.lit(last)) for number, last in kept.items()))


def follow(copies: DataFrame, found: Mapping[str, Take]) -> DataFrame:
    """(file, identity, event_ms, clamped, kind, tags, wins, ...) -> the same with what the stream made of each copy.

    batch: that took it; may, sure: it was perhaps, certainly not late; counted: this copy counted; unsure: of its tweet
    it is not certain which; reason: why counted and wins are not the same copies.
    """
    rows = [(file, take.batch, take.late_ms, take.maybe_late_ms, take.part) for file, take in found.items()]
    taken = F.broadcast(copies.sparkSession.createDataFrame(rows, _TAKES))
    # A fresh start has no memory of what came before it: each part counts a tweet once.
    tweet, part = Window.partitionBy("identity"), Window.partitionBy("identity", "part")
    content = F.xxhash64(minute(), "kind", F.sort_array(F.map_entries("tags")))
    known = copies.join(taken, "file", "left").withColumns({
        "may": F.coalesce(F.col("event_ms") > F.col("late_ms"), F.lit(False)),
        "sure": F.coalesce(F.col("event_ms") > F.col("maybe_late_ms"), F.lit(False))})
    first = known.withColumn("first", F.col("may") & (
        F.col("batch") == F.min(F.when(F.col("may"), F.col("batch"))).over(part)))
    content = F.when(F.coalesce("first", F.lit(False)), content)
    order = part.orderBy(F.desc_nulls_last("first"), "edit_index", "file", "at")
    mixed = first.withColumn("mixed", F.min(content).over(part) != F.max(content).over(part))
    counted = mixed.withColumns({
        "counted": F.coalesce("first", F.lit(False)) & (F.row_number().over(order) == 1),
        "unsure": F.bool_or(F.col("may") & ~F.col("sure")).over(tweet)
        | F.bool_or(F.coalesce("mixed", F.lit(False))).over(tweet)
        | (F.bool_or("clamped").over(tweet) & (F.count_if("may").over(tweet) > 1))})
    won, got, came = (F.bool_or(column).over(tweet) for column in ("wins", "counted", F.col("batch").isNotNull()))
    twice = F.count_if("counted").over(tweet) > 1
    reason = (F.when(twice, SEAM).when(won & got, OTHER_VERSION).when(won & came, LATE)
              .otherwise(INCOMPLETE))
    return counted.select("identity", "event_ms", "clamped", "kind", "tags", "wins", "batch", "may", "sure", "counted",
                          "unsure", reason.alias("reason"))


def causes(followed: DataFrame) -> list[Cause]:
    """Live minus fresh by row and reason, of the tweets of which the stream certainly counted another copy, or none."""
    differs = followed.where(~F.col("unsure") & (F.col("counted") != F.col("wins")))
    sign = F.col("counted").cast("int") - F.col("wins").cast("int")
    everyone = F.create_map(F.lit(ALL_TWEETS), F.lit(""))
    cells = differs.select("identity", "reason", minute().alias("minute"), sign.alias("tweets"), *(
        F.when(F.col("kind") == kind, sign).otherwise(0).alias(name)
        for name, kind in zip(MEASURES[1:], KINDS, strict=True)),
        F.explode(F.map_concat(everyone, F.col("tags"))).alias("tag", "form"))
    key = ("minute", "tag", "form", "reason")
    # Both copies may be in one row, and then only their difference matters.
    tweets = cells.groupBy("identity", *key).agg(*(F.sum(name).alias(name) for name in MEASURES)).where(
        reduce(or_, (F.col(name) != 0 for name in MEASURES)))
    found = tweets.groupBy(*key).agg(
        F.array(*(F.sum(name) for name in MEASURES)).alias("delta"), F.count(F.lit(1)).alias("tweets"),
        F.slice(F.sort_array(F.collect_list("identity")), 1, MAX_IDS).alias("ids"))
    return [Cause((row["minute"], row["tag"], row["form"]), row["reason"], tuple(row["delta"]), row["tweets"],
                  tuple(row["ids"])) for row in found.collect()]


def unsure(followed: DataFrame) -> Iterator[Copy]:
    """The copies of the other tweets."""
    rows = followed.where("unsure").orderBy("identity").limit(MAX_UNSURE).withColumn("minute", minute()).collect()
    for row in rows:
        yield Copy(row["identity"], row["batch"] if row["may"] else None, row["sure"], row["wins"], row["clamped"],
                   row["minute"], row["kind"], row["tags"])


def minute() -> Column:
    return F.col("event_ms") - F.pmod("event_ms", F.lit(MINUTE_MS))
