"""Deleting what was listed, exactly that, and wherever it is cut off nothing else.

    list again, as of the instant of the list --another digest--> Refused, nothing deleted
      v
    control/retired/<checksum>.json: the list; by it a run that was cut off goes on, and seals know what is gone
      v
    a seal runs? --yes--> HashtideError, nothing deleted
      v
    savepoints, by their own way: the record last
      v
    checkpoints: control/generation/<n>.retired, then the directory: nobody goes back to what is half gone
      v
    landing files packed into the archive, after all points: until then each that may replay them is there to be gone
    back to; then packs that are past their time
      v
    files of tables that no version has; then hours put together, by commits of Delta: cut off before one there
    are files that no version has, which a vacuum takes when they are as old as any other
"""
from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from functools import partial
from typing import Any

from deploy import backfill
from deploy.checkpoints import points, savepoint
from deploy.checkpoints.copying import AT_ONCE
from deploy.errors import BadUse, HashtideError, Refused, Unreachable
from deploy.launch import Launcher
from deploy.retention import gone, packing, together
from deploy.retention.delta import look as look_at_tables
from deploy.retention.horizons import DAY_MS, Horizons
from deploy.retention.items import Item, Listing
from deploy.retention.listing import listing
from deploy.retention.looking import look
from deploy.yarn import LIVE
from spark_apps.contract import MINUTE_MS, StreamPaths, parse_hour

_CHECKSUM = re.compile(r"(\d{8}T\d{4})Z-[0-9a-f]{16}")
_INSTANT = "%Y%m%dT%H%MZ"


@dataclass(frozen=True)
class Listed:
    """A list as of an instant (ms), and the checksum that has to be repeated."""

    stream: str
    as_of_ms: int
    found: Listing

    @property
    def checksum(self) -> str:
        return f"{datetime.fromtimestamp(self.as_of_ms / 1000, timezone.utc):{_INSTANT}}-{self.found.digest}"

    def as_json(self) -> dict[str, Any]:
        return {"stream": self.stream, "as_of_ms": self.as_of_ms, "checksum": self.checksum,
                "items": [item.as_json() for item in self.found.items],
                "stays": [vars(one) for one in self.found.stays]}


def listed(tools: Launcher, stream: str, horizons: Horizons, as_of_ms: int | None = None) -> Listed:
    """What may go, by default as of this minute. BadUse where there is no such stream."""
    paths = StreamPaths(stream, tools.cluster.root)
    if tools.hdfs.status(paths.base) is None:
        raise BadUse(f"no stream {stream} at {paths.base}; `deploy/hashtide stream provision --stream {stream}` "
                     "makes one")
    now_ms = tools.now_ms() - tools.now_ms() % MINUTE_MS if as_of_ms is None else as_of_ms
    seen = look(tools.hdfs, paths, now_ms, horizons, partial(look_at_tables, tools.cluster))
    return Listed(stream, now_ms, listing(seen, horizons))


def again(tools: Launcher, stream: str, horizons: Horizons, checksum: str) -> Listed:
    """The list of this checksum as it is now, or what a run that was cut off has left of it. BadUse for what is no
    checksum, Refused where the list is another one by now."""
    now = listed(tools, stream, horizons, instant(checksum, tools.now_ms()))
    before = gone.begun(tools.hdfs, StreamPaths(stream, tools.cluster.root), checksum)
    if before:
        now = replace(now, found=now.found.within(_of(before)))
    if not (_of(before).covers(now.found) if before else now.checksum == checksum):
        raise Refused(f"stream {stream}: what may go is no longer what this checksum stands for, and nothing was "
                      f"deleted; `deploy/hashtide checkpoint retire --stream {stream}` lists it, with the checksum of "
                      "now")
    return now


def retire(tools: Launcher, stream: str, horizons: Horizons, checksum: str, who: str = "") -> Listed:
    """Deletes what the list of this checksum has, or what a run that was cut off has left of it; what was deleted.

    As `again`; HashtideError where a seal runs that may read what would go.
    """
    paths, now = StreamPaths(stream, tools.cluster.root), again(tools, stream, horizons, checksum)
    if not gone.begun(tools.hdfs, paths, checksum):
        # Whoever was cut off may have left an empty one.
        tools.hdfs.write_json(gone.record(paths, checksum), {**now.as_json(), "who": who, "time_ms": tools.now_ms()})
    if any(item.kind in ("archive", "archived") or together.is_sealed_into(item) for item in now.found.items):
        _check_nobody_seals(tools, stream)
    for item in now.found.items:
        if item.goes:
            tools.say(f"{item.kind} {item.what} {'is packed' if item.kind == 'archive' else 'goes'}")
            _GO[item.kind](tools, paths, item, who)
    together.put(tools, paths, [item.what for item in now.found.items if not item.goes])
    return now


def _check_nobody_seals(tools: Launcher, stream: str) -> None:
    """Whoever seals from now on finds the record, and is refused the hours that go."""
    if apps := tools.yarn.apps(tag=backfill.seal_tag(stream), states=LIVE):
        # No refusal: a task that waits a while and tries again will do.
        raise HashtideError(f"{apps[0].id} seals hours of stream {stream} and may read what would go; nothing was "
                            "deleted: do this again when it has ended")


def instant(checksum: str, now_ms: int) -> int:
    """As of when its list is; BadUse where it is none, or of another day."""
    match, at = _CHECKSUM.fullmatch(checksum), None
    with suppress(ValueError):
        at = match and datetime.strptime(match[1] + "Z", _INSTANT).replace(tzinfo=timezone.utc)
    if at is None:
        raise BadUse(f"checksum {checksum[:60]!r}: expected that of a list, such as 20260301T1015Z-0123456789abcdef")
    ms = int(at.timestamp()) * 1000
    if not now_ms - 2 * DAY_MS <= ms <= now_ms:
        raise BadUse(f"checksum {checksum}: its list is older than two days, or of the future; list again")
    return ms


def _of(record: dict[str, Any]) -> Listing:
    return Listing(tuple(Item(**item) for item in record["items"]))


# one of each kind

def _savepoint(tools: Launcher, paths: StreamPaths, item: Item, who: str) -> None:
    with suppress(BadUse):   # an upgrade has dropped it meanwhile
        savepoint.drop(tools, paths.stream, item.what)


def _checkpoint(tools: Launcher, paths: StreamPaths, item: Item, who: str) -> None:
    number = points.generation_number(item.what)
    assert number is not None
    tools.hdfs.create_exclusive(points.retired(paths, number), {"who": who, "time_ms": tools.now_ms()})
    tools.hdfs.delete(item.path, recursive=True)


def _files(tools: Launcher, paths: StreamPaths, item: Item, who: str) -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for done in [pool.submit(tools.hdfs.delete, f"{item.path}/{name}") for name in item.names]:
            done.result()


def _archive(tools: Launcher, paths: StreamPaths, item: Item, who: str) -> None:
    packing.move(tools.hdfs, paths, parse_hour(item.what), item.names)
    _empty(tools, item)


def _archived(tools: Launcher, paths: StreamPaths, item: Item, who: str) -> None:
    _files(tools, paths, item, who)
    _empty(tools, item)


def _empty(tools: Launcher, item: Item) -> None:
    for directory in (item.path, item.path.rpartition("/")[0]):
        try:
            tools.hdfs.delete(directory)   # not what is below: somebody may have landed there just now
        except Unreachable:
            raise
        except HashtideError:
            return


_GO: dict[str, Callable[[Launcher, StreamPaths, Item, str], None]] = {
    "savepoint": _savepoint, "checkpoint": _checkpoint, "archive": _archive, "archived": _archived, "vacuum": _files}
