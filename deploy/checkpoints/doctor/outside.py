"""What stands around a checkpoint, read: what its drivers told, what counts_live has of it, landing's hours."""
from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from deploy.checkpoints.doctor import logs, seen
from deploy.checkpoints.doctor.seen import Around, Seen, Told
from deploy.errors import HashtideError, Unreachable
from spark_apps.contract import StreamPaths, generation_name, txn_app_id
from spark_apps.generations import Generation
from spark_apps.taken import batch_of_line

#: Of the newest: a launch looks at the last drivers, the doctor at all that Spark's own logs may still know of.
_TOLD_FILES = {1: 3, 2: 400}
_TABLE_COMMITS = {1: 30, 2: 200}
_HOURS = {1: 6, 2: 30}
_BATCHES_KEPT = 130
#: Delta writes a checkpoint with each tenth commit.
_AHEAD = 40
_COMMIT = re.compile(r"\d{20}\.json")
_TOLD = re.compile(r"g\d+-(\d+)\.a(\d+)-[0-9T:-]+\.jsonl")

AllOf = Callable[..., Any]


def around(hdfs: Any, paths: StreamPaths, generation: Generation, level: int, all_of: AllOf) -> Around:
    published, twice = _published(hdfs, paths, generation.number, _TABLE_COMMITS[level], all_of)
    told = _told(hdfs, paths.batches, generation.number, _TOLD_FILES[level], all_of)
    before: tuple[Told, ...] = ()
    if generation.parent is not None and not generation.fresh:
        before = tuple(one for one in _told(hdfs, paths.batches, generation.parent, _TOLD_FILES[level], all_of)
                       if one.batch <= generation.through_batch)
    begun = _told(hdfs, paths.offsets, generation.number, 2, all_of)
    opened = hdfs.status(paths.generation(generation.number))
    return Around((*before, *told), begun, published, twice, queries=_queries(hdfs, paths, generation, told, before),
                  opened_ms=int(opened["modificationTime"]) if opened else None)


def _told(hdfs: Any, directory: str, generation: int, count: int, all_of: AllOf) -> tuple[Told, ...]:
    """Of the generation's newest files, the batches in the order in which they were told."""
    named = [(name, status, match) for name, status in hdfs.statuses(directory).items()
             if name.startswith(f"{generation_name(generation)}-") and (match := _TOLD.fullmatch(name))]
    newest = sorted(named, key=lambda one: (int(one[2][1]), int(one[2][2]), one[0]))[-count:]
    found: list[Told] = []
    for (name, status, match), data in zip(newest, all_of(lambda one: hdfs.read(f"{directory}/{one[0]}"), newest),
                                           strict=True):
        for line in (data or b"").splitlines():
            try:
                said = json.loads(line)
                found.append(seen.told_of(int(match[1]), int(match[2]), said, batch_of_line(said), name,
                                          int(status["modificationTime"]), generation))
            except (ValueError, KeyError, TypeError):
                continue   # whoever wrote it was cut off
    newest_batch = max((one.batch for one in found), default=0)
    return tuple(one for one in found if one.batch > newest_batch - _BATCHES_KEPT)


def _queries(hdfs: Any, paths: StreamPaths, generation: Generation, told: tuple[Told, ...],
             before: tuple[Told, ...]) -> dict[str, str]:
    """Who says which id the query has: its drivers, or what it came from."""
    found: dict[str, str] = {}
    if known := [one for one in (*before, *told) if one.query]:
        found[f"the driver of epoch {known[-1].epoch}"] = known[-1].query
    elif generation.parent is not None and not generation.fresh:
        try:
            said = hdfs.read(f"{paths.checkpoint(generation.parent)}/metadata")
            found[generation_name(generation.parent)] = logs.metadata(said or b"")
        except Unreachable:
            raise
        except (HashtideError, ValueError):
            pass   # that one's own damage
    return found


def _published(hdfs: Any, paths: StreamPaths, generation: int, count: int,
               all_of: AllOf) -> tuple[int | None, tuple[int, ...]]:
    """(newest batch of the generation in counts_live, batches that are in there twice), by the table's newest commits.
    The log's directory may hold 260,000 names: it is listed only where Delta does not say where to begin."""
    log, app = f"{paths.table('counts_live')}/_delta_log", txn_app_id(paths.stream, generation)
    newest = int((hdfs.read_json(f"{log}/_last_checkpoint") or {}).get("version") or 0)
    batches: list[int] = []

    def commit(version: int) -> bytes | None:
        found: bytes | None = hdfs.read(f"{log}/{version:020d}.json")
        return found

    for ahead in range(newest, newest + _AHEAD):
        if (data := commit(ahead)) is None:
            break
        batches += _batches(data, app)
    else:
        numbers = (int(name[:20]) for name in hdfs.list(log) if _COMMIT.fullmatch(name))
        newest, batches = max(numbers, default=-1) + 1, []
    for version in range(newest - 1, max(-1, newest - 1 - count), -10):
        if batches and count <= 30:
            break
        for data in all_of(commit, range(version, max(-1, version - 10), -1)):
            batches += _batches(data or b"", app)
    twice = sorted({batch for batch in batches if batches.count(batch) > 1})
    return max(batches, default=None), tuple(twice)


def _batches(data: bytes, app: str) -> Iterable[int]:
    for line in data.splitlines():
        try:
            said = json.loads(line).get("txn") or {}
        except (ValueError, AttributeError):
            continue
        if said.get("appId") == app:
            yield int(said["version"])


def landing(hdfs: Any, found: Seen, level: int, all_of: AllOf) -> Around:
    """With the landing hours of the newest files that the source's log names."""
    paths = (one.path for path in found.source_log() for one in found.entries(path))
    hours = sorted({path.rpartition("/")[0] for path in paths if path.startswith(f"{found.paths.landing}/")})
    wanted = hours[-_HOURS[level]:]
    listed = dict(zip(wanted, all_of(hdfs.statuses, wanted), strict=True))
    times = {f"{hour}/{name}": int(status["modificationTime"])
             for hour, statuses in listed.items() for name, status in statuses.items()}
    return replace(found.around, landing=times, hours=frozenset(hour for hour in wanted if listed[hour]),
                   asked=frozenset(wanted))


