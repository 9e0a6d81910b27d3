"""Between the thread that reads the network and the one that writes the spool: bounded, in order of arrival."""
from __future__ import annotations

import threading
from collections.abc import Sized
from typing import Any

from spark_apps.clock import Clock

#: Its arrival (ms), and a record's bytes as received or what the reader noted between records.
Arrival = tuple[int, Any]


class Inbox:
    """A full inbox makes the reader wait, and through TCP the sender. Arrival times never go back, as a clock may.

    Full is what is reached first: so many records, or so many bytes. One record always fits.
    """

    def __init__(self, clock: Clock, capacity: int = 20_000, max_bytes: int = 64 << 20) -> None:
        self._clock, self._capacity, self._max_bytes = clock, capacity, max_bytes
        self._changed = threading.Condition()
        self._items: list[Arrival] = []
        self._bytes = 0
        self._last_ms = 0
        self._closed = False
        self.blocked = False   # whether the reader waits for room

    def put(self, record: Sized) -> int | None:
        """Stamps the record and keeps it; None after `close`, where it is not kept."""
        with self._changed:
            while not self._closed and (len(self._items) >= self._capacity or self._bytes >= self._max_bytes):
                self.blocked = True
                self._changed.wait()
            self.blocked = False
            return None if self._closed else self._keep(record, len(record))

    def note(self, what: object) -> int:
        """Keeps something that is no record, also where it is full: there is little of it."""
        with self._changed:
            return self._keep(what, 0)

    def take(self, timeout_s: float) -> tuple[list[Arrival], int]:
        """All that is there, and an instant: what arrived before it has been taken, what comes later arrives later."""
        with self._changed:
            if not self._items and not self._closed:
                self._changed.wait(timeout_s)
            items, self._items, self._bytes = self._items, [], 0
            self._changed.notify_all()
            return items, self._now()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def __len__(self) -> int:
        return len(self._items)

    def _keep(self, what: object, size: int) -> int:
        arrival_ms = self._now()
        self._items.append((arrival_ms, what))
        self._bytes += size
        self._changed.notify_all()
        return arrival_ms

    def _now(self) -> int:
        self._last_ms = max(self._last_ms, self._clock.now_ms())
        return self._last_ms
