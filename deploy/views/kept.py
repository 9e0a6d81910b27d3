"""A stream's tables and old files, kept open between questions: who asks again pays only for what is new."""
from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from deploy.errors import HashtideError
from deploy.launch import Files
from deploy.tables import Tables
from spark_apps.contract import HOUR_MS, StreamPaths, hour_name

#: In the order of deploy.tables.Reading: an hour that is sealed meanwhile is whole in either place.
TABLES = ("ledger", "counts", "counts_live")
_THREADS = 8


class KeptTables(Tables):
    """Tables whose versions stay the same until `refresh`. One question at a time."""

    _opened: dict[str, Any] | None = None

    def refresh(self) -> tuple[int, ...]:
        """Their newest versions, which change whenever one of them does; -1 of a table that does not exist yet.

        Unreachable where HDFS does not answer; HashtideError where the stream is not there.
        """
        status = getattr(self.files, "status", None)   # first: it has a short time-out
        if status and status(self.paths.base) is None:
            raise HashtideError(f"stream {self.paths.stream} is not in HDFS at {self.paths.base}: run "
                                "hashtag_provision, then hashtag_stream")
        before, self._opened = self._opened or {}, None
        opened = {name: self._newest(name, before.get(name)) for name in TABLES}
        self._opened = opened
        return tuple(-1 if table is None else int(table.version()) for table in opened.values())

    def _newest(self, name: str, kept: Any) -> Any:
        if kept is None:
            return super().open_table(name)
        from deltalake.exceptions import DeltaError

        try:
            kept.update_incremental()
        except (OSError, DeltaError):   # its log was tidied, or is another table's
            return super().open_table(name)
        return kept

    def open_table(self, table: str) -> Any:
        if self._opened is None or table not in self._opened:
            return super().open_table(table)
        return self._opened[table]


class KeptFiles:
    """An HDFS client that remembers what nobody writes any more: what drivers told of hours that are over."""

    def __init__(self, files: Files, paths: StreamPaths, now_ms: Any) -> None:
        self._files, self._paths, self._now_ms = files, paths, now_ms
        self._kept: dict[str, bytes | None] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._files, name)

    def read(self, path: str) -> bytes | None:
        if path not in self._kept:
            found = self._files.read(path)
            if not self._is_over(path):
                return found
            self._kept[path] = found
        return self._kept[path]

    def fetch(self, since_ms: int) -> None:
        """Reads what was told since then, several files at once; what is gone is forgotten."""
        directory, oldest = self._paths.batches, hour_name(since_ms - 2 * HOUR_MS)
        names = [name for name in self._files.list(directory) if name[-19:-6] >= oldest]
        there = {f"{directory}/{name}" for name in names}
        self._kept = {path: data for path, data in self._kept.items() if path in there}
        _all(self.read, sorted(there - set(self._kept)))

    def _is_over(self, path: str) -> bool:
        """A driver writes the lines of an hour until it begins the next."""
        hour = path.removesuffix(".jsonl")[-13:]
        return path.startswith(f"{self._paths.batches}/") and hour < hour_name(self._now_ms() - 2 * HOUR_MS)


def _all(read: Any, paths: Sequence[str]) -> None:
    if len(paths) > 1:
        with ThreadPoolExecutor(_THREADS) as pool:
            list(pool.map(read, paths))
