"""Where each landed line went. Pure: rows of the table `fates` in, rows of the ledger out.

A seal of hour H leaves two kinds of rows under H in `fates`:
  landed: what arrived in landing hour H, by minute of arrival, event hour and fate (tweet, control, a reason)
  sealed: what it made of the tweets of event hour H, by landing hour and fate (counted, duplicate)
Both are counted from the lines, apart from each other: that they meet is what a ledger row states.
"""
from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from spark_apps.contract import QUARANTINE_REASONS

TWEET, CONTROL, COUNTED, DUPLICATE = "tweet", "control", "counted", "duplicate"


@dataclass(frozen=True)
class Fate:
    """A row of `fates`; times in ms. `kind` is landed or sealed; `arrival` the minute (landed), else None; `event_hour`
    is None for a line that is no tweet."""

    kind: str
    hour: int               # of the seal that wrote it: the landing hour (landed), the event hour (sealed)
    landing_hour: int
    event_hour: int | None
    arrival: int | None
    fate: str
    lines: int


@dataclass(frozen=True)
class Account:
    """One landing hour: `lines = counted + duplicate + late + quarantined + control + pending`.

    late: tweets of a sealed hour that arrived after its last seal, or of an earlier hour that was never sealed.
    pending: tweets whose event hour, not before the landing hour, has no seal yet.
    """

    lines: int
    counted: int
    duplicate: int
    late: int
    control: int
    pending: int
    quarantined: dict[str, int] = field(default_factory=dict)

    @property
    def adds_up(self) -> bool:
        return self.lines == (self.counted + self.duplicate + self.late + self.control + self.pending
                              + sum(self.quarantined.values()))


def account(landing_hour: int, fates: Iterable[Fate], sealed: Mapping[int, int]) -> Account:
    """`fates` of any hours, those of this landing hour and of the event hours it touches among them; `sealed` is
    through_ms by event hour."""
    mine = [row for row in fates if row.landing_hour == landing_hour]
    landed = [row for row in mine if row.kind == "landed"]
    by_fate: Counter[str] = Counter()
    for row in mine:
        by_fate[row.fate] += row.lines if row.kind == "sealed" else 0
    late = pending = 0
    for row in landed:
        if row.fate != TWEET or row.event_hour is None or row.arrival is None:
            continue
        through = sealed.get(row.event_hour)
        if through is None and row.event_hour >= landing_hour:
            pending += row.lines
        elif through is None or row.arrival >= through:
            late += row.lines
    return Account(
        sum(row.lines for row in landed), by_fate[COUNTED], by_fate[DUPLICATE], late,
        sum(row.lines for row in landed if row.fate == CONTROL), pending,
        {name: total for name in QUARANTINE_REASONS
         if (total := sum(row.lines for row in landed if row.fate == name))})


def late_hours(fates: Iterable[Fate], sealed: Mapping[int, int], since_ms: int) -> list[int]:
    """Sealed event hours from `since_ms` on for which later lines have been accounted."""
    return sorted({row.event_hour for row in fates
                   if row.kind == "landed" and row.fate == TWEET and row.event_hour is not None
                   and row.arrival is not None and row.event_hour >= since_ms
                   and row.arrival >= sealed.get(row.event_hour, row.arrival + 1)})
