"""Windows over minute counts, and what a trend is measured against: the same for the transforms and for the readers.

Lengths are whole minutes. A window is [end - length, end); ends lie at whole multiples of the slide since 1970 (UTC).
"""
from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from spark_apps.contract import HOUR_MS, MINUTE_MS

DAY_MS = 24 * HOUR_MS
#: The longest window: a year; two dozen of them before it are still dates.
LONGEST_MS = 366 * DAY_MS

#: A trend is listed from so many tweets and distinct authors on: one person or a handful of tweets make no trend.
MIN_TWEETS = 5
MIN_AUTHORS = 3
#: What a score is rounded to before anything is ordered by it.
SCORE_DIGITS = 6

_UNITS = {"s": 1_000, "m": MINUTE_MS, "h": HOUR_MS, "d": DAY_MS}
_SPAN = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,12})?)([smhd])")


def span_ms(text: str) -> int:
    """`15m`, `2h` or `1d` in ms; ValueError with the nearest that there is."""
    found = _SPAN.fullmatch(text)
    if not found:
        raise ValueError(f"{text!r}: expected a whole number of minutes, hours or days such as 15m, 2h or 1d")
    exact = Fraction(found[1]) * _UNITS[found[2]]
    below = int(exact // MINUTE_MS) * MINUTE_MS
    if exact < MINUTE_MS:
        raise ValueError(f"{text!r}: the shortest is 1m")
    if exact > LONGEST_MS:
        raise ValueError(f"{text!r}: the longest is {span_name(LONGEST_MS)}")
    if exact != below:
        near = " or ".join(span_name(ms) for ms in (below, below + MINUTE_MS) if ms <= LONGEST_MS)
        raise ValueError(f"{text!r}: counts are kept by the minute, the nearest is {near}")
    return below


def span_name(ms: int) -> str:
    """`90m` and not `1.5h`: in the largest unit that it is a whole number of."""
    unit = next(unit for unit in "dhms" if ms % _UNITS[unit] == 0)
    return f"{ms // _UNITS[unit]}{unit}"


def hours_of(from_ms: int, to_ms: int) -> range:
    """The hours (ms) that [from, to) touches."""
    return range(from_ms - from_ms % HOUR_MS, to_ms, HOUR_MS)


@dataclass(frozen=True)
class Windows:
    """Windows of one length, one every slide. ValueError where the slide would leave minutes out."""

    length_ms: int
    slide_ms: int = MINUTE_MS

    def __post_init__(self) -> None:
        for ms in (self.length_ms, self.slide_ms):
            if ms < MINUTE_MS or ms % MINUTE_MS or ms > LONGEST_MS:
                raise ValueError(f"{ms} ms: expected whole minutes, from 1m to {span_name(LONGEST_MS)}")
        if self.length_ms < self.slide_ms:
            length, slide = span_name(self.length_ms), span_name(self.slide_ms)
            raise ValueError(f"window {length} is shorter than slide {slide} and would leave minutes out: "
                             f"window {slide} or slide {length}")

    @classmethod
    def of(cls, length: str, slide: str = "1m") -> Windows:
        return cls(span_ms(length), span_ms(slide))

    def with_minute(self, minute_ms: int) -> tuple[int, int]:
        """[from, to) of the first window that ends after this minute."""
        end = (minute_ms // self.slide_ms + 1) * self.slide_ms
        return end - self.length_ms, end

    def ended(self, at_ms: int) -> tuple[int, int]:
        """[from, to) of the last window that ends at this instant or before."""
        end = at_ms - at_ms % self.slide_ms
        return end - self.length_ms, end


@dataclass(frozen=True)
class Trend:
    """Windows, each against `before` earlier ones of its length: one every `step_ms`, the first a step earlier.

    The step is the window's length, so that they lie side by side, or a day. The previous window, of which delta and
    rank change speak, is the first of them; it has to be one of `windows`.
    """

    windows: Windows
    before: int = 24
    step_ms: int = 0

    def __post_init__(self) -> None:
        if self.before < 1:
            raise ValueError(f"{self.before} windows before: expected at least 1")
        length, slide = self.windows.length_ms, self.windows.slide_ms
        if not self.step_ms:
            object.__setattr__(self, "step_ms", length)
        if self.step_ms < length:
            raise ValueError(f"window {span_name(length)} is longer than the {span_name(self.step_ms)} from one to the "
                             f"next: window {span_name(self.step_ms)}")
        if self.step_ms % slide:
            near = self.step_ms // slide * slide
            fits = max(n for n in range(MINUTE_MS, slide, MINUTE_MS) if self.step_ms % n == 0)
            way_out = (f"slide {span_name(fits)}" if self.step_ms != length else
                       f"window {span_name(near)} or {span_name(near + slide)}, or slide {span_name(fits)}")
            raise ValueError(f"a trend needs {span_name(self.step_ms)}, from one window to the one before, to be whole "
                             f"slides of {span_name(slide)}: {way_out}")

    @classmethod
    def daily(cls, windows: Windows, before: int = 7) -> Trend:
        """Against the same time of the days before."""
        return cls(windows, before, DAY_MS)

    def earlier(self, end_ms: int, n: int) -> tuple[int, int]:
        """[from, to) of the n-th window before the one that ends there; the 0th is that one itself."""
        to = end_ms - n * self.step_ms
        return to - self.windows.length_ms, to

    def spans(self) -> list[tuple[int, int]]:
        """What lies before a window that ends at 0, as [from, to); windows side by side are one span."""
        if self.step_ms == self.windows.length_ms:
            return [(self.earlier(0, self.before)[0], self.earlier(0, 1)[1])]
        return [self.earlier(0, n) for n in range(self.before, 0, -1)]
