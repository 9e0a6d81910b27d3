"""Which files of a stream's Delta tables may be vacuumed, and which hours may be put together. Pure.

A stream with a batch each ten seconds leaves some 9,000 files a day in counts_live, and each reader has to go through
the names of all. An hour that nothing is added to any more is put together: the same rows with the same generation and
batch, which readers, verification and a restore go by. No restore reads an older version of a table: a savepoint by
copy has none, and of one by snapshot only the checkpoint is taken; blocks that it has stay in HDFS as long as it does.
"""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from deploy.landed import HORIZON_MS
from deploy.retention.items import Item
from spark_apps.contract import HOUR_MS, hour_name

#: A file below it is small, by which an hour of a busy stream is one.
SMALL_BYTES = 32 * 1024 * 1024
#: So many small files are worth a commit: of an hour; of a table without hours, to which each seal adds one.
OF_AN_HOUR, OF_A_TABLE = 8, 64
#: Hours of one list, the oldest first: a stream that was never tidied comes to it in some nights.
HOURS = 240


@dataclass(frozen=True)
class Part:
    """A file of a table's newest version. `hour`: (ms) of its partition; None in a table that has none."""

    path: str
    bytes: int
    hour: int | None
    written_ms: int


@dataclass(frozen=True)
class Old:
    """A file that Delta's vacuum would delete, and since when no version has had it."""

    path: str
    bytes: int
    since_ms: int


@dataclass(frozen=True)
class Table:
    """`fault`: why it could not be looked at."""

    name: str
    path: str
    live: tuple[Part, ...] = ()
    old: tuple[Old, ...] = ()
    fault: str = ""

    def small(self, now_ms: int) -> dict[int | None, list[Part]]:
        """By hour, where there are so many that they are worth a commit, and none will be added."""
        found: dict[int | None, list[Part]] = defaultdict(list)
        for part in self.live:
            if part.bytes < SMALL_BYTES and part.written_ms < now_ms and closed(part.hour, now_ms):
                found[part.hour].append(part)
        return {hour: parts for hour, parts in found.items()
                if len(parts) >= (OF_A_TABLE if hour is None else OF_AN_HOUR)}


def closed(hour: int | None, now_ms: int) -> bool:
    """Whether no seal replaces it any more by itself: so long after it later lines are taken in."""
    return hour is None or hour + HOUR_MS + HORIZON_MS <= now_ms


def vacuum(tables: Sequence[Table], now_ms: int, hours: int, has_savepoints: bool) -> Iterator[Item]:
    before = now_ms - hours * HOUR_MS
    why = f"no version of the last {hours} hours has them" + (
        "; a savepoint holds the blocks of those it has" if has_savepoints else "")
    for table in tables:
        if going := [one for one in table.old if one.since_ms < before]:
            yield Item("vacuum", table.name, table.path, sum(one.bytes for one in going), len(going), why,
                       tuple(sorted(one.path for one in going)))


def optimise(tables: Sequence[Table], now_ms: int, sealed: Collection[int],
             stays: dict[str, list[tuple[int, int]]]) -> Iterator[Item]:
    left = HOURS
    for table in tables:
        if table.fault:
            stays[f"table {table.name}: {table.fault}"].append((0, 0))
        for hour, parts in sorted(table.small(now_ms).items(), key=lambda one: one[0] or 0):
            size = sum(part.bytes for part in parts)
            if hour is not None and (hour not in sealed or not left):
                stays[f"small files of {table.name}: " + ("the hour is not sealed, or incomplete" if left else
                                                         f"{HOURS} hours are put together at once")].append(
                    (len(parts), size))
                continue
            left -= hour is not None
            what = table.name if hour is None else f"{table.name} {hour_name(hour)}"
            yield Item("optimise", what, table.path, size, len(parts), "small files" + (
                "" if hour is None else " of an hour that is sealed and closed"))
