"""Counts of different engines, held against each other."""
from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone

#: Tweets by (minute in ms, key); the key "" is all tweets of the minute.
Counts = Mapping[tuple[int, str], int]


def difference(name: str, counts: Counts, other: str, others: Counts) -> str:
    """Empty where both are the same; else a line that shows the first row that differs."""
    rows = sorted(row for row in counts.keys() | others.keys() if counts.get(row) != others.get(row))
    if not rows:
        return ""
    minute, key = rows[0]
    at = datetime.fromtimestamp(minute / 1000, timezone.utc)
    return (f"{name} and {other} differ in {len(rows):,} of {len(counts.keys() | others.keys()):,} rows; first "
            f"{at:%H:%M} {key!r}: {counts.get(rows[0], 0):,} against {others.get(rows[0], 0):,}")
