"""A client of real HDFS whose changes can be undone, times and all: damage that is there only for a test."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from deploy import hdfs


class Undone:
    """What tests.fakes.damage needs. A file that is written again keeps its time, so that its time does not tell; what
    is deleted lies aside meanwhile."""

    def __init__(self, client: hdfs.Client, aside: str) -> None:
        self.client, self.aside = client, aside
        self._gone: list[tuple[str, str]] = []      # (where it was, where it lies)
        self._made: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name)

    def replace(self, path: str, data: bytes) -> None:
        status = self.client.status(path)
        if status is not None:
            self._put_aside(path)
        self.client.replace(path, data)
        self._made.append(path)
        if status is not None:
            self.client._client.set_times(path, modification_time=int(status["modificationTime"]))

    def delete(self, path: str, recursive: bool = False) -> bool:
        if self.client.status(path) is None:
            return False
        self._put_aside(path)
        return True

    def mkdirs(self, path: str, permission: str | None = None) -> None:
        self.client.mkdirs(path, permission)
        self._made.append(path)

    def _put_aside(self, path: str) -> None:
        if path in self._made:
            self.client.delete(path, recursive=True)
            return
        self.client.mkdirs(self.aside)
        lies = f"{self.aside}/{len(self._gone)}"
        self.client.rename(path, lies)
        self._gone.append((path, lies))

    def undo(self) -> None:
        for path in reversed(self._made):
            self.client.delete(path, recursive=True)
        for path, lies in reversed(self._gone):
            self.client.rename(lies, path)
        self._made, self._gone = [], []


@contextmanager
def undone(client: hdfs.Client, aside: str) -> Iterator[Undone]:
    made = Undone(client, aside)
    try:
        yield made
    finally:
        made.undo()
