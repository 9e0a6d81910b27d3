"""What a checkpoint was made with, as it is kept: control/fingerprint/<generation>-<epoch>.a<attempt>.json.

A driver writes one before its first batch where what it runs differs from the newest; `from_batch` is the first batch
that was made so. Where none was written a person may answer for it, in a record of attempt 0. A generation that came
from another one, and has none of its own yet, was made with what its parent had at the batch it was left at. Imports
nothing heavy; spark_apps.plan derives the items, spark_apps.verdict compares.
"""
from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from spark_apps import generations
from spark_apps.contract import StreamPaths, generation_name
from spark_apps.generations import Files, Generation

_BY_A_PERSON = 0   # in the place of an attempt, which drivers count from 1
_NAME = re.compile(r"(g\d{4,})-(\d{6,})\.a(\d+)\.json")


def directory(paths: StreamPaths) -> str:
    return f"{paths.control}/fingerprint"


def path(paths: StreamPaths, generation: int, epoch: int, attempt: int) -> str:
    return f"{directory(paths)}/{generation_name(generation)}-{epoch:06d}.a{attempt}.json"


def path_of_word(paths: StreamPaths, generation: int, epoch: int) -> str:
    """Of a person's, given after this epoch: a later one's driver has the last word."""
    return path(paths, generation, epoch, _BY_A_PERSON)


@dataclass(frozen=True)
class Fingerprint:
    """items: spark_apps.plan's, {what: how it is}; inputs: the launch's release and parameters that these depend on, as
    its intent had them: where they are the same again, the items are. `who`, `why`: of the person who answers for it,
    with the newest batch of then as from_batch; empty in a driver's own."""

    items: Mapping[str, str]
    release: str = ""
    inputs: Mapping[str, Any] = field(default_factory=dict)
    generation: int = 1
    epoch: int = 0
    from_batch: int = 0
    time_ms: int = 0
    who: str = ""
    why: str = ""

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "generation": generation_name(self.generation)}

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> Fingerprint:
        items = {str(name): str(value) for name, value in dict(raw.get("items") or {}).items()}
        return cls(items, str(raw.get("release") or ""), dict(raw.get("inputs") or {}),
                   int(str(raw.get("generation") or "1").lstrip("g")), int(raw.get("epoch") or 0),
                   int(raw.get("from_batch") or 0), int(raw.get("time_ms") or 0), str(raw.get("who") or ""),
                   str(raw.get("why") or ""))


def newest(files: Files, paths: StreamPaths, generation: Generation) -> Fingerprint | None:
    """What the checkpoint of this generation was made with last; None where nobody has written it down."""
    return next(_newest_first(files, paths, generation), None)


def answered_for(files: Files, paths: StreamPaths, generation: Generation) -> Fingerprint | None:
    """The newest record by which a person let it go on, whatever drivers wrote since."""
    return next(_newest_first(files, paths, generation, _BY_A_PERSON), None)


def _newest_first(files: Files, paths: StreamPaths, generation: Generation,
                  attempt: int | None = None) -> Iterator[Fingerprint]:
    """Of a generation and of those it came from, as far as it has their batches."""
    through: int | None = None
    for one in generations.line(files, paths, generation):
        yield from (made for made in reversed(_of(files, paths, one.number, attempt))
                    if through is None or made.from_batch <= through)
        if one.fresh:
            return
        through = one.through_batch


def _of(files: Files, paths: StreamPaths, generation: int, attempt: int | None) -> list[Fingerprint]:
    """Of one generation and of this attempt or all, by epoch and attempt; without those whose writer was cut off."""
    matches = (_NAME.fullmatch(name) for name in files.list(directory(paths)))
    mine = sorted((int(match[2]), int(match[3])) for match in matches
                  if match and match[1] == generation_name(generation) and attempt in (None, int(match[3])))
    read = (files.read_json(path(paths, generation, *one)) for one in mine)
    return [Fingerprint.of(raw) for raw in read if raw and raw.get("items")]
