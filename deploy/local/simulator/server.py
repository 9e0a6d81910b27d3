"""The HTTP side: one asyncio loop answers requests and feeds every open stream.

https://docs.x.com/x-api/posts/filtered-stream/integrate/consuming-streaming-data
"""
from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from deploy.local.simulator import connection, wire
from deploy.local.simulator.api import Api
from deploy.local.simulator.feed import Feed
from deploy.local.simulator.generator import Generator
from deploy.local.simulator.rules import Rules
from deploy.local.simulator.settings import Settings
from deploy.local.simulator.stream import Stream
from deploy.local.simulator.wire import Request

Json = dict[str, Any]

_REOPEN_S = 0.05


class Server:
    """`await start(host, port)` gives the port; `await stop()` ends every stream and writes the ledgers out."""

    def __init__(self, settings: Settings, generator: Generator) -> None:
        self.rules = Rules()
        self.stream = Stream(settings, generator, self.rules, self._listen)
        self.api = Api(self.stream)
        self._address = ("", 0)
        self._open = True
        self._server: asyncio.Server | None = None
        self._feed: asyncio.Task[None] | None = None
        self._door: asyncio.Task[None] | None = None

    async def start(self, host: str, port: int) -> int:
        self._server = await asyncio.start_server(self._serve, host, port)
        self._address = host, int(self._server.sockets[0].getsockname()[1])
        self.stream.faults.tick()   # what is due from the start is there for the very first request
        self._feed = asyncio.create_task(Feed(self.stream).run())
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

    @property
    def sent(self) -> int:
        """Tweets that were made, each for all connections."""
        return self.stream.made

    @property
    def done(self) -> bool:
        return self.stream.done

    def health(self) -> Json:
        return self.stream.health()

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
            answer = self.api.answer(request)
            if answer is None:
                await self._stream(request, reader, writer)
            else:
                writer.write(answer.encoded(self.stream.now_ms))
        with contextlib.suppress(ConnectionError, TimeoutError):
            writer.close()
            await asyncio.wait_for(writer.wait_closed(), connection.LINGER_S)
        writer.transport.abort()

    async def _stream(self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(wire.head(200, self.stream.now_ms, (
            ("Content-Type", "application/json; charset=utf-8"), ("Transfer-Encoding", "chunked"),
            ("Connection", "close"), *self.stream.budget.headers(self.stream.now_ms))))
        opened = self.stream.open(writer, int(request.one("backfill_minutes") or 0))
        gone = asyncio.create_task(_until_gone(reader))
        killed = asyncio.create_task(opened.closed.wait())
        try:
            await asyncio.wait((gone, killed), return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
            killed.cancel()
            self.stream.end(opened)
        await self.stream.finish(opened)


async def _until_gone(reader: asyncio.StreamReader) -> None:
    """Returns when the client has closed its side."""
    with contextlib.suppress(ConnectionError):
        while await reader.read(1024):
            pass
