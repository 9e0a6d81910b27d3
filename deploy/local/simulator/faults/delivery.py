"""When, in which order, how often and in which pieces records come."""
from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterable
from dataclasses import dataclass

from deploy.local.simulator.connection import Connection, End, Record
from deploy.local.simulator.faults.base import Counted, Fault, Lasting
from deploy.local.simulator.faults.tweets import LOW_BITS, Later, posting

_HOUR_MS = 3_600_000


@dataclass
class Duplicate(Counted):
    """Records come a second time on the same connection, `apart` records later. The platform promises at least once."""

    count: int = 20
    apart: int = 3

    def start(self) -> None:
        self.later = Later()

    def records(self, record: Record) -> Iterable[Record]:
        if self.left > 0:
            self.left -= 1
            self.later.add(self.apart, Record(record.data, self.name))
        yield record
        yield from self.later.due()

    @property
    def over(self) -> bool:
        return self.left <= 0 and not self.later


@dataclass
class DuplicateAcross(Fault):
    """The stream is closed in good order, and the next connection begins with the last `count` records again."""

    count: int = 20

    def start(self) -> None:
        self.again = self.stream.history.last(self.count)
        self.stream.hang_up(End.CLOSE)

    @property
    def over(self) -> bool:
        return not self.again

    def opened(self, connection: Connection) -> None:
        again, self.again = self.again, []
        for record in again:
            connection.send(self.stream.ledger_ms, Record(record.data, self.name))


@dataclass
class TwoConnections(Lasting):
    """A second connection is let in, and each record comes on both: the redundant connections of an enterprise."""

    duration_s: float = 1e9
    connections: int = 2

    def start(self) -> None:
        self.before = self.stream.most_connections
        self.stream.most_connections = max(self.before, self.connections)

    def stop(self) -> None:
        self.stream.most_connections = self.before


@dataclass
class OutOfOrder(Lasting):
    """A `share` of the records is held back for up to `seconds`, so that later ones come first."""

    share: float = 0.3
    seconds: float = 60.0

    def check(self) -> str:
        return "" if self.share <= 1 else f"share {self.share:g}: expected at most 1"

    def start(self) -> None:
        self.held: list[tuple[float, int, Record]] = []
        self.number = itertools.count()

    def records(self, record: Record) -> Iterable[Record]:
        if not super().over and self.random.random() < self.share:
            due_s = self.stream.elapsed_s + self.random.random() * self.seconds
            heapq.heappush(self.held, (due_s, next(self.number), Record(record.data, self.name)))
            return ()
        return (record,)

    def tick(self) -> None:
        while self.held and self.held[0][0] <= self.stream.elapsed_s:
            self.stream.deliver(heapq.heappop(self.held)[2])

    @property
    def over(self) -> bool:
        return super().over and not self.held

    def abandon(self) -> None:
        for _, _, record in self.held:
            self.stream.unsent(None, None, "held", record)


@dataclass
class Late(Counted):
    """One tweet more, that is `hours` old already when it comes."""

    hours: float = 3.0

    def records(self, record: Record) -> Iterable[Record]:
        self.left -= 1
        ms = self.stream.now_ms - int(self.hours * _HOUR_MS)
        yield posting(self.stream, self.name, ms, self.random.getrandbits(LOW_BITS), "much later than #late", ["late"])
        yield record


@dataclass
class SplitCrlf(Counted):
    """A record comes in several chunks, cut also within a character, and its line end in two: CR, then LF."""

    count: int = 100

    def sends(self, connection: Connection, record: Record) -> bool:
        self.left -= 1
        cuts = sorted(self.random.sample(range(1, len(record.data)), min(2, len(record.data) - 1)))
        parts = [record.data[a:b] for a, b in itertools.pairwise([0, *cuts, len(record.data)])]
        self.stream.send(connection, record, *parts, b"\r", b"\n")
        return True


@dataclass
class Burst(Lasting):
    """`factor` times the usual rate: something has happened in the world."""

    duration_s: float = 60.0
    factor: float = 10.0

    def start(self) -> None:
        self.stream.factor *= self.factor

    def stop(self) -> None:
        self.stream.factor /= self.factor

    def check(self) -> str:
        return "" if self.factor else "factor 0: expected more; keep_alives_only sends nothing"


@dataclass
class ClockAhead(Lasting):
    """The platform's clock is `seconds` before ours: `Date`, `created_at`, ids, `x-rate-limit-reset`."""

    duration_s: float = 1e9
    seconds: float = 90.0

    def start(self) -> None:
        self.stream.ahead_ms += int(1000 * self.seconds)

    def stop(self) -> None:
        self.stream.ahead_ms -= int(1000 * self.seconds)
