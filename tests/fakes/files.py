"""deploy.hdfs.Client's surface over a dictionary, with its time taken from the test."""
from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

from deploy.errors import HashtideError, Unreachable


class Files:
    """`down` makes every call fail as a dead NameNode would."""

    def __init__(self, now_ms: Callable[[], int] = lambda: 0) -> None:
        self.data: dict[str, bytes] = {}
        self.times: dict[str, int] = {}
        self.made: set[str] = set()
        self.snapshottable: set[str] = set()
        self.directory_times: dict[str, int] = {}
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

    def read_end(self, path: str, count: int) -> bytes | None:
        data = self.read(path)
        return data if data is None else data[-count:]

    def replace(self, path: str, data: bytes) -> None:
        self._check()
        with self._lock:
            self.data[path], self.times[path] = data, self._now()

    def replace_keeping_time(self, path: str, data: bytes) -> None:
        self._check()
        with self._lock:
            if path not in self.data:
                raise HashtideError(f"HDFS has no {path}")
            self.data[path] = data

    def list(self, path: str) -> list[str]:
        return sorted(self.statuses(path))

    def statuses(self, path: str) -> dict[str, dict[str, Any]]:
        self._check()
        prefix = path.rstrip("/") + "/"
        inside = [p for p in (*list(self.data), *list(self.made)) if p.startswith(prefix)]
        names = {p[len(prefix):].split("/")[0] for p in inside}
        return {name: self.status(prefix + name) or {} for name in names}

    def status(self, path: str) -> dict[str, Any] | None:
        self._check()
        if path in self.data:
            return {"type": "FILE", "modificationTime": self.times[path], "owner": "hashtide", "permission": "644",
                    "length": len(self.data[path])}
        if path in self.made or any(p.startswith(path + "/") for p in (*list(self.data), *list(self.made))):
            inside = [at for p, at in self.times.items() if p.startswith(path + "/") and p in self.data]
            return {"type": "DIRECTORY", "modificationTime": self.directory_times.get(path, max(inside, default=0)),
                    "owner": self.owners.get(path, "hashtide"),
                    "permission": self.permissions.get(path, "755")}
        return None

    def exists(self, path: str) -> bool:
        return self.status(path) is not None

    def mkdirs(self, path: str, permission: str | None = None) -> None:
        self._check()
        parts = path.split("/")
        self.made |= {"/".join(parts[:n]) for n in range(2, len(parts) + 1)}
        self.permissions.setdefault(path, permission or "755")

    def delete(self, path: str, recursive: bool = False) -> bool:
        self._check()
        with self._lock:
            below = [p for p in (*self.data, *self.made) if p == path or recursive and p.startswith(f"{path}/")]
            for found in below:
                self.data.pop(found, None)
                self.made.discard(found)
        return bool(below)

    def copy(self, source: str, target: str) -> None:
        data = self.read(source)
        if data is None:
            raise HashtideError(f"HDFS has no {source}")
        with self._lock:
            self.data[target], self.times[target] = data, self._now()

    def create_snapshot(self, path: str, name: str) -> None:
        """Of a directory of which snapshots are allowed: the bytes as they are now."""
        self._check()
        if path not in self.snapshottable:
            raise HashtideError(f"HDFS {path}: SnapshotException: Directory is not a snapshottable directory: {path}")
        inside = f"{path}/.snapshot/{name}"
        if inside in self.made:
            raise HashtideError(f"HDFS {path}: SnapshotException: there is already a snapshot with the name {name}")
        with self._lock:
            for found in [p for p in self.data if p.startswith(f"{path}/") and "/.snapshot/" not in p]:
                to = found.replace(path, inside, 1)
                self.data[to], self.times[to] = self.data[found], self._now()
            self.made |= {found.replace(path, inside, 1) for found in self.made
                          if found.startswith(f"{path}/") and "/.snapshot" not in found} | {inside}
            self.directory_times[inside] = self._now()

    def delete_snapshot(self, path: str, name: str) -> bool:
        return self.delete(f"{path}/.snapshot/{name}", recursive=True)

    def content(self, path: str) -> dict[str, Any] | None:
        if self.status(path) is None:
            return None
        sizes = [len(data) for p, data in self.data.items() if p.startswith(f"{path}/")]
        return {"length": sum(sizes), "fileCount": len(sizes)}

    def set_permission(self, path: str, permission: str) -> None:
        self.permissions[path] = permission

    def set_owner(self, path: str, owner: str, group: str | None = None) -> None:
        self.owners[path] = owner

    def allow_snapshot(self, path: str) -> None:
        self.snapshottable.add(path)
