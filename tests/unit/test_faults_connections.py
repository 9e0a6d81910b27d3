"""How connections fall silent, break and are closed: as a bare socket sees it, and as tweepy takes it."""
from __future__ import annotations

import socket
import time
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.platform import Platform, serving
from tests.fakes.raw import TOKEN, raw, tweepy_reading
from tests.fakes.sockets import until

# No record comes twice by itself, and tweepy knows the names of all fields.
FAST: dict[str, Any] = {"token": TOKEN, "rate": 1_000, "shares": {"duplicate": 0, "post_spelling": 0}}


def whole(x: Platform, received: list[bytes]) -> None:
    """What was received is what the ledgers say was sent, record for record."""
    x.stop()
    assert received == x.ledger()


def test_silence_is_silence_without_keep_alives_and_a_new_connection_works(tmp_path: Path) -> None:
    faults = [{"fault": "silence", "at_record": 50, "duration_s": 60}]
    with serving(tmp_path, faults=faults, keep_alive_s=0.1, max_connections=2, **FAST) as x:
        with raw(x) as first:
            before = first.read(49)
            first.socket.settimeout(0.6)
            with pytest.raises(TimeoutError):
                first.rest()
        with raw(x) as second:
            second.read(20)
        x.stop()
        sent = x.ledger()
        assert before == sent[:49]
        assert {reason for reason, _ in x.unsent()} >= {"silence"}
        assert not {record for _, record in x.unsent()} & set(before)


def test_after_a_silence_that_is_over_the_same_connection_goes_on(tmp_path: Path) -> None:
    faults = [{"fault": "silence", "at_record": 50, "duration_s": 20}]
    with serving(tmp_path, faults=faults, time_scale=0.01, **FAST) as x, raw(x) as reader:
        received = reader.read(100)
        x.enough()
        x.hang_up()
        received += reader.rest()
        whole(x, received)
        silent = [record for reason, record in x.unsent() if reason == "silence"]
        assert silent and not set(silent) & set(received)
        assert len(silent) + len(received) == x.server.sent


def test_keep_alives_alone_come_at_their_distance_and_nothing_is_lost(tmp_path: Path) -> None:
    faults = [{"fault": "keep_alives_only", "at_record": 30, "duration_s": 90}]
    with serving(tmp_path, faults=faults, time_scale=0.01, **FAST) as x, raw(x) as reader:
        lines = []
        for line in reader.lines():
            lines.append(line)
            if len([one for one in lines if one]) == 60:
                break
        kept = lines.count(b"")
        assert 2 <= kept <= 5          # 90 s, one each 20 s
        assert b"" not in lines[:29]
        x.stop()
        assert x.unsent() == []


def test_a_reset_cuts_a_record_in_its_middle_and_only_that_one_is_lost(tmp_path: Path) -> None:
    with serving(tmp_path, faults=[{"fault": "reset", "at_record": 40}], **FAST) as x:
        with raw(x) as first:
            received = first.rest()
            assert first.end == "reset"
            x.enough()
        whole(x, received)
        assert len(received) == 39
        [(reason, lost)] = x.unsent()
        assert reason == "cut" and first.cut == lost[:len(lost) // 2] and lost not in received


def test_a_connection_without_a_last_chunk_ends_between_two_records(tmp_path: Path) -> None:
    with serving(tmp_path, faults=[{"fault": "no_last_chunk", "at_record": 40}], **FAST) as x:
        with raw(x) as first:
            received = first.rest()
            assert (first.end, first.cut) == ("fin", b"")
        whole(x, received)
        assert len(received) == 39 and x.unsent() == []


def test_clean_closes_come_again_and_again_as_often_as_the_script_says(tmp_path: Path) -> None:
    with serving(tmp_path, faults=[{"fault": "close", "at_record": 20, "count": 3}], **FAST) as x:
        found = []
        for _ in range(3):
            with raw(x) as one:
                found.append((len(one.rest()), one.end))
        assert found == [(19, "last chunk"), (0, "last chunk"), (0, "last chunk")]
        with raw(x) as fourth:
            assert fourth.read(5)


def test_an_operational_disconnect_is_a_200_a_message_and_a_close_and_the_ledger_has_the_message(
        tmp_path: Path) -> None:
    faults = [{"fault": "operational_disconnect", "count": 2}]
    with serving(tmp_path, faults=faults, **FAST) as x:
        for _ in range(2):
            with raw(x) as one:
                [message] = one.rest()
                assert one.status == 200 and one.end == "last chunk"
                assert b'"title":"operational-disconnect"' in message
        x.stop()
        assert x.ledger() == [message] * 2
        assert b'"fault":"operational_disconnect"' in (tmp_path / "ledger-1.jsonl").read_bytes()


def test_a_slow_reader_is_dropped_without_a_word_and_what_waited_for_it_is_told(tmp_path: Path) -> None:
    faults = [{"fault": "slow_reader", "bytes": 300_000}]
    with serving(tmp_path, faults=faults, token=TOKEN, rate=5_000) as x, raw(x, receive_buffer=4_096) as slow:
        until(lambda: x.server.sent > 100 and not x.server.stream.connections, "the slow reader to be dropped")
        x.enough()
        received = slow.rest()
        assert slow.end in ("fin", "reset")
        x.stop()
        lost = [record for reason, record in x.unsent() if reason == "slow_reader"]
        assert lost and received + lost == x.ledger()


def test_without_that_fault_a_slow_reader_slows_the_stream_down_and_loses_nothing(tmp_path: Path) -> None:
    with serving(tmp_path, token=TOKEN, rate=5_000, limit=1_500) as x, raw(x, receive_buffer=4_096) as slow:
        time.sleep(0.3)
        assert len(slow.read(1_500)) == 1_500


def test_connections_are_refused_for_a_time_and_then_there_is_the_same_port_again(tmp_path: Path) -> None:
    faults = [{"fault": "refuse", "at_record": 20, "duration_s": 50}]
    with serving(tmp_path, faults=faults, time_scale=0.01, always=True, **FAST) as x:
        with raw(x) as first:
            received = first.rest()
            assert first.end == "reset"
        with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", int(x.url[-5:]))):
            pass
        until(lambda: _answers(x), "the port to be open again")
        with raw(x) as second:
            received += second.read(20)
        missed = [record for reason, record in x.unsent() if reason == "nobody_connected"]
        assert len(missed) > 100 and not set(missed) & set(received)


def _answers(x: Platform) -> bool:
    try:
        with raw(x) as one:
            return one.head() == 200
    except ConnectionRefusedError:
        return False


# As tweepy takes it

@pytest.mark.parametrize("fault", ["reset", "no_last_chunk"])
def test_tweepy_calls_a_break_a_connection_error_and_connects_again(
        tmp_path: Path, fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(tmp_path, faults=[{"fault": fault, "at_record": 20}], **FAST) as x, tweepy_reading(
            x, monkeypatch) as (client, waits):
        until(lambda: client.count("connect") == 2 and len(client.tweets) > 40, "a second connection")
        assert client.events[:3] == ["connect", "connection error", "connect"] and waits == [0]


def test_tweepy_takes_a_silence_longer_than_its_read_time_out_for_a_connection_error(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    faults = [{"fault": "silence", "at_record": 20, "duration_s": 60}]
    with serving(tmp_path, faults=faults, max_connections=2, **FAST) as x, tweepy_reading(
            x, monkeypatch, timeout_s=0.3) as (client, _):
        until(lambda: client.count("connect") >= 2, "tweepy to give up and come again")
        assert client.events[:2] == ["connect", "connection error"]


def test_tweepy_makes_connection_after_connection_without_a_wait_while_each_is_closed_in_good_order(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    faults = [{"fault": "close", "count": 40}]
    with serving(tmp_path, faults=faults, **FAST) as x, tweepy_reading(x, monkeypatch) as (client, waits):
        until(lambda: client.count("connect") > 40 and client.tweets, "a connection that holds")
        assert client.count("closed") == 40 and waits == []


def test_tweepy_hands_an_operational_disconnect_on_as_errors_and_connects_again_at_once(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    faults = [{"fault": "operational_disconnect", "at_record": 10}]
    with serving(tmp_path, faults=faults, **FAST) as x, tweepy_reading(x, monkeypatch) as (client, waits):
        until(lambda: client.count("connect") == 2, "a second connection")
        assert client.events[1:3] == ["errors", "closed"] and waits == []


def test_tweepy_waits_longer_and_longer_while_it_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    faults = [{"fault": "refuse", "at_record": 10, "duration_s": 1_000}]
    with serving(tmp_path, faults=faults, **FAST) as x, tweepy_reading(x, monkeypatch) as (client, waits):
        until(lambda: len(waits) >= 4, "four attempts")
        assert client.count("connect") == 1 and waits[:4] == [0, 0.25, 0.5, 0.75]
