"""A stream taken back to a savepoint of the middle of a batch counts exactly, however often it is."""
from __future__ import annotations

import os
import random
from collections import Counter
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from deploy.checkpoints import points
from deploy.local.simulator.generator import Generator
from spark_apps.contract import HOUR_MS
from spark_apps.drift import SEAM
from spark_apps.generations import lineage
from spark_apps.seal import Sealer
from spark_apps.verify import Verified, Verifier
from tests import oracle
from tests.spark.generations import Counts, Restorable
from tests.spark.landing import NOW

SEED = int(os.environ.get("HASHTIDE_SEED") or random.SystemRandom().randrange(10**6))
PER_FILE = 60


class Landing:
    """Files of five seconds, one after the other; records come twice across them."""

    def __init__(self, stream: Restorable, first_ms: int = NOW) -> None:
        self.stream, self.at_ms, self.generator = stream, first_ms, Generator(SEED)

    def files(self, count: int) -> None:
        for _ in range(count):
            records = [self.generator.next(self.at_ms + i * 80) for i in range(PER_FILE)]
            self.stream.land(records, self.at_ms, self.at_ms + 4_999, f"{self.at_ms:x}")
            self.at_ms += 5_000


def differing(found: Counts, expected: Counts) -> dict[object, object]:
    return {key: (found.get(key), expected.get(key)) for key in {*found, *expected}
            if found.get(key) != expected.get(key)}


@pytest.fixture
def stream(spark: SparkSession, tmp_path: Path) -> Restorable:
    return Restorable(tmp_path, spark, max_files=3)


def test_a_restored_stream_counts_exactly_and_again_when_it_is_restored_again(stream: Restorable) -> None:
    landing = Landing(stream)
    landing.files(12)
    stream.catch_up({2: lambda: stream.take("middle"), 3: lambda: stream.take("copied", by_copy=True)})
    landing.files(6)
    stream.catch_up()
    all_lines = oracle.counts(stream.lines)
    assert not differing(stream.counted(), all_lines), f"HASHTIDE_SEED={SEED}"

    made = stream.restore("middle")
    # Batch 2 was in counts_live already, and Spark had not committed it.
    assert (made.number, made.parent, made.through_batch) == (2, 1, 1)
    assert differing(stream.counted(), all_lines), "nothing was taken back"
    taken = 2 * 3 * PER_FILE
    assert not differing(stream.counted(), oracle.counts(stream.lines[:taken])), f"HASHTIDE_SEED={SEED}"
    stream.catch_up()
    assert not differing(stream.counted(), all_lines), f"HASHTIDE_SEED={SEED}"
    landing.files(3)
    stream.catch_up()
    all_lines = oracle.counts(stream.lines)
    assert not differing(stream.counted(), all_lines), f"HASHTIDE_SEED={SEED}"

    last = points.committed(stream.hdfs, stream.paths.checkpoint(1))
    for point, through in (("middle", 1), ("copied", 2), ("g0001", last)):
        assert stream.restore(point).through_batch == through
        assert differing(stream.counted(), all_lines), point
        stream.catch_up()
        assert not differing(stream.counted(), all_lines), f"HASHTIDE_SEED={SEED}, {point}"
    assert lineage(stream.hdfs, stream.paths) == {5: None, 1: last}


def test_a_fresh_start_takes_each_line_from_its_hour_on_once(stream: Restorable) -> None:
    hour = NOW + HOUR_MS
    landing = Landing(stream, hour - 20_000)
    landing.files(4)
    stream.catch_up()
    before_hour = stream.batches()[-1]["batch_id"]
    stream.land([stream.lines[0].value, stream.lines[-1].value], landing.at_ms, landing.at_ms, "twice")
    landing.files(5)
    stream.catch_up()
    made = stream.fresh()
    assert (made.from_hour, made.through_batch, made.fresh) == (hour, before_hour, True)
    landing.files(2)
    stream.catch_up()
    # Its state is empty: what came before the hour and again after it counts on both sides, until the hour is sealed.
    expected: Counter[object] = Counter()
    for part in ([line for line in stream.lines if line.arrival_ms < hour],
                 [line for line in stream.lines if line.arrival_ms >= hour]):
        expected.update({key: measures[0] for key, measures in oracle.counts(part).items()})
    assert {key: measures[0] for key, measures in stream.counted().items()} == expected, f"HASHTIDE_SEED={SEED}"

    stream.take("after")
    landing.files(2)
    stream.catch_up()
    before = stream.counted()
    assert stream.restore("after").from_hour == hour
    stream.catch_up()
    assert not differing(stream.counted(), before), f"HASHTIDE_SEED={SEED}"
    assert_only_the_seam_differs(stream, hour)


def assert_only_the_seam_differs(stream: Restorable, hour: int) -> None:
    """In the hour before it, between the stream and a seal."""
    done: list[Verified] = []
    Sealer(stream.spark, stream.files, stream.paths).seal({NOW: hour + HOUR_MS}, lambda sealed: None)
    Verifier(stream.spark, stream.files, stream.paths).verify({NOW: hour + HOUR_MS}, done.append)
    assert {reason for one in done[0].differences for reason in one.reasons} == {SEAM}, f"HASHTIDE_SEED={SEED}"
    [everyone] = [one for one in done[0].differences if one.row.key[1] == "" and one.row.key[0] == hour - 60_000]
    assert everyone.reasons[SEAM][0] >= 2
