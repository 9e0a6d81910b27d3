"""The stream itself: who is connected, what is made, what each connection gets and what it does not."""
from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from deploy.local.simulator.budget import ConnectBudget
from deploy.local.simulator.connection import Connection, End, Record
from deploy.local.simulator.faults.running import Running
from deploy.local.simulator.generator import Generator
from deploy.local.simulator.history import History
from deploy.local.simulator.ledger import Happened, Ledger, Unsent, next_connection
from deploy.local.simulator.rules import Rules
from deploy.local.simulator.settings import Settings
from deploy.local.simulator.usage import Usage

#: Faults whose records are no posts of their own: nobody finds them again, and they cost nothing.
_OF_THE_MOMENT = ("duplicate", "malformed", "deletions")


class Stream:
    """What faults work on. `listen` opens and closes the door for new connections."""

    def __init__(self, settings: Settings, generator: Generator, rules: Rules, listen: Callable[[bool], None]) -> None:
        self.settings, self.generator, self.rules, self.listen = settings, generator, rules, listen
        self.connections: set[Connection] = set()
        self.made = 0
        self.factor = 1.0                 # of the rate
        self.ahead_ms = 0                 # of the platform's clock before ours
        self.most_connections = settings.max_connections
        self.waits_for_readers = True
        self.history = History()
        self.usage = Usage(settings.monthly_cap, settings.already_read)
        self.deleted: dict[str, int] = {}     # id, when
        self.budget = ConnectBudget(window_s=900 * settings.time_scale)
        self._number = next_connection(settings.directory)
        self._unsent = Unsent(settings.directory)
        self._start = time.monotonic()
        self.began: float | None = None
        self.faults = Running(settings.script.entries, self, Happened(settings.directory))

    @property
    def elapsed_s(self) -> float:
        """Seconds of the platform since the start."""
        return (time.monotonic() - self._start) / self.settings.time_scale

    @property
    def now_ms(self) -> int:
        """What the platform's clock says."""
        return self.ledger_ms + self.ahead_ms

    @property
    def ledger_ms(self) -> int:
        """When a client on a clock that is right has it."""
        return self.settings.clock.now_ms()

    @property
    def done(self) -> bool:
        """Whether all that was asked for is sent; connections stay open and get keep-alives."""
        limit, duration = self.settings.limit, self.settings.duration_s
        late = duration is not None and self.began is not None and (
            time.monotonic() - self.began >= duration * self.settings.time_scale)
        return late or (limit is not None and self.made >= limit)

    # Connections

    def open(self, writer: asyncio.StreamWriter, backfill_minutes: int = 0) -> Connection:
        """It begins with what was made in the minutes before, whether or not that was sent already."""
        connection = Connection(writer, Ledger(self.settings.directory, self._number))
        self._number += 1
        self.connections.add(connection)
        for record in self.history.since(60 * backfill_minutes * self.settings.time_scale) if backfill_minutes else ():
            self.send(connection, Record(record.data, "backfill"))
        self.faults.opened(connection)
        return connection

    def end(self, connection: Connection, end: End = End.CLOSE) -> None:
        """It gets nothing more; how it is broken off is for whoever has opened it, by `finish`."""
        if connection in self.connections:
            self.connections.discard(connection)
            connection.ending(end)

    def hang_up(self, end: End = End.CLOSE) -> int:
        ended = list(self.connections)
        for connection in ended:
            self.end(connection, end)
        return len(ended)

    async def finish(self, connection: Connection) -> None:
        reason = "reset" if connection.end is End.RESET else "slow_reader"
        for seq, record in await connection.finish():
            self.unsent(connection, seq, reason, Record(record))

    def unsent(self, connection: Connection | None, seq: int | None, reason: str, record: Record) -> None:
        self._unsent.add(self.ledger_ms, connection.number if connection else None, seq, reason, record.data)

    @property
    def unsent_count(self) -> int:
        return self._unsent.count

    def close(self) -> None:
        self.hang_up()
        self.faults.abandon()
        self._unsent.close()

    # Records

    def gone(self, tweet_id: str) -> None:
        """Its author has deleted it."""
        self.deleted[tweet_id] = self.now_ms

    def deliver(self, record: Record) -> None:
        """To each connection, or into what was not sent."""
        if record.fault not in _OF_THE_MOMENT:
            self.history.add(record)
        if not self.connections:
            self.unsent(None, None, "nobody_connected", record)
        for connection in list(self.connections):
            if connection.muted:
                self.unsent(connection, None, "silence", record)
            elif not self.faults.sends(connection, record):
                self.send(connection, record)

    def send(self, connection: Connection, record: Record, *pieces: bytes) -> None:
        """As Connection.send, and as a post that is read."""
        connection.send(self.ledger_ms, record, *pieces)
        if record.fault not in _OF_THE_MOMENT:
            self.usage.add(record.data, self.now_ms)

    def health(self) -> dict[str, Any]:
        return {"status": "ok", "sent": self.made, "connections": len(self.connections), "rate": self.settings.rate,
                "limit": self.settings.limit, "done": self.done, "now_ms": self.now_ms}
