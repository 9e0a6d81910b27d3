"""`hashtide purge`: what it prints, and how it ends."""
from __future__ import annotations

import json
from pathlib import Path

import pytest

from deploy import cli
from deploy.purging import doing
from deploy.verbs import purge as verb
from spark_apps.contract import HOUR_MS
from tests.fakes.purging import HIDDEN, IDS, TEN, Table, a_stream, everything, filled


@pytest.fixture
def table() -> Table:
    return Table(TEN, TEN + HOUR_MS)


@pytest.fixture(autouse=True)
def stream(table: Table, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> doing.Stream:
    made = a_stream(filled(), table)
    monkeypatch.setenv("HASHTIDE_HOME", str(tmp_path))
    monkeypatch.setattr(verb, "open_cluster", lambda args: (None, made.hdfs))
    monkeypatch.setattr(verb, "tools_of", lambda *given: None)
    monkeypatch.setattr(verb, "now_ms", made.now_ms)
    monkeypatch.setattr(doing, "stream_of", lambda tools, stream, spool: made)
    return made


@pytest.fixture
def ids(tmp_path: Path) -> str:
    path = tmp_path / "ids.jsonl"
    path.write_text("".join(json.dumps({"id": one, "action": "delete"}) + "\n" for one in IDS))
    return str(path)


def test_it_says_what_it_would_do_does_it_and_proves_it(
        ids: str, stream: doing.Stream, capsys: pytest.CaptureFixture[str]) -> None:
    before = dict(stream.hdfs.data)   # type: ignore[attr-defined]
    assert cli.main(["purge", "--ids", ids]) == 0
    said = capsys.readouterr().out
    assert "2 ids, 5 files read" in said and "2026-03-01T10, 2026-03-01T11 sealed again" in said and "--yes" in said
    assert stream.hdfs.data == before   # type: ignore[attr-defined]
    assert cli.main(["purge", "--ids", ids, "--prove"]) == 1
    assert cli.main(["purge", "--ids", ids, "--yes"]) == 0
    said = capsys.readouterr().out
    assert "Purged 6 lines of 4 files" in said and "Nothing of these tweets is left." in said
    assert HIDDEN.encode() not in everything(stream.hdfs)   # type: ignore[arg-type]
    assert cli.main(["purge", "--prove", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["ids"] == 2
    assert cli.main(["purge", "--ids", ids]) == 0
    assert "Nothing of these tweets is there." in capsys.readouterr().out


def test_while_something_is_left_the_answer_is_no_and_says_what_it_waits_for(
        ids: str, table: Table, capsys: pytest.CaptureFixture[str]) -> None:
    del table.hours[TEN + HOUR_MS]
    assert cli.main(["purge", "--ids", ids, "--yes", "--json"]) == 1
    [left] = json.loads(capsys.readouterr().out)["left"]
    assert "2026-03-01T11 is not sealed" in left
    assert cli.main(["purge", "--ids", ids]) == 0
    assert "waits: " in capsys.readouterr().out


def test_what_is_to_be_purged_has_to_be_said(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert cli.main(["purge", "--yes"]) == 2
    assert "--ids FILE, --events HOURS" in capsys.readouterr().err
    assert cli.main(["purge", "--events", "48", "--spool", str(tmp_path / "none")]) == 2
    assert "no such directory" in capsys.readouterr().err
