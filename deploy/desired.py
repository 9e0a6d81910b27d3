"""What a stream should be: desired.json as it is now, and each change of it as a file that stays.

control/desired/<ms>.json is made by exclusive create before desired.json is replaced: whoever is cut off in between has
announced a change that the next one repeats, and none goes unrecorded. A file is some 500 bytes; there is one for each
start, stop, park and take-over.
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


def read(hdfs: Files, paths: StreamPaths) -> dict[str, Any]:
    """Empty before the stream is first asked for."""
    return hdfs.read_json(paths.desired) or {}


def change(hdfs: Files, paths: StreamPaths, said: dict[str, Any]) -> None:
    """`said`: {"state", "who", "why", "time_ms", ...}."""
    record(hdfs, paths.desired_change, said)
    hdfs.write_json(paths.desired, said)


def record(hdfs: Files, path_at: Callable[[int], str], said: dict[str, Any]) -> None:
    """Adds an event to a directory whose files are named by their time; two of one millisecond both stay."""
    at = int(said["time_ms"])
    while not hdfs.create_exclusive(path_at(at), said):
        at += 1
