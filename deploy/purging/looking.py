"""Where lines of withdrawn tweets lie: each landing file, pack and quarantined line since the oldest of them was
tweeted is read, since no index knows who retweets or quotes whom."""
from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from deploy import landed
from deploy.checkpoints.copying import AT_ONCE
from deploy.landed import HORIZON_MS
from deploy.purging import contents
from deploy.purging.contents import Cleaned
from deploy.retention.listing import AHEAD_MS
from spark_apps import packs
from spark_apps.contract import HOUR_MS, LandingFile, StreamPaths
from spark_apps.redaction import withdrawn
from spark_apps.snowflake import made_ms

LANDING, ARCHIVE, QUARANTINE, SPOOL = "landing", "archive", "quarantine", "spool"
CLEAN: dict[str, contents.Clean] = {LANDING: contents.landing, ARCHIVE: contents.pack, QUARANTINE: contents.aside,
                                    SPOOL: contents.landing}
#: How often is said how far it is, in files.
_SAY_EACH = 500


class Files(landed.Marks, Protocol):
    """What of deploy.hdfs.Client is needed here."""

    def read(self, path: str) -> bytes | None: ...


@dataclass(frozen=True)
class Place:
    """A file with `lines` of withdrawn tweets. `hours` (ms): whose counts or account change without them, the hour that
    it landed in among them."""

    kind: str
    path: str
    lines: int
    hours: frozenset[int] = frozenset()


@dataclass
class Found:
    """`read`: the paths of all files that were looked at, with so many `bytes`."""

    places: list[Place] = field(default_factory=list)
    read: set[str] = field(default_factory=set)
    bytes: int = 0


def look(hdfs: Files, paths: StreamPaths, ids: Collection[str], say: Callable[[str], None],
         known: Collection[str] = ()) -> Found:
    """In HDFS, in files that are not `known`."""
    there = [one for one in _files(hdfs, paths, _since(ids)) if one[1] not in known]
    plain, packed = ([one for one in there if (one[0] == ARCHIVE) == is_pack] for is_pack in (False, True))
    found = Found()

    def at(kind: str, path: str, hour: int) -> tuple[str, Place | None, int]:
        data = hdfs.read(path) or b""
        return path, place(kind, path, hour, CLEAN[kind](data, ids)), len(data)

    def looked() -> Iterator[tuple[str, Place | None, int]]:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            yield from pool.map(lambda one: at(*one), plain)
        # Unpacked, a pack may take as much memory as one process should.
        yield from (at(*one) for one in packed)

    for n, (path, one, size) in enumerate(looked(), 1):
        found.read.add(path)
        found.bytes += size
        found.places += [one] if one else []
        if n % _SAY_EACH == 0:
            say(f"read {n:,} of {len(there):,} files, {found.bytes / 1e6:,.0f} MB")
    return found


def spooled(directory: Path, ids: Collection[str]) -> list[Place]:
    """In the files of a spool that are not landed yet, the one that is being written among them."""
    found = []
    for path in sorted(one for one in directory.iterdir() if one.suffix in (".jsonl", ".open")):
        if (cleaned := contents.landing(path.read_bytes(), ids)) is not None:
            found.append(Place(SPOOL, str(path), cleaned.lines))
    return found


def events(hdfs: Files, paths: StreamPaths, since_ms: int) -> frozenset[str]:
    """Ids of tweets of which the stream itself has said since then that they are deleted or withheld."""
    found: set[str] = set()
    for kind, path, _ in _files(hdfs, paths, since_ms):
        if kind in _LINES and (data := hdfs.read(path)):
            found.update(one for line in _LINES[kind](data) for one in withdrawn(line))
    return frozenset(found)


_LINES: dict[str, Callable[[bytes], Iterable[bytes]]] = {
    LANDING: packs.lines, ARCHIVE: lambda data: (line for _, line in packs.unpack(data))}


def place(kind: str, path: str, landing_hour: int, cleaned: Cleaned | None) -> Place | None:
    if cleaned is None:
        return None
    # What is older than a seal's horizon was counted by none; what is of the future was counted when it arrived.
    of_events = {ms - ms % HOUR_MS for ms in cleaned.events if ms is not None}
    counted = {hour for hour in of_events if landing_hour - HORIZON_MS <= hour <= landing_hour + AHEAD_MS}
    return Place(kind, path, cleaned.lines, frozenset({landing_hour} | counted if cleaned.events else ()))


def _files(hdfs: Files, paths: StreamPaths, since_ms: int) -> list[tuple[str, str, int]]:
    """(kind, path, hour in ms) of all that arrived since then, by hour."""
    found = []
    for kind, root in ((LANDING, paths.landing), (ARCHIVE, paths.archive), (QUARANTINE, paths.quarantine)):
        for hour in landed.hours_below(hdfs, paths, root):
            directory = paths.landing_hour(hour).replace(paths.landing, root, 1)
            names = hdfs.list(directory) if hour + HOUR_MS > since_ms else []
            found += [(kind, f"{directory}/{name}", hour) for name in names if _IS[kind](name)]
    return sorted(found, key=lambda one: one[2])


def _is_landing(name: str) -> bool:
    try:
        return bool(LandingFile.parse(name))
    except ValueError:
        return False


_IS: dict[str, Callable[[str], bool]] = {
    LANDING: _is_landing, ARCHIVE: packs.is_pack, QUARANTINE: lambda name: name.endswith(".parquet")}


def _since(ids: Collection[str]) -> int:
    """Nothing that arrived earlier can have one of them; a clock of the platform may be ahead of ours."""
    made = [made_ms(one) for one in ids]
    return 0 if None in made else min((ms for ms in made if ms is not None), default=0) - AHEAD_MS
