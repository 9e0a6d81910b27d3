"""What was sent, when, on which connection, and what was not: one JSON line a record, the record's own bytes inside.

A record may be no JSON, where a fault has made it so; then neither is its line. `record` is the last key of each.
"""
from __future__ import annotations

import json
import time
from pathlib import Path
from typing import IO, Any


class Ledger:
    """`<dir>/ledger-<connection>.jsonl` with {"sent_ms", "connection", "seq", "fault", "record"}; on disk within a
    second. `fault` names what made a record come, or such as it is: a fault, or `backfill`; most have none."""

    def __init__(self, directory: Path, connection: int) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.connection = connection
        self.seq = 0
        # A simulator started again in the same directory goes on with new files.
        self._file = (directory / f"ledger-{connection}.jsonl").open("xb", buffering=1 << 20)
        self._flushed = time.monotonic()

    def add(self, sent_ms: int, record: bytes, fault: str = "") -> None:
        self.seq += 1
        why = b'"fault":"%s",' % fault.encode() if fault else b""
        self._file.write(b'{"sent_ms":%d,"connection":%d,"seq":%d,%s"record":%s}\n'
                         % (sent_ms, self.connection, self.seq, why, record))
        self.flush(after_s=1.0)

    def flush(self, after_s: float = 0.0) -> None:
        now = time.monotonic()
        if not self._file.closed and now - self._flushed >= after_s:
            self._file.flush()
            self._flushed = now

    def close(self) -> None:
        self._file.close()


class Unsent:
    """`<dir>/unsent.jsonl`: {"at_ms", "connection", "seq", "reason", "record"} of each record that a connection did not
    get when it was made, or at all. `connection` is null where there was none. `seq` is the record's number in that
    connection's ledger where it stands there, too: it was written out, and thrown away with the connection's buffer.
    A record of both this file and a ledger without such a `seq` came later, by a backfill.

    reason: `cut`, `reset`, `silence`, `slow_reader`, `held`, `nobody_connected`.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / "unsent.jsonl"
        self._file: IO[bytes] | None = None
        self.count = 0

    def add(self, at_ms: int, connection: int | None, seq: int | None, reason: str, record: bytes) -> None:
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("ab")
        head = json.dumps({"at_ms": at_ms, "connection": connection, "seq": seq, "reason": reason},
                          separators=(",", ":")).encode()
        self._file.write(head[:-1] + b',"record":' + record + b"}\n")
        self._file.flush()
        self.count += 1

    def close(self) -> None:
        if self._file:
            self._file.close()
            self._file = None


class Happened:
    """`<dir>/faults.jsonl`: {"at_ms", "made", "event", "fault", ...} of each fault that began or ended."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "faults.jsonl"

    def add(self, **what: Any) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(what) + "\n")


def next_connection(directory: Path) -> int:
    """The first number, from 1 on, that has no ledger here yet."""
    used = [int(path.stem.rpartition("-")[2]) for path in directory.glob("ledger-*.jsonl")]
    return max(used, default=0) + 1
