"""Gaps as HDFS has them: which touch a window, which minutes are incomplete, and what is said of them."""
from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import pytest

from deploy import gaps
from deploy.cli import parser
from deploy.errors import HashtideError
from deploy.top import Top
from deploy.verbs import gaps as verb
from spark_apps.contract import HOUR_MS, MINUTE_MS
from spark_apps.gap import Gap
from tests.fakes.batches import PATHS, STREAM, Batches

HOUR = 1_772_359_200_000        # 2026-03-01T10
NOW = HOUR + 2 * HOUR_MS
LOST = Gap(HOUR + 90_000, "x", "lost", "connection lost", end_ms=HOUR + 150_000)
WHOLE = Gap(HOUR + 600_000, "x", "closed", end_ms=HOUR + 601_000, backfill_minutes=1, recovery="backfill",
            recovered=1_234, recovered_from_ms=HOUR + 600_000, state="closed")
PART = Gap(HOUR + 1_200_000, "x", "killed", end_ms=HOUR + 1_800_000, backfill_minutes=5, recovery="backfill",
           recovered=7, recovered_from_ms=HOUR + 1_500_000)
LASTS = Gap(HOUR + HOUR_MS + 5_000, "x", "silence")


@pytest.fixture
def world() -> Batches:
    return Batches()


def put(world: Batches, *found: Gap) -> None:
    for gap in found:
        world.hdfs.write_json(f"{PATHS.gaps}/{gap.name}.json", asdict(gap))


def read(world: Batches, from_ms: int, to_ms: int) -> list[Gap]:
    return gaps.read(world.hdfs, PATHS, (from_ms, to_ms), NOW)


def test_the_gaps_that_touch_a_window_are_read_and_no_others(world: Batches, monkeypatch: Any) -> None:
    other = Gap(HOUR - 10 * HOUR_MS, "y", "stopped")   # of another source, and for hours
    put(world, LOST, WHOLE, PART, LASTS, other)
    assert read(world, HOUR, HOUR + HOUR_MS) == [other, LOST, WHOLE, PART]
    assert read(world, HOUR + 120_000, HOUR + 180_000) == [other, LOST]
    assert read(world, HOUR + 200_000, HOUR + 300_000) == [other]
    real, asked = world.hdfs.read_json, []
    monkeypatch.setattr(world.hdfs, "read_json", lambda path: asked.append(path) or real(path))
    assert read(world, HOUR + HOUR_MS + 90_000, NOW) == [other, LASTS]
    assert len(asked) == 2


def test_where_no_gap_was_ever_written_there_is_none(world: Batches) -> None:
    assert read(world, HOUR, NOW) == []


def test_a_file_that_tells_of_no_gap_is_named(world: Batches) -> None:
    world.hdfs.write_json(f"{PATHS.gaps}/{HOUR:013d}-x.json", {})
    with pytest.raises(HashtideError, match=rf"{HOUR}-x.json tells of no gap"):
        read(world, HOUR, NOW)


@pytest.mark.parametrize(("gap", "minutes"), [
    (LOST, [1, 2]), (WHOLE, []), (PART, [20, 21, 22, 23, 24]),
    (LASTS, list(range(60, 120))),
    (Gap(HOUR + 60_000, "x", "lost", end_ms=HOUR + 120_000), [1]),      # the end is not part of it
    (Gap(HOUR + 60_000, "x", "lost", end_ms=HOUR + 60_000), []),
])
def test_minutes_that_touch_what_is_missing_are_incomplete(gap: Gap, minutes: list[int]) -> None:
    assert gaps.incomplete([gap], (HOUR, NOW), NOW) == [HOUR + n * MINUTE_MS for n in minutes]


def test_only_minutes_of_the_window_are_told() -> None:
    assert gaps.incomplete([LASTS, LOST], (HOUR + 2 * MINUTE_MS, HOUR + 3 * MINUTE_MS), NOW) == [HOUR + 2 * MINUTE_MS]


@pytest.mark.parametrize(("state", "minutes", "said"), [
    ("open", 0, "open"), ("closed", 1, "closed, incomplete: 1 minute touches a gap"),
    ("sealed", 3, "sealed, revision 2, incomplete: 3 minutes touch a gap")])
def test_a_window_says_that_it_is_incomplete(state: str, minutes: int, said: str) -> None:
    assert Top(HOUR, NOW, 0, [], state, {HOUR: 2}, [HOUR] * minutes).said == said


def call(world: Batches, monkeypatch: Any, *argv: str) -> int:
    monkeypatch.setattr(verb, "open_cluster", lambda args: (world.tools.cluster, world.hdfs))
    monkeypatch.setattr(verb, "now_ms", lambda: NOW)
    args = parser().parse_args(["gaps", "--stream", STREAM, *argv])
    return int(args.run(args))


def test_gaps_are_listed_with_cause_recovery_and_what_is_open(world: Batches, monkeypatch: Any, capsys: Any) -> None:
    put(world, LOST, WHOLE, LASTS)
    assert call(world, monkeypatch) == 1
    header, *lines = capsys.readouterr().out.splitlines()
    assert header.split() == ["from", "to", "seconds", "source", "cause", "recovery", "state"]
    assert [" ".join(line.split()) for line in lines] == [
        "2026-03-01T10:01:30Z 2026-03-01T10:02:30Z 60.0 x lost none open connection lost",
        "2026-03-01T10:10:00Z 2026-03-01T10:10:01Z 1.0 x closed backfill, 1,234 posts closed",
        "2026-03-01T11:00:05Z lasts 3,595.0 x silence none open"]


def test_gaps_that_were_all_recovered_are_a_yes(world: Batches, monkeypatch: Any, capsys: Any) -> None:
    put(world, WHOLE, LASTS)
    assert call(world, monkeypatch, "--from", "2026-03-01T10", "--to", "2026-03-01T10", "--json") == 0
    [said] = json.loads(capsys.readouterr().out)
    assert (said["start"], said["end"], said["seconds"], said["recovered"], said["missing"]) == (
        "2026-03-01T10:10:00Z", "2026-03-01T10:10:01Z", 1.0, 1_234, None)
    assert call(world, monkeypatch, "--from", "2026-03-01T09", "--to", "2026-03-01T09") == 0
    assert "No gap of stream a from 2026-03-01T09:00:00Z" in capsys.readouterr().out


def test_what_a_gap_says_cannot_steer_a_terminal(world: Batches, monkeypatch: Any, capsys: Any) -> None:
    put(world, Gap(HOUR, "x", "lost", "\x1b[2J"))
    call(world, monkeypatch, "--from", "2026-03-01T10")
    assert "\x1b" not in capsys.readouterr().out
