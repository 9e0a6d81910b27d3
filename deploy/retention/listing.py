"""Which things of a stream may go: what was seen goes in, a list comes out. Pure.

Landing files go by what no driver can ever ask for again: a point that stays, whether generation or savepoint, has to
have taken a file before it may go, as its own source log says. What no point has taken stays, however old it is.
"""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from deploy.checkpoints.savepoint import Savepoint, expired
from deploy.landed import HORIZON_MS, needed
from deploy.retention import tables
from deploy.retention.horizons import DAY_MS, Horizons
from deploy.retention.items import Item, Listing, Stays
from deploy.retention.tables import Table
from spark_apps.contract import HOUR_MS, generation_name, hour_name

#: A seal reads from the hour before its own, and to so long after it.
AHEAD_MS = HOUR_MS
#: A file that was written less than this before the end of a seal may have come after the seal's look at landing.
SEAL_MS = HOUR_MS


@dataclass(frozen=True)
class Held:
    """A point that a stream can go back to, and its part in landing. `taken`: names of the files that it has taken and
    will not take again; None where it cannot be told."""

    label: str
    taken: frozenset[str] | None
    from_hour: int | None = None     # it takes no file that arrived before this hour (ms)
    way_out: str = ""                # the command that lets go of it

    def needs(self, hour: int, name: str) -> bool:
        if self.from_hour is not None and hour < self.from_hour:
            return False
        return self.taken is None or name not in self.taken


@dataclass(frozen=True)
class Checkpoint:
    """Of a generation that was opened. `superseded_ms`: when the next one was; None for the one that goes on."""

    number: int
    path: str
    superseded_ms: int | None
    bytes: int = 0
    files: int = 0
    there: bool = True
    retired: bool = False            # its deletion was begun


@dataclass(frozen=True)
class File:
    name: str
    bytes: int
    written_ms: int


@dataclass(frozen=True)
class Seal:
    """What the newest seal of an hour said."""

    time_ms: int
    complete: bool
    adds_up: bool
    pending: int = 0


@dataclass(frozen=True)
class World:
    """What is there. `held`: by the point's name, as `Held` for savepoints and generations alike. `opening`: why no
    checkpoint may be touched now; empty where there is no reason. `seals`: of landing's hours, and of those with many
    small files in a table."""

    now_ms: int
    checkpoints: tuple[Checkpoint, ...] = ()
    savepoints: tuple[Savepoint, ...] = ()
    places: dict[str, tuple[str, int, int]] = field(default_factory=dict)   # path, bytes, files of a savepoint
    held: dict[str, Held] = field(default_factory=dict)
    hours: dict[int, tuple[File, ...]] = field(default_factory=dict)        # landing
    paths: dict[int, str] = field(default_factory=dict)                     # of its hours
    packs: dict[int, tuple[File, ...]] = field(default_factory=dict)        # the archive's
    archive: dict[int, str] = field(default_factory=dict)                   # paths of its hours
    seals: dict[int, Seal] = field(default_factory=dict)
    opening: str = ""
    tables: tuple[Table, ...] = ()


def listing(world: World, horizons: Horizons) -> Listing:
    """What may go now, in the order in which it has to."""
    stays: dict[str, list[tuple[int, int]]] = defaultdict(list)
    saved, opened = list(_savepoints(world, horizons)), list(_checkpoints(world, horizons, stays))
    gone = {item.what for item in (*saved, *opened)}
    held = [one for name, one in world.held.items() if name not in gone]
    landing = list(_landing(world, horizons, held, stays))
    old = list(_archived(world, horizons))
    tidied = list(_tables(world, horizons, stays))
    kept = sorted((Stays(why, len(found), sum(f for f, _ in found), sum(b for _, b in found))
                   for why, found in stays.items()), key=lambda one: (-one.bytes, one.why))
    return Listing((*saved, *opened, *landing, *old, *tidied), tuple(kept))


def _savepoints(world: World, horizons: Horizons) -> Iterator[Item]:
    keep, keep_ms = horizons.savepoints, horizons.savepoint_days * DAY_MS
    for name in sorted([] if world.opening else expired(world.savepoints, world.now_ms, keep, keep_ms)):
        path, size, files = world.places[name]
        yield Item("savepoint", name, path, size, files, f"nobody pinned it, and it is older than "
                   f"{horizons.savepoint_days} days or than {horizons.savepoints} others")


def _checkpoints(world: World, horizons: Horizons, stays: dict[str, list[tuple[int, int]]]) -> Iterator[Item]:
    for one in sorted(world.checkpoints, key=lambda one: one.number):
        if not one.there or one.superseded_ms is None:
            continue
        age_ms = world.now_ms - one.superseded_ms
        if one.retired or not world.opening and age_ms > horizons.generation_ms:
            yield Item("checkpoint", generation_name(one.number), one.path, one.bytes, one.files,
                       f"another generation went on {age_ms // DAY_MS} days ago")
        else:
            stays[f"old checkpoints: {world.opening}" if world.opening else
                  f"old checkpoints: {horizons.generation_ms // DAY_MS} days after another generation went on"].append(
                (one.files, one.bytes))


# landing

def _landing(world: World, horizons: Horizons, held: list[Held],
             stays: dict[str, list[tuple[int, int]]]) -> Iterator[Item]:
    before = world.now_ms - horizons.landing_ms
    unsettled = {hour for hour, files in world.hours.items() if files and _unsettled(world, hour)}
    for hour, files in sorted(world.hours.items()):
        if hour + HOUR_MS > before or not files:
            continue
        why = _whole_hour(world, hour, held, unsettled)
        going = []
        for one in files:
            if reason := why or _file(world, hour, one, before, held):
                stays[f"landing: {reason}"].append((1, one.bytes))
            else:
                going.append(one)
        if going:
            yield Item("archive", hour_name(hour), world.paths[hour], sum(one.bytes for one in going), len(going),
                       f"arrived more than {horizons.landing_hours} hours ago, is sealed, and every point that stays "
                       "has taken it", tuple(sorted(one.name for one in going)))


def _whole_hour(world: World, hour: int, held: list[Held], unsettled: Iterable[int]) -> str:
    """Why all of a landing hour stays."""
    if not held:
        return "the stream was never launched, and its first driver takes all"
    if blind := next((one for one in held if one.taken is None
                      and (one.from_hour is None or hour >= one.from_hour)), None):
        return f"what {blind.label} has taken cannot be read{_or(blind)}"
    if hour in unsettled:
        return _unsettled(world, hour)
    # A seal of one of these hours, whenever it is made, reads this one too.
    reads = [at for at in unsettled if at - AHEAD_MS <= hour < at + HOUR_MS + HORIZON_MS]
    return f"the seal of {hour_name(min(reads))} is still to come, and reads it" if reads else ""


def _unsettled(world: World, hour: int) -> str:
    """Why this hour has no seal that is the last word; empty where it has."""
    found = world.seals.get(hour)
    if found is None:
        return "not sealed"
    if not found.complete:
        return "sealed, but incomplete"
    if not found.adds_up:
        return "its lines do not add up"
    return "it has lines of an hour to come" if found.pending and hour + HOUR_MS not in world.seals else ""


def _file(world: World, hour: int, file: File, before: int, held: list[Held]) -> str:
    """Why this file of an hour that is settled stays."""
    if file.written_ms > before:
        return "landed late, within the horizon"
    if file.written_ms > max(needed(hour), world.seals[hour].time_ms - SEAL_MS):
        return f"landed after its hour was sealed; `backfill --from {hour_name(hour)}` takes it in"
    needing = next((one for one in held if one.needs(hour, file.name)), None)
    return f"{needing.label} would take it{_or(needing)}" if needing else ""


def _or(held: Held) -> str:
    return f"; {held.way_out}" if held.way_out else ""


# archive

def _archived(world: World, horizons: Horizons) -> Iterator[Item]:
    for hour, files in sorted(world.packs.items()):
        if files and hour + HOUR_MS <= world.now_ms - horizons.archive_days * DAY_MS:
            yield Item("archived", hour_name(hour), world.archive[hour], sum(one.bytes for one in files), len(files),
                       f"arrived more than {horizons.archive_days} days ago; none of its lines can be counted again",
                       tuple(sorted(one.name for one in files)))


# tables

def _tables(world: World, horizons: Horizons, stays: dict[str, list[tuple[int, int]]]) -> Iterator[Item]:
    sealed = {hour for hour, seal in world.seals.items() if seal.complete}
    yield from tables.vacuum(world.tables, world.now_ms, horizons.vacuum_hours, bool(world.savepoints))
    yield from tables.optimise(world.tables, world.now_ms, sealed, stays)
