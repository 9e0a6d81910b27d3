"""What a stream should be: each change is a numbered file in control/desired/, and the newest stands.

The files are made by exclusive create and never replaced. So a change happens at one instant, to what was read before
it, is never half made, and none goes unrecorded. A file is some 500 bytes; there is one for each start, stop, park and
take-over.
"""
from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol

from spark_apps.contract import StreamPaths

#: {"state": "running" | "stopped" | "parked", "who", "why", "time_ms", ...}; empty before the stream is asked for.
Said = dict[str, Any]


class Files(Protocol):
    """What of deploy.hdfs.Client is needed here."""

    def read_json(self, path: str) -> dict[str, Any] | None: ...

    def create_exclusive(self, path: str, obj: Any) -> bool: ...

    def list(self, path: str) -> list[str]: ...


def read(hdfs: Files, paths: StreamPaths) -> Said:
    return next(_newest_first(hdfs, paths, _numbers(hdfs, paths)), {})


def since(hdfs: Files, paths: StreamPaths, since_ms: int) -> list[Said]:
    """The changes since then and the one that stood then, the oldest first."""
    found: list[Said] = []
    for said in _newest_first(hdfs, paths, _numbers(hdfs, paths)):
        found.insert(0, said)
        if int(said.get("time_ms") or 0) < since_ms:
            break
    return found


def change(hdfs: Files, paths: StreamPaths, of: Callable[[Said], Said | None]) -> tuple[int, Said]:
    """Makes of what stands what `of` gives, or leaves it where that is nothing; the number of the change or 0, and what
    stood."""
    while True:
        numbers = _numbers(hdfs, paths)
        before = next(_newest_first(hdfs, paths, numbers), {})
        said = of(before)
        if said is None:
            return 0, before
        number = max(numbers, default=0) + 1
        if overrule(hdfs, paths, number - 1, said):
            return number, before


def overrule(hdfs: Files, paths: StreamPaths, number: int, said: Said) -> bool:
    """Changes what was said by this number, and nothing that was said after it; whether none was."""
    return hdfs.create_exclusive(paths.desired_change(number + 1), said)


def _newest_first(hdfs: Files, paths: StreamPaths, numbers: list[int]) -> Iterator[Said]:
    for number in reversed(numbers):
        if said := hdfs.read_json(paths.desired_change(number)):   # who was cut off in writing it has changed nothing
            yield said


def _numbers(hdfs: Files, paths: StreamPaths) -> list[int]:
    stems = (name.removesuffix(".json") for name in hdfs.list(paths.desired_changes))
    return sorted(int(stem) for stem in stems if stem.isdecimal())
