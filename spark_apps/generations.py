"""Generations of a stream: which one goes on, and what of those before it counts. Imports nothing heavy."""
from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any, Protocol

from spark_apps.contract import StreamPaths, parse_hour

#: Where Spark may keep its checkpoints instead of HDFS, and words for it. No user, no password: it stands in argv.
CHECKPOINT_ROOT = (re.compile(r"s3a://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](?:/[\w-][\w.-]*)*"),
                   "s3a://bucket or s3a://bucket/prefix")


class Files(Protocol):
    """What of spark_apps.files.Files and deploy.hdfs.Client is needed here."""

    def read_json(self, path: str) -> dict[str, Any] | None: ...

    def list(self, path: str) -> list[str]: ...


@dataclass(frozen=True)
class Generation:
    """What control/generation/<name>.json says.

    parent, through_batch: the generation it came from, and the last batch of it that counts; None and -1 without.
    from_hour: its driver takes no landing file that arrived before this hour (ms); None where it takes all.
    fresh: it began with an empty checkpoint, so its batches have numbers of their own.
    engine: whose checkpoints these are, structured or classic; for as long as the generation lasts.
    checkpoint_root: the object store that has its checkpoint, as s3a://bucket/prefix; empty: HDFS. It stays there.
    """

    number: int
    parent: int | None = None
    through_batch: int = -1
    savepoint: str = ""
    shuffle_partitions: int = 0     # 0: not said
    from_hour: int | None = None
    fresh: bool = False
    who: str = ""
    why: str = ""
    time_ms: int = 0
    engine: str = "structured"
    checkpoint_root: str = ""

    @classmethod
    def of(cls, number: int, made: dict[str, Any]) -> Generation:
        parent, hour = made.get("parent"), made.get("from_hour")
        return cls(number, None if parent is None else int(str(parent).lstrip("g")),
                   -1 if parent is None else int(made.get("through_batch", -1)), str(made.get("savepoint") or ""),
                   int(made.get("shuffle_partitions") or 0), parse_hour(hour) if hour else None,
                   bool(made.get("fresh")), str(made.get("who") or ""), str(made.get("why") or ""),
                   int(made.get("time_ms") or 0), str(made.get("engine") or "structured"),
                   str(made.get("checkpoint_root") or ""))


def checkpoint(paths: StreamPaths, generation: Generation) -> str:
    """Wherever it is."""
    return replace(paths, checkpoint_root=generation.checkpoint_root).checkpoint(generation.number)


def numbers(files: Files, directory: str) -> list[int]:
    """Of the files in control/generation, the newest first, whether they are open or not."""
    found = (name.removesuffix(".json") for name in files.list(directory) if name.endswith(".json"))
    return sorted((int(name[1:]) for name in found if name[1:].isdecimal()), reverse=True)


def opened(files: Files, paths: StreamPaths, number: int) -> Generation | None:
    """None where it is not open: its maker was cut off, or it was given up before it was opened."""
    made = files.read_json(paths.generation(number))
    return Generation.of(number, made) if made and not made.get("abandoned") else None


def newest(files: Files, paths: StreamPaths) -> Generation | None:
    """The one that the stream goes on with; None before the first launch."""
    found = (opened(files, paths, number) for number in numbers(files, paths.generations))
    return next((one for one in found if one), None)


def ancestry(files: Files, paths: StreamPaths) -> list[Generation]:
    """The newest generation and those it came from, newest first; generation 1 where none is open yet."""
    return line(files, paths, newest(files, paths) or Generation(1))


def line(files: Files, paths: StreamPaths, generation: Generation) -> list[Generation]:
    """A generation and those it came from."""
    found = [generation]
    while (parent := found[-1].parent) is not None:
        found.append(opened(files, paths, parent) or Generation(parent))
    return found


def numberings(found: list[Generation]) -> list[list[Generation]]:
    """An ancestry in parts, the newest first, within which the numbers of batches go on: each fresh start ends one."""
    parts: list[list[Generation]] = [[]]
    for generation in found:
        parts[-1].append(generation)
        if generation.fresh:
            parts.append([])
    return [part for part in parts if part]


def lineage(files: Files, paths: StreamPaths) -> dict[int, int | None]:
    """Which batches of which generation count, the newest generation first: {generation: last batch, None for all}."""
    return kept(ancestry(files, paths))


def kept(found: list[Generation]) -> dict[int, int | None]:
    """The same of an ancestry."""
    return {found[0].number: None} | {
        parent.number: child.through_batch for child, parent in zip(found, found[1:], strict=False)}


def landing_since(paths: StreamPaths, hour_ms: int) -> str:
    """A glob for the landing directory of this hour and those of all later hours, which need not exist yet."""
    text = paths.landing_hour(hour_ms).removeprefix(f"{paths.landing}/")
    later = [text]
    for at, digit in enumerate(text):
        if digit.isdecimal() and digit != "9":
            rest = "".join("[0-9]" if c.isdecimal() else c for c in text[at + 1:])
            later.append(f"{text[:at]}[{int(digit) + 1}-9]{rest}")
    return f"{paths.landing}/{{{','.join(later)}}}"
