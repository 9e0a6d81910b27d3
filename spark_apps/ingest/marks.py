"""What the reader notes between the records that it received, in their order."""
from __future__ import annotations

from dataclasses import dataclass

from spark_apps.gap import Gap


@dataclass(frozen=True)
class Up:
    """Connected; `backfill`: minutes that were asked for."""

    backfill: int = 0


@dataclass(frozen=True)
class Down:
    """No longer connected; `cause` as in a gap."""

    cause: str
    detail: str = ""


@dataclass(frozen=True)
class Alive:
    """A keep-alive: up to here nothing is missing."""


@dataclass(frozen=True)
class Found:
    """A post of a gap, as a search gave it."""

    record: bytes

    def __len__(self) -> int:
        return len(self.record)


@dataclass(frozen=True)
class Searched:
    """All that was found of a gap is before this: so many of its posts, or None where a search does not reach it."""

    gap: Gap
    recovered: int | None
