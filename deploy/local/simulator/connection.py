"""One open stream: chunks out, ledger beside, and the ways in which it ends."""
from __future__ import annotations

import array
import asyncio
import enum
import fcntl
import socket
import struct
import termios
import time
from collections import deque
from dataclasses import dataclass

from deploy.local.simulator.ledger import Ledger

# A client that was cut off while it did not read would otherwise keep its buffer, and hold up all others.
LINGER_S = 1.0
# What was sent and not acknowledged may have arrived or not: a reset waits so much longer until nothing is in between.
_IN_FLIGHT_S = 4.0
# <linux/sockios.h>; the difference to TIOCOUTQ is on its way.
_SIOCOUTQNSD = 0x894B


@dataclass(frozen=True)
class Record:
    """One line of the stream without its end. `fault` names what made it such as it is."""

    data: bytes
    fault: str = ""


class End(enum.Enum):
    CLOSE = "with the last chunk, in good order"
    NO_LAST_CHUNK = "all records whole, then FIN"
    RESET = "RST, once the client's side has all that was written"
    DROP = "at once, with all that waits"


class Connection:
    def __init__(self, writer: asyncio.StreamWriter, ledger: Ledger) -> None:
        self.writer, self.ledger = writer, ledger
        self.number = ledger.connection
        self.last_write = time.monotonic()
        self.closed = asyncio.Event()
        self.end = End.CLOSE
        self.muted = False
        self._written = 0
        self._flight: deque[tuple[int, int, bytes]] = deque()   # end in the stream of bytes, seq, record

    def send(self, sent_ms: int, record: Record, *pieces: bytes) -> None:
        """`pieces` are the chunks that carry the record and its line end, by default one for both."""
        # The ledger first: what a client may have received is in it.
        self.ledger.add(sent_ms, record.data, record.fault)
        for piece in pieces or (record.data + b"\r\n",):
            self.chunk(piece)
        self._flight.append((self._written, self.ledger.seq, record.data))

    def chunk(self, data: bytes) -> None:
        self._write(b"%x\r\n%s\r\n" % (len(data), data))

    def half(self, record: Record) -> None:
        """As much of a record as came before the connection broke."""
        self.chunk(record.data[:len(record.data) // 2])

    def _write(self, data: bytes) -> None:
        self.writer.write(data)
        self._written += len(data)
        self.last_write = time.monotonic()

    def ending(self, end: End) -> None:
        self.end = end
        if end is End.CLOSE and not self.writer.is_closing():
            self._write(b"0\r\n\r\n")
        self.ledger.close()
        self.closed.set()

    @property
    def waiting(self) -> int:
        """Bytes that the client's side has not taken off this program's hands."""
        return self.writer.transport.get_write_buffer_size()

    def narrow(self) -> None:
        """The kernel keeps no megabytes for a client that does not read: `waiting` tells how far it is behind."""
        if (sock := self._socket()) is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 32_768)

    def settle(self) -> None:
        """Forgets what has reached the client's side."""
        arrived = self._written - self.waiting - self._in_kernel()
        while self._flight and self._flight[0][0] <= arrived:
            self._flight.popleft()

    async def finish(self) -> list[tuple[int, bytes]]:
        """Breaks off as `end` says, and gives (seq, record) of what never leaves, whoever reads on."""
        deadline = time.monotonic() + LINGER_S
        while self.end is not End.DROP and self.waiting + self._in_kernel() and time.monotonic() < deadline:
            await asyncio.sleep(0.005)
        deadline += _IN_FLIGHT_S
        while self.end is End.RESET and self._in_kernel() > self._in_kernel(_SIOCOUTQNSD) and (
                time.monotonic() < deadline):
            await asyncio.sleep(0.005)
        if self.writer.is_closing():
            return []   # the client went first, and what was on the way nobody knows
        left = self._written - self.waiting
        if self.end is End.RESET:
            left -= self._in_kernel()
            if (sock := self._socket()) is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        lost = [(seq, record) for end, seq, record in self._flight if end > left]
        if self.end in (End.RESET, End.DROP) or self.waiting:
            self.writer.transport.abort()
        return lost

    def _in_kernel(self, question: int = termios.TIOCOUTQ) -> int:
        """Bytes that the client's side has not acknowledged."""
        sock, size = self._socket(), array.array("i", [0])
        if sock is not None:
            fcntl.ioctl(sock.fileno(), question, size)
        return size[0]

    def _socket(self) -> socket.socket | None:
        sock = self.writer.get_extra_info("socket")
        return sock if sock is not None and sock.fileno() >= 0 else None
