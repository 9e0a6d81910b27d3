"""What became of a stream in a window of time: a line an event, and what they cost. Pure.

deploy.downtime says what a downtime is. A parked stream should have run: it is down until somebody resumes it. Commits
are known to the 5 seconds within which a driver tells of them.
"""
from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from deploy.downtime import ASKED, Downtime, End, Timeline, missed
from deploy.records import Arrivals, Change, Records
from deploy.spans import common, length


@dataclass(frozen=True)
class Event:
    """`what`: started, resumed, asked again, stopped, parked, launch, end, outage, rolled back or begun anew.

    `why` is the evidence of an end.
    """

    time_ms: int
    what: str
    who: str = ""
    why: str = ""
    kind: str = ""                  # class of an end; what was out
    epoch: int | None = None
    attempt: int | None = None      # where YARN began another one of the same epoch
    application: str = ""
    batch_id: int | None = None     # last good batch
    seconds: float | None = None    # downtime, length of an outage; None where an end before has it already
    how: str = ""                   # as Downtime has it
    generation: int | None = None
    release: str = ""


@dataclass(frozen=True)
class Report:
    """`ends` by class; `repairs_s`: downtimes that nobody asked for and that are over; `gap_minutes` by what is behind
    them; `idle_minutes`: nothing was committed, and nothing had arrived; down and wanted in seconds of the window;
    `down_since_ms`: it should run and is down now."""

    from_ms: int
    to_ms: int
    events: tuple[Event, ...] = ()
    ends: dict[str, int] = field(default_factory=dict)
    repairs_s: tuple[float, ...] = ()
    gap_minutes: dict[str, int] = field(default_factory=dict)
    idle_minutes: int = 0
    wanted_s: float = 0.0
    down_s: float = 0.0
    down_since_ms: int | None = None

    @property
    def availability(self) -> float | None:
        """Part of the time that it should have run in which it was not down; None where it never should have."""
        return 1 - self.down_s / self.wanted_s if self.wanted_s else None

    @property
    def mttr(self) -> dict[str, float] | None:
        """Mean time to recovery; percentiles by nearest rank, so each is a time that was measured."""
        found = sorted(self.repairs_s)
        if not found:
            return None
        p50, p95 = (found[math.ceil(p / 100 * len(found)) - 1] for p in (50, 95))
        return {"n": len(found), "mean_s": statistics.fmean(found), "p50_s": p50, "p95_s": p95}

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "mttr": self.mttr, "availability": self.availability}


def report(records: Records, from_ms: int, to_ms: int, arrived: Arrivals = lambda after, before: after) -> Report:
    """The window [from, to), of which `to` is now. `arrived` by default: something arrives all the time."""
    line = Timeline(records, (from_ms, to_ms), arrived)
    downtimes = line.downtimes()
    gaps = missed(line, downtimes)
    down = common([*gaps.spans, *(one.span for one in downtimes), *line.parked], line.wanted)
    events = [*_changes(records.changes), *_launches(records), *_ends(line.ends, downtimes), *_outages(records),
              *_generations(records)]
    return Report(
        from_ms, to_ms,
        tuple(sorted((one for one in events if from_ms <= one.time_ms <= to_ms),
                     key=lambda one: (one.time_ms, one.what != "end"))),
        dict(Counter(end.said.kind for end in line.ends)),
        # Of an attempt that ended while nothing arrived no length is known.
        tuple(one.seconds for one in downtimes if one.kind != ASKED and one.how == "back" and one.seconds),
        gaps.minutes, gaps.idle, length(line.wanted) / 1000, length(down) / 1000,
        next((start for start, end in down if end == to_ms), None))


def _changes(changes: Sequence[Change]) -> Iterator[Event]:
    before = ""
    for one in sorted(changes, key=lambda change: change.time_ms):
        running = "asked again" if before == "running" else "resumed" if before else "started"
        yield Event(one.time_ms, running if one.state == "running" else one.state, one.who, one.why)
        before = one.state


def _launches(records: Records) -> Iterator[Event]:
    application = {one.epoch: one.application for one in records.attempts}
    for one in records.launches:
        yield Event(one.time_ms, "launch", one.who, one.why, epoch=one.epoch, generation=one.generation,
                    release=one.release, application=application.get(one.epoch, ""))


def _ends(ends: Sequence[End], downtimes: Sequence[Downtime]) -> Iterator[Event]:
    """The first end of a downtime has its length."""
    cost = {one.ends[0]: one for one in downtimes}
    for end in ends:
        said, down = end.said, cost.get(end)
        yield Event(said.time_ms, "end", why=said.evidence, kind=said.kind, epoch=said.epoch, attempt=end.attempt,
                    application=said.application, batch_id=said.batch_id,
                    seconds=down.seconds if down else None, how=down.how if down else "")


def _outages(records: Records) -> Iterator[Event]:
    for one in records.outages:
        yield Event(one.since_ms, "outage", why=one.why, kind=one.what, seconds=(one.time_ms - one.since_ms) / 1000)


def _generations(records: Records) -> Iterator[Event]:
    for one in records.generations:
        yield Event(one.time_ms, "begun anew" if one.fresh else "rolled back", one.who, one.why, kind=one.savepoint,
                    generation=one.number, batch_id=None if one.fresh else one.through_batch)
