"""Each repair that the doctor proposes, carried out: the counts come out as if nothing had been damaged.

And what Spark itself says of damaged state, where nobody has examined it: it fails before it writes.
"""
from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from deploy import checkpoints, restart_policy
from deploy.checkpoints.doctor import Level, Report, examine, gate, look, repairing, ways
from deploy.errors import Damaged
from deploy.local.simulator.generator import Generator
from spark_apps import driving, generations
from spark_apps.contract import HOUR_MS
from spark_apps.progress import Reporter
from spark_apps.seal import Sealer
from tests import oracle
from tests.fakes import damage
from tests.fakes.damage import Damage, Patient
from tests.spark.generations import Counts, Restorable
from tests.spark.landing import NOW

SEED = int(os.environ.get("HASHTIDE_SEED") or random.SystemRandom().randrange(10**6))
FILES, PER_FILE = (7, 4), 20
FIRST = NOW + HOUR_MS - 120_000
HOUR_FILES = 6   # of the first hour


class Kept:
    """A stream of eleven files, a batch each and one where the watermark moves, by two drivers with a savepoint between
    them, put back as it was for each test: Spark's log has absolute paths."""

    def __init__(self, stream: Restorable, copy: Path) -> None:
        self.stream, self.copy, self.at_ms, self.generator = stream, copy, FIRST, Generator(SEED)
        self.files(FILES[0])
        stream.catch_up()
        stream.take("early")
        self.files(FILES[1])
        stream.catch_up()
        self.lines, self.then_ms = list(stream.lines), self.at_ms
        shutil.copytree(stream.root, copy)

    def files(self, count: int) -> None:
        for _ in range(count):
            records = [self.generator.next(self.at_ms + i * 400) for i in range(PER_FILE)]
            self.stream.land(records, self.at_ms, self.at_ms + 9_999, f"{self.at_ms:x}")
            self.at_ms += 20_000

    def back(self) -> Restorable:
        # Its thread of maintenance writes snapshots into the directories of queries that have ended.
        getattr(self.stream.spark._jvm.org.apache.spark.sql.execution.streaming.state,   # type: ignore[union-attr]
                "StateStore$").__getattr__("MODULE$").stop()
        shutil.rmtree(self.stream.root)
        shutil.copytree(self.copy, self.stream.root)
        self.stream.lines, self.at_ms = list(self.lines), self.then_ms
        return self.stream


@pytest.fixture(scope="module")
def kept(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Kept:
    root = tmp_path_factory.mktemp("doctor")
    return Kept(Restorable(root / "hashtide", spark), root / "copy")


@pytest.fixture
def stream(kept: Kept) -> Restorable:
    return kept.back()


def examined(stream: Restorable, level: Level = Level.LAUNCH) -> Report:
    made = generations.newest(stream.hdfs, stream.paths)
    assert made
    return examine(look(stream.hdfs, stream.paths, made, level))


def repair(stream: Restorable) -> ways.Way:
    """The first way."""
    first = ways.ways(stream.tools, stream.paths, examined(stream, Level.DEEP))[0]
    if first.kind == "restore":
        checkpoints.restore(stream.tools, stream.paths.stream, first.point, "test")
    elif first.kind == "fresh":
        checkpoints.fresh(stream.tools, stream.paths.stream, "test")
    else:
        repairing.roll_back(stream.tools, stream.paths.stream, "test")
    return first


def without_savepoint(p: Patient) -> None:
    damage.whole_gone(p)
    assert p.hdfs.delete(f"{p.paths.base}/.snapshot", recursive=True)
    p.hdfs.delete(p.paths.savepoint("early"))


def before(entry: int) -> Callable[[Report], int]:
    """The last batch that ends before this entry of the source's log."""
    return lambda report: max(number for number, one in report.seen.offsets().items() if one.end < entry)


def newest(back: int) -> Callable[[Report], int]:
    return lambda report: report.seen.committed - back


REPAIRS: dict[str, tuple[Damage, str, Callable[[Report], int]]] = {
    "newest commit truncated": (damage.truncated(lambda p: p.newest()), "roll back", newest(1)),
    "newest state flipped": (damage.flipped(lambda p: p.state("changelog"), 0.6), "roll back", newest(1)),
    "metadata missing": (damage.deleted(lambda p: "metadata"), "roll back", newest(0)),
    "compacted source's log missing": (damage.deleted(lambda p: p.compact()), "roll back", before(9)),
    "checkpoint set back": (damage.set_back, "roll back", newest(4)),
    "two drivers": (damage.told_again, "roll back", newest(4)),
    "checkpoint deleted": (damage.whole_gone, "restore", before(FILES[0])),
    "checkpoint and savepoint deleted": (without_savepoint, "fresh", before(HOUR_FILES)),
}


def test_a_checkpoint_that_spark_has_just_written_is_whole(stream: Restorable) -> None:
    for level in Level:
        assert examined(stream, level).findings == ()


@pytest.mark.parametrize("name", REPAIRS)
def test_after_the_repair_every_tweet_is_counted_as_ever(kept: Kept, stream: Restorable, name: str) -> None:
    do, kind, through = REPAIRS[name]
    expected_batch = through(examined(stream))
    do(Patient(stream.hdfs, stream.paths))
    was = files(stream)
    with pytest.raises(Damaged):
        gate.check(stream.hdfs, stream.paths)
    way = repair(stream)
    assert (way.kind, way.plan.opens.through_batch) == (kind, expected_batch)
    assert examined(stream, Level.DEEP).findings == ()
    assert {path: data for path, data in files(stream).items() if path in was} == was, "what was there is changed"
    kept.files(1)
    stream.catch_up()
    assert examined(stream, Level.DEEP).findings == ()
    if kind == "fresh":
        assert way.plan.backfill
        hours = range(way.plan.backfill[0], way.plan.backfill[1] + HOUR_MS, HOUR_MS)
        Sealer(stream.spark, stream.files, stream.paths).seal({hour: kept.at_ms + HOUR_MS for hour in hours},
                                                              lambda sealed: None)
    found: Counts = stream.tables.counts(FIRST - HOUR_MS, kept.at_ms + HOUR_MS)
    expected = oracle.counts(stream.lines)
    assert found == expected, f"HASHTIDE_SEED={SEED}"


def files(stream: Restorable) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in Path(stream.paths.checkpoint(1)).rglob("*") if path.is_file()}


@pytest.mark.parametrize("name,do", [
    ("flipped", damage.flipped(lambda p: p.state("changelog"), 0.6)),
    ("truncated", damage.truncated(lambda p: p.state("changelog"))),
    ("missing", damage.deleted(lambda p: p.state("changelog"))),
    ("offsets empty", damage.emptied(lambda p: p.newest("offsets"))),
    ("commit garbled", damage.truncated(lambda p: p.newest())),
    ("metadata missing", damage.deleted(lambda p: "metadata"))], ids=lambda one: one if isinstance(one, str) else "")
def test_a_driver_that_meets_damage_writes_nothing_and_its_error_parks(kept: Kept, stream: Restorable, name: str,
                                                                       do: Damage) -> None:
    do(Patient(stream.hdfs, stream.paths))
    kept.files(1)
    log = Path(stream.paths.table("counts_live")) / "_delta_log"
    before = sorted(path.name for path in log.iterdir())
    with pytest.raises(Exception) as raised:
        stream.catch_up()
    assert sorted(path.name for path in log.iterdir()) == before
    said = driving.end_of(raised.value, Reporter(stream.files, stream.paths, 1, 9, 1, 1))
    assert restart_policy.classify(str(said["error"])) == "damaged_checkpoint", said["error"]
