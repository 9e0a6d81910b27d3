"""Delta tables in the fakes' HDFS, as far as retention goes: a log of commits, put there if the version is free; what a
vacuum would delete by Delta's rules; and what Spark's OPTIMIZE does, call by call. A file's rows are its lines."""
from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from deploy.retention.tables import SMALL_BYTES, Old, Part, Table
from spark_apps.contract import HOUR_MS, StreamPaths, parse_hour
from tests.fakes.world import PATHS, World

Log = list[dict[str, Any]]


def _log(world: World, path: str) -> Log:
    names = sorted(name for name in world.hdfs.list(f"{path}/_delta_log") if name.endswith(".json"))
    return [json.loads(world.hdfs.read(f"{path}/_delta_log/{name}") or b"{}") for name in names]


def _live(log: Log) -> dict[str, int | None]:
    """Hour by path."""
    live: dict[str, int | None] = {}
    for commit in log:
        for path in commit["remove"]:
            live.pop(path, None)
        live |= {path: commit["hours"][path] for path in commit["add"]}
    return live


def rows(world: World, table: str, at: Log | None = None) -> list[str]:
    """Of the newest version, or of an older one."""
    path = PATHS.table(table)
    return sorted(line for name in _live(_log(world, path) if at is None else at)
                  for line in (world.hdfs.data[f"{path}/{name}"]).decode().splitlines())


def versions(world: World, table: str, since_ms: int) -> Iterator[Log]:
    """Each version that was the newest one at some instant since then."""
    log = _log(world, PATHS.table(table))
    for n in range(1, len(log) + 1):
        if n == len(log) or log[n]["ms"] >= since_ms:
            yield log[:n]


def append(world: World, table: str, hour: int | None, *lines: str) -> None:
    """A batch's commit, by the stream or a seal."""
    path = PATHS.table(table)
    version = len(_log(world, path))
    name = f"{_directory(hour)}b{version:06d}.parquet"
    world.hdfs.replace(f"{path}/{name}", "\n".join(lines).encode())
    assert world.hdfs.create_exclusive(f"{path}/_delta_log/{version:020d}.json", {
        "add": [name], "remove": [], "hours": {name: hour}, "ms": world.now_ms(), "txn": version})


def _directory(hour: int | None) -> str:
    return "" if hour is None else f"hour={hour}/"


def look(world: World) -> Callable[..., tuple[Table, ...]]:
    """deploy.retention.delta.look."""
    def look(cluster: Any, paths: dict[str, str], retain_hours: int) -> tuple[Table, ...]:
        return tuple(_table(world, name, path, world.now_ms() - retain_hours * HOUR_MS)
                     for name, path in paths.items())
    return look


def _table(world: World, name: str, path: str, before: int) -> Table:
    log = _log(world, path)
    live, removed = _live(log), {one: commit["ms"] for commit in log for one in commit["remove"]}
    there = {one.removeprefix(f"{path}/"): (len(data), world.hdfs.times[one]) for one, data in world.hdfs.data.items()
             if one.startswith(f"{path}/") and "/_delta_log/" not in one}
    old = [Old(one, size, removed.get(one, ms)) for one, (size, ms) in sorted(there.items())
           if one not in live and removed.get(one, ms) < before]
    return Table(name, path, tuple(Part(one, there[one][0], hour, there[one][1]) for one, hour in live.items()),
                 tuple(old))


def ops(world: World, words: list[list[str]] | None = None) -> Callable[..., dict[str, Any]]:
    """deploy.checkpoints.local_spark.run of the action `optimise`, by whichever HDFS the tools have."""
    def run(tools: Any, app: Any, action: str, given: Sequence[str], timeout_s: float) -> dict[str, Any]:
        assert action == "optimise"
        if words is not None:
            words.append(list(given))
        root, stream = given[given.index("--root") + 1], given[given.index("--stream") + 1]
        paths = StreamPaths(stream, root)
        asked = (word.partition("=") for word in given[4:])
        return {name: _optimise(world, tools.hdfs, paths.table(name), [parse_hour(hour) for hour in hours.split(",")]
                                if hours else [None]) for name, _, hours in asked}
    return run


def _optimise(world: World, hdfs: Any, path: str, hours: Sequence[int | None]) -> dict[str, int]:
    log = _log(world, path)
    live, commit = _live(log), {"add": list[str](), "remove": list[str](), "hours": {}, "ms": world.now_ms()}
    for hour in hours:
        small = [one for one, its in live.items()
                 if its == hour and len(world.hdfs.data[f"{path}/{one}"]) < SMALL_BYTES]
        if len(small) < 2:
            continue
        # As Spark's, a name that nobody else has.
        name = f"{_directory(hour)}o{len(log):06d}-{len(world.hdfs.data)}.parquet"
        hdfs.replace(f"{path}/{name}", b"\n".join(world.hdfs.data[f"{path}/{one}"] for one in small))
        commit["add"].append(name)  # type: ignore[union-attr]
        commit["remove"] += small  # type: ignore[operator]
        commit["hours"][name] = hour  # type: ignore[index, call-overload]
    if commit["add"]:
        assert hdfs.create_exclusive(f"{path}/_delta_log/{len(log):020d}.json", commit)
    return {"removed": len(commit["remove"]), "added": len(commit["add"])}  # type: ignore[arg-type]
