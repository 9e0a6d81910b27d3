"""The clock as an argument: tests shift that of simulator, ingest and seal, so that nobody waits for the hour."""
from __future__ import annotations

import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Clock:
    """Wall-clock milliseconds since 1970 (UTC), shifted by `offset_ms`."""

    offset_ms: int = 0

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000 + self.offset_ms
