"""A driver goes on with a checkpoint only if what it runs may: compared before its first batch, and written down."""
from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Protocol

from spark_apps import fingerprint, generations, verdict
from spark_apps.contract import StreamPaths, generation_name
from spark_apps.fingerprint import Fingerprint
from spark_apps.generations import Generation
from spark_apps.verdict import Judgement

log = logging.getLogger("hashtide")


class DamagedCheckpoint(Exception):
    """It has less than its own drivers have told of; nothing was started."""


class Files(generations.Files, Protocol):
    """What of spark_apps.files.Files is needed here."""

    def create_exclusive(self, path: str, obj: Any) -> bool: ...


class IncompatibleCheckpoint(Exception):
    """What this driver runs may not go on with its checkpoint; nothing was started."""


def check(files: Files, paths: StreamPaths, driver: tuple[int, int, int], items: Mapping[str, str],
          now_ms: int) -> Judgement:
    """Writes down what is made from here on, where it differs. `driver`: generation, epoch, attempt.

    IncompatibleCheckpoint where it may not go on, DamagedCheckpoint where it was emptied, which the launch looks for in
    HDFS alone; whoever reads their texts parks the stream at once.
    """
    number, epoch, attempt = driver
    generation = generations.opened(files, paths, number) or Generation(number)
    before, checkpoint = fingerprint.newest(files, paths, generation), paths.checkpoint(number)
    # Before its first batch there is nothing that could be mixed up.
    begun = bool(files.list(f"{checkpoint}/offsets"))
    if not begun and any(name.startswith(f"{generation_name(number)}-") for name in files.list(paths.batches)):
        raise DamagedCheckpoint(f"checkpoint {generation_name(number)} is damaged: {checkpoint} has no batch, and its "
                                "drivers have told of some")
    found = verdict.judge(before.items if before else None, items) if begun else Judgement(verdict.Verdict.COMPATIBLE)
    if not found.goes_on:
        raise IncompatibleCheckpoint(f"incompatible checkpoint {generation_name(number)}: {found.line()}")
    for one in found.differences:
        log.warning("%s: %s", one.verdict.words, one.text())
    intent = files.read_json(paths.epoch(epoch)) or {}
    committed = max((int(name) for name in files.list(f"{checkpoint}/commits") if name.isdecimal()), default=-1)
    made = Fingerprint(dict(items), str(intent.get("release") or ""), dict(intent.get("inputs") or {}), number, epoch,
                       committed + 1, now_ms)
    if before is None or before.generation != number or not begun or (before.items, before.inputs, before.release) != (
            made.items, made.inputs, made.release):
        files.create_exclusive(fingerprint.path(paths, number, epoch, attempt), made.as_json())
    return found
