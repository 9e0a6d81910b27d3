from __future__ import annotations

import itertools
import os
from pathlib import Path

import pytest

from spark_apps.contract import HOUR_MS, LandingFile
from spark_apps.ingest.errors import WrongUse
from spark_apps.ingest.spool import Rotation, Spool, closed_files, lock, recover

T = 1_700_000_000_000 - 1_700_000_000_000 % HOUR_MS   # the beginning of an hour


def spool(path: Path, **options: int) -> Spool:
    numbers = itertools.count(1)
    return Spool(path, "x", unique=lambda: f"u{next(numbers)}", **options)


def rotated(rotation: Rotation | None) -> Path:
    assert rotation and rotation.path
    return rotation.path


def test_a_closed_file_has_its_lines_and_the_name_it_will_land_under(tmp_path: Path) -> None:
    to = spool(tmp_path)
    assert to.add(T + 1, b'{"a":1}') is None
    assert to.add(T + 7, b"a bare \r inside") is None
    assert to.tick(T + 100) is None
    done = rotated(to.tick(T + 5_001))
    assert done.name == f"{T + 1}-{T + 7}-x-u1.jsonl"
    assert done.read_bytes() == b'{"a":1}\na bare \r inside\n'


def test_lines_are_on_disk_after_a_tick_though_the_file_is_still_open(tmp_path: Path) -> None:
    to = spool(tmp_path)
    to.add(T, b"one")
    to.tick(T + 1)
    assert [p.read_bytes() for p in tmp_path.glob("*.open")] == [b"one\n"]


def test_a_file_spans_less_than_its_seconds_even_if_no_tick_came_between(tmp_path: Path) -> None:
    to = spool(tmp_path, max_ms=2_000)
    to.add(T, b"one")
    to.add(T + 1_999, b"two")
    rotation = to.add(T + 2_000, b"three")
    assert rotated(rotation).read_bytes() == b"one\ntwo\n"
    assert rotation and rotation.through_ms == T + 2_000


def test_a_file_never_spans_two_hours(tmp_path: Path) -> None:
    to = spool(tmp_path)
    to.add(T + HOUR_MS - 1, b"before")
    first = LandingFile.parse(rotated(to.add(T + HOUR_MS, b"after")).name)
    second = LandingFile.parse(rotated(to.close(T + HOUR_MS + 1)).name)
    assert (first.last_ms, second.first_ms) == (T + HOUR_MS - 1, T + HOUR_MS)


def test_a_file_never_spans_more_than_the_contract_allows_whatever_is_asked_for(tmp_path: Path) -> None:
    to = spool(tmp_path, max_ms=60_000)
    to.add(T, b"one")
    assert rotated(to.tick(T + 10_000))


def test_a_full_file_is_closed_before_the_line_that_would_not_fit(tmp_path: Path) -> None:
    to = spool(tmp_path, max_bytes=20)
    to.add(T, b"0123456789")
    assert rotated(to.add(T + 1, b"0123456789")).stat().st_size == 11


def test_while_nothing_arrives_the_mark_goes_on_and_no_file_is_made(tmp_path: Path) -> None:
    to = spool(tmp_path, max_ms=5_000)
    assert to.tick(T) == Rotation(None, T)
    assert to.tick(T + 4_999) is None
    assert to.tick(T + 5_000) == Rotation(None, T + 5_000)
    assert list(tmp_path.iterdir()) == []


def test_what_a_full_disk_did_not_take_is_written_once_there_is_room(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    to, real, room = spool(tmp_path), os.write, [3, 0]

    def full(fd: int, data: bytes) -> int:
        take = room.pop(0)
        if not take:
            raise OSError(28, "No space left on device")
        return real(fd, bytes(data)[:take])

    to.add(T, b"0123456789")
    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space"):
        to.tick(T + 1)
    monkeypatch.setattr(os, "write", real)
    assert rotated(to.close(T + 2)).read_bytes() == b"0123456789\n"


def test_a_file_closed_while_the_next_could_not_be_opened_is_handed_over_at_the_next_try(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    to, real = spool(tmp_path, max_ms=1_000), os.open
    to.add(T, b"one")

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "open", full)
    with pytest.raises(OSError, match="No space"):
        to.add(T + 1_000, b"two")
    monkeypatch.setattr(os, "open", real)
    assert rotated(to.add(T + 1_000, b"two")).read_bytes() == b"one\n"
    assert rotated(to.close(T + 1_001)).read_bytes() == b"two\n"


def test_a_file_that_could_not_be_renamed_is_renamed_at_the_next_try(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    to, real = spool(tmp_path), Path.rename
    to.add(T, b"one")

    def fails(*_: object) -> Path:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(Path, "rename", fails)
    with pytest.raises(OSError, match="Input/output"):
        to.close(T + 1)
    monkeypatch.setattr(Path, "rename", real)
    assert rotated(to.close(T + 2)).read_bytes() == b"one\n"


def test_what_a_crash_left_open_is_closed_with_an_arrival_that_no_line_came_after(tmp_path: Path) -> None:
    left = tmp_path / f"{T + 5}-x-abc.open"
    left.write_bytes(b"one\ntwo\nhal")
    os.utime(left, ns=(0, (T + 2_500) * 1_000_000))
    [found] = recover(tmp_path)
    assert found.name == f"{T + 5}-{T + 2_500}-x-abc.jsonl"
    assert found.read_bytes() == b"one\ntwo\nhal\n"


@pytest.mark.parametrize(("first_ms", "expected_last_ms"), [
    (T + 5, T + 5 + 10_000),                                 # touched a day later: its span
    (T + HOUR_MS - 3_000, T + HOUR_MS - 1),                  # nor beyond its hour
])
def test_a_crashed_file_that_was_touched_later_keeps_within_the_contract(
        tmp_path: Path, first_ms: int, expected_last_ms: int) -> None:
    left = tmp_path / f"{first_ms}-x-abc.open"
    left.write_bytes(b"one\n")
    os.utime(left, ns=(0, (T + 24 * HOUR_MS) * 1_000_000))
    assert LandingFile.parse(recover(tmp_path)[0].name).last_ms == expected_last_ms


def test_recovery_under_a_shifted_clock_shifts_the_time_of_the_last_change(tmp_path: Path) -> None:
    left = tmp_path / f"{T + HOUR_MS}-x-abc.open"
    left.write_bytes(b"one\n")
    os.utime(left, ns=(0, (T + 1_000) * 1_000_000))
    assert LandingFile.parse(recover(tmp_path, HOUR_MS)[0].name).last_ms == T + HOUR_MS + 1_000


def test_recovery_drops_empty_files_leaves_others_alone_and_gives_the_oldest_first(tmp_path: Path) -> None:
    (tmp_path / f"{T}-x-empty.open").touch()
    for name in (f"{T + 9}-{T + 9}-x-b.jsonl", f"{T + 1}-{T + 2}-x-a.jsonl", "notes.jsonl", "status.json"):
        (tmp_path / name).write_bytes(b"x\n")
    assert [p.name for p in recover(tmp_path)] == [f"{T + 1}-{T + 2}-x-a.jsonl", f"{T + 9}-{T + 9}-x-b.jsonl"]
    assert not list(tmp_path.glob("*.open"))
    assert (tmp_path / "notes.jsonl").exists()
    assert len(closed_files(tmp_path)) == 2


def test_a_spool_has_one_user_at_a_time(tmp_path: Path) -> None:
    with lock(tmp_path / "spool"), pytest.raises(WrongUse, match="in use by another ingest"):
        lock(tmp_path / "spool")
    lock(tmp_path / "spool").close()


def test_a_spool_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(WrongUse, match=r"--spool .*file/spool: Not a directory"):
        lock(tmp_path / "file" / "spool")
