"""Purging: what is found is rewritten, the hours that had counted it are sealed again, and a record says so.

    record with ids and hours --> each file, by rename --> the hours sealed again --> record with its end
      ^                                                        |
      +-- a later purge finds a record without an end, and seals its hours as well

A line in an hour that is not sealed yet waits: the stream may have counted its tweet, and only between two seals does
it show what the hour lost.
"""
from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, cast

from deploy import backfill
from deploy.backfill import MAX_HOURS, Seal
from deploy.errors import BadUse
from deploy.launch import Launcher
from deploy.purging.looking import CLEAN, LANDING, SPOOL, Found, Place, look, spooled
from deploy.retention import gone
from deploy.tables import Tables
from spark_apps.contract import StreamPaths, hour_name

#: Files that come while one looks are looked at as well, so often at most.
_ROUNDS = 5


class Files(Protocol):
    """What of deploy.hdfs.Client is needed here."""

    def list(self, path: str) -> list[str]: ...

    def read_json(self, path: str) -> dict[str, Any] | None: ...

    def write_json(self, path: str, obj: Any) -> None: ...

    def read(self, path: str) -> bytes | None: ...

    def replace(self, path: str, data: bytes) -> None: ...

    def replace_keeping_time(self, path: str, data: bytes) -> None: ...


@dataclass(frozen=True)
class Stream:
    """A stream and the hands that are laid on it. `sealed`: ledger rows by hour (ms), of now; `seal`: submits it, waits
    for its end, and raises where that is not a good one; `spool`: of ingest, where it is on this machine."""

    hdfs: Files
    paths: StreamPaths
    sealed: Callable[[], Mapping[int, Mapping[str, Any]]]
    seal: Callable[[Seal], None]
    now_ms: Callable[[], int]
    say: Callable[[str], None]
    spool: Path | None = None


@dataclass(frozen=True)
class Left:
    """Why a file stays as it is. `hour`: that (ms) which is not sealed; None for a file of the spool."""

    why: str
    hour: int | None = None


@dataclass
class Purged:
    """Lines and files that were rewritten, hours that were sealed again. `kept`: hours whose counts stay, since landing
    that they would need was retired. `left`: what is still there."""

    ids: int
    lines: int = 0
    files: int = 0
    hours: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)
    seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        return {**vars(self), "left": [one.why for one in self.left]}


def purge(stream: Stream, ids: Collection[str], by: str) -> Purged:
    """Idempotent; who was cut off calls it again. HashtideError where HDFS or a seal fails."""
    began_ms, done, record = stream.now_ms(), Purged(len(ids)), _Record(stream, by, ids)
    known: set[str] = set()
    for _ in range(_ROUNDS):
        found = look(stream.hdfs, stream.paths, ids, stream.say, known)
        known |= found.read
        ready, left = ready_or_left(stream, found, ids)
        done.left = list(dict.fromkeys([*done.left, *left]))
        if not ready:
            break
        record.begin({hour for place in ready for hour in place.hours})
        for place in ready:
            done.lines += _clean(stream, place, ids)
            done.files += 1
            stream.say(f"rewrote {place.path.rpartition('/')[2]}, {place.lines:,} lines")
    done.hours, done.kept = _seal_again(stream, record.hours())
    done.seconds = (stream.now_ms() - began_ms) / 1000
    record.end(done)
    return done


def stream_of(tools: Launcher, stream: str, spool: Path | None = None) -> Stream:
    """Of this cluster; its seals run on YARN."""
    files, paths = tools.hdfs, StreamPaths(stream, tools.cluster.root)

    def seal(job: Seal) -> None:
        since_ms, app = tools.now_ms(), backfill.submit_seal(tools, job)
        backfill.await_end(tools, app.id, timeout_s=3600.0 + 60.0 * len(job.hours))
        backfill.results(files, paths, [hour for hour, _ in job.hours], since_ms, app.id)
    return Stream(cast(Files, files), paths, Tables(tools.cluster, stream, files).sealed, seal, tools.now_ms, tools.say,
                  spool)


def ready_or_left(stream: Stream, found: Found, ids: Collection[str]) -> tuple[list[Place], list[Left]]:
    """What can be rewritten now, of HDFS and of the spool; and of the other places, why not."""
    sealed = stream.sealed()
    ready, left = list[Place](), list[Left]()
    for place in (*found.places, *(spooled(stream.spool, ids) if stream.spool else ())):
        if place.path.endswith(".open"):
            left.append(Left(f"{place.path}: ingest is writing it; purge again in a minute"))
        elif waits := sorted(place.hours - sealed.keys()):
            left.append(Left(f"{place.path}: {hour_name(waits[0])} is not sealed; purge again when it is (where no "
                             f"schedule seals it: deploy/hashtide backfill --stream {stream.paths.stream} --from "
                             f"{hour_name(waits[0])})", waits[0]))
        else:
            ready.append(place)
    return ready, left


def asked_for(stream: Stream) -> frozenset[str]:
    """Every id of which a purge was begun."""
    return frozenset(one for record in _records(stream).values() for one in record.get("ids") or ())


class _Record:
    """control/purges/<began_ms>.json: {"ids", "by", "began_ms", "hours": [ms, ...], "ended_ms", ...}, of this purge;
    and those of earlier ones that did not come to their end."""

    def __init__(self, stream: Stream, by: str, ids: Collection[str]) -> None:
        self._stream = stream
        known = _records(stream)
        self._unfinished = {path: record for path, record in known.items() if "ended_ms" not in record}
        began_ms = stream.now_ms()
        self._path = f"{_directory(stream.paths)}/{began_ms:013d}.json"
        self._own: dict[str, Any] = {"ids": sorted(ids), "by": by, "began_ms": began_ms, "hours": []}
        # A night that finds nothing new needs no record.
        self._needed = not set(ids) <= {one for record in known.values() for one in record.get("ids") or ()}

    def begin(self, hours: Collection[int]) -> None:
        """Before the first file changes: whoever comes after a crash knows which counts are out of date."""
        self._own["hours"] = sorted({*self._own["hours"], *hours})
        self._needed = True
        self._stream.hdfs.write_json(self._path, self._own)

    def hours(self) -> list[int]:
        return sorted({hour for record in (self._own, *self._unfinished.values()) for hour in record["hours"]})

    def end(self, done: Purged) -> None:
        ended = {"ended_ms": self._stream.now_ms(), "lines": done.lines, "files": done.files, "left": len(done.left)}
        if self._needed or self._unfinished:
            self._stream.hdfs.write_json(self._path, {**self._own, **ended})
        for path, record in self._unfinished.items():
            self._stream.hdfs.write_json(path, {**record, "ended_ms": ended["ended_ms"], "by_way_of": self._path})


def _directory(paths: StreamPaths) -> str:
    return f"{paths.control}/purges"


def _records(stream: Stream) -> dict[str, dict[str, Any]]:
    directory = _directory(stream.paths)
    return {path: stream.hdfs.read_json(path) or {} for path in
            (f"{directory}/{name}" for name in stream.hdfs.list(directory) if name.endswith(".json"))}


def _clean(stream: Stream, place: Place, ids: Collection[str]) -> int:
    """How many lines; none where somebody was first, or the file has moved: then it is found anew."""
    data = Path(place.path).read_bytes() if place.kind == SPOOL else stream.hdfs.read(place.path)
    cleaned = CLEAN[place.kind](data, ids) if data is not None else None
    if cleaned is None:
        return 0
    if place.kind == SPOOL:
        _replace_local(Path(place.path), cleaned.data)
    elif place.kind == LANDING:
        stream.hdfs.replace_keeping_time(place.path, cleaned.data)
    else:
        stream.hdfs.replace(place.path, cleaned.data)
    return cleaned.lines


def _replace_local(path: Path, data: bytes) -> None:
    part = path.with_name(f".{path.name}.purge")
    stood = path.stat()
    with part.open("wb") as file:
        os.fchmod(file.fileno(), stood.st_mode)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    # Ingest tells by it when the last line of a file came that it found open.
    os.utime(part, ns=(stood.st_atime_ns, stood.st_mtime_ns))
    part.replace(path)


def _seal_again(stream: Stream, hours: Collection[int]) -> tuple[list[str], list[str]]:
    """Each through the instant of its last seal, so that it loses exactly what was purged: (sealed, kept)."""
    sealed, kept = stream.sealed(), list[int]()
    by_gap: dict[str, list[tuple[int, int]]] = {}
    for hour in (hour for hour in hours if hour in sealed):
        try:
            gone.check(stream.hdfs, stream.paths, [hour], stream.now_ms())
        except BadUse:
            kept.append(hour)
            continue
        row = sealed[hour]
        by_gap.setdefault("" if row["complete"] else row["gap"], []).append((hour, int(row["through_ms"])))
    for job in _jobs(stream.paths.stream, by_gap):
        stream.seal(job)
    done = sorted(hour for group in by_gap.values() for hour, _ in group)
    return [hour_name(hour) for hour in done], [hour_name(hour) for hour in sorted(kept)]


def _jobs(stream: str, by_gap: Mapping[str, list[tuple[int, int]]]) -> Iterator[Seal]:
    for gap, hours in by_gap.items():
        for n in range(0, len(hours), MAX_HOURS):
            yield Seal(stream, tuple(hours[n:n + MAX_HOURS]), gap, by="purge", purged=True)
