"""The gaps of one writer, in the order of what it saw."""
from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from spark_apps.gap import Gap
from spark_apps.ingest.gaps import Book, waiting
from spark_apps.ingest.marks import Alive, Down, Up
from spark_apps.ingest.policy import Policy

T = 1_764_070_200_000
_EPOCH_MS = 1_288_834_974_657


def opened(spool: Path, at_ms: int = T) -> Book:
    book = Book(spool, "x", replace(Policy(), settled_s=1.0))
    book.open(at_ms)
    return book


def said(spool: Path) -> list[Gap]:
    """The newest word on each gap, as it goes to HDFS."""
    return [Gap.of(json.loads(paths[-1].read_text())) for paths in waiting(spool).values()]


def post(ms: int, low: int = 0) -> bytes:
    return b'{"includes":{"tweets":[{"id":"7"}]},"data":{"id":"%d"}}' % ((ms - _EPOCH_MS) << 22 | low)


def test_what_was_never_connected_has_no_gap(tmp_path: Path) -> None:
    book = opened(tmp_path)
    book.note(T + 5, Up())
    book.tick(T + 10)
    assert said(tmp_path) == []


def test_a_gap_lasts_from_the_last_sign_of_life_to_the_next_connection(tmp_path: Path) -> None:
    book = opened(tmp_path)
    book.note(T, Up())
    book.record(T + 100, b"{}")
    book.note(T + 20_100, Alive())
    book.note(T + 41_200, Down("silence", "was silent"))
    assert said(tmp_path) == [Gap(T + 20_100, "x", "silence", "was silent")]
    assert book.since_ms == T + 20_100
    book.note(T + 42_200, Up())
    assert said(tmp_path) == [Gap(T + 20_100, "x", "silence", "was silent", end_ms=T + 42_200)]
    assert book.since_ms is None


def test_a_file_in_the_spool_has_the_name_that_it_gets_in_hdfs_and_its_newest_version_counts(tmp_path: Path) -> None:
    book = opened(tmp_path)
    book.note(T, Up())
    book.note(T + 1, Down("closed"))
    book.note(T + 1, Up())   # versions of one instant stay apart
    assert {name: len(paths) for name, paths in waiting(tmp_path).items()} == {f"{T}-x.json": 2}
    assert [gap.end_ms for gap in said(tmp_path)] == [T + 1]


def test_what_is_read_late_was_sent_before_the_connection_broke_and_the_gap_begins_then(tmp_path: Path) -> None:
    book = opened(tmp_path)
    book.note(T, Up())
    for n in range(40):   # each two minutes old when it is read, but for some that are older
        book.record(T + 300_000 + n, post(T + 180_000 + n - 7_000_000 * (n % 3 == 0)))
    book.record(T + 300_040, b"not json")
    book.note(T + 300_050, Down("closed"))
    assert [gap.start_ms for gap in said(tmp_path)] == [T + 300_040 - (300_040 - 180_038)]


def test_a_gap_does_not_begin_before_the_connection_that_it_ends(tmp_path: Path) -> None:
    book = opened(tmp_path)
    book.note(T, Up())
    book.record(T + 100_000, post(T + 10_000))
    for ms in (110_000, 120_000, 120_000):
        book.note(T + ms, Down("closed"))
        book.note(T + ms + 5_000, Up())
    starts = [gap.start_ms for gap in said(tmp_path)]
    assert starts == [T + 10_000, T + 115_000, T + 125_000]


def test_the_clock_of_a_platform_that_is_ahead_makes_no_gap_later(tmp_path: Path) -> None:
    book = opened(tmp_path)
    book.note(T, Up())
    book.record(T + 100, post(T + 9_000))
    book.note(T + 200, Down("closed"))
    assert [gap.start_ms for gap in said(tmp_path)] == [T + 100]


def backfilled(book: Book, minutes: int) -> None:
    book.note(T, Up())
    book.note(T + 10, Down("lost"))
    book.note(T + 120_000, Up(minutes))
    for ms, low in ((T - 5_000, 0), (T + 1_000, 0), (T + 1_000, 0), (T + 1_000, 1), (T + 119_000, 0), (T + 121_000, 0)):
        book.record(T + 120_100, post(ms, low))


def test_a_backfill_that_reaches_back_closes_its_gap_and_tells_how_many_posts_of_it_came(tmp_path: Path) -> None:
    book = opened(tmp_path)
    backfilled(book, 3)
    book.tick(T + 121_000)
    [gap] = said(tmp_path)
    assert (gap.state, gap.recovery, book.since_ms) == ("open", "none", T)   # more may come
    book.tick(T + 121_100)
    [gap] = said(tmp_path)
    assert (gap.state, gap.recovery, gap.recovered, gap.backfill_minutes) == ("closed", "backfill", 3, 3)
    assert gap.missing(T + 999_999) is None
    assert book.since_ms is None


def test_a_backfill_that_does_not_reach_back_leaves_what_is_before_it_open(tmp_path: Path) -> None:
    book = opened(tmp_path)
    backfilled(book, 1)
    book.tick(T + 121_100)
    [gap] = said(tmp_path)
    assert (gap.state, gap.recovery, gap.recovered) == ("open", "backfill", 3)
    assert gap.missing(T + 999_999) == (T, T + 65_000)


def test_a_connection_that_is_lost_in_its_backfill_leaves_the_whole_gap_open(tmp_path: Path) -> None:
    book = opened(tmp_path)
    backfilled(book, 3)
    book.note(T + 120_200, Down("lost"))
    [gap] = said(tmp_path)
    assert (gap.start_ms, gap.end_ms, gap.backfill_minutes, gap.state) == (T, None, 0, "open")
    book.note(T + 125_000, Up(3))
    book.tick(T + 127_000)
    assert [(gap.end_ms, gap.state) for gap in said(tmp_path)] == [(T + 125_000, "closed")]


@pytest.mark.parametrize("minutes", [0, 3])
def test_a_process_that_was_killed_has_left_a_gap(tmp_path: Path, minutes: int) -> None:
    first = opened(tmp_path)
    first.note(T, Up(minutes))
    first.record(T + 500, b"{}")
    first.tick(T + 600)
    first.record(T + 700, b"{}")   # not yet known to be on the disk
    second = opened(tmp_path, T + 60_000)
    assert said(tmp_path) == [Gap(T + 500, "x", "killed")]
    second.note(T + 61_000, Up())
    assert said(tmp_path) == [Gap(T + 500, "x", "killed", end_ms=T + 61_000)]


def test_one_that_was_stopped_says_so_and_the_gap_goes_on_over_starts_that_do_not_connect(tmp_path: Path) -> None:
    first = opened(tmp_path)
    first.note(T, Up())
    first.note(T + 50, Down("stopped"))
    opened(tmp_path, T + 1_000)
    third = opened(tmp_path, T + 2_000)
    third.note(T + 3_000, Up())
    assert said(tmp_path) == [Gap(T, "x", "stopped", end_ms=T + 3_000)]


def test_one_that_was_killed_in_a_backfill_begins_its_gap_again(tmp_path: Path) -> None:
    backfilled(opened(tmp_path), 3)
    opened(tmp_path, T + 200_000)
    assert [(gap.start_ms, gap.end_ms, gap.state) for gap in said(tmp_path)] == [(T, None, "open")]


def test_what_a_full_disk_did_not_take_is_noted_once_there_is_room(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    book, real, failing = opened(tmp_path), Path.rename, [True]

    def rename(path: Path, to: Path) -> Path:
        if failing:
            raise OSError(28, "No space left on device")
        return real(path, to)

    book.note(T, Up())
    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(OSError, match="No space"):
        book.note(T + 50, Down("lost"))
    failing.clear()
    book.note(T + 50, Down("lost"))
    assert [gap.start_ms for gap in said(tmp_path)] == [T]


def test_a_session_that_cannot_be_read_is_begun_anew(tmp_path: Path) -> None:
    for text in ("", "[]", '{"alive_ms":', "\x00\x00"):
        (tmp_path / "session.json").write_text(text)
        assert opened(tmp_path).since_ms is None


@pytest.mark.parametrize(("gap", "missing"), [
    (Gap(T, "x", "lost"), (T, T + 90_000)),
    (Gap(T, "x", "lost", end_ms=T + 5), (T, T + 5)),
    (Gap(T, "x", "lost", end_ms=T + 5, backfill_minutes=1), (T, T + 5)),
    (Gap(T, "x", "lost", end_ms=T + 5, backfill_minutes=1, recovery="backfill", state="closed"), None),
    (Gap(T + 99_000, "x", "lost"), (T + 99_000, T + 99_000)),
])
def test_what_is_missing_of_a_gap(gap: Gap, missing: tuple[int, int] | None) -> None:
    assert gap.missing(T + 90_000) == missing
