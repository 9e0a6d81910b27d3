"""Scripts drawn at random: whatever goes wrong, a reader has exactly what the ledger says that it was sent.

HASHTIDE_SEED=<n> plays one script again; HASHTIDE_RUNS=100 plays more than usual.
"""
from __future__ import annotations

import contextlib
import os
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import oracle
from tests.fakes.platform import Platform, serving
from tests.fakes.raw import TOKEN, raw
from tests.fakes.sockets import until

# Not silence: what is on its way to a reader who gives up, nobody knows.
DRAWN: list[Any] = [
    "reset", "no_last_chunk", "operational_disconnect", "duplicate", "duplicate_across", "split_crlf", "malformed",
    "odd_fields", "edits", "deletions", "retweets", "spellings", "late", "rate_limit", "keep_alives_only",
    "clock_ahead", {"fault": "close", "count": 2}, {"fault": "refuse", "duration_s": 5},
    {"fault": "http_503", "duration_s": 5}, {"fault": "too_many_connections", "duration_s": 5},
    {"fault": "burst", "duration_s": 5, "factor": 3}, {"fault": "out_of_order", "duration_s": 5, "seconds": 10},
    {"fault": "slow_reader", "bytes": 20_000}]
LIMIT = 600


@pytest.mark.parametrize("run", range(1 if "HASHTIDE_SEED" in os.environ else int(os.environ.get("HASHTIDE_RUNS", 3))))
def test_what_was_received_is_what_was_sent_and_the_rest_is_told_as_lost(tmp_path: Path, run: int) -> None:
    seed = int(os.environ.get("HASHTIDE_SEED", time.time_ns() % 1_000_000))
    print(f"HASHTIDE_SEED={seed} plays it again")
    mixture = {"random": DRAWN, "per_minute": 40, "until_s": 60}
    pick, received = random.Random(seed), list[bytes]()
    with serving(tmp_path, seed=seed, faults=[mixture], token=TOKEN, rate=500, limit=LIMIT, time_scale=0.05,
                 always=True, shares={"duplicate": 0}) as x:
        while not x.server.done:
            for record in one_connection(x):
                received.append(record)
                if pick.random() < 0.01:
                    time.sleep(pick.random() / 3)   # whoever sleeps may be dropped as too slow
        x.stop()
        sent = [record for _, record in oracle.records_of_ledger(tmp_path)]
        lost = oracle.lost_of_ledger(tmp_path)
        assert sorted(received) == sorted(sent)
        assert not set(lost) & set(received)
        made = {record for record in {*sent, *lost} if record.startswith(b'{"data":{"id":')}
        assert len(made) >= LIMIT * 0.9     # odd fields change the beginning of some


def one_connection(x: Platform) -> Iterator[bytes]:
    """All that it brings, until the platform ends it, or has sent all and is told to."""
    with contextlib.suppress(ConnectionRefusedError, ConnectionResetError), raw(x, receive_buffer=4_096) as reader:
        if reader.head() != 200:
            time.sleep(0.02)
            return
        for line in reader.lines():
            if line:
                yield line
            if x.server.done:
                until(lambda: not any(fault.name == "out_of_order" for fault in x.server.stream.faults.on), "the held")
                x.hang_up()
