"""What was sent, when, on which connection: one JSON line a record, the record's own bytes inside."""
from __future__ import annotations

import time
from pathlib import Path


class Ledger:
    """`<dir>/ledger-<connection>.jsonl` with {"sent_ms", "connection", "seq", "record"}; on disk within a second."""

    def __init__(self, directory: Path, connection: int) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.connection = connection
        self._seq = 0
        # A simulator started again in the same directory goes on with new files.
        self._file = (directory / f"ledger-{connection}.jsonl").open("xb", buffering=1 << 20)
        self._flushed = time.monotonic()

    def add(self, sent_ms: int, record: bytes) -> None:
        self._seq += 1
        self._file.write(b'{"sent_ms":%d,"connection":%d,"seq":%d,"record":%s}\n'
                         % (sent_ms, self.connection, self._seq, record))
        self.flush(after_s=1.0)

    def flush(self, after_s: float = 0.0) -> None:
        now = time.monotonic()
        if now - self._flushed >= after_s:
            self._file.flush()
            self._flushed = now

    def close(self) -> None:
        self._file.close()


def next_connection(directory: Path) -> int:
    """The first number, from 1 on, that has no ledger here yet."""
    used = [int(path.stem.rpartition("-")[2]) for path in directory.glob("ledger-*.jsonl")]
    return max(used, default=0) + 1
