"""`sql --engine spark` without Spark: what the other process is asked, what becomes of its rows and refusals."""
from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from deploy import cli, spark_sql
from deploy.errors import BadUse, HashtideError
from deploy.spark_sql import Session

ROWS = """
import sys, pyarrow as pa
out, limit = sys.argv[sys.argv.index("--out") + 1], int(sys.argv[sys.argv.index("--limit") + 1])
asked = sys.stdin.read()
found = pa.table({"tag": [asked] * 5, "fates": pa.array([[("a", 1)]] * 5, pa.map_(pa.string(), pa.int64()))})[:limit]
with pa.OSFile(out, "wb") as sink, pa.ipc.new_stream(sink, found.schema) as writer:
    writer.write_table(found)
"""
REFUSES = "import sys; print('WARN of Java', 'DropTable is not for reading', sep=chr(10), file=sys.stderr); sys.exit(2)"
FAILS = "import sys; print('x', 'Caused by: java.io.IOException: no block', file=sys.stderr, sep=chr(10)); sys.exit(1)"


def session(script: str) -> Session:
    return Session((sys.executable, "-c", script), dict(os.environ))


def test_the_statement_is_its_input_and_rows_come_as_python_has_them() -> None:
    assert spark_sql.ask(session(ROWS), "SELECT '\n'", 2) == (["tag", "fates"], [("SELECT '\n'", {"a": 1})] * 2)


def test_a_refusal_is_wrong_use_and_a_failure_names_its_cause() -> None:
    with pytest.raises(BadUse, match="^DropTable is not for reading$"):
        spark_sql.ask(session(REFUSES), "DROP TABLE counts", 1)
    with pytest.raises(HashtideError, match="Spark: Caused by: java.io.IOException: no block"):
        spark_sql.ask(session(FAILS), "SELECT 1", 1)


def test_the_verb_shows_no_more_than_asked_for_and_says_that_there_is_more(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    seen = []

    def of(cluster: object, stream: str, on_yarn: bool) -> Session:
        seen.append((stream, on_yarn))
        return session(ROWS)
    monkeypatch.setattr("deploy.verbs.shell.cluster_of", lambda args: object())
    monkeypatch.setattr("deploy.verbs.shell.session_of", of)
    assert cli.main(["sql", "--engine", "spark", "--stream", "music", "--limit", "1", "--format", "csv", "it"]) == 0
    said = capsys.readouterr()
    assert said.out.splitlines() == ["tag,fates", 'it,"{""a"": 1}"'] and "Only the first 1 rows" in said.err
    assert cli.main(["sql", "--engine", "spark", "--local", "it"]) == 0
    assert seen == [("music", True), ("hashtags", False)]


def test_local_is_for_spark_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["sql", "--local", "SELECT 1"]) == 2
    assert "--local goes with --engine spark" in capsys.readouterr().err
