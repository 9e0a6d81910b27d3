"""When, in which order, how often and in which pieces the simulator's records come."""
from __future__ import annotations

import json
import time
from collections import Counter
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest

from deploy.local.simulator.generator import JITTER_MS
from tests.fakes.platform import serving
from tests.fakes.raw import TOKEN, api, raw, tweepy_reading
from tests.fakes.sockets import until

# No record comes twice by itself, and tweepy knows the names of all fields.
FAST: dict[str, Any] = {"token": TOKEN, "rate": 1_000, "shares": {"duplicate": 0, "post_spelling": 0, "edit": 0}}


def made_ms(record: bytes) -> int:
    return (int(json.loads(record)["data"]["id"]) >> 22) + 1_288_834_974_657


def test_duplicates_come_a_few_records_later_on_the_same_connection_and_the_ledger_has_both(tmp_path: Path) -> None:
    faults = [{"fault": "duplicate", "at_record": 10, "count": 7, "apart": 4}]
    with serving(tmp_path, faults=faults, limit=50, **FAST) as x, raw(x) as reader:
        received = reader.read(57)
        x.stop()
        assert received == x.ledger()
    twice = [record for record, times in Counter(received).items() if times == 2]
    assert len(twice) == 7 and twice[0] == received[9] == received[14]
    assert {_next(received, record) for record in twice} <= set(range(5, 12))   # other repeats may lie between
    assert (tmp_path / "ledger-1.jsonl").read_bytes().count(b'"fault":"duplicate"') == 7


def _next(received: list[bytes], record: bytes) -> int:
    first = received.index(record)
    return received.index(record, first + 1) - first


def test_the_next_connection_begins_with_what_the_one_before_had_at_its_end(tmp_path: Path) -> None:
    faults = [{"fault": "duplicate_across", "at_record": 40, "count": 15}]
    with serving(tmp_path, faults=faults, **FAST) as x:
        with raw(x) as first:
            before = first.rest()
        with raw(x) as second:
            after = second.read(20)
    assert first.end == "last chunk" and len(before) == 39
    assert after[:15] == before[-15:] and not set(after[15:]) & set(before)


def test_with_a_redundant_connection_each_record_comes_on_both_and_in_both_ledgers(tmp_path: Path) -> None:
    with serving(tmp_path, faults=[{"fault": "two_connections"}], **FAST) as x:
        with raw(x) as first, raw(x) as second:
            assert first.head() == second.head() == 200
            assert api(x, "GET", "/2/tweets/search/stream").status_code == 429
            one, two = first.read(60), second.read(30)
        x.stop()
        assert set(two) < set(one) and len(x.ledger()) >= 90


def test_records_overtake_each_other_by_up_to_the_seconds_asked_for_and_none_is_lost(tmp_path: Path) -> None:
    faults = [{"fault": "out_of_order", "share": 0.4, "seconds": 60, "duration_s": 60}]
    with serving(tmp_path, faults=faults, limit=300, time_scale=0.01, **FAST) as x, raw(x) as reader:
        received = reader.read(300)
        x.stop()
        assert x.unsent() == [] and sorted(received) == sorted(set(received))
    times = [made_ms(record) for record in received]
    back = [max(times[:n]) - times[n] for n in range(1, len(times))]
    assert max(back) > JITTER_MS


def test_what_is_held_back_when_the_simulator_ends_is_told_as_not_sent(tmp_path: Path) -> None:
    faults = [{"fault": "out_of_order", "share": 1, "seconds": 1_000, "duration_s": 1_000}]
    with serving(tmp_path, faults=faults, limit=50, **FAST) as x, raw(x):
        until(lambda: x.server.done, "all to be made")
        x.stop()
        assert len([record for reason, record in x.unsent() if reason == "held"]) + len(x.ledger()) == 50


def test_a_late_tweet_is_hours_old_when_it_comes(tmp_path: Path) -> None:
    faults = [{"fault": "late", "at_record": 10, "hours": 5}]
    with serving(tmp_path, faults=faults, limit=30, **FAST) as x, raw(x) as reader:
        received = reader.read(31)
    now = time.time() * 1000
    assert [n for n, record in enumerate(received) if now - made_ms(record) > 4 * 3_600_000] == [9]
    assert abs(now - made_ms(received[9]) - 5 * 3_600_000) < 60_000


def test_line_ends_and_characters_are_split_over_chunks_and_the_records_are_whole(tmp_path: Path) -> None:
    faults = [{"fault": "split_crlf", "at_record": 5, "count": 80}]
    with serving(tmp_path, faults=faults, limit=120, **FAST) as x, raw(x) as reader:
        received = reader.read(120)
        x.stop()
        assert received == x.ledger()
    assert reader.chunks.count(b"\n") == 80 and reader.chunks.count(b"\r") == 80
    assert any(not _is_text(chunk) for chunk in reader.chunks)


def _is_text(chunk: bytes) -> bool:
    try:
        chunk.decode()
    except UnicodeDecodeError:
        return False
    return True


def test_a_burst_is_ten_times_the_rate_for_its_time(tmp_path: Path) -> None:
    faults = [{"fault": "burst", "at_s": 10, "duration_s": 60}]
    with serving(tmp_path, faults=faults, token=TOKEN, rate=10, time_scale=0.03) as x, raw(x) as reader:
        while x.server.stream.faults.done < 1:
            reader.read(1)
        told = [json.loads(line)["made"] for line in (tmp_path / "faults.jsonl").read_text().splitlines()]
        assert 60 <= told[1] - told[0] <= 220       # 180 in 1.8 s; a busy machine makes fewer
        assert x.server.stream.factor == 1


def test_a_clock_that_is_ahead_shows_in_ids_dates_and_headers_and_not_in_the_ledger(tmp_path: Path) -> None:
    faults = [{"fault": "clock_ahead", "seconds": 600}, {"fault": "rate_limit", "connects": 1, "window_s": 60}]
    with serving(tmp_path, faults=faults, max_connections=2, **FAST) as x, raw(x) as reader, raw(x) as refused:
        [record] = reader.read(1)
        assert refused.head() == 429
    now = time.time()
    created = datetime.fromisoformat(json.loads(record)["data"]["created_at"]).timestamp()
    for instant in (made_ms(record) / 1000, created, parsedate_to_datetime(reader.headers["date"]).timestamp()):
        assert 580 < instant - now < 610
    assert 640 <= int(refused.headers["x-rate-limit-reset"]) - now <= 662
    assert abs(json.loads((tmp_path / "ledger-1.jsonl").read_bytes().split(b"\n")[0])["sent_ms"] / 1000 - now) < 10


# As tweepy takes it

def test_tweepy_reads_a_line_twice_ended_where_a_chunk_ends_between_cr_and_lf_as_a_keep_alive(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[str] = []
    monkeypatch.setattr("tweepy.StreamingClient.on_keep_alive", lambda self: kept.append(""))
    faults = [{"fault": "split_crlf", "count": 40}]
    with serving(tmp_path, faults=faults, limit=60, **FAST) as x, tweepy_reading(x, monkeypatch) as (client, _):
        until(lambda: len(client.tweets) == 60, "60 tweets")
        assert len(kept) >= 40
