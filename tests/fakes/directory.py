"""deploy.hdfs.Client's surface over the local file system; a snapshot is a copy, and so needs nobody who writes."""
from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any


class Directory:
    def read_json(self, path: str) -> dict[str, Any] | None:
        data = self.read(path)
        return None if data is None else dict(json.loads(data or b"{}"))

    def write_json(self, path: str, obj: Any) -> None:
        self.replace(path, json.dumps(obj).encode())

    def create_exclusive(self, path: str, obj: Any) -> bool:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        try:
            with Path(path).open("x") as file:
                json.dump(obj, file)
        except FileExistsError:
            return False
        return True

    def read(self, path: str) -> bytes | None:
        try:
            return Path(path).read_bytes()
        except FileNotFoundError:
            return None

    def read_end(self, path: str, count: int) -> bytes | None:
        data = self.read(path)
        return data if data is None else data[-count:]

    def replace(self, path: str, data: bytes) -> None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_bytes(data)

    def replace_keeping_time(self, path: str, data: bytes) -> None:
        stood = Path(path).stat()
        Path(path).write_bytes(data)
        os.utime(path, ns=(stood.st_atime_ns, stood.st_mtime_ns))

    def list(self, path: str) -> list[str]:
        return sorted(self.statuses(path))

    def statuses(self, path: str) -> dict[str, dict[str, Any]]:
        found = Path(path).iterdir() if Path(path).is_dir() else ()
        return {entry.name: status for entry in found if (status := self.status(str(entry)))}

    def status(self, path: str) -> dict[str, Any] | None:
        try:
            found = Path(path).stat()
        except FileNotFoundError:
            return None
        return {"type": "DIRECTORY" if Path(path).is_dir() else "FILE", "length": found.st_size,
                "modificationTime": found.st_mtime_ns // 1_000_000}

    def exists(self, path: str) -> bool:
        return Path(path).exists()

    def mkdirs(self, path: str, permission: str | None = None) -> None:
        Path(path).mkdir(parents=True, exist_ok=True)

    def delete(self, path: str, recursive: bool = False) -> bool:
        if not Path(path).exists():
            return False
        shutil.rmtree(path) if Path(path).is_dir() else Path(path).unlink()
        return True

    def copy(self, source: str, target: str) -> None:
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)

    def content(self, path: str) -> dict[str, Any] | None:
        sizes = [found.stat().st_size for found in Path(path).rglob("*") if found.is_file()]
        return {"length": sum(sizes), "fileCount": len(sizes)}

    def create_snapshot(self, path: str, name: str) -> None:
        shutil.copytree(path, f"{path}/.snapshot/{name}", ignore=shutil.ignore_patterns(".snapshot"))

    def delete_snapshot(self, path: str, name: str) -> bool:
        return self.delete(f"{path}/.snapshot/{name}")
