"""The end that somebody asked for: control/stop/<epoch> exists, and the next batch raises before it touches data."""
from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Protocol


class StopRequested(Exception):
    """Every finished batch is committed; the one that has just begun is taken again by the next driver."""


class Marks(Protocol):
    def exists(self, path: str) -> bool: ...


@dataclass
class StopGate:
    """`look` asks HDFS, `check` is cheap."""

    files: Marks
    marker: str
    _asked: threading.Event = field(default_factory=threading.Event)

    def look(self) -> bool:
        """Whether the stop was asked for."""
        if not self._asked.is_set() and self.files.exists(self.marker):
            self._asked.set()
        return self._asked.is_set()

    def check(self) -> None:
        if self._asked.is_set():
            raise StopRequested(self.marker)
