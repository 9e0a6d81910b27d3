"""Far fewer posts than usual on a connection that lives: a rule that was lost, or half of the platform.

The usual is that of the same hour on the days before: the median of posts a minute, and how far it strays (the median
of the distances from it, times 1.4826, which is a standard deviation where it is a normal distribution). A day that was
odd itself moves neither. Only minutes count that were connected from end to end.
"""
from __future__ import annotations

import math
import statistics
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from spark_apps.ingest import memory

#: Of a normal distribution, from the median of the distances.
_DEVIATION = 1.4826


@dataclass(frozen=True)
class Band:
    """`minute_ms`, so many minutes an hour and hours a day: for trials they may be shorter. History: of at most `days`
    and at least `least_days`. Alarm: fewer than `share` of the usual, and than `spread` deviations below it, by more
    than chance does with so few posts. Looked at are the last `window` minutes, more where they would have fewer than
    `posts`."""

    minute_ms: int = 60_000
    hour: int = 60
    day: int = 24
    days: int = 14
    least_days: int = 5
    window: int = 10
    posts: int = 100
    share: float = 0.5
    spread: float = 4.0

    def hurried(self, by: float) -> Band:
        return replace(self, minute_ms=max(1, round(self.minute_ms / by)))


@dataclass(frozen=True)
class Hour:
    """So many minutes that were connected from end to end, and their posts."""

    minutes: int = 0
    posts: int = 0


@dataclass(frozen=True)
class Found:
    """Posts in so many minutes, where `usual` would be usual and `low` is the least of it; and whether that is an
    alarm."""

    minutes: int
    posts: int
    usual: float
    low: float
    alarm: bool


def usual(hours: Mapping[int, Hour], hour: int, band: Band) -> tuple[float, float] | None:
    """Posts a minute in this hour of the days before: the usual, and the least of it; None without enough history."""
    before = (hours.get(hour - n * band.day, Hour()) for n in range(1, band.days + 1))
    rates = [one.posts / one.minutes for one in before if one.minutes * 2 >= band.hour]
    if len(rates) < band.least_days:
        return None
    middle = statistics.median(rates)
    strays = _DEVIATION * statistics.median(abs(rate - middle) for rate in rates)
    return middle, max(0.0, min(band.share * middle, middle - band.spread * strays))


def judge(minutes: Iterable[tuple[int, int]], hours: Mapping[int, Hour], band: Band,
          was: bool = False) -> Found | None:
    """`minutes`: (number, posts) of whole ones, the newest last; `was`: an alarm ends where the least is reached again,
    and begins by more than chance below it. None where nothing can be told."""
    count = posts = 0
    middle = low = 0.0
    known: dict[int, tuple[float, float] | None] = {}
    for number, found in reversed(list(minutes)):
        hour = number // band.hour
        if hour not in known:
            known[hour] = usual(hours, hour, band)
        if (rates := known[hour]) is None:
            break
        count, posts, middle, low = count + 1, posts + found, middle + rates[0], low + rates[1]
        if count >= band.window and middle >= band.posts:
            break
    if count < band.window:
        return None
    return Found(count, posts, middle, low, posts < low - (0.0 if was else 3 * math.sqrt(middle)))


@dataclass(frozen=True)
class _Saved:
    hours: tuple[tuple[int, int, int], ...] = ()
    minutes: tuple[tuple[int, int], ...] = ()
    low: bool = False


class Volume:
    """Counts as it is told, in the order of arrival, and remembers in a file beside the spool."""

    def __init__(self, file: Path, band: Band = Band()) -> None:
        self._file, self._band = file, band
        saved = memory.load(file, _Saved) or _Saved()
        self._hours = {int(hour): Hour(int(minutes), int(posts)) for hour, minutes, posts in saved.hours}
        self._minutes = deque([(int(number), int(posts)) for number, posts in saved.minutes], maxlen=band.hour)
        self.found: Found | None = None
        self._low = saved.low
        self._number: int | None = None   # of the minute that goes on
        self._posts = 0
        self._connected = self._whole = False

    def connected(self, at_ms: int, is_: bool) -> None:
        """A minute in which that changes is not a whole one."""
        self.tick(at_ms)
        self._connected, self._whole = is_, False

    def held_up(self, at_ms: int) -> None:
        """What arrives is not what was sent: reading stands still."""
        self.tick(at_ms)
        self._whole = False

    def post(self, at_ms: int) -> None:
        if at_ms // self._band.minute_ms != self._number:
            self.tick(at_ms)
        self._posts += 1

    def tick(self, now_ms: int) -> bool:
        """Whether a whole minute is over; then `save` is due."""
        number, last = now_ms // self._band.minute_ms, self._number
        if last is None:
            self._number = number
            self._look(number)
        if last is None or number <= last:
            return False
        if ended := self._whole:
            self._end(last)
        self._number, self._posts, self._whole = number, 0, self._connected and number == last + 1
        return ended

    def _end(self, number: int) -> None:
        hour = number // self._band.hour
        before = self._hours.get(hour, Hour())
        self._hours[hour] = Hour(before.minutes + 1, before.posts + self._posts)
        oldest = hour - self._band.days * self._band.day
        self._hours = {key: one for key, one in self._hours.items() if key >= oldest}
        self._minutes.append((number, self._posts))
        self._look(number)

    def _look(self, number: int) -> None:
        while self._minutes and self._minutes[0][0] <= number - 2 * self._band.hour:
            self._minutes.popleft()   # of long before a stop
        self.found = judge(self._minutes, self._hours, self._band, self._low)
        self._low = self.found is not None and self.found.alarm

    def save(self) -> None:
        """OSError as it comes."""
        memory.save(self._file, _Saved(tuple((hour, one.minutes, one.posts) for hour, one in self._hours.items()),
                                       tuple(self._minutes), self._low))

    @property
    def alarm(self) -> str | None:
        """In a line."""
        found = self.found
        if found is None or not found.alarm:
            return None
        return (f"{found.posts:,} posts came in the last {found.minutes} minutes, and at this hour usually "
                f"{found.usual:,.0f}, at least {found.low:,.0f}, though the connection lives: look at `ingest rules`, "
                f"and whether the platform has a fault; if fewer are wanted, remove {self._file} while ingest is down")
