"""A sealed hour against the stream's: each row that differs has its reason, and what has none is found."""
from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from spark_apps import hashtag_batch
from spark_apps.args import batch_args
from spark_apps.contract import HOUR_MS, MINUTE_MS
from spark_apps.drift import INCOMPLETE, LATE, OTHER_VERSION, UNEXPLAINED, Difference
from spark_apps.seal import Sealed, Sealer
from spark_apps.verify import Verified, Verifier, result
from tests import oracle
from tests.spark.landing import NOW, snowflake, tags, v2
from tests.spark.live import LiveStream
from tests.spark.test_seal import Clock

TEN, ELEVEN, TWELVE = NOW, NOW + HOUR_MS, NOW + 2 * HOUR_MS
THROUGH = ELEVEN + 10 * MINUTE_MS


def at(minute: int, second: int = 0) -> int:
    return TEN + minute * MINUTE_MS + second * 1000


def tweet(ms: int, low: int, *names: str, before: str = "") -> bytes:
    """`before`: the id of the version that this one edits."""
    chain = {"edit_history_tweet_ids": [before, snowflake(ms, low)]} if before else {}
    return v2(id=snowflake(ms, low), entities=tags(*names), **chain)


EDITED, PAIR = snowflake(at(0, 20), 2), snowflake(at(33), 7)
LATE_ONE, LATE_TWO = snowflake(at(5), 4), snowflake(at(6), 5)


class Case(LiveStream):
    def seal(self, hours: Mapping[int, int], gap: str = "") -> Sealed:
        done: list[Sealed] = []
        Sealer(self.spark, self.files, self.paths, gap, Clock(TWELVE)).seal(hours, done.append)  # type: ignore[arg-type]
        return done[-1]

    def verify(self, hour: int = TEN) -> Verified:
        done: list[Verified] = []
        Verifier(self.spark, self.files, self.paths).verify({hour: hour + HOUR_MS}, done.append)
        return done[-1]


def reasons(found: Verified) -> dict[tuple[int, str], dict[str, Any]]:
    """By minute of the hour and tag."""
    return {((one.row.key[0] - found.hour) // MINUTE_MS, one.row.key[1]):
            {name: {str(n) for n in ids} for name, (_, ids) in one.reasons.items()} for one in found.differences}


def unexplained(found: Verified) -> list[Difference]:
    return [one for one in found.differences if not one.explained]


@pytest.fixture(scope="module")
def case(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Case:
    made = Case(tmp_path_factory.mktemp("verify"), spark)
    with made.running() as query:
        for name, minute, lines in (
                ("a", 1, [tweet(at(0, 10), 1, "spark"), tweet(at(0, 50), 3, "second", before=EDITED)]),
                ("b", 30, [tweet(at(30), 30, "spark")]),
                ("c", 31, [tweet(at(31), 31, "spark")]),
                ("d", 32, [tweet(at(5), 4, "late"), tweet(at(6), 5, "late", "spark"), tweet(at(5), 4, "late"),
                           v2(id=EDITED, entities=tags("first"))]),
                ("e", 33, [tweet(at(33, 9), 8, "pair_second", before=PAIR), v2(id=PAIR, entities=tags("pair_first"))]),
                ("f", 61, [tweet(at(61), 61, "next")])):
            made.land(lines, at(minute), at(minute), name)
            query.processAllAvailable()
    made.land([tweet(at(58), 58, "missed")], at(65), at(65), "g")
    made.seal({TEN: THROUGH})
    return made


def test_late_lines_are_counted_exactly_by_the_stream_and_repaired_by_the_seal(case: Case) -> None:
    assert sum(line["late"] for line in case.batches()) == 4
    sealed = DeltaTable(case.paths.table("counts")).to_pyarrow_table().to_pylist()
    assert [row["tweets"] for row in sealed if row["tag"] == "late"] == [1, 1]
    expected = oracle.counts((one for one in case.lines if one.arrival_ms < THROUGH), "lowest")
    assert len(sealed) == sum(key[0] < ELEVEN for key in expected)


def test_each_difference_has_its_reason_and_the_tweets_that_made_it(case: Case) -> None:
    found = case.verify()
    told = reasons(found)
    assert not unexplained(found)
    assert told[5, "late"] == told[5, ""] == {LATE: {LATE_ONE}}
    assert told[6, "late"] == told[6, "spark"] == {LATE: {LATE_TWO}}
    assert told[0, "first"] == told[0, "second"] == {OTHER_VERSION: {EDITED}}
    assert told[58, "missed"] == told[58, ""] == {INCOMPLETE: {snowflake(at(58), 58)}}
    assert set(told) <= {(5, "late"), (5, ""), (6, "late"), (6, "spark"), (6, ""), (0, "first"), (0, "second"),
                         (58, "missed"), (58, ""), (33, "pair_first"), (33, "pair_second")}


def test_of_two_versions_in_one_batch_either_may_be_what_the_stream_has(case: Case) -> None:
    told = reasons(case.verify())
    assert told.get((33, "pair_first")) in (None, {OTHER_VERSION: {PAIR}})
    assert told.get((33, "pair_first")) == told.get((33, "pair_second"))
    assert (33, "") not in told


def test_a_result_says_why_in_sums_and_by_row(case: Case) -> None:
    found = json.loads(json.dumps(result(case.verify(), "application_1", 5)))
    assert (found["hour"], found["revision"], found["unexplained"], found["generation"]) == ("2026-03-01T10", 1, 0, 1)
    assert (found["reasons"][LATE]["tweets"], found["reasons"][INCOMPLETE]["tweets"]) == (2, 1)
    [row] = [row for row in found["differences"] if row["tag"] == "late" and row["minute_ms"] == at(5)]
    assert (row["live"]["tweets"], row["sealed"]["tweets"], row["fresh"]["tweets"]) == (0, 1, 1)
    assert row["reasons"] == {LATE: {"tweets": 1, "ids": [LATE_ONE]}}


def test_what_the_stream_took_after_the_seals_instant_is_no_riddle(case: Case) -> None:
    case.land([tweet(at(59), 59, "after")], THROUGH + MINUTE_MS, THROUGH + MINUTE_MS, "h")
    with case.running():
        pass
    found = case.verify()
    told = reasons(found)
    assert not unexplained(found)
    assert (58, "missed") not in told, "it is counted now"
    assert told[59, "after"] == {INCOMPLETE: {snowflake(at(59), 59)}}


def test_a_revision_takes_in_what_came_after_the_seal_and_agrees(case: Case) -> None:
    assert case.seal({TEN: TWELVE}).revision == 2
    found = case.verify()
    assert (found.revision, found.through_ms) == (2, TWELVE)
    assert (59, "after") not in reasons(found)


def test_an_incomplete_seal_differs_by_the_lines_that_came_after_it(case: Case) -> None:
    case.land([tweet(at(70), 70, "there")], at(70), at(70), "i")
    with case.running():
        pass
    case.seal({ELEVEN: TWELVE}, gap="the source is silent")
    assert not case.verify(ELEVEN).differences
    case.land([tweet(at(71), 71, "came_later")], at(71), at(71), "j")
    with case.running():
        pass
    found = case.verify(ELEVEN)
    assert found.complete is False
    assert reasons(found) == {(11, ""): {INCOMPLETE: set()}, (11, "came_later"): {INCOMPLETE: set()}}


def test_a_batch_that_seals_verifies_in_the_same_application(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["--stream", "hashtags", "--root", str(case.root), "--hours", f"2026-03-01T11={TWELVE}", "--then-verify"]
    parts = case.spark.conf.get("spark.sql.shuffle.partitions")
    try:
        hashtag_batch.run(case.spark, batch_args(words))
        said = json.loads(Path(case.paths.verify_result(ELEVEN)).read_text())
        assert (said["hour"], said["revision"], said["differing"]) == ("2026-03-01T11", 2, 0)
        Path(case.paths.verify_result(ELEVEN)).unlink()
        monkeypatch.setattr(hashtag_batch, "verify_hours", lambda *given: 1 / 0)
        hashtag_batch.run(case.spark, batch_args(words))
        assert not Path(case.paths.verify_result(ELEVEN)).exists(), "the seal stands without its verification"
    finally:
        case.spark.conf.set("spark.sql.shuffle.partitions", str(parts))


@pytest.mark.parametrize("table", ["counts_live", "counts"])
def test_a_tampered_row_is_found(case: Case, table: str) -> None:
    path = case.paths.table(table)
    version = DeltaTable(path).version()
    rows = case.spark.read.format("delta").load(path).where(
        (F.unix_millis("window_start") == at(31)) & (F.col("tag") == "spark"))
    rows.localCheckpoint().write.format("delta").mode("append").save(path)
    try:
        found = case.verify()
        assert [(one.row.key, set(one.reasons)) for one in unexplained(found)] == [
            ((at(31), "spark", "spark"), {UNEXPLAINED})]
        assert found.differences[0].reasons == {UNEXPLAINED: (0, ())}, "it comes first"
    finally:
        case.spark.sql(f"RESTORE TABLE delta.`{path}` TO VERSION AS OF {version}")
    assert not unexplained(case.verify())


def test_a_stream_that_never_ran_has_taken_nothing(spark: SparkSession, tmp_path: Path) -> None:
    made = Case(tmp_path, spark)
    made.land([tweet(at(1), 1, "alone")], at(1), at(1), "a")
    made.seal({TEN: THROUGH})
    found = made.verify()
    assert found.batch is None
    assert {name for one in found.differences for name in one.reasons} == {INCOMPLETE}
