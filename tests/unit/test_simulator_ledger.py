"""Sent, lost, or sent later: what the simulator made has one of these fates, and the ledgers tell which."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests import oracle
from tests.fakes.platform import Platform, serving
from tests.fakes.raw import TOKEN, raw
from tests.fakes.sockets import until

FAST: dict[str, Any] = {"token": TOKEN, "rate": 1_000, "shares": {"duplicate": 0}}


def sent(x: Platform) -> list[bytes]:
    return [record for _, record in oracle.records_of_ledger(x.directory)]


def test_a_ledger_without_faults_is_as_it_always_was(tmp_path: Path) -> None:
    with serving(tmp_path, limit=30, **FAST) as x, raw(x) as reader:
        received = reader.read(30)
        x.stop()
        assert sent(x) == received and oracle.lost_of_ledger(tmp_path) == []
    first = (tmp_path / "ledger-1.jsonl").read_bytes().split(b"\n")[0]
    assert first.startswith(b'{"sent_ms":') and b',"connection":1,"seq":1,"record":{"data":' in first
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ledger-1.jsonl"]


@pytest.mark.parametrize("fault", ["reset", "no_last_chunk", "close", "operational_disconnect"])
def test_what_was_received_and_what_was_lost_are_all_that_was_made(tmp_path: Path, fault: str) -> None:
    faults = [{"fault": fault, "at_record": 50, **({"count": 1} if fault == "close" else {})}]
    with serving(tmp_path, faults=faults, always=True, limit=400, **FAST) as x:
        with raw(x) as first:
            received = first.rest()
        until(lambda: x.server.sent > 120, "tweets that nobody gets")
        with raw(x) as second:
            assert second.head() == 200
            until(lambda: x.server.done, "all to be made")
            x.hang_up()
            received += second.rest()
        x.stop()
        lost = oracle.lost_of_ledger(tmp_path)
        assert received == sent(x)
        tweets = [record for record in received if b"operational-disconnect" not in record]
        assert len(lost) > 50 and len(tweets) + len(lost) == 400 and not set(lost) & set(tweets)
        reasons = {one.reason for one in oracle.unsent_of_ledger(tmp_path)}
        assert reasons == {"nobody_connected", *(["cut"] if fault == "reset" else [])}


def test_what_was_thrown_away_with_a_slow_readers_buffer_is_in_its_ledger_and_not_counted_as_sent(
        tmp_path: Path) -> None:
    faults = [{"fault": "slow_reader", "bytes": 200_000}]
    with serving(tmp_path, faults=faults, **{**FAST, "rate": 5_000}) as x, raw(x, receive_buffer=4_096) as slow:
        until(lambda: x.server.sent > 100 and not x.server.stream.connections, "the slow reader to be dropped")
        x.enough()
        received = slow.rest()
        x.stop()
        assert received == sent(x) and received == x.ledger()[:len(received)]
        assert oracle.lost_of_ledger(tmp_path) == x.ledger()[len(received):] != []


def test_a_record_that_one_of_two_connections_has_is_not_lost(tmp_path: Path) -> None:
    faults = [{"fault": "silence", "at_record": 30, "duration_s": 1_000}]
    with serving(tmp_path, faults=faults, max_connections=2, **FAST) as x, raw(x) as first:
        first.read(29)
        with raw(x) as second:
            second.read(50)
        x.enough()
        x.stop()
        alone = [one.record for one in oracle.unsent_of_ledger(tmp_path)]
        lost = oracle.lost_of_ledger(tmp_path)
        assert len(alone) > len(lost) and set(alone) - set(lost) == set(alone) & set(sent(x))
        # To whoever had the first connection only, all of it is lost.
        assert oracle.lost_of_ledger(tmp_path, without=["ledger-2.jsonl"]) == alone


def test_a_simulator_that_is_started_again_goes_on_in_the_same_files(tmp_path: Path) -> None:
    for _ in range(2):
        with serving(tmp_path, faults=[{"fault": "reset", "at_record": 10}], **FAST) as x, raw(x) as reader:
            reader.rest()
    assert [(one.connection, one.reason) for one in oracle.unsent_of_ledger(tmp_path)] == [(1, "cut"), (2, "cut")]
