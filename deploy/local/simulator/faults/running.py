"""The script as it is played: which faults are to come, which are on, and what each did when."""
from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from deploy.local.simulator.connection import Connection, Record
from deploy.local.simulator.faults.base import Fault
from deploy.local.simulator.ledger import Happened
from deploy.local.simulator.wire import Answer, Request

if TYPE_CHECKING:
    from deploy.local.simulator.script import Entry
    from deploy.local.simulator.stream import Stream


class Running:
    def __init__(self, entries: Iterable[Entry], stream: Stream, happened: Happened) -> None:
        entries = list(entries)
        self._at_s = deque(sorted((one for one in entries if one.at_record is None), key=lambda one: one.at_s))
        self._at_record = deque(sorted((one for one in entries if one.at_record is not None),
                                       key=lambda one: one.at_record or 0))
        self.on: list[Fault] = []
        self.done = 0
        self._stream, self._happened = stream, happened

    @property
    def coming(self) -> list[Entry]:
        return [*self._at_s, *self._at_record]

    def tick(self, next_record: int | None = None) -> None:
        """Begins what is due, by the time or by the number of the record that is made next; ends what is over."""
        for fault in [fault for fault in self.on if fault.over]:
            self._end(fault)
        while self._at_s and self._at_s[0].at_s <= self._stream.elapsed_s:
            self.begin(self._at_s.popleft())
        if next_record is None:
            for fault in list(self.on):
                fault.tick()
            return
        while self._at_record and (self._at_record[0].at_record or 0) <= next_record:
            self.begin(self._at_record.popleft())

    def begin(self, entry: Entry) -> None:
        fault = entry.made()
        self.on.append(fault)
        self._tell("began", fault)
        fault.begin(self._stream, entry.seed)
        if fault.over:
            self._end(fault)

    def _end(self, fault: Fault) -> None:
        self.on.remove(fault)
        fault.stop()
        self.done += 1
        self._tell("ended", fault)

    def _tell(self, event: str, fault: Fault) -> None:
        self._happened.add(at_ms=self._stream.ledger_ms, made=self._stream.made, event=event, **_told(fault))

    @property
    def paused(self) -> bool:
        return any(fault.pauses and not fault.over for fault in self.on)

    def answer(self, request: Request) -> Answer | None:
        found = (fault.answer(request) for fault in self.on if not fault.over)
        return next((answer for answer in found if answer is not None), None)

    def opened(self, connection: Connection) -> None:
        for fault in list(self.on):
            if not connection.closed.is_set():
                fault.opened(connection)

    def killed(self) -> int:
        return sum(fault.killed() for fault in self.on)

    def records(self, record: Record) -> list[Record]:
        found = [record]
        for fault in list(self.on):
            found = [after for before in found for after in (fault.records(before) if not fault.over else (before,))]
        return found

    def sends(self, connection: Connection, record: Record) -> bool:
        return any(fault.sends(connection, record) for fault in self.on if not fault.over)

    def abandon(self) -> None:
        for fault in self.on:
            fault.abandon()

    def state(self) -> dict[str, Any]:
        return {"on": [_told(fault) for fault in self.on], "done": self.done, "coming": [
            {**_told(one.fault), **({"at_s": one.at_s} if one.at_record is None else {"at_record": one.at_record})}
            for one in self.coming]}


def _told(fault: Fault) -> dict[str, Any]:
    return {"fault": fault.name, **asdict(fault)}
