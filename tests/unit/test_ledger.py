"""What became of each hour's lines, and those that were put aside."""
from __future__ import annotations

import json
from base64 import b64decode
from dataclasses import asdict
from datetime import datetime, timezone
from typing import Any

import pytest

from deploy.cli import parser
from deploy.landed import LATENESS_MS
from deploy.verbs import ledger
from spark_apps.contract import HOUR_MS
from spark_apps.gap import Gap
from tests.fakes.batches import PATHS, STREAM, Batches

HOUR = 1_772_359_200_000        # 2026-03-01T10
ENOUGH = HOUR + HOUR_MS + LATENESS_MS
FILE = f"{HOUR}-{HOUR + 9}-x-1.jsonl"
LEDGER = {"hour": datetime(2026, 3, 1, 10, tzinfo=timezone.utc), "revision": 1, "through_ms": ENOUGH, "complete": True,
          "gap": "", "lines": 10, "counted": 6, "duplicate": 1, "late": 1, "control": 1, "pending": 0,
          "quarantined": [("no_id", 1)], "sealed_at": datetime(2026, 3, 1, 12, tzinfo=timezone.utc)}
ESCAPES, NO_UTF8, LONG = '{"\x1b[2J\u202e\r#日本'.encode(), b'{"text": "\xff"}', b"x" * 3_000_000


@pytest.fixture
def world() -> Batches:
    return Batches()


def call(world: Batches, monkeypatch: Any, *argv: str) -> int:
    monkeypatch.setattr(ledger, "open_cluster", lambda args: (world.tools.cluster, world.hdfs))
    args = parser().parse_args(["ledger", "--from", "2026-03-01T10", "--stream", STREAM, *argv])
    return int(args.run(args))


@pytest.mark.parametrize("rows,code,said", [
    ([LEDGER], 0, "2026-03-01T10  1    10     6"), ([{**LEDGER, "lines": 11}], 1, "DOES NOT ADD UP"),
    ([{**LEDGER, "complete": False, "gap": "x is at 10:00"}], 0, "incomplete: x is at 10:00"),
    ([], 1, "No hour of stream a is sealed there.")])
def test_the_ledger_adds_up_or_the_answer_is_no(world: Batches, monkeypatch: Any, capsys: Any,
                                               rows: list[dict[str, Any]], code: int, said: str) -> None:
    asked: list[Any] = []
    monkeypatch.setattr("deploy.tables.Tables.rows", lambda self, *given: asked.append(given) or iter(rows))
    assert call(world, monkeypatch) == code
    assert said in capsys.readouterr().out
    assert asked[0][2] == (HOUR, HOUR + HOUR_MS)


def test_an_hour_with_minutes_of_a_gap_says_so(world: Batches, monkeypatch: Any, capsys: Any) -> None:
    gap = Gap(HOUR - 1, "x", "lost", end_ms=HOUR + 60_001)
    world.hdfs.write_json(f"{PATHS.gaps}/{gap.name}.json", asdict(gap))
    monkeypatch.setattr("deploy.tables.Tables.rows", lambda *_: iter([LEDGER]))
    assert call(world, monkeypatch) == 0
    assert capsys.readouterr().out.endswith("  incomplete: 2 minutes touch a gap\n")
    call(world, monkeypatch, "--json")
    assert json.loads(capsys.readouterr().out)[0]["incomplete_minutes"] == [
        "2026-03-01T10:00:00Z", "2026-03-01T10:01:00Z"]


def put_aside(world: Batches, hour: int, *lines: tuple[str, int, bytes]) -> None:
    """As a seal leaves them."""
    import pyarrow as pa
    from pyarrow import parquet

    rows = [{"reason": reason, "file": FILE, "line": line, "body": body} for reason, line, body in lines]
    sink = pa.BufferOutputStream()
    parquet.write_table(pa.Table.from_pylist(rows), sink)
    world.hdfs.replace(f"{PATHS.quarantine_hour(hour)}/part-00000-1.snappy.parquet", sink.getvalue().to_pybytes())
    world.hdfs.replace(f"{PATHS.quarantine_hour(hour)}/_SUCCESS", b"")


def test_lines_that_were_put_aside_are_shown_cut_and_cannot_steer_a_terminal(world: Batches, monkeypatch: Any,
                                                                            capsys: Any) -> None:
    put_aside(world, HOUR, ("too_large", 9, LONG), ("not_json", 3, ESCAPES), ("bad_encoding", 5, NO_UTF8))
    put_aside(world, HOUR + HOUR_MS, ("no_id", 1, b"{}"))
    assert call(world, monkeypatch, "--quarantine") == 0
    header, *lines = capsys.readouterr().out.splitlines()
    assert header.split() == ["hour", "reason", "file", "line", "bytes", "body"]
    assert [line.split()[:5] for line in lines] == [
        ["2026-03-01T10", "not_json", FILE, "3", str(len(ESCAPES))],
        ["2026-03-01T10", "bad_encoding", FILE, "5", "13"],
        ["2026-03-01T10", "too_large", FILE, "9", "3,000,000"]]
    assert lines[0].endswith('{"\\x1b[2J\\u202e\\r#日本')
    assert lines[1].endswith('{"text": "\\xff"}')
    assert lines[2].endswith("x…") and len(lines[2]) < 200


def test_as_json_they_are_whole_to_the_byte(world: Batches, monkeypatch: Any, capsys: Any) -> None:
    put_aside(world, HOUR, ("too_large", 9, LONG), ("not_json", 3, ESCAPES), ("bad_encoding", 5, NO_UTF8))
    assert call(world, monkeypatch, "--quarantine", "--json") == 0
    first, second, third = json.loads(capsys.readouterr().out)
    assert first == {"hour": "2026-03-01T10", "reason": "not_json", "file": FILE, "line": 3, "bytes": len(ESCAPES),
                     "body": ESCAPES.decode()}
    assert (b64decode(second["body_base64"]), "body" in second) == (NO_UTF8, False)
    assert third["body"].encode() == LONG


def test_an_hour_in_which_all_lines_were_good_has_none(world: Batches, monkeypatch: Any, capsys: Any) -> None:
    assert call(world, monkeypatch, "--quarantine") == 0
    assert capsys.readouterr().out == "No line of stream a was put aside there.\n"
