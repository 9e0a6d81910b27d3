"""The tags of one window, by count or by trend, and how final that window is. Roll-ups are those of deploy.rollup."""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import cached_property
from typing import TYPE_CHECKING, Any

from deploy import gaps, landed
from deploy.rollup import Tally, earlier, most_frequent
from deploy.spans import Span
from deploy.trending import Trending, trending
from spark_apps.contract import ALL_TWEETS, MEASURES, MINUTE_MS
from spark_apps.windows import Trend, Windows, hours_of

if TYPE_CHECKING:
    from deploy.tables import Reading, Tables

OPEN, CLOSED, SEALED = "open", "closed", "sealed"


@dataclass(frozen=True)
class Asked:
    """k tags of the newest window, or of the last one that ended by `at_ms`; by trend where one is given."""

    windows: Windows = Windows(10 * MINUTE_MS)
    k: int = 10
    trend: Trend | None = None
    at_ms: int | None = None


@dataclass(frozen=True)
class TopTag:
    """A tag of a window: its display form is the most frequent one, ties by code-point order."""

    rank: int
    tag: str
    display: str
    tweets: int
    originals: int
    retweets: int
    quotes: int
    replies: int
    authors: int


@dataclass(frozen=True)
class Top:
    """The first tags of [from_ms, to_ms); `all_tweets` of any tag or none.

    state: open (not all that arrived before its end is landed), closed, or sealed (each hour it touches is);
    revisions: those of its hours by the hour's ms, where they are sealed; incomplete: its minutes (ms) that touch a gap
    in what was received, so that tweets of them may be missing.
    """

    from_ms: int
    to_ms: int
    all_tweets: int
    tags: list[TopTag] | list[Trending]
    state: str = OPEN
    revisions: dict[int, int] = field(default_factory=dict)
    incomplete: list[int] = field(default_factory=list)

    @property
    def said(self) -> str:
        """`open`, `closed` or `sealed, revision 2`, and whether it is incomplete."""
        numbers = sorted(set(self.revisions.values()))
        revisions = f", revision{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"
        return self.state + revisions * (self.state == SEALED) + gaps.said(len(self.incomplete))


def look(tables: Tables, now_ms: int, asked: Asked) -> Top | None:
    """None while nothing is counted."""
    newest = tables.newest_minute(now_ms)
    if newest is None:
        return None
    from_ms, to_ms = (asked.windows.with_minute(newest) if asked.at_ms is None else asked.windows.ended(asked.at_ms))
    reading = tables.reading()
    now = tallies(reading, from_ms, to_ms, None if asked.trend else asked.k)
    total = now[ALL_TWEETS].tweets if ALL_TWEETS in now else 0
    tags: Any = _frequent(now, asked.k) if asked.trend is None else _trending(reading, now, asked.trend, to_ms, asked.k)
    revisions = {at: reading.sealed()[at] for at in hours_of(from_ms, to_ms) if at in reading.sealed()}
    missing = gaps.incomplete(gaps.read(tables.files, tables.paths, (from_ms, to_ms), now_ms), (from_ms, to_ms), now_ms)
    return Top(from_ms, to_ms, total, tags, _state(tables, from_ms, to_ms, revisions), revisions, missing)


def _frequent(now: dict[str, Tally], k: int) -> list[TopTag]:
    return [TopTag(rank=rank, tag=tag, display=mine.display, authors=mine.authors,
                   **dict(zip(MEASURES, mine.measures, strict=True)))
            for rank, (tag, mine) in enumerate(most_frequent(now, k), 1)]


def _trending(reading: Reading, now: dict[str, Tally], trend: Trend, to_ms: int, k: int) -> list[Trending]:
    import pyarrow.compute as pc

    first, last = trend.earlier(to_ms, 1)
    previous = tallies(reading, first, last)
    windows = [trend.earlier(to_ms, n) for n in range(trend.before + 1, -1, -1)]
    side_by_side = trend.step_ms == trend.windows.length_ms
    spans = [(windows[0][0], windows[-1][1])] if side_by_side else windows
    found = reading.current(["window_start", "tag", "tweets"], spans)
    # Added up by window before they become Python's: an hour of ten thousand tags has half a million minutes.
    back = pc.divide(pc.subtract(to_ms - 1, instants(found["window_start"])), trend.step_ms)
    summed = found.append_column("back", back).group_by(["back", "tag"]).aggregate([("tweets", "sum")])
    windows_of = (to_ms - 1 - n * trend.step_ms for n in summed["back"].to_pylist())
    minutes = zip(windows_of, summed["tag"].to_pylist(), summed["tweets_sum"].to_pylist(), strict=True)
    return trending(now, previous, earlier(minutes, trend, to_ms), k)


def tallies(reading: Reading, from_ms: int, to_ms: int, most: int | None = None) -> dict[str, Tally]:
    """As rollup.tally, with the sums by Arrow, and the sketches of a tag only where somebody reads them.

    `most`: authors are asked for of so many tags at most, the most frequent ones.
    """
    found = reading.current(["tag", "form", *MEASURES], [(from_ms, to_ms)])
    summed = found.group_by(["tag", "form"]).aggregate([(name, "sum") for name in MEASURES])
    out: dict[str, Tally] = defaultdict(Tally)
    for tag, form, *measures in zip(*(summed[name].to_pylist() for name in
                                      ("tag", "form", *(f"{name}_sum" for name in MEASURES))), strict=True):
        mine = out[tag]
        mine.forms[form] += measures[0]
        mine.measures = [a + b for a, b in zip(mine.measures, measures, strict=True)]
    names = None if most is None else [tag for tag, _ in most_frequent(out, most)]
    sketches = _AllSketches(reading, (from_ms, to_ms), names)
    for tag, mine in out.items():
        mine.sketches = _Sketches(sketches, tag)
    return dict(out)


class _AllSketches:
    """Of a window. They are read and put in the order of tags once, and only where somebody asks: to group a day's by
    tag took longer than all else."""

    def __init__(self, reading: Reading, window: Span, names: Sequence[str] | None) -> None:
        self._reading, self._window, self._names = reading, window, names

    @cached_property
    def _sorted(self) -> tuple[dict[str, int], Any, Any]:
        """The number of each tag, the sketches by it, and where those of each number end."""
        import numpy as np
        import pyarrow as pa

        rows = self._reading.current(["tag", "authors"], [self._window], self._names)
        tags = rows["tag"].combine_chunks().dictionary_encode()
        codes = tags.indices.to_numpy()
        ends = np.cumsum(np.bincount(codes, minlength=len(tags.dictionary)))
        ordered = rows["authors"].combine_chunks().take(pa.array(np.argsort(codes, kind="stable")))
        return {tag: n for n, tag in enumerate(tags.dictionary.to_pylist())}, ordered, ends

    def of(self, tag: str) -> list[bytes]:
        numbers, ordered, ends = self._sorted
        begin = ends[numbers[tag] - 1] if numbers[tag] else 0
        return [one for one in ordered.slice(begin, ends[numbers[tag]] - begin).to_pylist() if one is not None]


@dataclass(frozen=True)
class _Sketches(Sequence[bytes]):
    all: _AllSketches
    tag: str

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.all.of(self.tag))

    def __getitem__(self, index: Any) -> Any:
        return list(self)[index]

    def __len__(self) -> int:
        return len(list(self))


def instants(column: Any) -> Any:
    """A column of instants as ms."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.divide(column.cast(pa.timestamp("us", "UTC")).cast(pa.int64()), 1_000)


def _state(tables: Tables, from_ms: int, to_ms: int, revisions: dict[int, int]) -> str:
    if len(revisions) == len(hours_of(from_ms, to_ms)):
        return SEALED
    last = hours_of(from_ms, to_ms)[-1]
    return OPEN if landed.through(landed.marks(tables.files, tables.paths), last).gap(to_ms) else CLOSED


def minute(text: str) -> int:
    """`2026-03-01T10:15` (UTC) as ms; ValueError otherwise."""
    return int(datetime.strptime(text, "%Y-%m-%dT%H:%M").replace(tzinfo=timezone.utc).timestamp()) * 1000
