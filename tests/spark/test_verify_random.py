"""Thousands of tweets, many of them late, edited or twice, two drivers of which one did not tell all: verification
finds the reason of every row that differs, and of none that does not."""
from __future__ import annotations

import json
import os
import random
import shutil
import time
from collections import Counter
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from deploy.local.simulator.generator import Generator
from spark_apps.contract import HOUR_MS, MINUTE_MS
from spark_apps.drift import INCOMPLETE, LATE, OTHER_VERSION, UNEXPLAINED
from spark_apps.follow import History, follow
from spark_apps.packs import Landed
from spark_apps.progress import Reporter
from spark_apps.seal import Sealer, read_landing
from spark_apps.transforms.tweets import first_version
from spark_apps.verify import Verified, Verifier
from tests import oracle
from tests.spark.landing import NOW, snowflake, tags, v2
from tests.spark.live import LiveStream

SEED = int(os.environ.get("HASHTIDE_SEED") or time.time_ns() % 1_000_000)
RECORDS, EVERY_MS, FILE_MS = 1_500, 2_000, 30_000
THROUGH = NOW + HOUR_MS + 40 * MINUTE_MS


def landing(seed: int) -> list[tuple[int, list[bytes]]]:
    """Files of 30 s as (last arrival, lines). One line in ten is up to 40 minutes late; a tweet of 2099 comes again."""
    generator, pick = Generator(seed, edits_change_tags=True), random.Random(seed)
    arrived = []
    for n in range(RECORDS):
        now = NOW + n * EVERY_MS
        delay = pick.choice((0, 0, 0, 0, 0, 0, 0, 0, pick.randrange(11 * MINUTE_MS), pick.randrange(40 * MINUTE_MS)))
        arrived.append((now + delay, generator.next(now)))
        if n % 100 == 0:
            arrived.append((now, v2(id=snowflake(4_070_000_000_000), entities=tags("far"))))
        if n % 7 == 0:
            chain = [snowflake(now, n * 4 + 2), snowflake(now + 1, n * 4 + 3)]
            versions = [v2(id=one, entities=tags(f"v{i}"), edit_history_tweet_ids=chain[:i + 1])
                        for i, one in enumerate(chain)]
            arrived += [(now + pick.randrange(3 * MINUTE_MS), version) for version in versions]
    files: dict[int, list[bytes]] = {}
    for at, line in sorted(arrived, key=lambda one: one[0]):
        files.setdefault(at - at % FILE_MS, []).append(line)
    return [(at + FILE_MS - 1, lines) for at, lines in sorted(files.items())]


@pytest.fixture(scope="module")
def stream(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> LiveStream:
    made = LiveStream(tmp_path_factory.mktemp("random"), spark, max_files=9)
    files = landing(SEED)
    half = len(files) // 2
    for part in (files[:half], files[half:]):
        for last, lines in part:
            made.land(lines, last - FILE_MS + 1, last, f"{last:x}")
        # As hashtag_stream.run does it, before a driver takes its first batch.
        Reporter(made.files, made.paths, 1, made.epoch + 1, 1, 1).remember()
        with made.running():
            pass
    return made


def verified(stream: LiveStream) -> Verified:
    done: list[Verified] = []
    Verifier(stream.spark, stream.files, stream.paths).verify({NOW: THROUGH}, done.append)
    return done[-1]


def test_the_lines_that_evidence_calls_late_are_those_that_each_batch_dropped(stream: LiveStream) -> None:
    takes = History.read(stream.spark, stream.files, stream.paths).takes(NOW)
    names = [str(path) for path in Path(stream.paths.landing).glob("dt=*/hr=*/*.jsonl")]
    copies = read_landing(stream.spark, Landed.of(names)).where(F.col("fate").isNull()).transform(first_version)
    late = follow(copies, takes).where(F.col("batch").isNotNull() & ~F.col("may")).groupBy("batch").count().collect()
    assert {row["batch"]: row["count"] for row in late} == {
        line["batch_id"]: line["late"] for line in stream.batches() if line["late"]}, f"HASHTIDE_SEED={SEED}"
    assert len(late) > 2


def test_every_difference_is_explained(stream: LiveStream) -> None:
    Sealer(stream.spark, stream.files, stream.paths).seal({NOW: THROUGH}, lambda sealed: None)
    found = verified(stream)
    told = Counter(reason for one in found.differences for reason in one.reasons)
    assert not told[UNEXPLAINED], (f"HASHTIDE_SEED={SEED}", found.differences[:3])
    assert min(told[LATE], told[OTHER_VERSION]) > 10
    expected = oracle.counts((one for one in stream.lines if one.arrival_ms < THROUGH), "lowest")
    assert all(one.row.fresh == one.row.sealed == expected.get(one.row.key, (0,) * 5) for one in found.differences)


def test_after_a_restore_only_what_the_parent_had_through_that_batch_counts(stream: LiveStream) -> None:
    counted = [line["batch_id"] for line in stream.batches() if line["lines"]]
    through = counted[len(counted) // 2]
    shutil.copytree(stream.paths.checkpoint(1), stream.paths.checkpoint(2))
    for path in Path(stream.paths.checkpoint(2)).glob("commits/[0-9]*"):
        if int(path.name) > through:
            path.unlink()
    stream.files.write_json(stream.paths.generation(2), {"parent": "g0001", "through_batch": through})
    try:
        found = verified(stream)
        assert found.batch == (2, through)
        told = Counter(reason for one in found.differences for reason in one.reasons)
        assert told[INCOMPLETE] > 10
        assert not told[UNEXPLAINED], (f"HASHTIDE_SEED={SEED}", found.differences[:3])
    finally:
        Path(stream.paths.generation(2)).unlink()


def test_what_a_killed_driver_did_not_tell_is_known_from_the_next_ones_start(stream: LiveStream) -> None:
    """All offsets of the first driver's time are gone too, as they are after 100 batches."""
    first, lost = Path(stream.paths.batches).glob("g0001-000001*"), set[int]()
    for path in first:
        lines = [(json.loads(line)["batch_id"], line) for line in path.read_text().splitlines()]
        lost |= {number for number, _ in lines[-4:]}
        stream.files.replace(str(path), "".join(f"{line}\n" for number, line in lines if number not in lost).encode())
        for number, _ in lines:
            (Path(stream.paths.checkpoint(1)) / "offsets" / str(number)).unlink()
    assert lost
    assert lost.isdisjoint(line["batch_id"] for line in stream.batches())
    history = History.read(stream.spark, stream.files, stream.paths)
    assert all(take.late_ms == take.maybe_late_ms for take in history.takes(NOW).values())
    assert not [one for one in verified(stream).differences if not one.explained], f"HASHTIDE_SEED={SEED}"
