"""What of a stream is there, as `deploy.retention.listing` wants to know it: reads HDFS, and changes nothing."""
from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace

from deploy import elsewhere, engines, landed
from deploy.checkpoints import about, points
from deploy.checkpoints import savepoint as savepoints
from deploy.errors import HashtideError, Unreachable
from deploy.launch import Files
from deploy.retention import readers
from deploy.retention.horizons import DAY_MS, Horizons
from deploy.retention.listing import Checkpoint, File, Held, Seal, World
from deploy.retention.tables import Table
from deploy.spec import CLASSIC
from spark_apps import generations
from spark_apps.contract import CLASSIC_TABLES, HOUR_MS, TABLES, LandingFile, StreamPaths, generation_name
from spark_apps.generations import Generation
from spark_apps.taken import log_files

#: deploy.retention.delta.look of this cluster: tables by name and path, whatever is this many hours old.
LookAtTables = Callable[[dict[str, str], int], tuple[Table, ...]]


def look(hdfs: Files, paths: StreamPaths, now_ms: int, horizons: Horizons, look_at_tables: LookAtTables) -> World:
    """Of landing only what is about as old as its horizon or older. HashtideError where something cannot be read on
    which all depends."""
    classic = engines.of(hdfs, paths) == CLASSIC
    newest = generations.newest(hdfs, paths)
    # The hour after those that are old enough, too: a seal of it reads the last of them.
    last = now_ms - horizons.landing_ms + HOUR_MS
    places = {hour: paths.landing_hour(hour) for hour in landed.hours(hdfs, paths) if hour <= last}
    hours = {hour: tuple(_files(hdfs, path)) for hour, path in places.items()}
    candidates = {one.name for files in hours.values() for one in files}
    archive = {hour: paths.archive_hour(hour) for hour in landed.hours_below(hdfs, paths, paths.archive)
               if hour <= now_ms - horizons.archive_days * DAY_MS}
    # The classic engine looks after its checkpoints itself, and has no savepoints.
    checkpoints = () if classic else tuple(_checkpoints(hdfs, paths))
    standing = () if classic else tuple(savepoints.standing(hdfs, paths))
    held = {one.name: _of_savepoint(hdfs, paths, one.name, candidates) for one in standing}
    for one in checkpoints:
        if one.superseded_ms is None and newest and (said := elsewhere.where(newest)):
            name = generation_name(one.number)
            held[name] = Held(f"generation {name}", None, newest.from_hour, said)
        elif not one.retired and (one.there or one.superseded_ms is None):
            point = points.of_generation(hdfs, paths, one.number)
            held[point.name] = _held(hdfs, point, candidates, "")
    if classic:
        held["own"] = readers.of(hdfs, paths)
    if held:   # a stream that was never launched keeps all
        held.update(readers.held(hdfs, paths))
    tables = _tables(hdfs, paths, horizons.vacuum_hours, look_at_tables)
    many = {hour for table in tables for hour in table.small(now_ms) if hour is not None}
    return World(now_ms, checkpoints, standing, {one.name: _place(hdfs, paths, one.name) for one in standing}, held,
                 hours, places, {hour: tuple(_packs(hdfs, path)) for hour, path in archive.items()}, archive,
                 _seals(hdfs, paths, {*places, *(at + HOUR_MS for at in places), *many}),
                 "" if classic else _opening(hdfs, paths, newest, now_ms), tables)


# points

def _checkpoints(hdfs: Files, paths: StreamPaths) -> Iterator[Checkpoint]:
    opened = [made for number in generations.numbers(hdfs, paths.generations)
              if (made := generations.opened(hdfs, paths, number))]
    later: Generation | None = None
    for made in opened:   # the newest first
        path = paths.checkpoint(made.number)
        there, size = hdfs.status(path) is not None, about.size(hdfs, path)
        # One whose time is not known was superseded now, as far as anybody can tell, and stays.
        superseded_ms = (later.time_ms or 1 << 62) if later else None
        yield Checkpoint(made.number, path, superseded_ms, size["bytes"], size["files"], there,
                         hdfs.status(points.retired(paths, made.number)) is not None)
        later = made


def _opening(hdfs: Files, paths: StreamPaths, newest: Generation | None, now_ms: int) -> str:
    """Why all points stay for now."""
    names = hdfs.list(paths.generations)
    for name in names:
        number = name.removesuffix(".claim")
        if name != number and not hdfs.read_json(f"{paths.generations}/{number}.json"):
            claimed_ms = (hdfs.read_json(f"{paths.generations}/{name}") or {}).get("time_ms") or now_ms
            if now_ms - int(claimed_ms) < DAY_MS:   # otherwise its maker was cut off
                return f"generation {number} is being opened"
    fault = points.fault(hdfs, paths, points.of_generation(hdfs, paths, newest.number)) if (
        newest and not newest.checkpoint_root) else ""
    return f"the generation that goes on is damaged ({fault}), and the others are the way out" if fault else ""


def _of_savepoint(hdfs: Files, paths: StreamPaths, name: str, candidates: set[str]) -> Held:
    way_out = f"`deploy/hashtide checkpoint drop {name} --stream {paths.stream} --yes` lets go of it"
    try:
        return _held(hdfs, points.of_savepoint(hdfs, paths, name), candidates, way_out)
    except Unreachable:
        raise
    except HashtideError:
        return Held(f"savepoint {name}", None, None, way_out)


def _held(hdfs: Files, point: points.Point, candidates: set[str], way_out: str) -> Held:
    made = Held(point.label, None, point.generation.from_hour, way_out)
    if point.batch < 0:
        return replace(made, taken=frozenset())
    batch = points.batch_of(hdfs, point)
    if batch is None:
        return made
    try:
        taken = set(_taken(hdfs, f"{point.checkpoint}/sources/0", batch.source_offset))
    except ValueError:
        return made
    return replace(made, taken=frozenset(taken & candidates))


def _taken(hdfs: Files, directory: str, through: int) -> Iterator[str]:
    """Names of the landing files in a file source's log, through this entry; ValueError where it is damaged."""
    for name in log_files(hdfs.list(directory)):
        version, *lines = (hdfs.read(f"{directory}/{name}") or b"").decode(errors="replace").splitlines()
        for entry in map(json.loads, lines):
            if int(entry["batchId"]) <= through:
                yield str(entry["path"]).rpartition("/")[2]


def _place(hdfs: Files, paths: StreamPaths, name: str) -> tuple[str, int, int]:
    """Where a savepoint is, bytes and files of its checkpoint."""
    told, size = hdfs.read_json(paths.savepoint(name)) or {}, {"bytes": 0, "files": 0}
    path = f"{paths.snapshots}/{points.snapshot_name(name)}"
    try:
        path = points.copied_to(paths, name, told) if told.get("way") == "copy" else path
        size = about.size(hdfs, points.of_savepoint(hdfs, paths, name).checkpoint)
    except Unreachable:
        raise
    except HashtideError:
        pass   # one that is half gone
    return path, size["bytes"], size["files"]


# landing and archive

def _files(hdfs: Files, path: str) -> Iterator[File]:
    for name, status in sorted(hdfs.statuses(path).items()):
        with suppress(ValueError):
            LandingFile.parse(name)
            yield File(name, int(status["length"]), int(status["modificationTime"]))


def _packs(hdfs: Files, path: str) -> Iterator[File]:
    """And what is left of those that were cut off."""
    for name, status in sorted(hdfs.statuses(path).items()):
        yield File(name, int(status["length"]), int(status["modificationTime"]))


def _seals(hdfs: Files, paths: StreamPaths, hours: Iterable[int]) -> dict[int, Seal]:
    found = {}
    for hour in hours:
        if said := hdfs.read_json(paths.seal_result(hour)):
            found[hour] = Seal(int(said.get("time_ms") or 0), bool(said.get("complete")), bool(said.get("adds_up")),
                               int(said.get("pending") or 0))
    return found


# tables

def _tables(hdfs: Files, paths: StreamPaths, retain_hours: int, look_at: LookAtTables) -> tuple[Table, ...]:
    there = {name: paths.table(name) for name in (*TABLES, *CLASSIC_TABLES)
             if hdfs.status(f"{paths.table(name)}/_delta_log") is not None}
    if not there:
        return ()
    try:
        return look_at(there, retain_hours)
    except HashtideError as error:
        # All else goes on without: a machine may have neither the package nor a Python that has.
        return tuple(Table(name, path, fault=str(error)) for name, path in there.items())
