"""Faults drawn at random through real tweepy: what landed is what was sent, what is missing lies in open gaps.

HASHTIDE_SEED=<n> plays one mixture again; HASHTIDE_RUNS=20 plays more than usual, HASHTIDE_MINUTES=30 longer ones, in
minutes of the platform, of which each takes three seconds.
"""
from __future__ import annotations

import os
import random
import time
from pathlib import Path
from typing import Any

import pytest

from deploy.local.simulator.faults import FAULTS
from spark_apps.ingest.client import FilteredStream
from tests.fakes import platform
from tests.fakes.faulty import CAUSES, FATAL, POLICY, SCALE, SILENCE, check, landed, over
from tests.fakes.ingest import TOKEN, gaps, running
from tests.fakes.sockets import until
from tests.fakes.webhdfs import WebHdfs

#: All faults but those that end the service, or that last until the end.
DRAWN: list[Any] = [
    {"fault": "silence", **SILENCE}, "keep_alives_only", "reset", "no_last_chunk", {"fault": "close", "count": 2},
    "operational_disconnect", "too_many_connections", "http_502", "http_503", "refuse", "duplicate", "duplicate_across",
    {"fault": "out_of_order", "seconds": 20, "duration_s": 20}, "late", "malformed", "odd_fields", "edits", "deletions",
    "retweets", "spellings", {"fault": "burst", "duration_s": 10, "factor": 5}, "split_crlf",
    {"fault": "clock_ahead", "duration_s": 20}, {"fault": "two_connections", "duration_s": 20},
    {"fault": "rate_limit", "connects": 5, "window_s": 60, "duration_s": 60},
    {"fault": "slow_reader", "duration_s": 20}]
RUNS = 1 if "HASHTIDE_SEED" in os.environ else int(os.environ.get("HASHTIDE_RUNS", 2))
MINUTES = float(os.environ.get("HASHTIDE_MINUTES", 5))


def test_every_fault_is_drawn_that_does_not_end_the_service() -> None:
    assert {one if isinstance(one, str) else one["fault"] for one in DRAWN} == set(FAULTS) - set(FATAL)


@pytest.mark.parametrize("run", range(RUNS))
@pytest.mark.timeout(300 + 60 * MINUTES)
def test_of_a_mixture_of_faults_all_that_is_missing_lies_in_open_gaps(
        hdfs: WebHdfs, tmp_path: Path, run: int, monkeypatch: pytest.MonkeyPatch) -> None:
    seed = int(os.environ.get("HASHTIDE_SEED", time.time_ns() % 1_000_000))
    print(f"HASHTIDE_SEED={seed} HASHTIDE_MINUTES={MINUTES:g} plays it again")
    real, requests, ended = FilteredStream.once, list[int](), list[bool]()

    def once(self: FilteredStream, backfill: int = 0) -> Any:
        at_ms = self._inbox._now()
        event = real(self, backfill)
        ended.append(event.connected)
        requests.extend([at_ms] * (event.kind != "unsent"))   # what was refused before it was asked counts nowhere
        return event

    monkeypatch.setattr(FilteredStream, "once", once)
    faults = [{"random": DRAWN, "per_minute": 1.5, "from_s": 10, "until_s": 60 * MINUTES}]
    with platform.serving(tmp_path / "x", seed, faults, token=TOKEN, rate=80, time_scale=SCALE, keep_alive_s=8,
                          always=True) as x:
        with running(hdfs, x.url, tmp_path / "spool", policy=POLICY, max_ms=200,
                     backfill=random.Random(seed).random() < 0.5) as service:
            over(x, service, [], 60 * MINUTES * SCALE * 3 + 120)
            landed(hdfs, x)
            until(lambda: not service.book.since_ms, "the last backfill to be over", 60)
        x.stop()
    check(hdfs, x.directory)
    # Each connection that ended began a gap, or went on with one whose backfill was not over.
    found = gaps(hdfs)
    assert found and len(found) <= sum(ended)
    assert {gap["cause"] for gap in found} <= {cause for causes in CAUSES.values() for cause in causes} | {"stopped"}
    for first, last in zip(requests, requests[POLICY.connects:], strict=False):
        assert last - first >= POLICY.window_s * 1000
    print(f"{len(requests)} connects, {len(found)} gaps, {x.server.sent:,} tweets")
