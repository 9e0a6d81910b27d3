"""Savepoints: an instant of the stream under a name, by an HDFS snapshot, or by copying where there are no rights.

An HDFS snapshot holds checkpoint, tables, control and progress as they were at one instant, whatever runs; taking one
moves no data. A copy holds the checkpoint alone, through the newest batch that was committed when it began.
"""
from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial
from typing import Any, Protocol, cast

from deploy import elsewhere
from deploy.checkpoints import about, points
from deploy.checkpoints.copying import copy_tree, size_text
from deploy.errors import BadUse, HashtideError, Refused, Unreachable
from deploy.launch import Files, Launcher
from spark_apps import generations
from spark_apps.contract import StreamPaths, generation_name

#: Of those that were taken without anybody asking. Their blocks stay on disk as long as they do.
KEEP, KEEP_MS = 5, 30 * 24 * 3_600_000
#: A snapshot without its record is being taken, or its maker was cut off; after this long it was.
_TAKING_MS = 60_000
_COPY_TRIES = 3
#: A copy without a record is being made, or its maker was cut off; after this long it was.
_COPYING_MS = 24 * 3_600_000
#: A store's files by version; those of RocksDB itself lie apart, and belong to any number of versions.
_VERSION = re.compile(r"state/\d+/\d+/(?:(?!SSTs/|logs/)[^/]+/)?(\d+)[._][^/]*")


class Snapshots(Protocol):
    """What of deploy.hdfs.Client is needed here beside deploy.launch.Files."""

    def create_snapshot(self, path: str, name: str) -> None: ...

    def delete_snapshot(self, path: str, name: str) -> bool: ...


@dataclass(frozen=True)
class Savepoint:
    """One that is there: `good` where a driver could start from it."""

    name: str
    time_ms: int
    pinned: bool
    good: bool


def default_name(now_ms: int) -> str:
    return f"{datetime.fromtimestamp(now_ms / 1000, timezone.utc):%Y%m%dT%H%M%SZ}"


def take(tools: Launcher, stream: str, name: str = "", who: str = "", why: str = "", *, pinned: bool = True,
         by_copy: bool = False) -> dict[str, Any]:
    """Takes one, whether the stream runs or not, and returns its record. Cut off anywhere, the same call goes on.

    BadUse for a name that cannot be, or a stream that has no checkpoint yet; Refused where the name is taken, or where
    a right is missing, with the way that needs none.
    """
    paths = StreamPaths(stream, tools.cluster.root)
    name = points.check_name(name or default_name(tools.now_ms()))
    newest = generations.newest(tools.hdfs, paths)
    elsewhere.refuse(paths, newest, "a savepoint")
    if newest is None or tools.hdfs.status(paths.checkpoint(newest.number)) is None:
        raise BadUse(f"stream {stream} has no checkpoint yet; there is nothing to keep before its first batch")
    if tools.hdfs.status(paths.savepoint(name)) is not None:
        raise _taken(paths, name)
    said = _copy(tools, paths, name) if by_copy else _snapshot(tools, paths, name)
    point = points.of(tools.hdfs, paths, name, said)
    record = {**said, **about.record(tools.hdfs, paths, point), "name": name, "who": who, "why": why,
              "pinned": pinned, "time_ms": tools.now_ms()}
    if not tools.hdfs.create_exclusive(paths.savepoint(name), record):
        raise _taken(paths, name)
    return record


def _taken(paths: StreamPaths, name: str) -> Refused:
    return Refused(f"stream {paths.stream} has a savepoint {name} already: choose another name, or drop it first by "
                   f"`deploy/hashtide checkpoint drop {name} --stream {paths.stream} --yes`")


def _snapshot(tools: Launcher, paths: StreamPaths, name: str) -> dict[str, Any]:
    hdfs, snapshot = cast(Snapshots, tools.hdfs), points.snapshot_name(name)
    begun = points.snapshots(tools.hdfs, paths).get(name)
    if begun is not None and tools.now_ms() - begun > _TAKING_MS:
        # Whoever asks now means this instant.
        hdfs.delete_snapshot(paths.base, snapshot)
        begun = None
    if begun is None:
        try:
            hdfs.create_snapshot(paths.base, snapshot)
        except Unreachable:
            raise
        except HashtideError as error:
            # Made by another at the same time, or by this very call, whose answer got lost.
            if name not in points.snapshots(tools.hdfs, paths):
                raise _missing_right(tools, paths, name, str(error)) from None
    return {"way": "snapshot"}


def _missing_right(tools: Launcher, paths: StreamPaths, name: str, error: str) -> HashtideError:
    if "not a snapshottable directory" in error:
        right = (f"snapshots of {paths.base} are not allowed: HDFS's superuser allows them once, "
                 f"`hdfs dfsadmin -allowSnapshot {paths.base}`")
    elif "AccessControlException" in error:
        right = f"a snapshot of {paths.base} needs its owner, and {tools.cluster.hdfs.user or 'this user'} is not"
    else:
        return HashtideError(error)
    newest = generations.newest(tools.hdfs, paths)
    size = about.size(tools.hdfs, paths.checkpoint(newest.number if newest else 1))
    return Refused(f"{right}. Without it `deploy/hashtide checkpoint savepoint {name} --stream {paths.stream} --copy` "
                   f"copies the checkpoint: {size_text(size['bytes'])} in {size['files']:,} files")


def _copy(tools: Launcher, paths: StreamPaths, name: str) -> dict[str, Any]:
    """A directory of its own for each try: nobody else writes there, and without a record it is nothing."""
    _sweep(tools, paths)
    newest = generations.newest(tools.hdfs, paths)
    assert newest
    source = paths.checkpoint(newest.number)
    for left in reversed(range(_COPY_TRIES)):
        directory = f"{name}.{tools.new_id()[:12]}"
        through = points.committed(tools.hdfs, source)
        try:
            copy_tree(tools.hdfs, source, paths.savepoint_copy(directory), partial(is_of, through))
            break
        except Unreachable:
            raise
        except HashtideError:
            # The driver goes on meanwhile, and deletes what it needs no more.
            tools.hdfs.delete(paths.savepoint_copy(directory), recursive=True)
            if not left:
                raise
    return {"way": "copy", "directory": directory, "generation": generation_name(newest.number)}


def _sweep(tools: Launcher, paths: StreamPaths) -> None:
    """Deletes copies that were cut off."""
    found = tools.hdfs.statuses(f"{paths.base}/savepoint")
    old = {name for name, status in found.items() if tools.now_ms() - int(status["modificationTime"]) > _COPYING_MS}
    if old:
        records = (tools.hdfs.read_json(paths.savepoint(name)) or {} for name in points.savepoint_names(
            tools.hdfs, paths))
        for name in old - {str(told.get("directory")) for told in records}:
            tools.hdfs.delete(paths.savepoint_copy(name), recursive=True)


def is_of(through: int, path: str) -> bool:
    """Whether a checkpoint's file is older than the end of the batch `through`."""
    kind, _, name = path.partition("/")
    if kind in ("offsets", "commits"):
        return name.isdecimal() and int(name) <= through
    version = _VERSION.fullmatch(path)
    return version is None or int(version[1]) <= through + 1


def drop(tools: Launcher, stream: str, name: str) -> None:
    """Forgets one; the generations that came from it have what they need. BadUse where there is none."""
    paths = StreamPaths(stream, tools.cluster.root)
    points.check_there(tools.hdfs, paths, name)
    told = tools.hdfs.read_json(paths.savepoint(name)) or {}
    # The record last: whoever is cut off finds by it what is left to do.
    if told.get("way") == "copy":
        tools.hdfs.delete(points.copied_to(paths, name, told), recursive=True)
    else:
        cast(Snapshots, tools.hdfs).delete_snapshot(paths.base, points.snapshot_name(name))
    tools.hdfs.delete(paths.savepoint(name))


# what nobody asked for

def before_upgrade(tools: Launcher, stream: str, release: str, epoch: int) -> str:
    """Takes one before another release goes on with the checkpoint, and drops those past their time; its name, empty
    where there was nothing to keep or it could not be taken. Unreachable where HDFS is."""
    name = "upgrade-" + re.sub(r"[^A-Za-z0-9_-]", "_", release)[:40]
    try:
        if name in points.savepoint_names(tools.hdfs, StreamPaths(stream, tools.cluster.root)):
            name = f"{name}-e{epoch}"
        take(tools, stream, name, "launch", f"before release {release}", pinned=False)
        tools.say(f"savepoint {name} is taken before release {release}")
        for old in expired(standing(tools.hdfs, StreamPaths(stream, tools.cluster.root)), tools.now_ms()):
            drop(tools, stream, old)
            tools.say(f"savepoint {old} is dropped: {KEEP} newer ones are kept, for {KEEP_MS // 86_400_000} days")
    except BadUse:
        return ""
    except Unreachable:
        raise
    except HashtideError as error:
        # A stream that stands still because of it would be worse.
        tools.say(f"no savepoint before release {release}: {error}")
        return ""
    return name


def standing(hdfs: Files, paths: StreamPaths) -> list[Savepoint]:
    """All of the stream's, the newest first."""
    found = []
    for name in points.savepoint_names(hdfs, paths):
        told, good = hdfs.read_json(paths.savepoint(name)) or {}, False
        try:
            good = not points.fault(hdfs, paths, points.of_savepoint(hdfs, paths, name))
        except Unreachable:
            raise   # one that could not be looked at may be the last good one
        except HashtideError:
            pass
        at = int(told.get("time_ms") or points.snapshots(hdfs, paths).get(name) or 0)
        found.append(Savepoint(name, at, bool(told.get("pinned", True)), good))
    return sorted(found, key=lambda one: one.time_ms, reverse=True)


def expired(found: Sequence[Savepoint], now_ms: int, keep: int = KEEP, keep_ms: int = KEEP_MS) -> list[str]:
    """Which to drop, of `standing` ones: of those that nobody pinned whatever is older than `keep_ms` or than `keep`
    others of them; never the newest good one of all."""
    last_good = next((one.name for one in found if one.good), "")
    unpinned = [one for one in found if not one.pinned]
    return [one.name for at, one in enumerate(unpinned)
            if one.name != last_good and (at >= keep or now_ms - one.time_ms > keep_ms)]
