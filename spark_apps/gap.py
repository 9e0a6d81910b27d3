"""A gap of the ingest service, as its file in HDFS tells it; for whoever writes, lists or heeds them."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True)
class Gap:
    """When an ingest service received nothing. `end_ms` is None while that lasts.

    cause: closed (by the platform), lost, silence, failed, stopped (by somebody), killed, spend (a limit was reached).
    backfill_minutes: what was asked for when it ended; recovery: `backfill` once that has come, `search` where that has
    found the rest, both, or `none`; recovered: posts of it that are dated inside the gap, of which all have come from
    `recovered_from_ms` on. state: closed where nothing is missing any more, else open.
    """

    start_ms: int
    source: str
    cause: str
    detail: str = ""
    end_ms: int | None = None
    backfill_minutes: int = 0
    recovery: str = "none"
    recovered: int = 0
    recovered_from_ms: int | None = None
    state: str = "open"

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Gap:
        """TypeError where it is none; what a later release adds is passed over."""
        return cls(**{field.name: said[field.name] for field in fields(cls) if field.name in said})

    @property
    def name(self) -> str:
        return f"{self.start_ms:013d}-{self.source}"

    def missing(self, now_ms: int) -> tuple[int, int] | None:
        """From when until when (ms) posts may be missing, or None."""
        if self.state != "open":
            return None
        if self.end_ms is None:
            return self.start_ms, max(self.start_ms, now_ms)
        return self.start_ms, self.end_ms if self.recovered_from_ms is None else self.recovered_from_ms
