"""A stream's directories on the local file system."""
from __future__ import annotations

from pathlib import Path

from spark_apps.contract import LandingFile, StreamPaths
from tests import oracle


class LocalStream:
    """`lines` is all that was landed, for the oracle."""

    def __init__(self, root: Path) -> None:
        self.root, self.paths = root, StreamPaths("hashtags", str(root))
        for path in (self.paths.epochs, self.paths.batches, f"{self.paths.control}/stop", self.paths.landing):
            Path(path).mkdir(parents=True)
        self.lines: list[oracle.Line] = []

    def land(self, records: list[bytes], first_ms: int, last_ms: int, unique: str, source: str = "x") -> None:
        name = LandingFile(first_ms, last_ms, source, unique).name
        path = Path(self.paths.landing_hour(last_ms)) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join(record + b"\n" for record in records))
        self.lines += [oracle.Line.landed(name, n, record) for n, record in enumerate(records, 1)]
