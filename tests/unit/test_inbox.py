from __future__ import annotations

import threading
from dataclasses import dataclass

from spark_apps.clock import Clock
from spark_apps.ingest.inbox import Inbox
from tests.fakes.sockets import until


@dataclass(frozen=True)
class Ticking(Clock):
    times: tuple[int, ...] = ()

    def now_ms(self) -> int:
        now, *rest = self.times
        object.__setattr__(self, "times", (*rest,) or (now,))
        return now


def test_records_come_out_in_order_with_the_time_they_went_in() -> None:
    inbox = Inbox(Ticking(times=(100, 200, 300)))
    inbox.put(b"one")
    inbox.put(b"two")
    assert inbox.take(0) == ([(100, b"one"), (200, b"two")], 300)
    assert len(inbox) == 0


def test_arrival_never_goes_back_when_the_clock_does() -> None:
    inbox = Inbox(Ticking(times=(500, 400, 450)))
    inbox.put(b"one")
    inbox.put(b"two")
    assert inbox.take(0) == ([(500, b"one"), (500, b"two")], 500)


def test_what_comes_after_a_take_is_not_older_than_the_instant_that_it_gave() -> None:
    inbox = Inbox(Clock())
    _, instant = inbox.take(0)
    inbox.put(b"later")
    assert inbox.take(0)[0][0][0] >= instant


def test_a_full_inbox_makes_its_writer_wait_until_somebody_takes() -> None:
    inbox = Inbox(Clock(), capacity=2)

    def write() -> None:
        for n in range(5):
            inbox.put(b"%d" % n)

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    until(lambda: len(inbox) == 2, "the inbox to be full")
    assert writer.is_alive()
    taken: list[bytes] = []
    while len(taken) < 5:
        taken += [record for _, record in inbox.take(5)[0]]
    writer.join(5)
    assert taken == [b"0", b"1", b"2", b"3", b"4"]
    assert not writer.is_alive()


def test_closing_lets_a_waiting_writer_go_and_keeps_what_was_in() -> None:
    inbox = Inbox(Clock(), capacity=1)
    inbox.put(b"in")
    writer = threading.Thread(target=lambda: inbox.put(b"out"), daemon=True)
    writer.start()
    inbox.close()
    writer.join(5)
    assert not writer.is_alive()
    assert [record for _, record in inbox.take(5)[0]] == [b"in"]


def test_taking_from_an_empty_inbox_ends_with_the_first_record() -> None:
    inbox = Inbox(Clock())
    found: list[bytes] = []
    reader = threading.Thread(target=lambda: found.extend(r for _, r in inbox.take(30)[0]), daemon=True)
    reader.start()
    inbox.put(b"one")
    reader.join(5)
    assert found == [b"one"]
