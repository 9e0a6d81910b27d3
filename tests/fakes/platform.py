"""The product's own simulator of the filtered stream, in a thread of the test."""
from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from deploy.local.simulator import script
from deploy.local.simulator.generator import Generator
from deploy.local.simulator.server import Server
from deploy.local.simulator.settings import Settings

Fault = dict[str, Any]


class Platform:
    """`faults` and `shares` as in a script: [{"fault": "reset", "at_record": 10}, ...], {"duplicate": 0}."""

    def __init__(self, directory: Path, seed: int, faults: Sequence[Fault] = (),
                 shares: Mapping[str, float] | None = None, **settings: Any) -> None:
        self.directory = directory
        played = script.parse({"seed": seed, "shares": dict(shares or {}), "faults": list(faults)})
        self.server = Server(Settings(directory, script=played, **settings), Generator(seed, shares=played.shares))
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
        self.server.stream.settings = replace(self.server.stream.settings, limit=0)

    def hang_up(self) -> None:
        """Ends every stream in good order, as the platform does at times."""
        self._loop.call_soon_threadsafe(self.server.stream.hang_up)

    def fault(self, name: str, **parameters: Any) -> None:
        """Begins a fault now."""
        begun = script.entry({"fault": name, **parameters})
        self._call(lambda: self.server.stream.faults.begin(begun))

    def flush(self) -> None:
        """The ledgers of what was sent until now are on disk."""
        if self._thread.is_alive():
            self._call(lambda: [connection.ledger.flush() for connection in self.server.stream.connections])

    def _call(self, what: Callable[[], object]) -> None:
        async def called() -> None:
            what()
        asyncio.run_coroutine_threadsafe(called(), self._loop).result(5)

    def unsent(self) -> list[tuple[str, bytes]]:
        """(reason, record) of what a connection did not get when it was made."""
        path = self.directory / "unsent.jsonl"
        lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
        split = [line.partition(b',"record":') for line in lines]
        return [(json.loads(head + b"}")["reason"], record.removesuffix(b"}")) for head, _, record in split]

    def ledger(self) -> list[bytes]:
        """The records sent, in their order, connection after connection."""
        found = []
        for path in sorted(self.directory.glob("ledger-*.jsonl"), key=lambda p: int(p.stem.rpartition("-")[2])):
            for line in path.read_bytes().split(b"\n")[:-1]:
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
def serving(directory: Path, seed: int = 1, faults: Sequence[Fault] = (), **settings: Any) -> Iterator[Platform]:
    platform = Platform(directory, seed, faults, **settings)
    platform.start()
    try:
        yield platform
    finally:
        platform.stop()
