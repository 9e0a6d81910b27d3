"""A checkpoint copied within HDFS, file by file and many at once: WebHDFS has no copy on the server's side."""
from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

from deploy.errors import HashtideError

#: A checkpoint is hundreds of small files: the time goes into round trips, of which so many wait at once.
AT_ONCE = 16


class Files(Protocol):
    """What of deploy.hdfs.Client is needed here."""

    def statuses(self, path: str) -> dict[str, dict[str, Any]]: ...

    def mkdirs(self, path: str, permission: str | None = None) -> None: ...

    def copy(self, source: str, target: str) -> None: ...


def tree(hdfs: Files, root: str) -> dict[str, int]:
    """Bytes by path below the root. What Spark has not come to the end of begins with a dot, and is left out."""
    found: dict[str, int] = {}
    left = [""]
    while left:
        below = left.pop()
        for name, status in hdfs.statuses(f"{root}/{below}".rstrip("/")).items():
            path = f"{below}/{name}".lstrip("/")
            if status["type"] == "DIRECTORY":
                left.append(path)
            elif not name.startswith("."):
                found[path] = int(status["length"])
    return found


def copy_tree(hdfs: Files, source: str, target: str, wanted: Callable[[str], bool] = lambda path: True) -> int:
    """Files below `source` into `target`, checked by their sizes; how many bytes. Written over where they exist.

    HashtideError where one of them is gone or another size came out.
    """
    files = {path: size for path, size in tree(hdfs, source).items() if wanted(path)}
    hdfs.mkdirs(target, "750")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        copies = [pool.submit(hdfs.copy, f"{source}/{path}", f"{target}/{path}") for path in sorted(files)]
        try:
            for one in copies:
                one.result()
        finally:
            for one in copies:
                one.cancel()
    made = tree(hdfs, target)
    if wrong := sorted(path for path, size in files.items() if made.get(path) != size):
        path = wrong[0]
        raise HashtideError(f"HDFS {target}/{path}: {made.get(path, 'no')} bytes after the copy, expected {files[path]}"
                            f"{f', and {len(wrong) - 1} more files' if wrong[1:] else ''}; run it again")
    return sum(files.values())


def size_text(count: float) -> str:
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"
