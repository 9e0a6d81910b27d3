"""Lines that were put aside, read without a JVM: the seal keeps them as Parquet, by landing hour."""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from spark_apps.contract import StreamPaths


class Files(Protocol):
    """What of deploy.hdfs.Client is needed here."""

    def list(self, path: str) -> list[str]: ...

    def read(self, path: str) -> bytes | None: ...


@dataclass(frozen=True)
class Line:
    """`line`: its number in its landing file, from 1 on; `body`: the bytes as received."""

    hour: int
    reason: str
    file: str
    line: int
    body: bytes


def lines(files: Files, paths: StreamPaths, hours: Sequence[int]) -> Iterator[Line]:
    """Of these landing hours (ms), in the order of their files."""
    import pyarrow as pa
    from pyarrow import parquet

    for hour in hours:
        directory = paths.quarantine_hour(hour)
        found: list[Line] = []
        for name in files.list(directory):
            if not name.endswith(".parquet") or not (data := files.read(f"{directory}/{name}")):
                continue
            rows = parquet.read_table(pa.BufferReader(data), columns=["reason", "file", "line", "body"]).to_pylist()
            found += [Line(hour, row["reason"], row["file"], row["line"], row["body"]) for row in rows]
        yield from sorted(found, key=lambda one: (one.file, one.line))
