"""Reads a checkpoint and what stands around it through WebHDFS, many files at once. Changes nothing.

How far, says the level; requests, with p partitions of state and b batches kept (100 at most, as Spark deletes older):
    RESTART  what a start on the newest batch reads first, and the names and sizes of all: 11 + 4p
    LAUNCH   all logs (2b + 10 at most), the state that is loaded where it has no more than STATE_BYTES, three files of
             progress, the newest commits of counts_live (some 15), landing's hours of the last files (6 at most)
    DEEP     each file, each hour of landing of the last day, all that its drivers told
"""
from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from enum import IntEnum
from typing import Any, Protocol

from deploy.checkpoints.doctor import outside, state
from deploy.checkpoints.doctor.finding import Bad
from deploy.checkpoints.doctor.seen import Around, Seen
from deploy.errors import HashtideError, SafeMode, Unreachable
from spark_apps import generations
from spark_apps.contract import StreamPaths
from spark_apps.generations import Generation

AT_ONCE = 16
#: What a launch reads of state: it is to begin soon. Of more, RocksDB itself meets a garbled block when it reads it,
#: and the batch fails before it writes.
STATE_BYTES = 32_000_000
#: A source's log that is larger, of 20,000 files, is read at its end.
LOG_BYTES = 4_000_000
_END_BYTES = 65_536
_NEWEST = 130


class Level(IntEnum):
    RESTART = 0
    LAUNCH = 1
    DEEP = 2


class Files(generations.Files, Protocol):
    """What of deploy.hdfs.Client is needed here."""

    def read(self, path: str) -> bytes | None: ...

    def read_end(self, path: str, count: int) -> bytes | None: ...

    def status(self, path: str) -> dict[str, Any] | None: ...

    def statuses(self, path: str) -> dict[str, dict[str, Any]]: ...


def look(hdfs: Files, paths: StreamPaths, generation: Generation, level: Level, root: str = "") -> Seen:
    """`root`: of the checkpoint, by default the generation's own; another one is a savepoint's, about which nothing
    outside of it is asked. Unreachable where nothing of it can be read."""
    own = not root
    root = root or paths.checkpoint(generation.number)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        def all_of(do: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
            return list(pool.map(do, items))

        # What stands around it first: a driver at work is then ahead of what it told, never behind.
        told = outside.around(hdfs, paths, generation, level, all_of) if own and level else Around()
        sizes, times = _walk(hdfs, root, all_of)
        seen = Seen(paths, generation, root, sizes, times, around=told)
        seen = _read(hdfs, seen, _logs(seen, level), all_of)
        seen = _read(hdfs, seen, _state(seen, level), all_of)
        seen = _read(hdfs, seen, _tables(seen, level), all_of)
        return replace(seen, around=outside.landing(hdfs, seen, level, all_of)) if own and level else seen


def _walk(hdfs: Files, root: str, all_of: Callable[..., Any]) -> tuple[dict[str, int], dict[str, int]]:
    """(sizes, times) of the files below, without what Spark has not come to the end of, which begins with a dot."""
    sizes, times, left = dict[str, int](), dict[str, int](), [""]
    while left:
        found = all_of(lambda below: hdfs.statuses(f"{root}/{below}".rstrip("/")), left)
        left, entered = [], left
        for below, statuses in zip(entered, found, strict=True):
            for name, status in statuses.items():
                path = f"{below}/{name}".lstrip("/")
                if status["type"] == "DIRECTORY":
                    left.append(path)
                elif not name.startswith("."):
                    sizes[path], times[path] = int(status["length"]), int(status["modificationTime"])
    return sizes, times


def _logs(seen: Seen, level: Level) -> list[str]:
    last = seen.committed
    if level == Level.RESTART:
        named = [f"offsets/{n}" for n in (last - 1, last, last + 1)] + [f"commits/{last}", state.OPERATOR, state.SCHEMA]
        # Of two files for one version the commit tells which counts.
        named += [f"commits/{version - 1}" for version in state.ambiguous(seen.sizes)]
    else:
        named = [f"{name}/{n}" for name in ("offsets", "commits") for n in seen.numbers(name)[-_NEWEST:]]
        named += [state.OPERATOR, state.SCHEMA, *seen.source_log()]
    if level == Level.DEEP:
        named += [f"sources/0/{name}" for name in seen.names("sources/0")]
    return [path for path in dict.fromkeys(["metadata", *named]) if seen.sizes.get(path)]


def _state(seen: Seen, level: Level) -> list[str]:
    """Spark's sums of all that is loaded, and the files themselves where they are not too much for a launch."""
    commits = seen.commits()
    if level == Level.RESTART:
        newest = commits.get(seen.committed)
        found = [f"state/0/{partition}/{seen.committed + 1}_{one}.changelog"
                 for partition, one in enumerate(newest.state_ids if newest else ())]
    elif level == Level.DEEP:
        found = [path for path in seen.sizes if path.startswith("state/") and "/SSTs/" not in path]
    else:
        chains = state.chains(seen, commits, seen.committed) if seen.committed in commits else []
        main = [path for chain in chains for path in chain.files]
        whole = sum(seen.sizes[path] for path in main) <= STATE_BYTES
        found = [f"{path}.crc" for path in main] + [path for path in main if whole or path.endswith(".zip")]
    return [path for path in found if seen.sizes.get(path) and path not in seen.data]


def _tables(seen: Seen, level: Level) -> list[str]:
    """RocksDB's own files that the snapshots name which were read."""
    found: dict[str, int] = {}
    for path in seen.data:
        if path.endswith(".zip"):
            with suppress(Bad):
                named = (f"{path.rpartition('/')[0]}/{name}" for name in state.tables_of(seen.data[path]))
                found |= {name: seen.sizes[name] for name in named if seen.sizes.get(name)}
    read = sum(len(data) for path, data in seen.data.items() if path.startswith("state/"))
    return list(found) if level == Level.DEEP or read + sum(found.values()) <= STATE_BYTES else []


def _read(hdfs: Files, seen: Seen, wanted: list[str], all_of: Callable[..., Any]) -> Seen:
    """With the bytes of these. A file that HDFS lists and cannot give is said to be unreadable, unless none can be
    read."""
    def one(path: str) -> bytes | HashtideError | None:
        try:
            if path in ends:
                return hdfs.read_end(f"{seen.root}/{path}", _END_BYTES)
            data, size = hdfs.read(f"{seen.root}/{path}"), seen.sizes[path]
            if data is not None and len(data) < size:
                # So ends what a DataNode sends that comes upon a block whose sum is wrong.
                raise HashtideError(f"HDFS gives {len(data):,} of its {size:,} bytes")
            return data
        except SafeMode:
            raise
        except HashtideError as error:
            return error

    ends = {path for path in wanted if path.startswith("sources/0/") and seen.sizes[path] > LOG_BYTES}
    found = dict(zip(wanted, all_of(one, wanted), strict=True))
    errors = {path: got for path, got in found.items() if isinstance(got, HashtideError)}
    outage = next((error for error in errors.values() if isinstance(error, Unreachable)), None)
    if outage and len(errors) == len(found):
        raise outage
    data = {path: got for path, got in found.items() if isinstance(got, bytes)}
    return replace(seen, data={**seen.data, **data}, ends=seen.ends | ends,
                   unreadable={**seen.unreadable, **{path: str(error)[:200] for path, error in errors.items()}})
