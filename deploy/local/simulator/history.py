"""What was made a while ago, for those who ask for it again: backfill, recent search, repeats.

https://docs.x.com/x-api/fundamentals/recovery-and-redundancy
"""
from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator

from deploy.local.simulator.connection import Record

#: Five minutes of the usual 50 tweets a second have about this size; of more than that the newest are kept.
MOST_BYTES = 32 << 20


class History:
    """Records in the order in which they were made, each once, whoever got them."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._kept: deque[tuple[float, Record]] = deque()
        self._most, self._size = most_bytes, 0

    def add(self, record: Record) -> None:
        self._kept.append((time.monotonic(), record))
        self._size += len(record.data)
        while self._size > self._most:
            self._size -= len(self._kept.popleft()[1].data)

    def since(self, seconds: float) -> list[Record]:
        """Those of the last seconds of ours, the oldest first."""
        after = time.monotonic() - seconds
        found = []
        for made, record in reversed(self._kept):
            if made < after:
                break
            found.append(record)
        return found[::-1]

    def last(self, count: int) -> list[Record]:
        return [self._kept[n][1] for n in range(max(0, len(self._kept) - count), len(self._kept))]

    def newest_first(self) -> Iterator[Record]:
        return (record for _, record in reversed(self._kept))
