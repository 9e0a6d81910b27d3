"""Files of this machine, as deploy.alerts.book takes them: HDFS cannot hold that it is away itself.

Where watchdogs run on several machines, each of them tells of it.
"""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from deploy.config import home


class Here:
    def __init__(self, cluster: str) -> None:
        self._directory = home() / "alerts" / cluster

    def _at(self, path: str) -> Path:
        return self._directory / path.lstrip("/")

    def statuses(self, path: str) -> dict[str, dict[str, Any]]:
        if not self._directory.is_dir():
            return {}
        return {entry.name: {"modificationTime": int(entry.stat().st_mtime * 1000)}
                for entry in self._directory.iterdir()}

    def read_json(self, path: str) -> dict[str, Any] | None:
        try:
            return dict(json.loads(self._at(path).read_text() or "{}"))
        except FileNotFoundError:
            return None
        except ValueError:
            return {}

    def write_json(self, path: str, obj: Any) -> None:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._at(path).write_text(json.dumps(obj))

    def create_exclusive(self, path: str, obj: Any) -> bool:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            with self._at(path).open("x") as file:
                file.write(json.dumps(obj))
        except FileExistsError:
            return False
        return True

    def delete(self, path: str, recursive: bool = False) -> bool:
        try:
            self._at(path).unlink()
        except FileNotFoundError:
            return False
        return True
