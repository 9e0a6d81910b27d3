"""The local spool: lines go to an open file, which is closed under its landing name. Time comes in as an argument.

An open file is called `<first_ms>-<source>-<unique>.open`, a closed one has the name it will land under; so a file that
a crash left behind lands once, whoever uploads it and however often that is tried.
"""
from __future__ import annotations

import contextlib
import fcntl
import os
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from spark_apps.contract import HOUR_MS, MAX_FILE_SPAN_MS, LandingFile
from spark_apps.ingest.errors import WrongUse

_OPEN = re.compile(r"(\d{13})-([a-z][a-z0-9_]{0,39})-([0-9a-z]{1,40})\.open")


@dataclass(frozen=True)
class Rotation:
    """A closed file of `size` bytes, if there is one, and the instant before which every arrival is in closed files."""

    path: Path | None
    through_ms: int
    size: int = 0


class Spool:
    """One writer's files. `add` and `tick` say when something was closed; an OSError leaves what is pending pending."""

    def __init__(self, directory: Path, source: str, max_ms: int = 5_000, max_bytes: int = 32 << 20,
                 unique: Callable[[], str] = lambda: uuid.uuid4().hex[:16]) -> None:
        self.directory, self.source = directory, source
        self._max_ms, self._max_bytes, self._unique = min(max_ms, MAX_FILE_SPAN_MS), max_bytes, unique
        self._file: int | None = None
        self._name = ""
        self._first_ms = self._last_ms = self._through_ms = self._size = 0
        self._pending = bytearray()
        self._unsynced = False
        self._closed: Rotation | None = None

    def add(self, arrival_ms: int, record: bytes) -> Rotation | None:
        """Puts one record into the file that is open at its arrival."""
        if self._file is not None and (self._size + len(record) >= self._max_bytes or self._due(arrival_ms)):
            # Kept until it is handed over: what comes next may fail, and be tried again.
            self._closed = self._rotate(arrival_ms)
        if self._file is None:
            self._begin(arrival_ms)
        self._last_ms = arrival_ms
        self._pending += record
        self._pending += b"\n"
        self._size += len(record) + 1
        rotation, self._closed = self._closed, None
        return rotation

    def tick(self, now_ms: int) -> Rotation | None:
        """Nothing that arrived before `now_ms` is still to be added: writes out, and rotates what is due."""
        self.flush()
        due = self._due(now_ms) if self._file is not None else now_ms - self._through_ms >= self._max_ms
        return self._rotate(now_ms) if due else None

    def close(self, now_ms: int) -> Rotation:
        return self._rotate(now_ms)

    def flush(self) -> None:
        while self._pending and self._file is not None:
            # What a full disk did not take stays for the next try: neither lost nor written twice.
            del self._pending[:os.write(self._file, self._pending)]
            self._unsynced = True

    def sync(self) -> None:
        """What was added outlasts the machine too."""
        self.flush()
        if self._unsynced and self._file is not None:
            os.fsync(self._file)
            self._unsynced = False

    @property
    def size(self) -> int:
        """Of the file that is open."""
        return self._size if self._file is not None else 0

    def _due(self, now_ms: int) -> bool:
        return now_ms - self._first_ms >= self._max_ms or now_ms // HOUR_MS != self._first_ms // HOUR_MS

    def _begin(self, arrival_ms: int) -> None:
        self._name = self._unique()
        path = self._open_path(arrival_ms)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640)
        self._first_ms, self._size, self._unsynced = arrival_ms, 0, True

    def _rotate(self, now_ms: int) -> Rotation:
        closed, size = None, self.size
        if self._file is not None:
            self.flush()
            os.fsync(self._file)
            closed = self.directory / LandingFile(self._first_ms, self._last_ms, self.source, self._name).name
            # Renamed while it is open: if that fails, it is tried again.
            self._open_path(self._first_ms).rename(closed)
            os.close(self._file)
            self._file = None
            sync_directory(self.directory)
        self._through_ms = now_ms
        return Rotation(closed, now_ms, size)

    def _open_path(self, first_ms: int) -> Path:
        return self.directory / f"{first_ms:013d}-{self.source}-{self._name}.open"


def recover(directory: Path, clock_offset_ms: int = 0, max_ms: int = MAX_FILE_SPAN_MS) -> list[Path]:
    """Closes what a crash left open, and gives all closed files, the oldest first.

    When its last line arrived is in no open file; it cannot be later than the file's last change, its span, its hour.
    """
    for path in sorted(directory.glob("*.open")):
        match = _OPEN.fullmatch(path.name)
        if not match:
            continue
        size = path.stat().st_size
        if not size:
            path.unlink()
            continue
        first_ms = int(match[1])
        changed_ms = path.stat().st_mtime_ns // 1_000_000 + clock_offset_ms
        end_ms = min(changed_ms, first_ms + max_ms, (first_ms // HOUR_MS + 1) * HOUR_MS - 1)
        _end_line(path)
        path.rename(directory / LandingFile(first_ms, max(first_ms, end_ms), match[2], match[3]).name)
    sync_directory(directory)
    return closed_files(directory)


def sync_directory(path: Path) -> None:
    """Names too are to be there after the machine fails. Where that cannot be had, what was done stays done."""
    with contextlib.suppress(OSError):
        opened = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


def closed_files(directory: Path) -> list[Path]:
    found = []
    for path in directory.glob("*.jsonl"):
        with contextlib.suppress(ValueError):
            LandingFile.parse(path.name)
            found.append(path)
    return sorted(found)


def _end_line(path: Path) -> None:
    # The part of a line that a crash cut is landed too, to be quarantined rather than lost without a trace.
    with path.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        if file.read(1) != b"\n":
            file.write(b"\n")
        file.flush()
        os.fsync(file.fileno())


def writer(directory: Path) -> str:
    """This spool's own name, made once: it marks what its uploads leave in HDFS where they are cut off."""
    path = directory / "writer"
    try:
        if not path.exists():
            temporary = path.with_suffix(".tmp")
            temporary.write_text(uuid.uuid4().hex[:12], encoding="ascii")
            temporary.rename(path)
        return path.read_text(encoding="ascii").strip() or uuid.uuid4().hex[:12]
    except OSError as error:
        raise WrongUse(f"--spool {directory}: {error.strerror}; name a directory that can be written") from None


def lock(directory: Path) -> IO[str]:
    """Held until the file is closed: two writers on one spool would land each other's files."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        held = (directory / "lock").open("a")
    except OSError as error:
        raise WrongUse(f"--spool {directory}: {error.strerror}; name a directory that can be written") from None
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        held.close()
        raise WrongUse(f"spool {directory} is in use by another ingest; stop it or name another with --spool") from None
    return held
