"""Which driver of a stream may write: the newest attempt of the newest epoch, and no other.

Spark itself lets two drivers run on one checkpoint for most of a minute and double a sink's rows.
"""
from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Protocol

from spark_apps.contract import StreamPaths
from spark_apps.generations import numbers, opened

_CLAIM = re.compile(r"(\d{6,})(?:\.json|\.a(\d+))")


class Fenced(Exception):
    """A newer driver has taken over; nothing was written."""


class Claims(Protocol):
    """What of spark_apps.files.Files is needed here."""

    def create_exclusive(self, path: str, obj: Any) -> bool: ...

    def list(self, path: str) -> list[str]: ...

    def read_json(self, path: str) -> dict[str, Any] | None: ...


@dataclass(frozen=True)
class Fence:
    """The claim of one YARN attempt: control/epoch/<epoch>.a<attempt>, on one generation."""

    files: Claims
    paths: StreamPaths
    epoch: int
    attempt: int
    generation: int = 1

    def claim(self, said: dict[str, Any]) -> None:
        """Takes over from every older attempt. Fenced where this claim is taken or there is a newer one."""
        if not self.files.create_exclusive(self.paths.claim(self.epoch, self.attempt), said):
            raise Fenced(f"epoch {self.epoch}, attempt {self.attempt} is claimed by another driver")
        self.check()

    def check(self) -> None:
        """Fenced where a newer claim or generation exists; to be asked before anything is written."""
        newest = max(map(claim_of, self.files.list(self.paths.epochs)), default=(0, 0))
        if newest > (self.epoch, self.attempt):
            raise Fenced(f"epoch {self.epoch}, attempt {self.attempt} is superseded by epoch {newest[0]}"
                         + (f", attempt {newest[1]}" if newest[1] else ""))
        for number in numbers(self.files, self.paths.generations):
            if number > self.generation and opened(self.files, self.paths, number):
                raise Fenced(f"generation {self.generation} is superseded by generation {number}")


def claim_of(name: str) -> tuple[int, int]:
    """(epoch, attempt) of a file in control/epoch; an intent is attempt 0; (0, 0) for anything else."""
    match = _CLAIM.fullmatch(name)
    return (int(match[1]), int(match[2] or 0)) if match else (0, 0)
