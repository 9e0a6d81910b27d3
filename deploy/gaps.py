"""Gaps in what the ingest services of a stream received, as HDFS has them, and the minutes that they touch."""
from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from deploy.errors import HashtideError
from deploy.spans import Span
from spark_apps.contract import MINUTE_MS, StreamPaths
from spark_apps.gap import Gap


class Files(Protocol):
    def list(self, path: str) -> list[str]: ...

    def read_json(self, path: str) -> dict[str, Any] | None: ...


def read(files: Files, paths: StreamPaths, window: Span, now_ms: int) -> list[Gap]:
    """Those that touch the window, the oldest first."""
    names = [name for name in files.list(paths.gaps) if name[:13].isdecimal() and name.endswith(".json")]
    found = []
    for name in _touching(names, window):
        try:
            found.append(Gap.of(files.read_json(f"{paths.gaps}/{name}") or {}))
        except TypeError:
            raise HashtideError(f"HDFS {paths.gaps}/{name} tells of no gap; move it away") from None
    return [gap for gap in found if gap.start_ms < window[1] and _until(gap, now_ms) >= window[0]]


def _touching(names: Iterable[str], window: Span) -> list[str]:
    """A source's gaps follow one another: of those that began before the window only the last can reach into it."""
    before: dict[str, str] = {}
    inside = []
    for name in sorted(names):
        if int(name[:13]) < window[0]:
            before[name[13:]] = name
        elif int(name[:13]) < window[1]:
            inside.append(name)
    return sorted([*before.values(), *inside])


def _until(gap: Gap, now_ms: int) -> int:
    return now_ms if gap.end_ms is None else gap.end_ms


def incomplete(gaps: Iterable[Gap], window: Span, now_ms: int) -> list[int]:
    """The minutes (ms) of the window of which posts may be missing."""
    missing = [span for gap in gaps if (span := gap.missing(now_ms)) and span[0] < span[1]]
    first = window[0] - window[0] % MINUTE_MS
    return [minute for minute in range(first, window[1], MINUTE_MS)
            if any(start < minute + MINUTE_MS and end > minute for start, end in missing)]


def recovery(gap: Gap) -> str:
    """How posts of it came later and how many, or `none`."""
    return gap.recovery if gap.recovery == "none" else f"{gap.recovery}, {gap.recovered:,} posts"


def said(minutes: int) -> str:
    """Behind the state of a window; nothing where all is there."""
    return f", incomplete: {minutes} minute{'s touch' if minutes > 1 else ' touches'} a gap" if minutes else ""
