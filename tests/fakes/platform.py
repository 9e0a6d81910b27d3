"""The product's own simulator of the filtered stream, in a thread of the test."""
from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from deploy.local.simulator.generator import Generator
from deploy.local.simulator.server import Server, Settings


class Platform:
    def __init__(self, directory: Path, seed: int, **settings: Any) -> None:
        self.directory = directory
        self.server = Server(Settings(directory, **settings), Generator(seed))
        self.url = ""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def start(self) -> None:
        self._thread.start()
        port = asyncio.run_coroutine_threadsafe(self.server.start("127.0.0.1", 0), self._loop).result(5)
        self.url = f"http://127.0.0.1:{port}"

    def stop(self) -> None:
        """Ledgers are complete after this."""
        if self._thread.is_alive():
            asyncio.run_coroutine_threadsafe(self.server.stop(), self._loop).result(5)
            # Connections end by themselves now; what does not is cancelled.
            asyncio.run_coroutine_threadsafe(_others(), self._loop).result(5)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(5)
            self._loop.close()

    def enough(self) -> None:
        """Nothing more is sent; connections stay open."""
        self.server.settings = replace(self.server.settings, limit=0)

    def hang_up(self) -> None:
        """Ends every stream in good order, as the platform does at times."""
        self._loop.call_soon_threadsafe(self.server._end_all)

    def ledger(self) -> list[bytes]:
        """The records sent, in their order, connection after connection."""
        found = []
        for path in sorted(self.directory.glob("ledger-*.jsonl"), key=lambda p: int(p.stem.rpartition("-")[2])):
            for line in path.read_bytes().splitlines():
                head, _, record = line.partition(b',"record":')
                assert json.loads(head + b"}")["connection"] == int(path.stem.rpartition("-")[2])
                found.append(record.removesuffix(b"}"))
        return found


async def _others() -> None:
    tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    if tasks:
        _, late = await asyncio.wait(tasks, timeout=2)
        for task in late:
            task.cancel()


@contextmanager
def serving(directory: Path, seed: int = 1, **settings: Any) -> Iterator[Platform]:
    platform = Platform(directory, seed, **settings)
    platform.start()
    try:
        yield platform
    finally:
        platform.stop()
