"""SQL over real Delta tables in a directory: current counts whatever is sealed, read-only, and shut in."""
from __future__ import annotations

import csv
import io
import json
import os
import random
import shutil
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from datasketches import update_theta_sketch
from deltalake import write_deltalake

from deploy import cli, sql
from deploy.config import Airflow, Cluster, Hdfs, Spark, Yarn
from deploy.errors import Unreachable
from deploy.tables import Tables
from spark_apps.contract import HOUR_MS, MEASURES, MINUTE_MS, StreamPaths
from tests.fakes.files import Files

TEN = 1_772_359_200_000   # 2026-03-01T10:00Z
STAMP = pa.timestamp("us", tz="UTC")
SEED = int(os.environ.get("HASHTIDE_SEED") or random.randrange(1 << 30))
HOSTILE = "\x1b[31mred\r\n<script>\"',"


class Stream:
    def __init__(self, root: Path) -> None:
        self.root, self.paths, self.files = root, StreamPaths("hashtags"), Files()
        self.cluster = Cluster("test", Hdfs(f"file://{root}", ("http://nowhere:1",)), Yarn(("http://nowhere:1",)),
                               Spark(), Airflow())
        self.tables = Tables(self.cluster, "hashtags", self.files)

    def live(self, *rows: dict[str, Any], generation: int = 1, batch: int = 0) -> None:
        self._write("counts_live", rows, {"generation": pa.array([generation] * len(rows), pa.int32()),
                                          "batch_id": pa.array([batch] * len(rows), pa.int64())})

    def seal(self, hour: int, *rows: dict[str, Any], revision: int = 1) -> None:
        if rows:
            self._write("counts", rows, {"revision": pa.array([revision] * len(rows), pa.int32())})
        self.write("ledger", pa.table({
            "hour": stamps(hour), "revision": pa.array([revision], pa.int32()), "through_ms": [hour + HOUR_MS],
            "counts_version": [0], "complete": [True], "gap": [""], "lines": [len(rows)],
            "quarantined": pa.array([[("not_json", 2)]], pa.map_(pa.string(), pa.int64()))}))

    def restore(self, number: int, parent: int, through_batch: int) -> None:
        """Opens a generation that comes from the parent's batch."""
        came_from = {"parent": f"g{parent:04d}", "through_batch": through_batch}
        self.files.write_json(self.paths.generation(number), came_from)

    def ask(self, statement: str) -> list[tuple[Any, ...]]:
        return list(sql.open_database(self.tables).ask(statement).rows())

    def _write(self, table: str, rows: tuple[dict[str, Any], ...], more: dict[str, pa.Array]) -> None:
        plain = {name: [row[name] for row in rows] for name in ("tag", "form", *MEASURES)}
        self.write(table, pa.table({
            "window_start": stamps(*(row["at"] for row in rows)), **plain,
            "authors": pa.array([sketch(row["authors"]) for row in rows], pa.binary()),
            "hour": stamps(*(row["at"] - row["at"] % HOUR_MS for row in rows)), **more}), ["hour"])

    def write(self, table: str, frame: pa.Table, by: list[str] | None = None) -> None:
        write_deltalake(f"file://{self.root}{self.paths.table(table)}", frame, mode="append", partition_by=by)


def row(minute: int, tag: str, tweets: int, form: str = "", authors: tuple[str, ...] = ("one",)) -> dict[str, Any]:
    measures = dict(zip(MEASURES, (tweets, tweets, 0, 0, 0), strict=True))
    return {"at": TEN + minute * MINUTE_MS, "tag": tag, "form": form or tag, **measures, "authors": authors}


def sketch(authors: tuple[str, ...]) -> bytes:
    made = update_theta_sketch()
    for author in authors:
        made.update(author)
    return bytes(made.compact().serialize())


def stamps(*ms: int) -> pa.Array:
    return pa.array([instant(one) for one in ms], STAMP)


def instant(ms: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(milliseconds=ms)


@pytest.fixture
def stream(tmp_path: Path) -> Stream:
    return Stream(tmp_path)


@pytest.fixture
def typed(stream: Stream, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """`deploy/hashtide sql WORDS` against this stream; its exit code."""
    monkeypatch.setattr("deploy.verbs.sql.open_cluster", lambda args: (stream.cluster, stream.files))
    return lambda *words: cli.main(["sql", *words])


# current counts

def test_the_view_has_the_very_rows_of_tables_counts(stream: Stream) -> None:
    print(f"HASHTIDE_SEED={SEED}")
    chance = random.Random(SEED)
    expected: dict[tuple[int, str, str], list[int]] = defaultdict(lambda: [0] * len(MEASURES))
    sealed, kept = {0, 2}, {1: 3, 2: 5, 3: 99}    # generation 3 came from batch 5 of 2, which came from batch 3 of 1
    stream.restore(2, 1, 3)
    stream.restore(3, 2, 5)
    for generation, batch in ((1, 2), (1, 3), (1, 4), (2, 4), (2, 5), (2, 6), (3, 6), (3, 7)):
        rows = [any_row(chance) for _ in range(60)]
        stream.live(*rows, generation=generation, batch=batch)
        add(expected, [one for one in rows if batch <= kept[generation] and (one["at"] - TEN) // HOUR_MS not in sealed])
    for number in range(4):     # hour 3 has final counts whose ledger row is still to be written
        rows = [any_row(chance, number) for _ in range(30)]
        if number in sealed:
            stream.seal(TEN + number * HOUR_MS, *rows)
            add(expected, rows)
        elif number == 3:
            stream._write("counts", tuple(rows), {"revision": pa.array([1] * len(rows), pa.int32())})
    measures = ", ".join(MEASURES)
    found = {(round(at.timestamp() * 1000), tag, form): tuple(values) for at, tag, form, *values in stream.ask(
        f"SELECT window_start, tag, form, {measures} FROM current_counts")}  # noqa: S608
    assert len(found) > 50
    assert found == {key: tuple(values) for key, values in expected.items()}
    assert found == stream.tables.counts(TEN, TEN + 4 * HOUR_MS)
    assert stream.ask("SELECT DISTINCT generation, batch_id FROM counts_live ORDER BY ALL") == [
        (1, 2), (1, 3), (2, 4), (2, 5), (3, 6), (3, 7)]


def any_row(chance: random.Random, hour: int | None = None) -> dict[str, Any]:
    minute = chance.randrange(3) + 60 * (chance.randrange(4) if hour is None else hour)
    made = row(minute, chance.choice(["", "a", "ü", HOSTILE]), 0, chance.choice(["A", "a"]))
    return {**made, **{name: chance.randrange(1000) for name in MEASURES}}


def add(sums: dict[tuple[int, str, str], list[int]], rows: list[dict[str, Any]]) -> None:
    for one in rows:
        cell = sums[one["at"], one["tag"], one["form"]]
        for i, name in enumerate(MEASURES):
            cell[i] += one[name]


def test_a_row_carries_the_revision_of_its_sealed_hour_and_none_while_it_is_live(stream: Stream) -> None:
    stream.live(row(3, "a", 1), row(63, "a", 2))
    stream.seal(TEN, row(3, "a", 5), revision=4)
    assert stream.ask("SELECT tweets, revision FROM current_counts ORDER BY hour") == [(5, 4), (2, None)]


def test_authors_are_told_apart_over_batches_and_over_a_window(stream: Stream) -> None:
    stream.live(row(1, "a", 2, authors=("x", "y")), batch=0)
    stream.live(row(1, "a", 2, authors=("y", "z")), row(2, "a", 1, authors=("x",)), batch=1)
    assert stream.ask("SELECT authors FROM current_counts ORDER BY window_start") == [(3,), (1,)]
    assert stream.ask("SELECT tag, distinct_authors(authors) FROM current_rows GROUP BY tag") == [("a", 3)]


def test_many_authors_are_an_estimate_within_a_few_per_cent(stream: Stream) -> None:
    stream.live(row(1, "a", 1, authors=tuple(f"u{n}" for n in range(20_000))), batch=0)
    stream.live(row(1, "a", 1, authors=tuple(f"u{n}" for n in range(10_000, 30_000))), batch=1)
    [(found,)] = stream.ask("SELECT authors FROM current_counts")
    assert 28_000 < found < 32_000


@pytest.mark.parametrize("where", [
    "hour = '2026-03-01 10:00'", "hour < TIMESTAMPTZ '2026-03-01 11:00:00Z'", "window_start < '2026-03-01 11:00'"])
@pytest.mark.parametrize("sealed", [True, False])
def test_a_question_about_one_hour_reads_no_file_of_another(stream: Stream, where: str, sealed: bool) -> None:
    for hour in range(3):
        stream.live(row(60 * hour, "a", 1))
        if sealed:
            stream.seal(TEN + hour * HOUR_MS, row(60 * hour, "a", 1))
    gone = [path for hour in (11, 12) for path in stream.root.rglob(f"hour=2026-03-01*{hour}%3A00%3A00*")]
    assert len(gone) == (4 if sealed else 2)
    for path in gone:
        shutil.rmtree(path)
    assert stream.ask(f"SELECT tag, tweets FROM current_counts WHERE {where}") == [("a", 1)]  # noqa: S608
    with pytest.raises(Unreachable, match="could not be read"):
        stream.ask("SELECT tag, tweets FROM current_counts")


def test_a_time_in_a_statement_is_utc_wherever_the_machine_is(
        stream: Stream, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    stream.live(row(0, "a", 1))
    request.addfinalizer(time.tzset)
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        assert stream.ask("SELECT hour::VARCHAR FROM current_counts WHERE hour = '2026-03-01 10:00'") == [
            ("2026-03-01 10:00:00+00",)]


# tables

def test_all_tables_and_views_are_there_also_those_that_nothing_was_written_to(stream: Stream) -> None:
    stream.live(row(0, "a", 1))
    assert stream.ask("SHOW TABLES") == [(name,) for name in (
        "counts", "counts_live", "current_counts", "current_rows", "fates", "graph_links", "graph_tags", "ledger",
        "related")]
    for name in ("counts", "fates", "ledger", "related", "graph_tags", "graph_links"):
        assert stream.ask(f"SELECT * FROM {name}") == []  # noqa: S608
    assert stream.ask("SELECT tweets FROM current_counts") == [(1,)]


def test_a_stream_without_tables_is_told_so(typed: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    assert typed("SELECT 1") == 1
    assert "stream hashtags has no tables" in capsys.readouterr().err


# nothing but reading

@pytest.mark.parametrize("statement", [
    "SELECT * FROM read_csv('{secret}')", "SELECT * FROM read_text('{secret}')", "SELECT * FROM '{secret}'",
    "SELECT * FROM read_parquet('{secret}')", "SELECT * FROM glob('{folder}/*')", "FROM read_blob('{secret}')",
    "SELECT * FROM read_csv('https://127.0.0.1:9/x')", "SELECT * FROM parquet_scan('s3://bucket/x')",
    "SELECT * FROM query('COPY counts_live TO ''{out}''')", "COPY counts_live TO '{out}'",
    "COPY counts_live FROM '{secret}'",
    "EXPLAIN ANALYZE COPY counts_live TO '{out}'", "EXPORT DATABASE '{out}'", "ATTACH '{out}' AS other",
    "INSTALL httpfs", "LOAD httpfs", "LOAD '{secret}'", "PRAGMA database_list", "PRAGMA enable_external_access=true",
    "SET enable_external_access = true", "SET lock_configuration = false", "RESET enable_external_access",
    "CALL pragma_version()", "CREATE TABLE x AS SELECT 1", "DROP VIEW current_counts", "DELETE FROM ledger",
    "INSERT INTO counts_live SELECT * FROM counts_live", "CREATE SECRET (TYPE s3)",
    "SELECT 1; COPY counts_live TO '{out}'", "SELECT * FROM SECRET", "SELECT getenv('HOME')", "SELECT * FROM Path"])
def test_a_statement_reaches_nothing_but_the_tables(
        statement: str, stream: Stream, typed: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    stream.live(row(0, "a", 1))
    secret, out = stream.root / "secret", stream.root / "out"
    secret.write_text("a,b\nhidden,2\n")
    before = set(stream.root.rglob("*"))
    assert typed(statement.format(secret=secret, folder=stream.root, out=out)) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.startswith("hashtide: ") and said.err.count("\n") == 1
    assert "hidden" not in said.err
    assert set(stream.root.rglob("*")) == before


@pytest.mark.parametrize("statement,said", [
    ("SELECT twets FROM current_counts", 'Candidate bindings: "tweets"'),
    ("SELEC 1", 'syntax error at or near "SELEC"'),
    ("SELECT * FROM count_live", "Table with name count_live does not exist; there are current_counts, current_rows, "),
    ("SELECT 1; SELECT 2", "found 2 statements: expected one"), ("-- only this", "found 0 statements"),
    ("SELECT tag::int FROM current_counts", "Could not convert string"), ("  ", "no statement"),
    ("SELECT 1 AS a, 2 AS a", "two columns are called a"),
])
def test_a_wrong_statement_is_one_line_with_the_way_out(
        statement: str, said: str, stream: Stream, typed: Callable[..., int],
        capsys: pytest.CaptureFixture[str]) -> None:
    stream.live(row(0, HOSTILE, 1))
    assert typed(statement, "--json") == 2
    told = capsys.readouterr()
    assert told.out == "" and told.err.count("\n") == 1 and "\x1b" not in told.err and said in told.err


def test_what_takes_too_much_memory_says_so(
        stream: Stream, typed: Callable[..., int], monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sql, "MEMORY", "20MB")
    stream.live(row(0, "a", 1))
    assert typed("SELECT count(DISTINCT i::VARCHAR || tag) FROM range(3000000) t(i), counts_live") == 1
    assert "takes more than 20MB of memory" in capsys.readouterr().err


# what is printed

def test_a_table_is_aligned_and_cannot_steer_the_terminal(
        stream: Stream, typed: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    stream.live(row(0, HOSTILE, 12345), row(1, "日本", 7))
    assert typed("SELECT window_start, tag, tweets, authors FROM counts_live ORDER BY 1") == 0
    said = capsys.readouterr()
    assert said.err == "" and said.out.splitlines() == [
        "window_start          tag                         tweets  authors",
        "2026-03-01T10:00:00Z  \\x1b[31mred\\r\\n<script>\"',   12345  16 bytes",
        "2026-03-01T10:01:00Z  日本                             7  16 bytes"]


def test_json_has_the_tag_whole_and_values_of_its_own_kinds(
        stream: Stream, typed: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    stream.live(row(0, HOSTILE, 3))
    stream.seal(TEN + HOUR_MS)
    assert typed("SELECT window_start AS at, tag, sum(tweets) AS n, avg(tweets) AS mean, NULL AS nothing, quarantined "
                 "FROM counts_live, ledger GROUP BY ALL", "--json") == 0
    assert json.loads(capsys.readouterr().out) == [
        {"at": "2026-03-01T10:00:00Z", "tag": HOSTILE, "n": 3, "mean": 3.0, "nothing": None,
         "quarantined": {"not_json": 2}}]


def test_csv_has_the_tag_whole(stream: Stream, typed: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    stream.live(row(0, HOSTILE, 3))
    assert typed("SELECT tag, tweets, NULL AS nothing FROM current_counts", "--format", "csv") == 0
    assert list(csv.reader(io.StringIO(capsys.readouterr().out, newline=""))) == [
        ["tag", "tweets", "nothing"], [HOSTILE, "3", ""]]


def test_a_plan_is_printed_line_by_line(
        stream: Stream, typed: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    stream.live(row(0, "a", 3))
    assert typed("EXPLAIN SELECT count(*) FROM current_counts") == 0
    assert len(capsys.readouterr().out.splitlines()) > 5


def test_no_more_rows_than_the_limit_are_printed_and_the_rest_is_mentioned(
        stream: Stream, typed: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    stream.live(row(0, "a", 3))
    assert typed("SELECT i FROM range(5000000000) t(i)", "--json") == 0
    said = capsys.readouterr()
    assert len(json.loads(said.out)) == 1000 and said.err == "Only the first 1,000 rows; --limit N shows more.\n"
    assert typed("SELECT i FROM range(3) t(i)", "--limit", "3", "--json") == 0
    assert capsys.readouterr().err == ""


def test_a_statement_comes_from_standard_input(
        stream: Stream, typed: Callable[..., int], monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str]) -> None:
    stream.live(row(0, "a", 3))
    monkeypatch.setattr("sys.stdin", io.StringIO("SELECT tag FROM current_counts;\n"))
    assert typed("-", "--format", "json") == 0
    assert json.loads(capsys.readouterr().out) == [{"tag": "a"}]
    assert typed("SELECT 1", "--json", "--format", "csv") == 2
