"""README's snippets for other tools, run against a real Delta table. Spark's is in tests/spark/test_shell.py."""
from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from spark_apps.contract import HOUR_MS
from tests.fakes.readme import README, snippet
from tests.unit.test_sql import TEN, Stream, row


@pytest.fixture
def counts(tmp_path: Path) -> str:
    """Address of a table with rows of two hours; the tag '' is all tweets."""
    stream = Stream(tmp_path)
    stream.seal(TEN, row(0, "", 9), row(0, "spark", 2, "Spark"), row(1, "spark", 3), row(1, "ü", 4))
    stream.seal(TEN + HOUR_MS, row(60, "later", 50))
    return f"file://{tmp_path}{stream.paths.table('counts')}"


@pytest.mark.parametrize("tool,rows", [
    ("pandas", "[item for item in top.items()]"), ("duckdb", "[(tag, int(n)) for tag, n in top.fetchall()]")])
def test_a_snippet_finds_the_top_tags_of_its_hour(tool: str, rows: str, counts: str) -> None:
    # os._exit: Arrow's threads may wake during the interpreter's own end.
    done = subprocess.run([sys.executable, "-P", "-c", f"{snippet(tool, counts)}\nprint({rows}, flush=True)\n"
                           "import os; os._exit(0)"], capture_output=True, text=True, check=False)
    assert done.stderr == "" and done.stdout.splitlines()[-1] == "[('spark', 5), ('ü', 4)]"
    assert "spark" in "".join(done.stdout.splitlines()[:-1])   # and prints them


def test_every_snippet_of_readme_is_run_by_a_test() -> None:
    assert re.findall(r"<!-- snippet: (\w+) -->", README.read_text()) == ["pandas", "duckdb", "spark"]
