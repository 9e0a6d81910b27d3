"""What is known of a stream's life, as plain values: `deploy.restart_ledger` reads them, `deploy.history` reckons."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from deploy.restart_policy import Restart
from spark_apps.generations import Generation

#: (after, before) -> when the first line arrived in (after, before]; None where none did.
Arrivals = Callable[[int, int], int | None]


@dataclass(frozen=True)
class Launch:
    """One submission of a driver: control/epoch/<epoch>.json."""

    epoch: int
    time_ms: int
    generation: int = 0
    release: str = ""
    who: str = ""
    why: str = ""
    trigger_ms: int = 10_000


@dataclass(frozen=True)
class Attempt:
    """A driver that began: YARN's attempt `number` of an epoch. `before`: how the attempt before it ended."""

    epoch: int
    number: int
    time_ms: int
    application: str = ""
    before: str = ""


@dataclass(frozen=True)
class Change:
    """Of what should be: running, stopped or parked."""

    time_ms: int
    state: str
    who: str = ""
    why: str = ""


@dataclass(frozen=True)
class Outage:
    """What did not answer whoever polled the stream, from its first failed look to the first good one."""

    since_ms: int
    time_ms: int
    what: str = ""
    why: str = ""


class Commit(NamedTuple):
    """One batch of the stream."""

    ms: int
    epoch: int
    attempt: int
    batch_id: int


@dataclass(frozen=True)
class Records:
    """All of a window; of before it the newest launch and change, and some commits."""

    launches: tuple[Launch, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    ends: tuple[Restart, ...] = ()
    changes: tuple[Change, ...] = ()
    outages: tuple[Outage, ...] = ()
    commits: tuple[Commit, ...] = ()
    generations: tuple[Generation, ...] = ()    # opened after another one: rolled back, or begun anew
