"""What a running stream says of itself."""
from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from spark_apps.contract import HOUR_MS, LandingFile, StreamPaths
from spark_apps.fence import Fence, Fenced
from spark_apps.progress import BEAT_MS, Reporter, batch_line
from spark_apps.shutdown import StopGate, StopRequested
from tests.fakes.files import Files

TEN = 1_772_359_200_000   # 2026-03-01T10:00Z
PATHS = StreamPaths("hashtags")


@dataclass
class Time:
    ms: int = TEN

    def now_ms(self) -> int:
        return self.ms


def progress(batch_id: int, *, lines: int = 10, duplicates: int = 1, late: int = 2, arrival_ms: int | None = TEN,
             idle: bool = False) -> dict[str, Any]:
    """Spark's StreamingQueryProgress, as its JSON has it."""
    took = {"latestOffset": 1, "triggerExecution": 2_000} if idle else {"addBatch": 1_500, "triggerExecution": 2_000}
    return {
        "batchId": batch_id, "timestamp": "2026-03-01T10:00:00.000Z", "durationMs": took,
        "eventTime": {"watermark": "2026-03-01T09:50:00.000Z"},
        "sources": [{"startOffset": {"logOffset": batch_id}, "endOffset": {"logOffset": batch_id + 1}}],
        "stateOperators": [{"numRowsTotal": 77, "memoryUsedBytes": 5, "numRowsDroppedByWatermark": late,
                            "customMetrics": {"numDroppedDuplicateRows": duplicates}}],
        "observedMetrics": {"fates": {"lines": lines, "tweets": lines - 3, "clamped": 0, "arrival_ms": arrival_ms,
                                      "control": 1, "not_json": 2}}}


def reporter(files: Files, time: Time) -> Reporter:
    return Reporter(files, PATHS, 1, 7, 2, 10, "application_1", time)  # type: ignore[arg-type]


def test_a_batch_is_told_by_its_lines_fates_and_times() -> None:
    line = batch_line(progress(4))
    assert line is not None
    assert (line["batch_id"], line["lines"], line["late"], line["duplicates"]) == (4, 10, 2, 1)
    assert line["fates"]["not_json"] == 2
    assert line["batch_s"] == 2.0
    assert (line["watermark"], line["source_offset"]) == ("2026-03-01T09:50:00.000Z", 5)


def test_an_idle_trigger_is_no_batch() -> None:
    assert batch_line(progress(5, idle=True)) is None


def test_a_batch_counts_once_however_often_spark_repeats_it() -> None:
    files, time = Files(), Time()
    mine = reporter(files, time)
    mine.take([progress(0), progress(1)])
    mine.take([progress(0), progress(1), progress(2, idle=True)])
    assert (mine.late, mine.duplicates, mine.last["batch_id"]) == (4, 2, 1)


def test_an_idle_source_moves_the_heartbeat_but_not_the_commit() -> None:
    files, time = Files(), Time()
    mine = reporter(files, time)
    mine.take([progress(0)])
    time.ms += BEAT_MS
    mine.beat()
    time.ms += BEAT_MS
    mine.beat()
    beat = files.read_json(PATHS.heartbeat)
    assert beat is not None
    assert (beat["time_ms"], beat["commit_ms"]) == (TEN + 2 * BEAT_MS, TEN)
    assert (beat["epoch"], beat["attempt"], beat["batch_id"], beat["rows_per_s"]) == (7, 2, 0, 5.0)


def test_a_batch_that_only_moves_the_watermark_does_not_forget_how_far_landing_is_counted() -> None:
    mine = reporter(Files(), Time())
    mine.take([progress(0, arrival_ms=TEN - 7), progress(1, lines=0, arrival_ms=None)])
    assert (mine.last["batch_id"], mine.last["arrival_ms"]) == (1, TEN - 7)


def test_the_heartbeat_is_written_at_most_every_five_seconds() -> None:
    files, time = Files(), Time()
    mine = reporter(files, time)
    mine.beat()
    time.ms += BEAT_MS - 1
    mine.beat()
    assert (files.read_json(PATHS.heartbeat) or {})["time_ms"] == TEN


def test_a_driver_that_was_taken_over_tells_of_its_batches_and_leaves_the_heartbeat_alone() -> None:
    files, time = Files(), Time()
    newer = Fence(files, PATHS, 8, 1)
    old = Reporter(files, PATHS, 1, 7, 2, 10, "application_1", time,  # type: ignore[arg-type]
                   Fence(files, PATHS, 7, 2).check)
    old.take([progress(1)])
    old.beat()
    newer.claim({})
    files.write_json(PATHS.heartbeat, {"epoch": 8})
    time.ms += BEAT_MS
    old.take([progress(2)])
    with pytest.raises(Fenced):
        old.beat()
    assert files.read_json(PATHS.heartbeat) == {"epoch": 8}
    [lines] = [data for path, data in files.data.items() if path.startswith(PATHS.batches)]
    assert lines.count(b"\n") == 2


def test_batches_of_an_hour_stand_in_one_file_a_line_each() -> None:
    files, time = Files(), Time()
    mine = reporter(files, time)
    for batch in range(3):
        mine.take([progress(batch)])
        mine.beat(now=True)
    time.ms += HOUR_MS
    mine.take([progress(3)])
    mine.beat(now=True)
    assert files.list(PATHS.batches) == ["g0001-000007.a2-2026-03-01T10.jsonl", "g0001-000007.a2-2026-03-01T11.jsonl"]
    first = files.read(f"{PATHS.batches}/g0001-000007.a2-2026-03-01T10.jsonl") or b""
    assert [json.loads(line)["batch_id"] for line in first.splitlines()] == [0, 1, 2]


def test_backlog_is_what_landed_after_the_newest_counted_line() -> None:
    files, time = Files(), Time()
    for second in (-20, -10, -5):
        name = LandingFile(TEN + second * 1000 - 1, TEN + second * 1000, "x", f"u{-second}").name
        files.replace(f"{PATHS.landing_hour(TEN - 1)}/{name}", b"")
    mine = reporter(files, time)
    mine.take([progress(0, arrival_ms=TEN - 20_000)])
    mine.beat(now=True)
    beat = files.read_json(PATHS.heartbeat) or {}
    assert (beat["backlog_files"], beat["backlog_s"]) == (2, 10.0)


def test_a_stop_marker_closes_the_gate_for_the_next_batch() -> None:
    files = Files()
    gate = StopGate(files, PATHS.stop(7))
    assert not gate.look()
    gate.check()
    files.create_exclusive(PATHS.stop(7), {"who": "me"})
    assert gate.look()
    try:
        gate.check()
    except StopRequested:
        return
    raise AssertionError("the gate is open")


def test_a_driver_writes_down_what_one_before_it_may_not_have_told() -> None:
    files, time = Files(), Time()
    for number in range(30):
        files.replace(f"{PATHS.checkpoint(1)}/offsets/{number}",
                      f'v1\n{{"batchWatermarkMs":{number}}}\n{{"logOffset":{number + 1}}}'.encode())
    reporter(files, time).remember()
    [name] = files.list(PATHS.offsets)
    assert name == "g0001-000007.a2-2026-03-01T10.jsonl"
    lines = [json.loads(line) for line in (files.read(f"{PATHS.offsets}/{name}") or b"").splitlines()]
    assert [line["batch_id"] for line in lines] == list(range(10, 30))
    assert lines[-1] == {"batch_id": 29, "watermark": "1970-01-01T00:00:00.029Z", "source_offset": 30}


def test_a_first_driver_has_nothing_to_remember() -> None:
    files = Files()
    reporter(files, Time()).remember()
    assert not files.data


def test_attempts_of_an_epoch_that_fail_alike_are_counted() -> None:
    files = Files()
    for attempt, error, tries in ((1, "boom", 1), (2, "boom", 2), (3, "bang", 1), (4, "bang", 2)):
        made = Reporter(files, PATHS, 1, 7, attempt, 10)
        ended = made.with_tries(made.result("error", error))
        assert ended["tries"] == tries
        files.write_json(PATHS.result(7), ended)
    asked = reporter(files, Time()).result("stop")
    assert reporter(files, Time()).with_tries(asked) == asked


def test_the_last_good_batch_of_a_driver_that_commits_none_is_its_predecessors() -> None:
    files, time = Files(), Time()
    for number in (8, 9, 10):
        files.replace(f"{PATHS.checkpoint(1)}/commits/{number}", b"v1")
    made = reporter(files, time)
    made.remember()
    assert made.result("error", "boom")["batch_id"] == 10


@pytest.mark.parametrize("then,again", [
    ({3: 2}, True), ({4: 0}, True), ({3: 1}, False),
    ({3: 0}, False),   # the stage is tried again, and has lost what was done
    ({}, False)])      # nothing runs
def test_a_heartbeat_tells_when_a_batch_last_got_on(then: dict[int, int], again: bool) -> None:
    files, time, seen = Files(), Time(), {3: 1}
    own = reporter(files, time)
    own.tasks = lambda: dict(seen)
    own.beat()
    first = time.now_ms()
    assert files.read_json(PATHS.heartbeat)["task_ms"] == first
    for running in ({3: 1}, then, then):
        seen.clear()
        seen.update(running)
        time.ms += BEAT_MS
        own.beat()
    told = files.read_json(PATHS.heartbeat)["task_ms"]
    assert told == (first + 2 * BEAT_MS if again else first)


def test_a_stage_that_is_tried_again_gets_on_once_it_is_further_than_before() -> None:
    files, time, done = Files(), Time(), [2, 0, 1, 2, 3]
    own, told = reporter(files, time), []
    for n in done:
        own.tasks = lambda n=n: {7: n}  # type: ignore[misc]
        own.beat()
        told.append(files.read_json(PATHS.heartbeat)["task_ms"] == time.now_ms())
        time.ms += BEAT_MS
    assert told == [True, False, False, False, True]
