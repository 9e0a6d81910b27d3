"""Fresh tweets for a soak: landed every few seconds, as ingest lands them, until it is told to end."""
from __future__ import annotations

import threading
import time
from pathlib import Path

from deploy.bench.data import FILE_MS, RATE, land
from deploy.local.simulator.generator import Generator


class Feed(threading.Thread):
    """A daemon, so that no process waits for it; `error` is why it has ended by itself."""

    def __init__(self, landing: Path, seed: int) -> None:
        super().__init__(daemon=True)
        self.landing, self.maker = landing, Generator(seed)
        self.over, self.error = threading.Event(), ""

    def run(self) -> None:
        try:
            while not self.over.wait(FILE_MS / 1000):
                now_ms = time.time_ns() // 1_000_000
                share = RATE * FILE_MS // 1000
                self.land(now_ms, [self.maker.next(now_ms - FILE_MS + n * FILE_MS // share) for n in range(share)])
        except OSError as error:
            self.error = f"{error.filename}: {error.strerror}"

    def land(self, now_ms: int, records: list[bytes]) -> None:
        land(self.landing, now_ms, records)

    def end(self) -> None:
        self.over.set()
        self.join(timeout=30)
