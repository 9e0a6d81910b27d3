"""What a checkpoint was made with, as it is kept: control/fingerprint/<generation>-<epoch>.a<attempt>.json.

A driver writes one before its first batch where what it runs differs from the newest; `from_batch` is the first batch
that was made so. A generation that came from another one, and has none of its own yet, was made with what its parent
had at the batch it was left at. Imports nothing heavy; spark_apps.plan derives the items, spark_apps.verdict compares.
"""
from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from spark_apps import generations
from spark_apps.contract import StreamPaths, generation_name
from spark_apps.generations import Files, Generation

_NAME = re.compile(r"(g\d{4,})-(\d{6,})\.a(\d+)\.json")


def directory(paths: StreamPaths) -> str:
    return f"{paths.control}/fingerprint"


def path(paths: StreamPaths, generation: int, epoch: int, attempt: int) -> str:
    return f"{directory(paths)}/{generation_name(generation)}-{epoch:06d}.a{attempt}.json"


@dataclass(frozen=True)
class Fingerprint:
    """items: spark_apps.plan's, {what: how it is}; inputs: the launch's release and parameters that these depend on, as
    its intent had them: where they are the same again, the items are."""

    items: Mapping[str, str]
    release: str = ""
    inputs: Mapping[str, Any] = field(default_factory=dict)
    generation: int = 1
    epoch: int = 0
    from_batch: int = 0
    time_ms: int = 0

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "generation": generation_name(self.generation)}

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> Fingerprint:
        items = {str(name): str(value) for name, value in dict(raw.get("items") or {}).items()}
        return cls(items, str(raw.get("release") or ""), dict(raw.get("inputs") or {}),
                   int(str(raw.get("generation") or "1").lstrip("g")), int(raw.get("epoch") or 0),
                   int(raw.get("from_batch") or 0), int(raw.get("time_ms") or 0))


def newest(files: Files, paths: StreamPaths, generation: Generation) -> Fingerprint | None:
    """What the checkpoint of this generation was made with last; None where nobody has written it down."""
    line, through = generations.line(files, paths, generation), None
    for one in line:
        found = [made for made in _of(files, paths, one.number) if through is None or made.from_batch <= through]
        if found:
            return found[-1]
        if one.fresh:
            return None
        through = one.through_batch
    return None


def _of(files: Files, paths: StreamPaths, generation: int) -> list[Fingerprint]:
    """Of one generation, by epoch and attempt; without those whose writer was cut off."""
    matches = (_NAME.fullmatch(name) for name in files.list(directory(paths)))
    mine = sorted((int(match[2]), int(match[3])) for match in matches
                  if match and match[1] == generation_name(generation))
    read = (files.read_json(path(paths, generation, *one)) for one in mine)
    return [Fingerprint.of(raw) for raw in read if raw and raw.get("items")]
