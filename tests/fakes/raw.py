"""Readers of the stream: one on a bare socket, which sees how a connection ends, and tweepy as it is."""
from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests
import tweepy

from tests.fakes.platform import Platform

TOKEN = "token-of-the-test"   # noqa: S105
BEARER = {"Authorization": f"Bearer {TOKEN}"}
STREAM = "/2/tweets/search/stream"


class Raw:
    """A connection that is open, or was answered otherwise. `end` is how it ended: `last chunk`, `fin`, `reset`."""

    def __init__(self, url: str, path: str, timeout_s: float, receive_buffer: int) -> None:
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(timeout_s)
        self.socket.connect(("127.0.0.1", int(url.rpartition(":")[2])))
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode())
        self.end, self.status, self.headers = "", 0, dict[str, str]()
        self.chunks: list[bytes] = []
        self._buffer, self._line = b"", b""

    def head(self) -> int:
        """The status; 0 where the connection ended before it had one."""
        if self.status or not self._until(b"\r\n\r\n"):
            return self.status
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        first, *rest = head.decode().split("\r\n")
        self.headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in rest)}
        self.status = int(first.split(" ")[1])
        return self.status

    def lines(self) -> Iterator[bytes]:
        """Each line, keep-alives as empty ones, until the connection ends; TimeoutError where nothing comes."""
        assert self.head() == 200, self.status
        while (chunk := self._chunk()) is not None:
            self._line += chunk
            *whole, self._line = self._line.split(b"\r\n")
            yield from whole

    def read(self, count: int) -> list[bytes]:
        """So many records."""
        found: list[bytes] = []
        for line in self.lines():
            found += [line] if line else []
            if len(found) == count:
                break
        return found

    def rest(self) -> list[bytes]:
        """All records until the end."""
        return [line for line in self.lines() if line]

    @property
    def cut(self) -> bytes:
        """What came of a last line that has no end."""
        return self._line

    def _chunk(self) -> bytes | None:
        if not self._until(b"\r\n"):
            return None
        size, _, self._buffer = self._buffer.partition(b"\r\n")
        length = int(size, 16)
        if not length:
            self.end = "last chunk"
            return None
        while len(self._buffer) < length + 2:
            if not self._more():
                return None
        chunk, self._buffer = self._buffer[:length], self._buffer[length + 2:]
        self.chunks.append(chunk)
        return chunk

    def _until(self, mark: bytes) -> bool:
        while mark not in self._buffer:
            if not self._more():
                return False
        return True

    def _more(self) -> bool:
        try:
            data = self.socket.recv(65_536)
        except ConnectionResetError:
            self.end = "reset"
            return False
        self.end = self.end if data else "fin"
        self._buffer += data
        return bool(data)


@contextmanager
def raw(x: Platform, path: str = STREAM, timeout_s: float = 60, receive_buffer: int = 0) -> Iterator[Raw]:
    reader = Raw(x.url, path, timeout_s, receive_buffer)
    try:
        yield reader
    finally:
        reader.socket.close()


def api(x: Platform, method: str, path: str, **given: Any) -> requests.Response:
    return requests.request(method, x.url + path, headers=BEARER, timeout=60, **given)


class Tweepy(tweepy.StreamingClient):  # type: ignore[misc]
    """tweepy's own way of reading, at the test's address; `events` are the callbacks in their order."""

    def __init__(self, url: str) -> None:
        super().__init__(TOKEN, daemon=True)
        self.url, self.events, self.tweets = url, list[str](), list[Any]()
        self.timeout_s = 21.0

    def _connect(self, method: str, endpoint: str, **kwargs: Any) -> None:
        self.session.headers.update(BEARER)
        self.session.trust_env = False
        tweepy.streaming.BaseStream._connect(self, method, f"{self.url}/2/tweets/{endpoint}/stream",
                                             timeout=self.timeout_s, **kwargs)

    def count(self, event: str) -> int:
        return self.events.count(event)

    def on_connect(self) -> None:
        self.events.append("connect")

    def on_tweet(self, tweet: Any) -> None:
        self.tweets.append(tweet)

    def on_errors(self, errors: Any) -> None:
        self.events.append("errors")

    def on_closed(self, response: Any) -> None:
        self.events.append("closed")

    def on_connection_error(self) -> None:
        self.events.append("connection error")

    def on_request_error(self, status_code: int) -> None:
        self.events.append(f"HTTP {status_code}")

    def on_exception(self, exception: Exception) -> None:
        self.events.append(type(exception).__name__)

    def on_disconnect(self) -> None:
        self.events.append("disconnect")


@contextmanager
def tweepy_reading(x: Platform, monkeypatch: Any, timeout_s: float = 21.0) -> Iterator[tuple[Tweepy, list[float]]]:
    """tweepy in a thread, and its waits, which are not slept."""
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        time.sleep(0.005)

    monkeypatch.setattr(tweepy.streaming, "sleep", sleep)
    client = Tweepy(x.url)
    client.timeout_s = timeout_s
    client.filter(threaded=True)
    assert isinstance(client.thread, threading.Thread)
    try:
        yield client, waits
    finally:
        client.disconnect()
        x.enough()
        x.hang_up()
        client.thread.join(5)
