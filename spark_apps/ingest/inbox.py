"""Between the thread that reads the network and the one that writes the spool: bounded, in order of arrival."""
from __future__ import annotations

import threading

from spark_apps.clock import Clock

#: A record's arrival (ms) and its bytes as received.
Arrival = tuple[int, bytes]


class Inbox:
    """A full inbox makes the reader wait, and through TCP the sender. Arrival times never go back, as a clock may."""

    def __init__(self, clock: Clock, capacity: int = 20_000) -> None:
        self._clock, self._capacity = clock, capacity
        self._changed = threading.Condition()
        self._items: list[Arrival] = []
        self._last_ms = 0
        self._closed = False

    def put(self, record: bytes) -> None:
        """Stamps the record and keeps it; after `close` it is left to the sender to send again."""
        with self._changed:
            while len(self._items) >= self._capacity and not self._closed:
                self._changed.wait()
            if not self._closed:
                self._items.append((self._now(), record))
                self._changed.notify_all()

    def take(self, timeout_s: float) -> tuple[list[Arrival], int]:
        """All that is there, and an instant: what arrived before it has been taken, what comes later arrives later."""
        with self._changed:
            if not self._items and not self._closed:
                self._changed.wait(timeout_s)
            items, self._items = self._items, []
            self._changed.notify_all()
            return items, self._now()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def __len__(self) -> int:
        return len(self._items)

    def _now(self) -> int:
        self._last_ms = max(self._last_ms, self._clock.now_ms())
        return self._last_ms
