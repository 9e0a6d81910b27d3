"""The HTTP side: one asyncio loop answers requests and feeds every open stream.

https://docs.x.com/x-api/posts/filtered-stream/integrate/consuming-streaming-data
"""
from __future__ import annotations

import asyncio
import contextlib
import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from deploy.local.simulator.generator import Generator
from deploy.local.simulator.ledger import Ledger, next_connection
from deploy.local.simulator.rules import Rules
from spark_apps.clock import Clock

Json = dict[str, Any]
_STREAM, _RULES, _KILL = "/2/tweets/search/stream", "/2/tweets/search/stream/rules", "/2/connections/all"
_REASONS = {200: "OK", 201: "Created", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found",
            429: "Too Many Requests"}
_TICK_S = 0.02
# A client that was cut off while it did not read would otherwise keep its buffer, and hold up all others.
_LINGER_S = 1.0


@dataclass(frozen=True)
class Settings:
    directory: Path
    rate: float = 50.0                # tweets a second
    token: str | None = None          # None: any bearer token will do
    limit: int | None = None          # tweets in all
    duration_s: float | None = None   # of sending, from the first connection on
    keep_alive_s: float = 20.0
    max_connections: int = 1
    clock: Clock = field(default_factory=Clock)


class Connection:
    """One open stream: chunks out, ledger beside."""

    def __init__(self, writer: asyncio.StreamWriter, ledger: Ledger) -> None:
        self.writer, self.ledger = writer, ledger
        self.last_write = time.monotonic()
        self.closed = asyncio.Event()

    def send(self, sent_ms: int, record: bytes) -> None:
        # The ledger first: what a client may have received is in it.
        self.ledger.add(sent_ms, record)
        self.chunk(record + b"\r\n")

    def chunk(self, data: bytes) -> None:
        self.writer.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.last_write = time.monotonic()


class Server:
    """`await start(host, port)` gives the port; `await stop()` ends every stream and writes the ledgers out."""

    def __init__(self, settings: Settings, generator: Generator) -> None:
        self.settings, self.generator = settings, generator
        self.rules = Rules()
        self.sent = 0
        self._number = next_connection(settings.directory)
        self._connections: set[Connection] = set()
        self._began: float | None = None
        self._server: asyncio.Server | None = None
        self._feed: asyncio.Task[None] | None = None

    async def start(self, host: str, port: int) -> int:
        self._server = await asyncio.start_server(self._serve, host, port)
        self._feed = asyncio.create_task(self._feeding())
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        if self._server:
            self._server.close()
        if self._feed:
            self._feed.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._feed
        self._end_all()

    async def feeding(self) -> None:
        """Returns when the server was stopped; raises what ended the feed, such as a full disk under the ledger."""
        if self._feed:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.shield(self._feed)

    @property
    def done(self) -> bool:
        """Whether all that was asked for is sent; connections stay open and get keep-alives."""
        limit, duration = self.settings.limit, self.settings.duration_s
        late = duration is not None and self._began is not None and time.monotonic() - self._began >= duration
        return late or (limit is not None and self.sent >= limit)

    async def _feeding(self) -> None:
        """Every tick sends what is due by the rate. A client that does not read slows it down and loses nothing."""
        due, last = 0.0, time.monotonic()
        while True:
            await asyncio.sleep(_TICK_S)
            now = time.monotonic()
            elapsed, last = min(now - last, 0.5), now
            for connection in self._connections:
                connection.ledger.flush(after_s=1.0)
                if now - connection.last_write >= self.settings.keep_alive_s:
                    connection.chunk(b"\r\n")
            if not self._connections or self.done:
                due = 0.0
                continue
            self._began = self._began or now
            due += elapsed * self.settings.rate
            while due >= 1 and not self.done:
                due -= 1
                self._send_one()
            for connection in list(self._connections):
                with contextlib.suppress(ConnectionError):
                    await connection.writer.drain()

    def _send_one(self) -> None:
        for connection in list(self._connections):
            if connection.writer.is_closing():
                self._end(connection)
        if not self._connections:
            return
        now_ms = self.settings.clock.now_ms()
        self.generator.rules = self.rules.all
        record = self.generator.next(now_ms)
        self.sent += 1
        for connection in self._connections:
            connection.send(now_ms, record)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            method, target, _ = head[0].split(" ", 2)
            headers = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in head[1:] if line)}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            await self._route(method, urlsplit(target), headers, body, reader, writer)
        with contextlib.suppress(ConnectionError, TimeoutError):
            writer.close()
            await asyncio.wait_for(writer.wait_closed(), _LINGER_S)
        writer.transport.abort()

    async def _route(self, method: str, url: Any, headers: dict[str, str], body: bytes,
                     reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = url.path.rstrip("/")
        if (method, path) == ("GET", "/health"):
            return _answer(writer, 200, self.health())
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token or token.strip() != (self.settings.token or token.strip()):
            return _answer(writer, 401, {"title": "Unauthorized", "type": "about:blank", "status": 401,
                                         "detail": "Unauthorized"})
        if (method, path) == ("GET", _STREAM):
            return await self._stream(reader, writer)
        if (method, path) == ("GET", _RULES):
            return _answer(writer, 200, self.rules.listing())
        if (method, path) == ("POST", _RULES):
            dry_run = parse_qs(url.query).get("dry_run", ["false"])[0].lower() == "true"
            return _answer(writer, *self.rules.change(_json(body), dry_run))
        if (method, path) == ("DELETE", _KILL):
            killed = self._end_all()
            return _answer(writer, 200, {"data": {"successful_kills": killed, "failed_kills": 0, "results": []}})
        _answer(writer, 404, {"title": "Not Found", "type": "about:blank", "status": 404, "detail": f"{method} {path}"})

    async def _stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._connections) >= self.settings.max_connections:
            return _answer(writer, 429, {
                "title": "ConnectionException", "connection_issue": "TooManyConnections",
                "detail": "This stream is currently at the maximum allowed connection limit.",
                "type": "https://api.twitter.com/2/problems/streaming-connection"})
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\n"
                     b"Transfer-Encoding: chunked\r\n\r\n")
        connection = Connection(writer, Ledger(self.settings.directory, self._number))
        self._number += 1
        self._connections.add(connection)
        gone = asyncio.create_task(_until_gone(reader))
        killed = asyncio.create_task(connection.closed.wait())
        try:
            await asyncio.wait((gone, killed), return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
            killed.cancel()
            self._end(connection)

    def _end(self, connection: Connection) -> None:
        if connection in self._connections:
            self._connections.discard(connection)
            connection.ledger.close()
            if not connection.writer.is_closing():
                connection.writer.write(b"0\r\n\r\n")
            connection.closed.set()

    def _end_all(self) -> int:
        ended = list(self._connections)
        for connection in ended:
            self._end(connection)
        return len(ended)

    def health(self) -> Json:
        return {"status": "ok", "sent": self.sent, "connections": len(self._connections), "rate": self.settings.rate,
                "limit": self.settings.limit, "done": self.done, "now_ms": self.settings.clock.now_ms()}


async def _until_gone(reader: asyncio.StreamReader) -> None:
    """Returns when the client has closed its side."""
    with contextlib.suppress(ConnectionError):
        while await reader.read(1024):
            pass


def _answer(writer: asyncio.StreamWriter, status: int, body: Json) -> None:
    data = json.dumps(body, ensure_ascii=False).encode()
    kind = "application/problem+json" if status >= 400 else "application/json"
    writer.write(f"HTTP/1.1 {status} {_REASONS[status]}\r\nContent-Type: {kind}; charset=utf-8\r\n"
                 f"Content-Length: {len(data)}\r\nConnection: close\r\n\r\n".encode() + data)


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None
