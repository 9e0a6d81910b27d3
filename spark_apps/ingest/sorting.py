"""Lines in the order of their arrival, however many: sorted runs on the local disk, merged as they are read.

Runs and a merge rather than a file for each ten seconds: an archive of a month has 260,000 of those, and their order is
the archive's own.
"""
from __future__ import annotations

import heapq
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

Line = tuple[int, bytes]   # arrival (ms), the line without its end

_HEAD = struct.Struct("<qI")
_OVERHEAD = 150            # bytes that Python takes for a line beside its own
_BUFFER = 1 << 18


class Sorter:
    """By arrival, then by the bytes, so that the order of the input has no part in the order of the output."""

    def __init__(self, directory: Path, memory: int = 64 << 20, most_runs: int = 64) -> None:
        self._directory, self._memory, self._most_runs = directory, memory, most_runs
        self._lines: list[Line] = []
        self._size = self._made = 0
        self._runs: list[Path] = []

    def add(self, arrival_ms: int, line: bytes) -> None:
        self._lines.append((arrival_ms, line))
        self._size += len(line) + _OVERHEAD
        if self._size >= self._memory:
            self._spill()

    def __iter__(self) -> Iterator[Line]:
        self._lines.sort()
        return heapq.merge(self._lines, *map(_read, self._runs))

    def _spill(self) -> None:
        self._lines.sort()
        self._runs.append(self._write(self._lines))
        self._lines, self._size = [], 0
        # Each run that is merged has a file open.
        if len(self._runs) >= self._most_runs:
            merged = self._write(heapq.merge(*map(_read, self._runs)))
            for run in self._runs:
                run.unlink()
            self._runs = [merged]

    def _write(self, lines: Iterable[Line]) -> Path:
        self._made += 1
        path = self._directory / f"run-{self._made:06d}"
        with path.open("wb", _BUFFER) as file:
            for arrival_ms, line in lines:
                file.write(_HEAD.pack(arrival_ms, len(line)))
                file.write(line)
        return path


def _read(path: Path) -> Iterator[Line]:
    with path.open("rb", _BUFFER) as file:
        while head := file.read(_HEAD.size):
            arrival_ms, size = _HEAD.unpack(head)
            yield arrival_ms, file.read(size)
