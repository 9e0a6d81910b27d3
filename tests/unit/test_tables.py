"""Reading results: real Delta tables in a directory, written by the same library that reads them."""
from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from deploy.config import Airflow, Cluster, Hdfs, Spark, Yarn
from deploy.rollup import Tally
from deploy.tables import Tables
from deploy.top import Asked, TopTag
from deploy.trending import Trending
from spark_apps.contract import HOUR_MS, MEASURES, MINUTE_MS, StreamPaths
from spark_apps.windows import Trend, Windows
from tests.fakes.sketches import sketch

TEN = 1_772_359_200_000   # 2026-03-01T10:00Z
STAMP = pa.timestamp("us", tz="UTC")


class Directory:
    """The files of control/, in a plain directory."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def read_json(self, path: str) -> dict[str, Any] | None:
        file = self.root / path.lstrip("/")
        return json.loads(file.read_text()) if file.is_file() else None

    def list(self, path: str) -> list[str]:
        folder = self.root / path.lstrip("/")
        return sorted(p.name for p in folder.iterdir()) if folder.is_dir() else []


class Stream:
    """A stream's tables, filled row by row."""

    def __init__(self, root: Path) -> None:
        cluster = Cluster("test", Hdfs(f"file://{root}", ("http://nowhere:1",)), Yarn(("http://nowhere:1",)),
                          Spark(), Airflow())
        self.root, self.paths = root, StreamPaths("hashtags")
        self.tables = Tables(cluster, "hashtags", Directory(root))

    def live(self, minute: int, tag: str, form: str, tweets: int, generation: int = 1, batch: int = 0,
             authors: range = range(0)) -> None:
        self._append("counts_live", minute, tag, form, tweets, {
            "authors": pa.array([sketch(authors)], pa.binary()),
            "generation": pa.array([generation], pa.int32()), "batch_id": pa.array([batch], pa.int64())})

    def final(self, minute: int, tag: str, form: str, tweets: int, authors: range = range(0)) -> None:
        self._append("counts", minute, tag, form, tweets, {
            "authors": pa.array([sketch(authors)], pa.binary()), "revision": pa.array([1], pa.int32())})

    def landed(self, minute: int) -> None:
        file = self.root / self.paths.through("x").lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({"through_ms": TEN + minute * MINUTE_MS}))

    def seal(self, hour_ms: int, revision: int = 1) -> None:
        self._write("ledger", {"hour": stamps(hour_ms), "revision": pa.array([revision], pa.int32()),
                               "through_ms": pa.array([hour_ms + HOUR_MS]), "counts_version": pa.array([0]),
                               "complete": pa.array([True])}, [])

    def open_generation(self, number: int, parent: int | None, through_batch: int | None = None) -> None:
        file = self.root / self.paths.generation(number).lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        named = None if parent is None else f"g{parent:04d}"
        file.write_text(json.dumps({"parent": named, "through_batch": through_batch}))

    def _append(self, table: str, minute: int, tag: str, form: str, tweets: int, more: dict[str, pa.Array]) -> None:
        at = TEN + minute * MINUTE_MS
        measures = {name: pa.array([tweets if name in ("tweets", "originals") else 0]) for name in MEASURES}
        self._write(table, {"window_start": stamps(at), "tag": pa.array([tag]), "form": pa.array([form]), **measures,
                            "hour": stamps(at - at % HOUR_MS), **more}, ["hour"])

    def _write(self, table: str, columns: dict[str, pa.Array], by: list[str]) -> None:
        write_deltalake(f"file://{self.root}{self.paths.table(table)}", pa.table(columns), mode="append",
                        partition_by=by or None)


def stamps(ms: int) -> pa.Array:
    return pa.array([datetime.fromtimestamp(ms / 1000, timezone.utc)], STAMP)


@pytest.fixture
def stream(tmp_path: Path) -> Stream:
    return Stream(tmp_path)


def tweets(stream: Stream, from_minute: int = 0, to_minute: int = 120) -> dict[tuple[int, str], int]:
    found = stream.tables.counts(TEN + from_minute * MINUTE_MS, TEN + to_minute * MINUTE_MS)
    out: dict[tuple[int, str], int] = {}
    for (ms, tag, _), measures in found.items():
        at = ((ms - TEN) // MINUTE_MS, tag)
        out[at] = out.get(at, 0) + measures[0]
    return out


def test_a_stream_without_tables_has_no_counts(stream: Stream) -> None:
    assert tweets(stream) == {}
    assert stream.tables.top(TEN) is None


def test_increments_of_several_batches_add_up(stream: Stream) -> None:
    stream.live(3, "spark", "Spark", 2, batch=0)
    stream.live(3, "spark", "Spark", 5, batch=1)
    assert tweets(stream) == {(3, "spark"): 7}


def test_a_sealed_hour_comes_from_counts_and_every_other_from_counts_live(stream: Stream) -> None:
    stream.live(3, "spark", "spark", 2)
    stream.live(63, "spark", "spark", 4)
    stream.final(3, "spark", "spark", 3)
    stream.final(63, "spark", "spark", 9)
    stream.seal(TEN)
    assert tweets(stream) == {(3, "spark"): 3, (63, "spark"): 4}


def test_an_hour_whose_ledger_row_is_not_yet_written_is_not_sealed(stream: Stream) -> None:
    stream.live(3, "spark", "spark", 2)
    stream.final(3, "spark", "spark", 3)
    assert tweets(stream) == {(3, "spark"): 2}


def test_what_a_parent_counted_after_the_batch_its_child_came_from_is_retracted(stream: Stream) -> None:
    stream.open_generation(1, None)
    stream.open_generation(2, 1, through_batch=4)
    stream.live(1, "a", "a", 10, generation=1, batch=4)
    stream.live(2, "a", "a", 100, generation=1, batch=5)
    stream.live(2, "a", "a", 1, generation=2, batch=5)
    assert tweets(stream) == {(1, "a"): 10, (2, "a"): 1}


def test_a_minute_that_was_retracted_is_not_the_newest(stream: Stream) -> None:
    stream.open_generation(1, None)
    stream.live(1, "a", "a", 10, generation=1, batch=4)
    stream.live(9, "a", "a", 10, generation=1, batch=5)
    assert stream.tables.newest_minute(TEN + HOUR_MS) == TEN + 9 * MINUTE_MS
    stream.open_generation(2, 1, through_batch=4)
    assert stream.tables.newest_minute(TEN + HOUR_MS) == TEN + MINUTE_MS
    found = stream.tables.top(TEN + HOUR_MS)
    assert found and found.to_ms == TEN + 2 * MINUTE_MS


def test_only_minutes_of_the_window_count(stream: Stream) -> None:
    for minute in (4, 5, 6):
        stream.live(minute, "a", "a", 1)
    assert tweets(stream, 5, 6) == {(5, "a"): 1}


def test_top_ends_with_the_newest_minute_and_leaves_the_row_of_all_tweets_aside(stream: Stream) -> None:
    stream.live(0, "old", "old", 50)
    for tag, n in (("", 9), ("b", 4), ("a", 4), ("c", 5)):
        stream.live(20, tag, tag, n)
    top = stream.tables.top(TEN + HOUR_MS, Asked(Windows.of("5m"), k=2))
    assert top is not None
    assert (top.from_ms, top.to_ms, top.all_tweets) == (TEN + 16 * MINUTE_MS, TEN + 21 * MINUTE_MS, 9)
    assert [(t.rank, t.tag, t.tweets) for t in top.tags] == [(1, "c", 5), (2, "a", 4)]


def test_a_tag_is_shown_in_its_most_frequent_form(stream: Stream) -> None:
    stream.live(1, "kpop", "KPOP", 3)
    stream.live(2, "kpop", "Kpop", 2)
    stream.live(3, "kpop", "Kpop", 2)
    top = stream.tables.top(TEN + HOUR_MS)
    assert top is not None
    assert top.tags[0].display == "Kpop"


def test_of_two_forms_as_frequent_the_lower_code_points_win() -> None:
    assert Tally(forms={"b": 1, "B": 1, "a": 0}).display == "B"


def test_an_author_counts_once_in_a_window_whatever_minute_form_or_table_has_him(stream: Stream) -> None:
    stream.final(59, "kpop", "kpop", 4, authors=range(0, 4))
    stream.seal(TEN)
    stream.live(60, "kpop", "KPOP", 5, authors=range(2, 7))
    stream.live(60, "kpop", "kpop", 1, authors=range(3, 4), batch=1)
    top = stream.tables.top(TEN + 2 * HOUR_MS)
    assert top is not None and isinstance(top.tags[0], TopTag)
    assert (top.tags[0].tweets, top.tags[0].authors) == (10, 7)


def test_a_window_ends_at_whole_slides(stream: Stream) -> None:
    stream.live(16, "a", "a", 1)
    for slide, end in (("1m", 17), ("5m", 20), ("15m", 30)):
        top = stream.tables.top(TEN + HOUR_MS, Asked(Windows.of("15m", slide)))
        assert top is not None and (top.from_ms, top.to_ms) == (TEN + (end - 15) * MINUTE_MS, TEN + end * MINUTE_MS)


def test_of_a_past_window_the_last_that_ended_by_then_is_shown(stream: Stream) -> None:
    for minute in (3, 9, 30):
        stream.live(minute, f"at{minute}", f"at{minute}", 1)
    top = stream.tables.top(TEN + HOUR_MS, Asked(Windows.of("5m", "5m"), at_ms=TEN + 14 * MINUTE_MS))
    assert top is not None and [tag.tag for tag in top.tags] == ["at9"]


@pytest.mark.parametrize("landed,sealed,said", [
    (0, [], "open"), (69, [], "open"), (70, [], "closed"), (70, [(0, 1)], "closed"),
    (70, [(0, 2), (1, 2)], "sealed, revision 2"), (70, [(0, 1), (1, 3)], "sealed, revisions 1, 3")])
def test_a_window_is_open_closed_or_sealed(
        landed: int, sealed: list[tuple[int, int]], said: str, stream: Stream) -> None:
    stream.live(69, "a", "a", 1)
    if landed:
        stream.landed(landed)
    for hour, revision in sealed:
        stream.seal(TEN + hour * HOUR_MS, revision)
    top = stream.tables.top(TEN + 2 * HOUR_MS, Asked(Windows.of("20m")))
    assert top is not None and top.said == said


@pytest.mark.parametrize("trend", [Trend(Windows.of("10m"), before=3), Trend.daily(Windows.of("10m"), before=3)])
def test_a_trend_is_read_from_the_windows_before_and_from_no_other_minute(trend: Trend, stream: Stream) -> None:
    step = trend.step_ms // MINUTE_MS
    for n in range(6):
        # The fourth and fifth window before are not asked for; nor is, by days, the minute after the window.
        for minute in (-n * step, -n * step + 1):
            factor = 1_000 if n > 3 or (minute % 10 and step > 10) else 1
            stream.live(minute, "", "", 100 * factor, authors=range(9))
            stream.live(minute, "a", "A", 9 * factor if n else 40, authors=range(n, n + 4))
    end = TEN + (1 if step > 10 else 2) * MINUTE_MS
    top = stream.tables.top(TEN + HOUR_MS, Asked(trend.windows, trend=trend, at_ms=end))
    assert top is not None and isinstance(top.tags[0], Trending)
    (tag,), minutes = top.tags, 1 if step > 10 else 2
    assert (tag.tweets, tag.all_tweets, tag.tweets_before, tag.all_before) == (
        40 * minutes, 100 * minutes, 27 * minutes, 300 * minutes)
    assert (tag.delta, tag.display, tag.authors, tag.rank_change) == (31 * minutes, "A", 4, 0)


def test_a_command_that_has_read_a_table_ends_as_it_said(stream: Stream) -> None:
    """Threads of Arrow that wake during the interpreter's own end abort it: without care 90 of 150 runs did."""
    for minute in range(12):
        stream.live(minute, "a", "a", 1)
    table = f"file://{stream.root}{stream.paths.table('counts_live')}"
    read = ("from deltalake import DeltaTable; from deploy import cli; "
            f"cli.main = lambda: DeltaTable('{table}').to_pyarrow_table().num_rows; cli.run_and_leave()")
    ended = [subprocess.run([sys.executable, "-P", "-c", read], capture_output=True, text=True, check=False,
                            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}) for _ in range(8)]
    assert [(done.returncode, done.stderr) for done in ended] == [(12, "")] * 8


def test_the_previous_window_is_ranked_against_windows_of_its_own(stream: Stream) -> None:
    # Now as in the previous window, where a was new: only the window before that one tells.
    for minute, a in ((0, 10), (-1, 10), (-2, 1)):
        for tag, tweets_of in (("", 100), ("a", a), ("b", 20)):
            stream.live(minute, tag, tag, tweets_of, authors=range(5))
    trend = Trend(Windows.of("1m"), before=1)
    top = stream.tables.top(TEN + HOUR_MS, Asked(trend.windows, trend=trend))
    assert top is not None
    assert [(tag.tag, tag.rank_change) for tag in top.tags if isinstance(tag, Trending)] == [("b", 1), ("a", -1)]
