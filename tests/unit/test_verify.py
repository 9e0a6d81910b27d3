"""`verify`: which hours, what the batch is asked, what it found in words, and when the answer is no."""
from __future__ import annotations

import json
from typing import Any

import pytest

from deploy import verify
from deploy.cli import parser
from deploy.errors import BadUse, HashtideError
from deploy.verbs import verify as verbs
from spark_apps.contract import HOUR_MS
from tests.fakes.batches import PATHS, STREAM, Batches

HOUR = 1_772_359_200_000        # 2026-03-01T10
SEALED = {HOUR: {"through_ms": HOUR + HOUR_MS}, HOUR + HOUR_MS: {"through_ms": HOUR + 3 * HOUR_MS}}


@pytest.fixture
def world() -> Batches:
    return Batches()


def call(world: Batches, monkeypatch: Any, *argv: str, sealed: Any = SEALED) -> int:
    monkeypatch.setattr(verbs, "open_cluster", lambda args: (world.tools.cluster, world.hdfs))
    monkeypatch.setattr(verbs, "tools_of", lambda cluster, files, say: world.tools)
    monkeypatch.setattr("deploy.tables.Tables.sealed", lambda self, hours: sealed)
    words = ["verify", "--from", "2026-03-01T10", "--to", "2026-03-01T12", "--stream", STREAM, *argv]
    args = parser().parse_args(words)
    return int(args.run(args))


def test_sealed_hours_are_verified_in_one_batch_through_the_instants_of_their_seals(world: Batches, monkeypatch: Any,
                                                                                   capsys: Any) -> None:
    assert call(world, monkeypatch) == 0
    assert [job.args[4:6] for job in world.jobs] == [
        ("--verify", f"2026-03-01T10={HOUR + HOUR_MS},2026-03-01T11={HOUR + 3 * HOUR_MS}")]
    assert capsys.readouterr().out.splitlines()[-8:] == [
        "2026-03-01T10, revision 1: 1 of 30 rows differ: late 1 (5 tweets)",
        "         tag           live  sealed  fresh  why",
        "  00:01  (all tweets)  1     2       2      late: 11, 12, 13 and 2 more",
        "2026-03-01T11, revision 1: 1 of 30 rows differ: late 1 (5 tweets)",
        "         tag           live  sealed  fresh  why",
        "  00:01  (all tweets)  1     2       2      late: 11, 12, 13 and 2 more",
        "2026-03-01T12 is not sealed",
        "All is explained."]


def test_what_nothing_explains_is_the_answer_no_and_its_rows_come_first(world: Batches, monkeypatch: Any,
                                                                       capsys: Any) -> None:
    world.unexplained = 3
    assert call(world, monkeypatch, "--rows", "2", sealed={HOUR: SEALED[HOUR]}) == 1
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "  00:00  #A\\x1b[2J  3     2       2      unexplained\n" * 2 + "  and 2 more rows" in out
    assert out.splitlines()[-1].startswith("NOT EXPLAINED")


def test_as_json_all_is_there(world: Batches, monkeypatch: Any, capsys: Any) -> None:
    world.unexplained = 1
    assert call(world, monkeypatch, "--json") == 1
    first, second = json.loads(capsys.readouterr().out)
    assert (first["hour"], second["hour"]) == ("2026-03-01T10", "2026-03-01T11")
    assert [row["form"] for row in first["differences"]] == ["A\x1b[2J", ""]


def test_a_range_without_a_seal_is_the_answer_no(world: Batches, monkeypatch: Any, capsys: Any) -> None:
    assert call(world, monkeypatch, sealed={}) == 1
    assert capsys.readouterr().err == (
        "No hour of stream a is sealed there; `deploy/hashtide backfill` seals a range.\n")
    assert not world.jobs


def test_yarns_success_without_a_result_is_a_failure(world: Batches, monkeypatch: Any) -> None:
    world.writes = False
    with pytest.raises(HashtideError, match="verification of 2026-03-01T10 left no result at /hashtide/streams/a/"):
        call(world, monkeypatch)


def test_no_hours_and_too_many_are_refused() -> None:
    for hours in ((), tuple((HOUR + n * HOUR_MS, HOUR) for n in range(745))):
        with pytest.raises(BadUse, match="expected 1 to 744"):
            verify.Verify(STREAM, hours)


def seal(world: Batches, application: str, time_ms: int) -> None:
    world.hdfs.write_json(PATHS.seal_result(HOUR), {"application": application, "time_ms": time_ms, "through_ms": 7})


@pytest.mark.parametrize("application,time_ms,known", [
    ("application_1", 20, True), ("application_2", 20, False), ("application_1", 9, False)])
def test_only_what_the_newest_seals_application_found_after_it_is_known(world: Batches, application: str, time_ms: int,
                                                                       known: bool) -> None:
    seal(world, "application_1", 10)
    said = {"application": application, "time_ms": time_ms}
    world.hdfs.write_json(PATHS.verify_result(HOUR), said)
    assert verify.of_newest_seals(world.hdfs, PATHS, [HOUR]) == ([said] if known else None)
    assert verify.of_newest_seals(world.hdfs, PATHS, [HOUR, HOUR + HOUR_MS]) is None


def test_hours_that_agree_are_said_in_a_line() -> None:
    said = {"hour": "2026-03-01T10", "revision": 2, "rows": 1234, "differing": 0, "unexplained": 0, "reasons": {}}
    assert verify.describe(said) == "2026-03-01T10, revision 2: 1,234 rows agree"


def test_where_tweets_agree_the_measure_that_differs_is_named() -> None:
    counts = {"tweets": 2, "originals": 2, "retweets": 0, "quotes": 0, "replies": 0}
    row = {"live": {**counts, "originals": 1, "quotes": 1}, "sealed": counts, "fresh": counts}
    assert [verbs.cell(row, side) for side in ("live", "sealed")] == [
        "2, 1 originals, 1 quotes", "2, 2 originals, 0 quotes"]
