"""When nothing was received, why, and what came of it later: a file a gap, first in the spool, then in HDFS.

    up --down--> open, no end --up--> open, with its end; so it stays where no backfill was asked for
                     ^                   '--backfill has come--> closed, where it reached back to the beginning
                     '--down before that--'
    open, with its end --searched--> closed

A gap begins with the last sign of life before it, less the time that posts took from their making to their arrival:
what was read late, because the machine or the disk was slow, may have been sent long before the connection broke. So it
may begin earlier than what is missing, and does not begin later.
"""
from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import orjson

from spark_apps.gap import Gap
from spark_apps.ingest import memory
from spark_apps.ingest.marks import Down, Up
from spark_apps.ingest.policy import Policy, covered_from_ms

#: Snowflake ids: milliseconds since this instant, then 22 bits.
_EPOCH_MS = 1_288_834_974_657
#: Ids before are of another kind.
_FIRST = 30_000_000_000
_MOST_IDS = 500_000
#: So many records tell how old they are when they arrive: one alone may be old for a reason of its own.
_RECENT, _LONG, _MOST_LAG_MS = 20, 65_536, 15 * 60_000
_FILE = re.compile(r"(\d{13}-[a-z][a-z0-9_]{0,39})\.(\d+)\.json")


@dataclass(frozen=True)
class _Session:
    """`alive_ms`: up to here all is in the spool; `gap`: one that still may change; `search`: those to be searched."""

    alive_ms: int | None = None
    gap: Mapping[str, Any] | None = None
    search: tuple[Mapping[str, Any], ...] = ()


class Book:
    """The gaps of one writer. OSError leaves all as it was, to be tried again."""

    def __init__(self, spool: Path, source: str, policy: Policy, search: bool = False) -> None:
        """`search`: gaps that have ended and are open wait in `to_search` for what comes of it."""
        self._file, self._directory, self._source = spool / "session.json", spool / "gaps", source
        self._policy, self._search = policy, search
        self.to_search: dict[str, Gap] = {}
        self.gap: Gap | None = None
        self._alive_ms: int | None = None
        self.lag_ms = 0   # of what came last: from its making to its arrival
        self._up_ms = self._last_start_ms = 0
        self._recent: deque[tuple[int, bytes]] = deque(maxlen=_RECENT)
        self._new = False
        self._ids: set[int] = set()
        self._id_at_ms = 0
        self._version = 0

    @property
    def since_ms(self) -> int | None:
        """Since when posts are missing that a backfill may still bring."""
        return self.gap.start_ms if self.gap else None

    def heard_ms(self) -> int | None:
        """Up to here nothing is missing."""
        if self._alive_ms is None:
            return None
        if self._new:
            newest = max((ms for _, data in self._recent if (ms := _made_ms(data)) is not None), default=None)
            if newest is not None:
                self.lag_ms = max(0, min(self._recent[-1][0] - newest, _MOST_LAG_MS))
            self._new = False
        # What a connection is to bring begins with it.
        return max(self._up_ms, self._alive_ms - self.lag_ms)

    def open(self, now_ms: int) -> None:
        """What a process before this one left behind: killed where it did not say goodbye."""
        self._directory.mkdir(exist_ok=True)
        for cut_off in self._directory.glob("*.tmp"):
            cut_off.unlink()
        last = memory.load(self._file, _Session) or _Session()
        self._alive_ms = last.alive_ms
        self.to_search = {(gap := Gap.of(said)).name: gap for said in last.search}
        if last.gap:
            gap = Gap.of(last.gap)
            # The backfill of one that has an end was cut off.
            self._write(replace(gap, end_ms=None, backfill_minutes=0), now_ms)
        elif last.alive_ms:
            self._write(Gap(min(last.alive_ms, now_ms), self._source, "killed"), now_ms)

    def note(self, at_ms: int, mark: object) -> None:
        if isinstance(mark, Down) and self.gap is None:
            # Two gaps of one millisecond would be one file.
            start_ms = max(self.heard_ms() or at_ms, self._last_start_ms + 1)
            self._write(Gap(start_ms, self._source, mark.cause, mark.detail), at_ms)
            self._last_start_ms = start_ms
        elif isinstance(mark, Down) and self.gap and self.gap.end_ms:
            self._write(replace(self.gap, end_ms=None, backfill_minutes=0), at_ms)
        elif isinstance(mark, Up) and self.gap:
            gap = replace(self.gap, end_ms=at_ms, backfill_minutes=mark.backfill)
            self._write(gap, at_ms, last=not mark.backfill)
            self._ids, self._id_at_ms = set(), at_ms
        if isinstance(mark, Up):
            self._up_ms = at_ms
        if not isinstance(mark, Down):
            self._alive_ms = at_ms

    def record(self, at_ms: int, data: bytes) -> None:
        self._alive_ms = at_ms
        if len(data) <= _LONG:
            self._recent.append((at_ms, data))
            self._new = True
        gap = self.gap
        if gap and gap.end_ms and len(self._ids) < _MOST_IDS:
            number = _id(data)
            if number and gap.start_ms <= _ms(number) < gap.end_ms:
                self._ids.add(number)
                self._id_at_ms = at_ms

    def tick(self, now_ms: int) -> None:
        """All that was noted is in the spool: remembers how far it goes, and closes a gap whose backfill has come."""
        gap = self.gap
        if gap and gap.end_ms and now_ms - self._id_at_ms >= self._policy.settled_s * 1000:
            from_ms = covered_from_ms(gap.start_ms, gap.end_ms, gap.backfill_minutes, self._policy)
            state = "closed" if from_ms == gap.start_ms else "open"
            self._write(replace(gap, recovery="backfill", recovered=len(self._ids), recovered_from_ms=from_ms,
                                state=state), now_ms, last=True)
        self._remember(self.gap)

    def searched(self, gap: Gap, recovered: int | None, now_ms: int) -> None:
        """All that was found of it is in the spool; None: it cannot be searched any more."""
        left = {name: other for name, other in self.to_search.items() if name != gap.name}
        if recovered is not None:
            ways = [way for way in (gap.recovery, "search") if way != "none"]
            self._save(replace(gap, recovery=", ".join(ways), recovered=gap.recovered + recovered,
                               recovered_from_ms=gap.start_ms, state="closed"), now_ms)
        self._remember(self.gap, left)
        self.to_search = left

    def _write(self, gap: Gap, now_ms: int, last: bool = False) -> None:
        self._save(gap, now_ms)
        # What was not wanted for its price is no loss.
        waits = self._search and last and gap.state == "open" and gap.cause != "spend"
        to_search = {**self.to_search, **({gap.name: gap} if waits else {})}
        self._remember(None if last else gap, to_search)
        self.gap, self.to_search = None if last else gap, to_search

    def _save(self, gap: Gap, now_ms: int) -> None:
        version = max(now_ms, self._version + 1)
        memory.save(self._directory / f"{gap.name}.{version}.json", asdict(gap))
        self._version = version

    def _remember(self, gap: Gap | None, to_search: Mapping[str, Gap] | None = None) -> None:
        waiting = self.to_search if to_search is None else to_search
        memory.save(self._file, {"alive_ms": self.heard_ms(), "gap": asdict(gap) if gap else None,
                                 "search": [asdict(one) for one in waiting.values()]})


def waiting(spool: Path) -> dict[str, list[Path]]:
    """Files that are not in HDFS yet by the name they will have there, each name's newest last."""
    found: dict[str, list[tuple[int, Path]]] = {}
    for path in (spool / "gaps").glob("*.json"):
        if match := _FILE.fullmatch(path.name):
            found.setdefault(f"{match[1]}.json", []).append((int(match[2]), path))
    return {name: [path for _, path in sorted(versions)] for name, versions in sorted(found.items())}


def _ms(number: int) -> int:
    return (number >> 22) + _EPOCH_MS


def _made_ms(data: bytes) -> int | None:
    number = _id(data)
    return _ms(number) if number is not None and number >= _FIRST else None


def _id(data: bytes) -> int | None:
    try:
        return int(orjson.loads(data)["data"]["id"])
    except (ValueError, KeyError, TypeError):
        return None
