"""What a stream should be: desired.json as it is now, and each change of it as a file that stays.

control/desired/<ms>.json is made by exclusive create before desired.json is replaced: whoever is cut off in between has
announced a change that the next one repeats, and none goes unrecorded. Of two at once the one announced last stands,
whoever comes to replace desired.json last. A file is some 500 bytes; there is one for each start, stop, park and
take-over.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from spark_apps.contract import StreamPaths


class Files(Protocol):
    """What of deploy.hdfs.Client is needed here."""

    def read_json(self, path: str) -> dict[str, Any] | None: ...

    def write_json(self, path: str, obj: Any) -> None: ...

    def create_exclusive(self, path: str, obj: Any) -> bool: ...

    def list(self, path: str) -> list[str]: ...


def read(hdfs: Files, paths: StreamPaths) -> dict[str, Any]:
    """Empty before the stream is first asked for."""
    return hdfs.read_json(paths.desired) or {}


def change(hdfs: Files, paths: StreamPaths, said: dict[str, Any]) -> None:
    """`said`: {"state", "who", "why", "time_ms", ...}."""
    # After all that are announced, also where our clock is behind theirs.
    stands = record(hdfs, paths.desired_change, said, _newest(hdfs, paths) + 1)
    hdfs.write_json(paths.desired, said)
    while (newest := _newest(hdfs, paths)) > stands:
        # Whoever announced it may have written before us: were ours left, a stop could be lost to a start before it.
        stands = newest
        hdfs.write_json(paths.desired, hdfs.read_json(paths.desired_change(stands)) or said)


def _newest(hdfs: Files, paths: StreamPaths) -> int:
    names = (name.removesuffix(".json") for name in hdfs.list(paths.desired_changes))
    return max((int(name) for name in names if name.isdecimal()), default=0)


def record(hdfs: Files, path_at: Callable[[int], str], said: dict[str, Any], first: int = 0) -> int:
    """Adds an event to a directory whose files are named by their time; two of one millisecond both stay. `first`: the
    least name that it may have; the name that it got."""
    at = max(int(said["time_ms"]), first)
    while not hdfs.create_exclusive(path_at(at), said):
        at += 1
    return at
