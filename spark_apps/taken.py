"""Which batch of the stream took a landing file, and under which watermark. Pure: what Spark's checkpoint and
progress/batches say goes in.

The file source's log (checkpoint/<generation>/sources/0) names each file with its entry in that log; a batch takes the
entries up to its own end offset. Spark keeps the offsets of its last 100 batches; progress/batches has the others, but
for the last seconds of a driver that was killed, which the next one finds in the checkpoint (progress/offsets).
"""
from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

#: Before the first batch nothing is late.
NEVER = -(1 << 62)


@dataclass(frozen=True)
class Batch:
    """`watermark_ms` is that of the batch itself; Spark calls late what the batch before it would have dropped."""

    watermark_ms: int
    source_offset: int


@dataclass(frozen=True)
class Take:
    """Entries (after, last] of the source's log were read by batch `batch`, or by one of those just before it.

    A tweet in them was late for certain where event_ms <= late_ms, and for certain not where event_ms > maybe_late_ms;
    the two differ only where batches are missing from what is known.
    """

    after: int
    last: int
    batch: int
    late_ms: int
    maybe_late_ms: int
    part: int = 0       # how many fresh starts lie before it


def takes(known: Mapping[int, Batch], committed: int) -> list[Take]:
    """From batches by id: who took what, through the batch `committed`."""
    out: list[Take] = []
    before: tuple[int, Batch] | None = None
    for number in sorted(number for number in known if number <= committed):
        batch = known[number]
        after = before[1].source_offset if before else -1
        late = before[1].watermark_ms if before else NEVER
        exact = number == (before[0] + 1 if before else 0)
        out.append(Take(after, batch.source_offset, number, late, late if exact else batch.watermark_ms))
        before = number, batch
    return [take for take in out if take.last > take.after]


def batch_of_line(line: Mapping[str, Any]) -> tuple[int, Batch] | None:
    """(batch id, batch) of a line of progress/batches; None where it does not tell."""
    if line.get("source_offset") is None or not line.get("watermark"):
        return None
    at = datetime.strptime(line["watermark"], "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)
    since = at - datetime(1970, 1, 1, tzinfo=timezone.utc)
    return int(line["batch_id"]), Batch((since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000,
                                        int(line["source_offset"]))


def spell(watermark_ms: int) -> str:
    """As Spark's progress and `batch_of_line` spell it."""
    at = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(milliseconds=watermark_ms)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{watermark_ms % 1000:03d}Z"


def batch_of_offsets(text: str) -> Batch | None:
    """Of checkpoint/<generation>/offsets/<n>: version, metadata, one line for each source."""
    try:
        _, metadata, source = text.splitlines()[:3]
        return Batch(int(json.loads(metadata)["batchWatermarkMs"]), int(json.loads(source)["logOffset"]))
    except (ValueError, KeyError, TypeError):
        return None


def take_of(found: Sequence[Take], entry: int) -> Take | None:
    """Who took this entry of the source's log; None where nobody has yet. `found`: as `takes` gave it."""
    at = bisect_left(found, entry, key=lambda take: take.last)
    return found[at] if at < len(found) and entry > found[at].after else None


def log_files(names: Iterable[str]) -> list[str]:
    """Which files of the source's log hold all of it: the newest <n>.compact and what came after."""
    numbers = {name: int(number) for name in names
               if (number := name.removesuffix(".compact")).isdecimal() and name in (number, f"{number}.compact")}
    newest = max((n for name, n in numbers.items() if name.endswith(".compact")), default=-1)
    return [name for name, n in sorted(numbers.items(), key=lambda item: item[1])
            if n > newest or n == newest and name.endswith(".compact")]
