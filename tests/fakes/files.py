"""deploy.hdfs.Client's surface over a dictionary, with its time taken from the test."""
from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

from deploy.errors import Unreachable


class Files:
    """`down` makes every call fail as a dead NameNode would."""

    def __init__(self, now_ms: Callable[[], int] = lambda: 0) -> None:
        self.data: dict[str, bytes] = {}
        self.times: dict[str, int] = {}
        self.made: set[str] = set()
        self.snapshottable: set[str] = set()
        self.permissions: dict[str, str] = {}
        self.owners: dict[str, str] = {}
        self.down = False
        self._now, self._lock = now_ms, threading.Lock()

    def _check(self) -> None:
        if self.down:
            raise Unreachable("HDFS at http://127.0.0.1:1 does not answer (ConnectionError)")

    def read_json(self, path: str) -> dict[str, Any] | None:
        data = self.read(path)
        return None if data is None else dict(json.loads(data or b"{}"))

    def write_json(self, path: str, obj: Any) -> None:
        self.replace(path, json.dumps(obj).encode())

    def create_exclusive(self, path: str, obj: Any) -> bool:
        self._check()
        with self._lock:
            if path in self.data:
                return self.data[path] == json.dumps(obj).encode()
            self.data[path], self.times[path] = json.dumps(obj).encode(), self._now()
            return True

    def read(self, path: str) -> bytes | None:
        self._check()
        return self.data.get(path)

    def replace(self, path: str, data: bytes) -> None:
        self._check()
        with self._lock:
            self.data[path], self.times[path] = data, self._now()

    def list(self, path: str) -> list[str]:
        return sorted(self.statuses(path))

    def statuses(self, path: str) -> dict[str, dict[str, Any]]:
        self._check()
        prefix = path.rstrip("/") + "/"
        inside = [p for p in (*list(self.data), *list(self.made)) if p.startswith(prefix)]
        return {p[len(prefix):].split("/")[0]: self.status(p) or {} for p in inside}

    def status(self, path: str) -> dict[str, Any] | None:
        self._check()
        if path in self.data:
            return {"type": "FILE", "modificationTime": self.times[path], "owner": "hashtide", "permission": "644"}
        if path in self.made or any(p.startswith(path + "/") for p in (*list(self.data), *list(self.made))):
            return {"type": "DIRECTORY", "modificationTime": 0, "owner": self.owners.get(path, "hashtide"),
                    "permission": self.permissions.get(path, "755")}
        return None

    def exists(self, path: str) -> bool:
        return self.status(path) is not None

    def mkdirs(self, path: str, permission: str | None = None) -> None:
        self._check()
        self.made.add(path)
        self.permissions.setdefault(path, permission or "755")

    def delete(self, path: str, recursive: bool = False) -> bool:
        return self.data.pop(path, None) is not None

    def set_permission(self, path: str, permission: str) -> None:
        self.permissions[path] = permission

    def set_owner(self, path: str, owner: str, group: str | None = None) -> None:
        self.owners[path] = owner

    def allow_snapshot(self, path: str) -> None:
        self.snapshottable.add(path)
