"""The HTTP side: one asyncio loop answers requests and feeds every open stream.

https://docs.x.com/x-api/posts/filtered-stream/integrate/consuming-streaming-data
"""
from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from deploy.errors import BadUse
from deploy.local.simulator import connection, script, wire
from deploy.local.simulator.faults.answers import too_many
from deploy.local.simulator.generator import Generator
from deploy.local.simulator.rules import Rules
from deploy.local.simulator.settings import Settings
from deploy.local.simulator.stream import Stream
from deploy.local.simulator.wire import ALL_CONNECTIONS, RULES, STREAM, Answer, Request, problem

Json = dict[str, Any]

_REOPEN_S = 0.05


class Server:
    """`await start(host, port)` gives the port; `await stop()` ends every stream and writes the ledgers out."""

    def __init__(self, settings: Settings, generator: Generator) -> None:
        self.rules = Rules()
        self.stream = Stream(settings, generator, self.rules, self._listen)
        self._address = ("", 0)
        self._open = True
        self._server: asyncio.Server | None = None
        self._feed: asyncio.Task[None] | None = None
        self._door: asyncio.Task[None] | None = None

    async def start(self, host: str, port: int) -> int:
        self._server = await asyncio.start_server(self._serve, host, port)
        self._address = host, int(self._server.sockets[0].getsockname()[1])
        self.stream.faults.tick()   # what is due from the start is there for the very first request
        self._feed = asyncio.create_task(self.stream.feed())
        self._door = asyncio.create_task(self._keep_door())
        return self._address[1]

    async def stop(self) -> None:
        for task in (self._feed, self._door):
            if task:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError, OSError):
                    await task
        if self._server:
            self._server.close()
        self.stream.close()

    async def feeding(self) -> None:
        """Returns when the server was stopped; raises what ended the feed, such as a full disk under the ledger."""
        if self._feed:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.shield(self._feed)

    def _listen(self, open_: bool) -> None:
        self._open = open_
        if not open_ and self._server:
            self._server.close()
            self._server = None

    async def _keep_door(self) -> None:
        while True:
            await asyncio.sleep(_REOPEN_S)
            if self._open and self._server is None:
                # Somebody else may have the port for a moment.
                with contextlib.suppress(OSError):
                    self._server = await asyncio.start_server(self._serve, *self._address)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            request = await wire.read(reader)
            answer = self._answer(request)
            if answer is None:
                await self._stream(reader, writer)
            else:
                writer.write(answer.encoded(self.stream.now_ms))
        with contextlib.suppress(ConnectionError, TimeoutError):
            writer.close()
            await asyncio.wait_for(writer.wait_closed(), connection.LINGER_S)
        writer.transport.abort()

    def _answer(self, request: Request) -> Answer | None:
        """None where it is the stream that was asked for, and is given."""
        where = request.method, request.path
        if where == ("GET", "/health"):
            return Answer(200, self.health())
        if not request.bearer or request.bearer != (self.stream.settings.token or request.bearer):
            return problem(401, "Unauthorized", "Unauthorized")
        if request.path.startswith("/simulator/"):
            return self._own(request)
        if (instead := self.stream.faults.answer(request)) is not None:
            return instead
        if where == ("GET", STREAM):
            return self._refusal()
        if where == ("GET", RULES):
            return Answer(200, self.rules.listing())
        if where == ("POST", RULES):
            return Answer(*self.rules.change(request.json(), request.one("dry_run").lower() == "true"))
        if where == ("DELETE", ALL_CONNECTIONS):
            killed = self.stream.hang_up() + self.stream.faults.killed()
            return Answer(200, {"data": {"successful_kills": killed, "failed_kills": 0, "results": []}})
        return problem(404, "Not Found", " ".join(where))

    def _own(self, request: Request) -> Answer:
        """What is the simulator's alone."""
        where = request.method, request.path
        if where == ("GET", "/simulator/state"):
            return Answer(200, {**self.health(), "faults": self.stream.faults.state()})
        if where == ("POST", "/simulator/faults"):
            try:
                self.stream.faults.begin(script.entry(request.json()))
            except BadUse as error:
                return problem(400, "Invalid Request", str(error))
            return Answer(201, {"faults": self.stream.faults.state()})
        return problem(404, "Not Found", " ".join(where))

    def _refusal(self) -> Answer | None:
        """Of a connection to the stream; None where there is none."""
        if not self.stream.budget.spend():
            return self.stream.budget.refusal(self.stream.now_ms)
        return too_many() if len(self.stream.connections) >= self.stream.most_connections else None

    async def _stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(wire.head(200, self.stream.now_ms, (
            ("Content-Type", "application/json; charset=utf-8"), ("Transfer-Encoding", "chunked"),
            ("Connection", "close"), *self.stream.budget.headers(self.stream.now_ms))))
        opened = self.stream.open(writer)
        self.stream.faults.opened(opened)
        gone = asyncio.create_task(_until_gone(reader))
        killed = asyncio.create_task(opened.closed.wait())
        try:
            await asyncio.wait((gone, killed), return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
            killed.cancel()
            self.stream.end(opened)
        await self.stream.finish(opened)

    @property
    def sent(self) -> int:
        """Tweets that were made, each for all connections."""
        return self.stream.made

    @property
    def done(self) -> bool:
        return self.stream.done

    def health(self) -> Json:
        stream, settings = self.stream, self.stream.settings
        return {"status": "ok", "sent": stream.made, "connections": len(stream.connections), "rate": settings.rate,
                "limit": settings.limit, "done": stream.done, "now_ms": stream.now_ms}


async def _until_gone(reader: asyncio.StreamReader) -> None:
    """Returns when the client has closed its side."""
    with contextlib.suppress(ConnectionError):
        while await reader.read(1024):
            pass
