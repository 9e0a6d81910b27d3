"""How a connection falls silent, breaks or is closed.

https://docs.x.com/x-api/fundamentals/handling-disconnections
"""
from __future__ import annotations

import json
from dataclasses import dataclass

from deploy.local.simulator.connection import Connection, End, Record
from deploy.local.simulator.faults.base import Counted, Fault, Lasting

_DISCONNECT = json.dumps({"errors": [{
    "title": "operational-disconnect", "disconnect_type": "UpstreamOperationalDisconnect",
    "detail": "This stream has been disconnected upstream for operational reasons.",
    "type": "https://api.twitter.com/2/problems/operational-disconnect"}]}, separators=(",", ":")).encode()


@dataclass
class Silence(Lasting):
    """The connections that are open get nothing more, not even keep-alives, and stay open: a stalled server or a dead
    path. A client is asked to reconnect after 20 s of it; a connection made meanwhile works."""

    duration_s: float = 25.0

    def start(self) -> None:
        self.muted = list(self.stream.connections)
        for connection in self.muted:
            connection.muted = True

    def stop(self) -> None:
        for connection in self.muted:
            connection.muted = False


@dataclass
class KeepAlivesOnly(Lasting):
    """No tweet matches for a time; the connection is fine and gets its keep-alive every 20 s."""

    pauses = True


@dataclass
class Reset(Counted):
    """The connection is reset (RST) after half of a record, as by a load balancer that goes."""

    def sends(self, connection: Connection, record: Record) -> bool:
        if self.over:
            return False
        self.left -= 1
        connection.half(record)
        self.stream.unsent(connection, None, "cut", record)
        self.stream.end(connection, End.RESET)
        return True


@dataclass
class NoLastChunk(Fault):
    """All open connections end between two records without the chunk that ends a body: the server went away."""

    def start(self) -> None:
        self.stream.hang_up(End.NO_LAST_CHUNK)


@dataclass
class Close(Counted):
    """The stream is closed in good order, and each new connection again right after its 200, `count` times in all."""

    count: int = 5

    def start(self) -> None:
        for connection in list(self.stream.connections):
            self.opened(connection)

    def opened(self, connection: Connection) -> None:
        if not self.over:
            self.left -= 1
            self.last_word(connection)
            self.stream.end(connection, End.CLOSE)

    def last_word(self, connection: Connection) -> None:
        """Before the close."""


@dataclass
class OperationalDisconnect(Close):
    """A message that the platform closes the stream for reasons of its own, and the close; `count` connections."""

    count: int = 1

    def last_word(self, connection: Connection) -> None:
        connection.send(self.stream.ledger_ms, Record(_DISCONNECT, "operational_disconnect"))


@dataclass
class SlowReader(Lasting):
    """A client that is more than `bytes` behind is dropped without a word, with all that waited for it."""

    bytes: int = 1_000_000

    def start(self) -> None:
        self.stream.waits_for_readers = False
        for connection in self.stream.connections:
            connection.narrow()

    def opened(self, connection: Connection) -> None:
        connection.narrow()

    def stop(self) -> None:
        self.stream.waits_for_readers = True

    def tick(self) -> None:
        for connection in list(self.stream.connections):
            if connection.waiting > self.bytes:
                self.stream.end(connection, End.DROP)


@dataclass
class Refuse(Lasting):
    """Nobody listens: connections are refused. Open ones are reset, unless `hang_up` is false."""

    hang_up: bool = True

    def start(self) -> None:
        if self.hang_up:
            self.stream.hang_up(End.RESET)
        self.stream.listen(False)

    def stop(self) -> None:
        self.stream.listen(True)
