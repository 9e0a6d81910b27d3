"""A point that a stream can go back to: a savepoint by its name, or a generation such as g0001.

A savepoint is an HDFS snapshot of the stream's root, or a copy of its checkpoint; what is in there counts, and the
record in control/savepoints only tells of it.
"""
from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from deploy import elsewhere
from deploy.checkpoints.doctor import gate
from deploy.errors import BadUse, HashtideError
from deploy.launch import Files
from spark_apps import generations
from spark_apps.contract import StreamPaths, generation_name
from spark_apps.generations import Generation
from spark_apps.taken import Batch, batch_of_offsets

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,59}")
_GENERATION = re.compile(r"g(\d{4,})")
#: Other people's snapshots of the same directory are none of ours.
_PREFIX = "savepoint-"


@dataclass(frozen=True)
class Point:
    """`batch`: the newest batch that its checkpoint has committed, -1 where there is none; `told`: its record."""

    name: str
    kind: str               # savepoint | generation
    way: str                # snapshot | copy; empty for a generation
    generation: Generation
    checkpoint: str
    batch: int
    told: dict[str, Any]

    @property
    def label(self) -> str:
        return f"{self.kind} {self.name}"


def check_name(name: str) -> str:
    """The name itself; BadUse saying what a savepoint may be called."""
    if not NAME.fullmatch(name):
        raise BadUse(f"savepoint {name[:80]!r}: expected up to 60 letters, digits, - and _, a letter or digit first")
    if _GENERATION.fullmatch(name):
        raise BadUse(f"savepoint {name!r}: that is how generations are called")
    return name


def snapshot_name(name: str) -> str:
    return f"{_PREFIX}{name}"


def snapshots(hdfs: Files, paths: StreamPaths) -> dict[str, int]:
    """When each snapshot of ours was taken (ms), by the savepoint's name."""
    return {name.removeprefix(_PREFIX): int(status.get("modificationTime") or 0)
            for name, status in hdfs.statuses(paths.snapshots).items() if name.startswith(_PREFIX)}


def savepoint_names(hdfs: Files, paths: StreamPaths) -> list[str]:
    """Those that were begun, too."""
    records = {name.removesuffix(".json") for name in hdfs.list(paths.savepoints) if name.endswith(".json")}
    return sorted(name for name in records | set(snapshots(hdfs, paths)) if NAME.fullmatch(name))


def find(hdfs: Files, paths: StreamPaths, text: str) -> Point:
    """BadUse where there is no such point, with those that there are; HashtideError where its files are gone."""
    if (number := generation_number(text)) is not None:
        return of_generation(hdfs, paths, number)
    check_there(hdfs, paths, text)
    return of_savepoint(hdfs, paths, text)


def generation_number(text: str) -> int | None:
    match = _GENERATION.fullmatch(text)
    return int(match[1]) if match else None


def check_there(hdfs: Files, paths: StreamPaths, name: str) -> None:
    """BadUse where there is no savepoint of this name."""
    if check_name(name) not in savepoint_names(hdfs, paths):
        raise BadUse(f"stream {paths.stream} has no savepoint {name}; there are {known(hdfs, paths)}")


def known(hdfs: Files, paths: StreamPaths) -> str:
    numbers = [n for n in generations.numbers(hdfs, paths.generations)
               if (made := generations.opened(hdfs, paths, n)) and not made.checkpoint_root
               and hdfs.status(retired(paths, n)) is None]
    return ", ".join([*savepoint_names(hdfs, paths), *map(generation_name, numbers)]) or "none yet"


def retired(paths: StreamPaths, number: int) -> str:
    """{"time_ms", "who"}: the checkpoint of this generation is deleted, or about to be; what it counted stays."""
    return f"{paths.generations}/{generation_name(number)}.retired"


def of_generation(hdfs: Files, paths: StreamPaths, number: int) -> Point:
    """BadUse where it was never opened, or has no checkpoint any more."""
    made = generations.opened(hdfs, paths, number)
    if made is None:
        raise BadUse(f"stream {paths.stream} has no generation {generation_name(number)}; "
                     f"there are {known(hdfs, paths)}")
    if hdfs.status(retired(paths, number)) is not None:
        raise BadUse(f"generation {generation_name(number)}: its checkpoint was retired, and what it counted stays; "
                     f"there are {known(hdfs, paths)}")
    elsewhere.refuse(paths, made, "going back to a checkpoint")
    checkpoint = paths.checkpoint(number)
    return Point(generation_name(number), "generation", "", made, checkpoint, committed(hdfs, checkpoint), {})


def of_savepoint(hdfs: Files, paths: StreamPaths, name: str) -> Point:
    return of(hdfs, paths, name, hdfs.read_json(paths.savepoint(name)) or {})


def of(hdfs: Files, paths: StreamPaths, name: str, told: dict[str, Any]) -> Point:
    """The savepoint of which its record tells this."""
    way = str(told.get("way") or "snapshot")
    if way == "copy":
        checkpoint = copied_to(paths, name, told)
        made = generations.opened(hdfs, paths, int(str(told["generation"]).lstrip("g")))
    else:
        inside = f"{paths.snapshots}/{snapshot_name(name)}"
        made = _newest_inside(hdfs, paths, inside)
        checkpoint = paths.checkpoint(made.number if made else 1).replace(paths.base, inside, 1)
    if made is None or hdfs.status(checkpoint) is None:
        raise HashtideError(f"savepoint {name}: HDFS has no {checkpoint}; "
                            f"`deploy/hashtide checkpoint drop {name} --stream {paths.stream} --yes` forgets it")
    return Point(name, "savepoint", way, made, checkpoint, committed(hdfs, checkpoint), told)


def copied_to(paths: StreamPaths, name: str, told: dict[str, Any]) -> str:
    """Where the files of a copied savepoint are; HashtideError where its record names any other place."""
    directory = str(told.get("directory"))
    if not re.fullmatch(re.escape(name) + r"\.[0-9a-f]{1,32}", directory):
        raise HashtideError(f"{paths.savepoint(name)}: directory {directory[:80]!r}, expected {name}.<id>")
    return paths.savepoint_copy(directory)


def _newest_inside(hdfs: Files, paths: StreamPaths, inside: str) -> Generation | None:
    """The generation that went on when the snapshot was taken."""
    directory = paths.generations.replace(paths.base, inside, 1)
    for number in generations.numbers(hdfs, directory):
        made = hdfs.read_json(f"{directory}/{generation_name(number)}.json")
        if made and not made.get("abandoned"):
            return Generation.of(number, made)
    return None


def committed(hdfs: Files, checkpoint: str) -> int:
    """The newest batch with a commit; -1 before the first."""
    return max((int(name) for name in hdfs.list(f"{checkpoint}/commits") if name.isdecimal()), default=-1)


def batch_of(hdfs: Files, point: Point) -> Batch | None:
    """Watermark and end of its newest committed batch."""
    if point.batch < 0:
        return None
    return batch_of_offsets((hdfs.read(f"{point.checkpoint}/offsets/{point.batch}") or b"").decode(errors="replace"))


def fault(hdfs: Files, paths: StreamPaths, point: Point) -> str:
    """Why no driver could start from it; empty where what it reads first is whole."""
    if point.batch < 0:
        return ""   # before the first batch there is nothing to lose
    return gate.fault(hdfs, paths, point.generation, point.checkpoint)
