"""Tags that want to be markup, steer a terminal or end a line, from landing to table, terminal, JSON and CSV."""
from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from deploy import cli
from spark_apps.contract import HOUR_MS
from spark_apps.seal import Sealer
from tests.spark.landing import NOW, snowflake, tags, v2
from tests.spark.live import LiveStream

#: Tag as it is landed -> what a terminal may show of it, whatever the case.
HOSTILE = {
    "<script>alert(1)</script>": "<script>alert(1)</script>",
    "\x1b[2J\x1b]0;owned\x07": r"\x1b[2j\x1b]0;owned\x07",
    "a\r\nb,\"c\"": r'a\r\nb,"c"',
    "'; DROP TABLE counts; --": "'; drop table counts; --",
    "\u202egpj.exe": r"\u202egpj.exe",
    "a\u2028b\x85c\x9b1m": r"a\u2028b\x85c\x9b1m",
    "../../etc/passwd": "../../etc/passwd",
    "$(reboot)`id`%00\\": "$(reboot)`id`%00\\",
}
#: As many as a trend needs.
TWEETS = 5


@pytest.fixture(scope="module", params=["counts_live", "counts"])
def stream(request: pytest.FixtureRequest, spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> LiveStream:
    """With all of it counted by the stream; sealed as well, or not."""
    made = LiveStream(tmp_path_factory.mktemp("hostile") / "hashtide", spark, max_files=10)
    lines = [v2(id=snowflake(NOW + n, n), entities=tags(tag), author_id=str(n))
             for n, tag in enumerate(list(HOSTILE) * TWEETS)]
    made.land(lines, NOW, NOW + 1, "a")
    with made.running():
        pass
    if request.param == "counts":
        Sealer(spark, made.files, made.paths).seal({NOW: NOW + HOUR_MS}, lambda sealed: None)
    return made


@pytest.fixture
def typed(stream: LiveStream, monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
          capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """A command and what it prints, over the stream's directory."""
    root = Path(stream.root).parent
    ini = tmp_path / "here.ini"
    ini.write_text(f"[hdfs]\ndefault_fs = file://{root}\nwebhdfs = http://127.0.0.1:9\n"
                   "[yarn]\nresourcemanagers = http://127.0.0.1:9\n")
    monkeypatch.setattr("deploy.hdfs.Client.read_json", lambda self, path: None)
    monkeypatch.setattr("deploy.hdfs.Client.list", lambda self, path: [])

    def run(verb: str, *words: str) -> str:
        assert cli.main([verb, "--cluster", str(ini), *words]) == 0, capsys.readouterr().err
        return capsys.readouterr().out
    return run


def test_they_are_whole_in_the_table(stream: LiveStream) -> None:
    table = "counts" if Path(stream.paths.table("counts")).exists() else "counts_live"
    rows = stream.spark.read.format("delta").load(stream.paths.table(table)).where("tag != ''").collect()
    assert {row["form"]: row["tweets"] for row in rows} == dict.fromkeys(HOSTILE, TWEETS)


@pytest.mark.parametrize("by", ["count", "trend"])
def test_top_shows_each_on_one_line_that_steers_nothing(by: str, typed: Callable[..., str]) -> None:
    out = typed("top", "-k", "20", "--by", by)
    assert all(c == "\n" or c.isprintable() for c in out)
    assert len(out.rstrip("\n").split("\n")) == 2 + len(HOSTILE)
    assert [shown for shown in HOSTILE.values() if f"#{shown}".lower() not in out.lower()] == []


def test_top_as_json_has_them_whole(typed: Callable[..., str]) -> None:
    assert {tag["display"] for tag in json.loads(typed("top", "-k", "20", "--json"))["tags"]} == set(HOSTILE)


@pytest.mark.parametrize("kind", ["json", "csv"])
def test_sql_has_them_whole(kind: str, typed: Callable[..., str]) -> None:
    out = typed("sql", "SELECT form FROM current_counts WHERE tag <> ''", "--format", kind)
    rows = json.loads(out) if kind == "json" else list(csv.DictReader(io.StringIO(out, newline="")))
    assert {row["form"] for row in rows} == set(HOSTILE)


def test_sql_on_a_terminal_steers_nothing(typed: Callable[..., str]) -> None:
    out = typed("sql", "SELECT form FROM current_counts WHERE tag <> ''")
    assert all(c == "\n" or c.isprintable() for c in out)
    assert len(out.rstrip("\n").split("\n")) == 1 + len(HOSTILE)
