"""What a fault is: when it is over, and the places where it can step in. Each does nothing unless a fault says so."""
from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from deploy.local.simulator.connection import Connection, Record
    from deploy.local.simulator.stream import Stream
    from deploy.local.simulator.wire import Answer, Request


@dataclass
class Fault:
    """Parameters are the fields of the subclass, each with a default; times in seconds of the platform."""

    name: ClassVar[str] = ""
    #: Nothing is made while such a fault is on.
    pauses: ClassVar[bool] = False

    def check(self) -> str:
        """What is wrong with the parameters together, or nothing."""
        return ""

    def begin(self, stream: Stream, seed: str) -> None:
        self.stream, self.random, self.began_s = stream, random.Random(seed), stream.elapsed_s
        self.start()

    def start(self) -> None:
        """Does at once what there is to do."""

    def stop(self) -> None:
        """Puts back what `start` has changed."""

    def abandon(self) -> None:
        """The simulator ends while the fault is on."""

    @property
    def over(self) -> bool:
        return True

    def tick(self) -> None:
        """Every few milliseconds."""

    def answer(self, request: Request) -> Answer | None:
        """Instead of the answer that a request to /2 would have."""
        return None

    def opened(self, connection: Connection) -> None:
        """The connection has had its 200."""

    def killed(self) -> int:
        """`DELETE /2/connections/all`: how many more connections it has ended."""
        return 0

    def records(self, record: Record) -> Iterable[Record]:
        """What is sent in the place of a record that was made."""
        return (record,)

    def sends(self, connection: Connection, record: Record) -> bool:
        """Whether the fault has dealt with the sending itself."""
        return False


@dataclass
class Lasting(Fault):
    """On for `duration_s`."""

    duration_s: float = 30.0

    @property
    def over(self) -> bool:
        return self.stream.elapsed_s - self.began_s >= self.duration_s


@dataclass
class Counted(Fault):
    """On until it has happened `count` times."""

    count: int = 1

    def begin(self, stream: Stream, seed: str) -> None:
        self.left = self.count
        super().begin(stream, seed)

    @property
    def over(self) -> bool:
        return self.left <= 0
