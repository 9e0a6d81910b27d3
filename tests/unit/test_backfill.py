"""Which hours are sealed through which instant, what is asked of the batch, and what is believed of it."""
from __future__ import annotations

from typing import Any

import pytest

from deploy import backfill, landed
from deploy.backfill import Seal
from deploy.cli import parser
from deploy.errors import BadUse, HashtideError
from deploy.landed import HORIZON_MS, LATENESS_MS, LIMIT_MS, Through
from deploy.verbs import backfill as verbs
from spark_apps.args import batch_args
from spark_apps.contract import HOUR_MS, StreamPaths
from tests.fakes.batches import PATHS, STREAM, Batches

HOUR = 1_772_359_200_000        # 2026-03-01T10
ENOUGH = HOUR + HOUR_MS + LATENESS_MS


@pytest.fixture
def world() -> Batches:
    made = Batches()
    made.ms = float(HOUR + 3 * HOUR_MS)
    return made


# through

def test_a_gap_names_who_is_behind_and_how_far() -> None:
    marks = Through({"a": ENOUGH, "b": ENOUGH - 1})
    assert marks.gap(ENOUGH) == "landing is needed through 2026-03-01T11:10:00Z: b is at 2026-03-01T11:09:59Z"
    assert Through({"a": ENOUGH}).gap(ENOUGH) == ""
    assert Through({}).gap(ENOUGH) == "no source has written how far it is"


@pytest.mark.parametrize("marks,through", [
    ({"a": ENOUGH}, ENOUGH), ({"a": ENOUGH + 5, "b": ENOUGH + 9}, ENOUGH + 5),
    ({"a": HOUR, "b": ENOUGH + 9}, ENOUGH + 9), ({"a": HOUR}, ENOUGH), ({}, ENOUGH),
    ({"a": HOUR + 90 * HOUR_MS}, HOUR + HOUR_MS + HORIZON_MS)])
def test_an_hour_is_sealed_through_what_all_have_landed_up_to_a_day(marks: dict[str, int], through: int) -> None:
    assert Through(marks).seal_through(HOUR) == through


def test_a_source_that_is_a_day_behind_was_taken_out_of_service(world: Batches) -> None:
    world.mark(HOUR - HORIZON_MS - 1, "gone")
    world.mark(ENOUGH, "here")
    assert landed.through(landed.marks(world.hdfs, PATHS), HOUR).marks == {"here": ENOUGH}


def test_hours_that_need_not_wait_are_the_landed_and_the_overdue() -> None:
    marks = {"x": ENOUGH}
    assert landed.ripe([HOUR, HOUR + HOUR_MS], marks, ENOUGH)[0] == [HOUR]
    ready, waiting = landed.ripe([HOUR + HOUR_MS], marks, ENOUGH + HOUR_MS + LIMIT_MS)
    assert not ready
    assert "x is at 2026-03-01T11:10:00Z" in waiting
    assert landed.ripe([HOUR + HOUR_MS], marks, ENOUGH + HOUR_MS + LIMIT_MS + 1)[0] == [HOUR + HOUR_MS]


def test_there_is_something_to_seal_from_the_first_line_to_the_end_of_service(world: Batches) -> None:
    def sealable(hour: int) -> bool:
        return landed.has_landing(world.hdfs, PATHS, hour)

    assert not sealable(HOUR)
    world.land(HOUR + 60_000)
    world.mark(HOUR + 3 * HOUR_MS)
    assert [sealable(HOUR + n * HOUR_MS) for n in (-1, 0, 1, 2, 3, 40)] == [False, True, True, True, False, False]


# hours

@pytest.mark.parametrize("text", ["2026-03-01T10", "2026-03-01T10:59", "2026-03-01T11:00:00+01:00", " 2026-03-01T10 "])
def test_an_hour_is_read_as_utc(text: str) -> None:
    assert backfill.parse_hour(text) == HOUR


def test_a_range_has_both_its_ends() -> None:
    assert backfill.hour_range("2026-03-01T10", "2026-03-01T12") == (HOUR, HOUR + HOUR_MS, HOUR + 2 * HOUR_MS)


@pytest.mark.parametrize("first,last", [("2026-03-01T12", "2026-03-01T10"), ("10 o'clock", "11")])
def test_a_range_that_is_none_is_refused(first: str, last: str) -> None:
    with pytest.raises(BadUse):
        backfill.hour_range(first, last)


def test_an_hour_is_over_by_our_clock_or_by_that_of_its_sources() -> None:
    with pytest.raises(BadUse, match="2026-03-01T10 is not over"):
        backfill.check_range([HOUR], {"x": HOUR}, HOUR + 5)
    backfill.check_range([HOUR], {"x": ENOUGH}, HOUR + 5)
    backfill.check_range([HOUR], {}, HOUR + HOUR_MS)


# the job

def test_complete_and_incomplete_hours_go_into_batches_of_their_own() -> None:
    hours = [HOUR, HOUR + HOUR_MS, HOUR + 2 * HOUR_MS]
    whole, part = backfill.seals(STREAM, hours, {"x": ENOUGH + HOUR_MS}, "me")
    assert ([h for h, _ in whole.hours], whole.gap) == (hours[:2], "")
    assert [h for h, _ in part.hours] == hours[2:]
    assert "x is at" in part.gap


def test_the_batch_understands_its_arguments() -> None:
    seal = Seal(STREAM, ((HOUR, ENOUGH), (HOUR + HOUR_MS, ENOUGH + HOUR_MS)), "x is at 10:00", by="me")
    read = batch_args(list(backfill.args(seal, "/hashtide")))
    assert read.hours == {HOUR: ENOUGH, HOUR + HOUR_MS: ENOUGH + HOUR_MS}
    assert (read.paths, read.incomplete, read.by) == (StreamPaths(STREAM), "x is at 10:00", "me")
    assert not read.then_verify
    late = batch_args(list(backfill.args(Seal(STREAM, late_within_hours=24, then_verify=True), "/hashtide")))
    assert (late.hours, late.late_within_hours, late.then_verify) == ({}, 24, True)


@pytest.mark.parametrize("given", [
    {"stream": "No"}, {"stream": "a"}, {"stream": "a", "hours": ((HOUR + 1, ENOUGH),)},
    {"stream": "a", "hours": ((HOUR, ENOUGH),), "late_within_hours": 3}])
def test_a_seal_that_means_nothing_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(BadUse):
        Seal(**given)


def test_the_batch_has_tags_of_its_own_in_the_batch_queue(world: Batches) -> None:
    app = backfill.submit_seal(world.tools, Seal(STREAM, ((HOUR, ENOUGH),)))
    assert (world.jobs[0].queue, backfill.seal_tag(STREAM) in app.tags) == ("batch", True)
    assert not world.tools.live(STREAM)   # no launch of the stream takes it for its driver


# what is believed

RESULT = {"hour": "2026-03-01T10", "revision": 2, "changed": True, "rows": 3, "tweets": 1234, "complete": True,
          "gap": "", "adds_up": True}


@pytest.mark.parametrize("said,believed", [
    ({"time_ms": 101, "application": "application_1"}, True), ({"time_ms": 5, "application": "mine"}, True),
    ({"time_ms": 99, "application": "application_1"}, False), ({"time_ms": 99}, False), ({}, False)])
def test_an_older_result_proves_nothing(world: Batches, said: dict[str, Any], believed: bool) -> None:
    world.hdfs.write_json(PATHS.seal_result(HOUR), said and {**RESULT, **said})
    assert backfill.is_sealed(world.hdfs, PATHS, HOUR, 100, "mine") is believed
    if not believed:
        with pytest.raises(HashtideError, match="seal of 2026-03-01T10 left no result at /hashtide/streams/a/"):
            backfill.results(world.hdfs, PATHS, [HOUR], 100, "mine")


def test_a_result_is_one_line() -> None:
    assert backfill.describe(RESULT) == "2026-03-01T10 sealed again, revision 2; 1,234 tweets, 3 rows"
    bad = {**RESULT, "changed": False, "complete": False, "gap": "x is at 10:00", "adds_up": False}
    assert backfill.describe(bad).endswith("incomplete: x is at 10:00; the ledger does not add up")
    assert "unchanged" in backfill.describe(bad)


# verbs

def test_a_replay_seals_its_hours_through_what_it_landed(world: Batches, monkeypatch: Any) -> None:
    monkeypatch.setattr(verbs, "tools_of", lambda cluster, files, say: world.tools)
    said: list[str] = []
    sealed = verbs.seal(world.tools.cluster, world.hdfs, STREAM, [HOUR + HOUR_MS, HOUR],  # type: ignore[arg-type]
                        through_ms=HOUR + 90 * 60_000, by="ingest replay", say=said.append)
    assert [(one["hour_ms"], one["through_ms"]) for one in sealed] == [
        (HOUR, HOUR + 90 * 60_000), (HOUR + HOUR_MS, ENOUGH + HOUR_MS)]
    assert said[-2:] == ["2026-03-01T10 is sealed", "2026-03-01T11 is sealed"]


def call(world: Batches, monkeypatch: Any, *argv: str) -> int:
    monkeypatch.setattr(verbs, "open_cluster", lambda args: (world.tools.cluster, world.hdfs))
    monkeypatch.setattr(verbs, "tools_of", lambda cluster, files, say: world.tools)
    monkeypatch.setattr(verbs, "now_ms", world.now_ms)
    args = parser().parse_args([*argv, "--stream", STREAM])
    return int(args.run(args))


def test_backfill_says_what_was_sealed(world: Batches, monkeypatch: Any, capsys: Any) -> None:
    world.mark(ENOUGH)
    assert call(world, monkeypatch, "backfill", "--from", "2026-03-01T09", "--to", "2026-03-01T11") == 0
    out = capsys.readouterr().out
    assert "2026-03-01T09 is sealed" in out
    assert out.splitlines()[-1] == (
        "2026-03-01T11 sealed, revision 1; 2 tweets, 3 rows; incomplete: landing is needed through "
        "2026-03-01T12:10:00Z: x is at 2026-03-01T11:10:00Z")
    assert len(world.jobs) == 2


def test_a_dry_run_submits_nothing(world: Batches, monkeypatch: Any, capsys: Any) -> None:
    world.mark(ENOUGH)
    assert call(world, monkeypatch, "backfill", "--from", "2026-03-01T10", "--dry-run") == 0
    assert capsys.readouterr().out == "Would seal 2026-03-01T10 through 2026-03-01T11:10:00Z\n"
    assert not world.jobs
