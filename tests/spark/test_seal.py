"""An hour sealed from landing: final counts, an account of each line, later lines, and what is put aside."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from spark_apps.contract import HOUR_MS, MEASURES, MINUTE_MS
from spark_apps.files import Files
from spark_apps.seal import Sealed, Sealer
from tests import oracle
from tests.spark.landing import NOW, line, snowflake, tags, v2
from tests.spark.streams import LocalStream

TEN, ELEVEN, TWELVE = NOW, NOW + HOUR_MS, NOW + 2 * HOUR_MS
THROUGH = ELEVEN + 10 * MINUTE_MS
BROKEN, NO_UTF8 = b'{"data": {"id": ', b'{"data": {"id": "1", "text": "\xff"}}'


@dataclass
class Clock:
    ms: int = TWELVE + 10 * MINUTE_MS

    def now_ms(self) -> int:
        return self.ms


@dataclass
class Case:
    stream: LocalStream
    sealer: Sealer
    done: list[Sealed] = field(default_factory=list)

    def seal(self, hours: Mapping[int, int]) -> Sealed:
        self.sealer.seal(hours, self.done.append)
        return self.done[-1]

    def table(self, name: str) -> list[dict[str, Any]]:
        return list(DeltaTable(self.stream.paths.table(name)).to_pyarrow_table().to_pylist())

    def counts(self) -> dict[tuple[int, str, str], tuple[int, ...]]:
        return {(round(row["window_start"].timestamp() * 1000), row["tag"], row["form"]):
                tuple(row[name] for name in MEASURES) for row in self.table("counts")}

    def expected(self, hour: int, through_ms: int) -> dict[tuple[int, str, str], tuple[int, ...]]:
        found = oracle.counts((one for one in self.stream.lines if one.arrival_ms < through_ms), "lowest")
        return {key: row for key, row in found.items() if hour <= key[0] < hour + HOUR_MS}

    def ledger(self, hour: int) -> dict[str, Any]:
        [row] = [row for row in self.table("ledger") if round(row["hour"].timestamp() * 1000) == hour]
        return {**row, "quarantined": dict(row["quarantined"])}


def tweet(ms: int, low: int, *names: str) -> bytes:
    return v2(id=snowflake(ms, low), entities=tags(*names))


@pytest.fixture(scope="module")
def case(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Case:
    stream = LocalStream(tmp_path_factory.mktemp("seal"))
    twice = tweet(TEN + 1_000, 1, "Spark")
    stream.land([twice, tweet(TEN + 2_000, 2, "spark", "Hadoop"), BROKEN, twice, NO_UTF8], TEN, TEN + 3_000, "a")
    stream.land([tweet(TEN - 60_000, 3, "yesterday"), line({"delete": {"status": {"id": 1}}}), twice],
                TEN + 5 * MINUTE_MS, TEN + 5 * MINUTE_MS + 9, "b")
    stream.land([tweet(ELEVEN + 120_000, 4, "soon")], ELEVEN - 60_000, ELEVEN - 59_000, "c")
    stream.land([tweet(TEN + 3_000, 5, "SPARK")], ELEVEN + 5 * MINUTE_MS, ELEVEN + 5 * MINUTE_MS, "d")
    stream.land([tweet(TEN + 4_000, 6, "spark"), tweet(ELEVEN + 1_000, 7, "next")],
                ELEVEN + 30 * MINUTE_MS, ELEVEN + 30 * MINUTE_MS, "e")
    return Case(stream, Sealer(spark, Files(spark, stream.paths.base), stream.paths, clock=Clock()))  # type: ignore[arg-type]


def test_a_sealed_hour_has_each_tweet_that_arrived_in_time_once(case: Case) -> None:
    found = case.seal({TEN: THROUGH})
    assert (found.revision, found.changed, found.tweets) == (1, True, 3)
    assert case.counts() == case.expected(TEN, THROUGH)
    assert case.counts()[TEN, "spark", "SPARK"] == (1, 1, 0, 0, 0)


def test_each_line_of_the_landing_hour_has_one_fate(case: Case) -> None:
    row = case.ledger(TEN)
    assert case.done[0].account.adds_up
    assert (row["lines"], row["counted"], row["duplicate"], row["late"], row["control"], row["pending"]) == (
        9, 2, 2, 1, 1, 1)
    assert row["quarantined"] == {"not_json": 1, "bad_encoding": 1}
    assert (row["revision"], row["through_ms"], row["complete"], row["gap"]) == (1, THROUGH, True, "")


def test_what_is_put_aside_is_kept_whole_with_file_and_line_number(case: Case, spark: SparkSession) -> None:
    rows = spark.read.parquet(case.stream.paths.landing_hour(TEN).replace("/landing/", "/quarantine/")).collect()
    assert sorted((row["reason"], row["line"], bytes(row["body"])) for row in rows) == [
        ("bad_encoding", 5, NO_UTF8), ("not_json", 3, BROKEN)]
    assert {row["file"] for row in rows} == {f"{TEN:013d}-{TEN + 3_000:013d}-x-a.jsonl"}


def test_sealed_again_it_stays_the_same_revision_and_table_version(case: Case) -> None:
    before = case.ledger(TEN)
    found = case.seal({TEN: THROUGH})
    assert (found.revision, found.changed) == (1, False)
    after = case.ledger(TEN)
    assert {**after, "sealed_at": 0} == {**before, "sealed_at": 0}
    assert DeltaTable(case.stream.paths.table("counts")).version() == before["counts_version"]


def test_the_next_hours_seal_counts_what_had_landed_ahead_and_knows_what_came_too_late(case: Case) -> None:
    case.seal({ELEVEN: TWELVE + 10 * MINUTE_MS})
    assert case.counts() == {**case.expected(TEN, THROUGH), **case.expected(ELEVEN, TWELVE + 10 * MINUTE_MS)}
    assert (case.ledger(TEN)["pending"], case.ledger(TEN)["counted"]) == (0, 3)
    row = case.ledger(ELEVEN)
    assert (row["lines"], row["counted"], row["late"]) == (3, 2, 1)


def test_only_the_hour_with_later_lines_is_sealed_again_with_a_higher_revision(case: Case) -> None:
    assert case.sealer.late(24) == {TEN: TWELVE}
    found = case.seal(case.sealer.late(24))
    assert (found.hour, found.revision, found.changed, found.tweets) == (TEN, 2, True, 4)
    assert case.ledger(ELEVEN)["late"] == 0
    assert case.ledger(ELEVEN)["counted"] == 3
    assert case.sealer.late(24) == {}
    assert {row["revision"] for row in case.table("counts") if row["hour"].hour == 10} == {2}


def test_an_hour_in_which_nothing_was_said_is_sealed_with_no_rows(case: Case) -> None:
    found = case.seal({TWELVE: TWELVE + 70 * MINUTE_MS})
    assert (found.rows, found.tweets, found.account.lines, found.account.adds_up) == (0, 0, 0, True)
    assert case.ledger(TWELVE)["complete"] is True


def test_files_and_tables_are_where_the_contract_says(case: Case) -> None:
    assert {p.name for p in Path(f"{case.stream.paths.base}/tables").iterdir()} == {"counts", "fates", "ledger"}
