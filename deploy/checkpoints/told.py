"""What drivers have told of their batches (progress/batches), read from the newest backwards."""
from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from deploy.launch import Files
from spark_apps.contract import StreamPaths, generation_name
from spark_apps.generations import Generation


@dataclass(frozen=True)
class Told:
    """A batch: lines read, seconds it took, newest arrival (ms) in it; None where it had no lines."""

    generation: int
    batch: int
    lines: int
    seconds: float
    arrival_ms: int | None
    state_rows: int | None = None


def newest_first(hdfs: Files, paths: StreamPaths, generation: int, last: int | None = None) -> Iterator[Told]:
    """The batches of one generation, through `last`; each once, as its last driver told of it."""
    prefix, seen = f"{generation_name(generation)}-", set[int]()
    for name in sorted((name for name in hdfs.list(paths.batches) if name.startswith(prefix)), reverse=True):
        for line in reversed((hdfs.read(f"{paths.batches}/{name}") or b"").splitlines()):
            told = _of(generation, line)
            if told and told.batch not in seen and (last is None or told.batch <= last):
                seen.add(told.batch)
                yield told


def of_all(hdfs: Files, paths: StreamPaths, ancestry: Sequence[Generation],
           last: int | None = None) -> Iterator[Told]:
    """The batches that count of a generation, through `last`, and of those it came from."""
    for at, generation in enumerate(ancestry):
        through = last if at == 0 else ancestry[at - 1].through_batch
        yield from newest_first(hdfs, paths, generation.number, through)


def _of(generation: int, line: bytes) -> Told | None:
    try:
        said = json.loads(line)
        arrival_ms = said.get("arrival_ms")
        return Told(generation, int(said["batch_id"]), int(said.get("lines") or 0), float(said.get("batch_s") or 0),
                    int(arrival_ms) if arrival_ms else None, said.get("state_rows"))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None   # whoever wrote it was cut off
