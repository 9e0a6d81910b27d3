"""What the reader notes between the records that it received, in their order."""
from __future__ import annotations

from dataclasses import dataclass


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
