"""Landing files of an hour moved into the archive, packed. A line is in landing or in a pack at each instant; one that
is in both is read once, as spark_apps.packs says.

    which of the files does a pack have? --none--> <pack>.names, then <pack>, each by rename; read back
      v
    landing files that a pack has: deleted
"""
from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from deploy.checkpoints.copying import AT_ONCE
from deploy.errors import HashtideError
from deploy.launch import Files
from spark_apps import packs
from spark_apps.contract import StreamPaths

#: Lines of one pack, unpacked: a task of Spark reads a pack whole, and who packs has it in memory.
PACK_BYTES = 256 * 1024 * 1024


def move(hdfs: Files, paths: StreamPaths, hour: int, names: Sequence[str]) -> None:
    """These landing files of the hour (ms). HashtideError where a pack is not as it was written; then landing stays."""
    archive, landing = paths.archive_hour(hour), paths.landing_hour(hour)
    there = hdfs.statuses(landing)
    left = [name for name in names if name in there]
    for group in _groups(sorted(set(left) - held(hdfs, archive)), {name: int(there[name]["length"]) for name in left}):
        _write(hdfs, landing, archive, group)
    safe = held(hdfs, archive)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for done in [pool.submit(hdfs.delete, f"{landing}/{name}") for name in left if name in safe]:
            done.result()


def held(hdfs: Files, archive: str) -> set[str]:
    """Names of the landing files that packs of this directory have."""
    return {name for names in packs.packs(hdfs, archive).values() for name in names}


def _write(hdfs: Files, landing: str, archive: str, names: Sequence[str]) -> None:
    path = f"{archive}/{packs.pack_name(names)}"
    packed = packs.pack(_contents(hdfs, landing, names))
    hdfs.write_json(path + packs.NAMES, {"files": list(names)})
    hdfs.replace(path, packed)
    if hdfs.read(path) != packed:
        hdfs.delete(path)   # or the next run would take it for whole
        raise HashtideError(f"HDFS {path} is not as it was written; its lines stay in landing: do this again")


def _contents(hdfs: Files, landing: str, names: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    for name in names:
        data = hdfs.read(f"{landing}/{name}")
        if data is None:
            raise HashtideError(f"landing has no {name} any more: somebody else packs this hour; do this again")
        yield name, data


def _groups(names: Sequence[str], sizes: dict[str, int]) -> Iterator[list[str]]:
    group: list[str] = []
    for name in names:
        if group and sum(sizes[one] for one in group) + sizes[name] > PACK_BYTES:
            yield group
            group = []
        group.append(name)
    if group:
        yield group
