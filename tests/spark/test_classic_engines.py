"""Both engines on the same landing files: where they count the same, where not and why; and a line that begins anew."""
from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from deploy.local.simulator.generator import Generator, Shares
from spark_apps import driving, hashtag_stream, session
from spark_apps.args import StreamArgs
from spark_apps.classic import job, run
from spark_apps.classic.args import ClassicArgs
from spark_apps.classic.intervals import Intervals
from spark_apps.contract import HOUR_MS
from spark_apps.files import Files
from spark_apps.seal import Sealer
from spark_apps.sinks import CountsLive
from tests import oracle
from tests.spark.classic import advance, manual_clock
from tests.spark.landing import NOW, snowflake, tags, v2
from tests.spark.streams import LocalStream

SEED, USUAL = 5, Intervals(10, 40, 20)


class Both(LocalStream):
    """A stream that each engine counts, in directories of its own kind."""

    def __init__(self, root: Path, spark: SparkSession) -> None:
        super().__init__(root)
        self.spark, self.epoch = spark, 0

    def structured(self) -> Counter[str]:
        """Totals once all that is landed is counted."""
        with settings(self.spark, session.STREAM):
            args = StreamArgs(self.paths, 1, 1, 0, 2, "10 minutes", 2)
            hashtag_stream.start(self.spark, args, CountsLive(self.paths, 1, lambda: None), True).awaitTermination()
        return sums(self.rows("counts_live"))

    def classic(self, batches: int, intervals: Intervals = USUAL) -> Counter[str]:
        self.epoch += 1
        Path(self.paths.epoch(self.epoch)).write_text("{}")
        own = driving.of(self.spark, self.paths, 1, self.epoch, intervals.batch)
        own.fence.claim({})
        with manual_clock(self.spark):
            args = ClassicArgs(self.paths, 1, self.epoch, intervals, 2, self.paths)
            context = run.open_context(self.spark, args, own)
            done, told = set[int](), job.driver().done

            def noted(batch: dict[str, Any]) -> None:
                told(batch)
                done.add(batch["batch_ms"])
            job.driver().done = noted
            job.begin(context)
            try:
                for _ in range(batches):
                    advance(context, intervals.batch, done.__contains__)
            finally:
                context.stop(stopSparkContext=False, stopGraceFully=False)
        return sums(self.rows("classic_totals"))

    def rows(self, table: str) -> list[dict[str, Any]]:
        return list(DeltaTable(self.paths.table(table)).to_pyarrow_table().to_pylist())


def sums(rows: list[dict[str, Any]]) -> Counter[str]:
    found: Counter[str] = Counter()
    for row in rows:
        found[row["tag"]] += row["tweets"]
    return found


@contextmanager
def settings(spark: SparkSession, wanted: dict[str, str]) -> Iterator[None]:
    before = {name: spark.conf.get(name, None) for name in wanted}
    for name, value in wanted.items():
        spark.conf.set(name, value)
    yield
    for name, value in before.items():
        spark.conf.unset(name) if value is None else spark.conf.set(name, value)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory, spark: SparkSession) -> Both:
    made = Both(tmp_path_factory.mktemp("both"), spark)
    generator = Generator(SEED, shares=Shares(duplicate=0, edit=0))
    for n in range(4):
        first_ms = NOW + HOUR_MS // 2 + n * 5_000
        made.land([generator.next(first_ms + i * 40) for i in range(100)], first_ms, first_ms + 4_999, f"u{n}")
    return made


def test_without_late_tweets_and_duplicates_both_count_the_same(both: Both) -> None:
    expected = sums([{"tag": tag, "tweets": row[0]} for (_, tag, _), row in oracle.counts(both.lines).items()])
    assert expected[""] == 400
    assert both.structured() == expected, f"seed {SEED}"
    assert both.classic(3) == expected, f"seed {SEED}"


def test_late_tweets_and_copies_are_the_difference(both: Both) -> None:
    at = NOW + HOUR_MS // 2 + 60_000
    late = v2(id=snowflake(at - 25 * 60_000, 9), entities=tags("late"))
    twice = v2(id=snowflake(at - 1_000, 7), entities=tags("twice"))
    both.land([twice, twice, late], at, at + 4_999, "v")
    difference = both.classic(2)
    difference.subtract(both.structured())
    assert {tag: n for tag, n in difference.items() if n} == {"": 2, "late": 1, "twice": 1}, (
        "DStreams have no watermark that a tweet could be behind, and no memory of what has been counted")


def test_other_intervals_begin_anew_from_what_is_sealed(both: Both) -> None:
    before = both.rows("classic_totals")[0]["line"]
    Sealer(both.spark, Files(both.spark, both.paths.base), both.paths).seal({NOW: NOW + 2 * HOUR_MS}, lambda _: None)
    at = NOW + HOUR_MS
    both.land([v2(id=snowflake(at + 1_000, 3), entities=tags("next"))], at, at + 4_999, "w")
    sealed = sums([row for row in both.rows("counts")])
    assert sealed["late"] == 1 and sealed["twice"] == 1, "a seal counts what is late, and no copy"
    assert both.classic(2, Intervals(10, 20, 10)) == sealed + Counter({"": 1, "next": 1})
    assert both.rows("classic_totals")[0]["line"] != before
