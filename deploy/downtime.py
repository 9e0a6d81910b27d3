"""How long ends kept a stream from counting, and which minutes went without a commit. Pure.

    last commit ---- end ---- end ---- first commit after it
         |<------------- one downtime ------------->|

Ends between which nothing was committed share a downtime. It begins at the last commit, or at the first arrival where
nothing had arrived until then; it is over at the next commit, at the next driver's start where nothing had arrived
until then, or where somebody stops the stream.
"""
from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from deploy.records import Arrivals, Attempt, Change, Launch, Records
from deploy.restart_policy import Restart
from deploy.spans import Span, common, touches, union
from deploy.stall import STALL_MS
from spark_apps.contract import MINUTE_MS

#: The class of an end that somebody wanted.
ASKED = "superseded"
#: The class of an end after which YARN itself began another attempt of the application.
ATTEMPT = "attempt"
#: The class of an end that a later launch alone tells of: nobody held the stream when it came.
UNRECORDED = "unrecorded"


@dataclass(frozen=True)
class End:
    """An end as it was written down, or of an attempt within its epoch."""

    said: Restart
    attempt: int | None = None


@dataclass(frozen=True)
class Downtime:
    """`how` it was over: `back`; `stopped` by somebody; or `open`: it lasts."""

    from_ms: int
    to_ms: int
    how: str
    ends: tuple[End, ...]

    @property
    def span(self) -> Span:
        return self.from_ms, self.to_ms

    @property
    def seconds(self) -> float:
        return (self.to_ms - self.from_ms) / 1000

    @property
    def kind(self) -> str:
        """The class that its time is put down to."""
        return next((end.said.kind for end in self.ends if end.said.kind != ASKED), ASKED)


def ends_of(records: Records, window: Span) -> list[End]:
    """Of the window, oldest first."""
    begun = {(one.epoch, one.number): one for one in records.attempts}
    # An attempt that was fenced or cut off before its claim has left none: the one before is the newest that did.
    within = [End(_attempt_end(records, one), before) for (epoch, number), one in begun.items()
              if (before := max((n for e, n in begun if e == epoch and n < number), default=number - 1))]
    written = [End(said) for said in records.ends]
    found = [*within, *written, *_unrecorded(records)]
    return sorted((end for end in found if window[0] <= end.said.time_ms <= window[1]),
                  key=lambda end: (end.said.time_ms, end.said.epoch))


def _unrecorded(records: Records) -> Iterator[End]:
    """Of epochs whose driver had begun, and that another one followed though nobody had stopped the stream."""
    launches = sorted(records.launches, key=lambda one: one.epoch)
    written, begun = {end.epoch for end in records.ends}, {one.epoch for one in records.attempts}
    for one, after in pairwise(launches):
        stopped = any(change.state == "stopped" and one.time_ms <= change.time_ms <= after.time_ms
                      for change in records.changes)
        if not stopped and one.epoch in begun - written:
            yield End(Restart(one.epoch, after.time_ms, UNRECORDED))


def _attempt_end(records: Records, after: Attempt) -> Restart:
    """As far as the next attempt's claim and the commits before it tell."""
    mine = [one for one in records.commits if one.epoch == after.epoch and one.ms < after.time_ms]
    return Restart(after.epoch, after.time_ms, ATTEMPT, after.before, after.application,
                   mine[-1].batch_id if mine else None, 0, mine[-1].ms if mine else 0)


class Timeline:
    """Commits, starts and wishes of a window; what several questions need."""

    def __init__(self, records: Records, window: Span, arrived: Arrivals) -> None:
        self.window, self.arrived = window, arrived
        self.commits = sorted(one.ms for one in records.commits if one.ms < window[1])
        self.starts = sorted(one.time_ms for one in records.attempts)
        self.launches = sorted(records.launches, key=lambda one: one.time_ms)
        self.outages = [(one.since_ms, one.time_ms) for one in records.outages]
        changes = sorted(records.changes, key=lambda one: one.time_ms)
        self.wanted = spans_of(changes, window, ("running", "parked"))
        self.parked = spans_of(changes, window, ("parked",))
        self.stops = [one.time_ms for one in changes if one.state == "stopped"]
        self.asked = [start for start, _ in spans_of(changes, (0, window[1]), ("running", "parked"))]
        self.ends = ends_of(records, window)

    def quiet_ms(self, at_ms: int) -> int:
        """For how long nothing need be committed: as the supervisor has it before it looks for a stall."""
        before: list[Launch] = [one for one in self.launches if one.time_ms <= at_ms] or self.launches[:1]
        return max(3 * before[-1].trigger_ms if before else 0, STALL_MS)

    def downtimes(self) -> list[Downtime]:
        groups: dict[tuple[int, int], list[End]] = {}
        for end in self.ends:
            # A commit at the same instant was before it.
            at = end.said.time_ms
            groups.setdefault((bisect_right(self.commits, at), bisect_right(self.stops, at)), []).append(end)
        return [self._downtime(next_commit, ends) for (next_commit, _), ends in groups.items()]

    def _downtime(self, next_commit: int, ends: list[End]) -> Downtime:
        first, last = ends[0].said, ends[-1].said
        began = max(self.commits[next_commit - 1] if next_commit else 0, first.down_since_ms,
                    *(at for at in self.asked if at <= first.time_ms)) or first.time_ms
        if first.time_ms - began > self.quiet_ms(began):
            began = self.arrived(began, first.time_ms) or first.time_ms
        over = self.commits[next_commit] if next_commit < len(self.commits) else None
        stopped = next((at for at in self.stops if last.time_ms <= at), None)
        start = next((at for at in self.starts if at >= last.time_ms), None)
        until = self.window[1] if over is None else over
        if stopped is not None and stopped < until:
            return Downtime(began, stopped, "stopped", tuple(ends))
        if start is not None and until - start > self.quiet_ms(start) and self._nothing_before(began, start, until):
            return Downtime(began, start, "back", tuple(ends))
        return Downtime(began, until, "open" if over is None else "back", tuple(ends))

    def _nothing_before(self, began: int, start: int, until: int) -> bool:
        """Whether the driver that began at `start` found nothing to count, and counted what came then."""
        arrival = self.arrived(began, until)
        return arrival is None or arrival > start and until - arrival <= self.quiet_ms(start)

    def waiting(self, silence: Span) -> int | None:
        """From when on of a silence there was something to count, where that was for longer than it takes."""
        before = bisect_right(self.commits, silence[0])
        last = max(self.commits[before - 1] if before else 0, self.window[0])
        arrival = self.arrived(last, silence[1])
        if arrival is None or silence[1] - max(arrival, silence[0]) <= self.quiet_ms(silence[0]):
            return None
        return max(arrival, silence[0])

    def silences(self) -> list[Span]:
        """Wanted spans without a commit, each longer than quiet_ms."""
        found = []
        for start, end in self.wanted:
            inside = self.commits[bisect_left(self.commits, start):bisect_left(self.commits, end)]
            found += [(p, q) for p, q in pairwise([start, *inside, end]) if q - p > self.quiet_ms(p)]
        return found


def spans_of(changes: Sequence[Change], window: Span, states: tuple[str, ...]) -> list[Span]:
    """When what should be was one of these, within the window."""
    until = [*(one.time_ms for one in changes[1:]), window[1]]
    return common(union((one.time_ms, end) for one, end in zip(changes, until, strict=False) if one.state in states),
                  [window])


@dataclass(frozen=True)
class Missed:
    """`minutes`: whole minutes without a commit by what is behind them; `idle`: of those in which nothing had arrived;
    `spans`: the time behind `minutes`, exactly."""

    minutes: dict[str, int]
    idle: int
    spans: tuple[Span, ...]


def missed(line: Timeline, downtimes: Sequence[Downtime]) -> Missed:
    minutes: Counter[str] = Counter()
    spans: list[Span] = []
    for silence in line.silences():
        known = [one for one in downtimes if touches(one.span, [silence])]
        starting = silence[0] in line.asked
        arrival = line.waiting(silence)
        spans += [(arrival, silence[1])] if arrival is not None else []
        # The minute of a commit is none without one.
        after = silence[0] + (silence[0] in line.commits)
        for minute in range(-(-after // MINUTE_MS) * MINUTE_MS, silence[1] - MINUTE_MS + 1, MINUTE_MS):
            minutes[_behind((minute, minute + MINUTE_MS), line, known, arrival, starting)] += 1
    idle = minutes.pop("", 0)
    return Missed(dict(minutes), idle, tuple(spans))


def _behind(minute: Span, line: Timeline, known: Sequence[Downtime], arrival: int | None, starting: bool) -> str:
    """What a minute without a commit is put down to; empty where nothing had arrived by then."""
    down = next((one for one in known if touches(one.span, [minute])), None)
    parked = touches(minute, line.parked)
    if not (down or parked) and (arrival is None or arrival >= minute[1]):
        return ""
    if touches(minute, line.outages):
        return "outage"
    if parked:
        return "parked"
    return down.kind if down else "start" if starting else "unexplained"
