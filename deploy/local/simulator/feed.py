"""What makes the stream go on: the tweets that are due, keep-alives, and the faults' own time."""
from __future__ import annotations

import asyncio
import time

from deploy.local.simulator.connection import Record
from deploy.local.simulator.stream import Stream

_TICK_S = 0.02
#: After a longer pause of this process, or of a client that does not read, what was due is not made up for.
_LONGEST_S = 0.5
#: Bytes that wait for a client before everybody waits for it: more than a tick of the highest rate brings.
_BEHIND = 524_288


class Feed:
    def __init__(self, stream: Stream) -> None:
        self.stream = stream

    async def run(self) -> None:
        """Every tick makes what is due by the rate. A client that does not read slows it down and loses nothing, unless
        a fault says otherwise."""
        stream, due, last = self.stream, 0.0, time.monotonic()
        while True:
            await asyncio.sleep(_TICK_S)
            now = time.monotonic()
            elapsed, last = min(now - last, _LONGEST_S), now
            stream.faults.tick()
            self._look_after(now)
            if stream.connections:
                stream.began = stream.began or now
            if not self._makes():
                due = 0.0
                continue
            rate = stream.settings.rate * stream.factor
            due = min(due + elapsed * rate, _LONGEST_S * rate)
            if not (stream.waits_for_readers and any(one.waiting > _BEHIND for one in stream.connections)):
                while due >= 1 and self._makes():
                    due -= 1
                    self._make_one()

    def _makes(self) -> bool:
        stream = self.stream
        somebody = stream.connections or (stream.settings.always and stream.began is not None)
        return bool(somebody) and not stream.done and not stream.faults.paused

    def _look_after(self, now: float) -> None:
        stream = self.stream
        for connection in list(stream.connections):
            if connection.writer.is_closing():
                stream.end(connection)
                continue
            connection.ledger.flush(after_s=1.0)
            connection.settle()
            quiet = now - connection.last_write >= stream.settings.keep_alive_s * stream.settings.time_scale
            if quiet and not connection.muted:
                connection.chunk(b"\r\n")

    def _make_one(self) -> None:
        stream = self.stream
        for connection in list(stream.connections):
            if connection.writer.is_closing():
                stream.end(connection)
        if stream.connections:
            # A fault of a certain record needs somebody who notices.
            stream.faults.tick(stream.made + 1)
        if self._makes():
            stream.generator.rules = stream.rules.all
            record = Record(stream.generator.next(stream.now_ms))
            stream.made += 1
            for one in stream.faults.records(record):
                stream.deliver(one)
