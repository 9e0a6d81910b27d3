"""How much of a gap a backfill brings again, and how soon a stalled connection is left for a new one.

HASHTIDE_SCALE=1 has seconds as long as the platform's.
"""
from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from spark_apps.ingest.policy import Policy
from tests.fakes import platform
from tests.fakes.faulty import check, is_post
from tests.fakes.ingest import TOKEN, gaps, lines, running
from tests.fakes.sockets import until
from tests.fakes.webhdfs import WebHdfs
from tests.oracle.ledger import lost_of_ledger, unsent_of_ledger

pytestmark = pytest.mark.usefixtures("impatient")

SCALE = float(os.environ.get("HASHTIDE_SCALE", 0.1))
#: With time enough for the retries before and after it.
GAP_S, FIVE_MINUTES_S = 270, 300


def test_a_gap_of_less_than_five_minutes_is_recovered_whole(hdfs: WebHdfs, tmp_path: Path) -> None:
    with platform.serving(tmp_path / "x", token=TOKEN, rate=20 / SCALE, time_scale=SCALE, always=True,
                          shares={"duplicate": 0}) as x:
        with running(hdfs, x.url, tmp_path / "spool", policy=Policy().hurried(1 / SCALE), backfill=True) as service:
            until(lambda: x.server.sent > 50, "records")
            x.fault("refuse", duration_s=GAP_S)
            until(lambda: [gap["state"] for gap in gaps(hdfs)] == ["closed"], "the gap to be closed", 120 + 400 * SCALE)
            x.enough()
            until(lambda: len(lines(hdfs)) >= service.client.received, "all to be landed", 60)
        x.stop()
    [gap, _] = gaps(hdfs)
    unsent = {one.record for one in unsent_of_ledger(x.directory) if is_post(one.record)}
    seconds = (gap["end_ms"] - gap["start_ms"]) / 1000 / SCALE
    print(f"a gap of {seconds:.0f} s of the platform: {len(unsent):,} posts were not sent in it, "
          f"{len(unsent & set(lines(hdfs))):,} of them landed by backfill, {gap['recovered']:,} told by the gap")
    assert GAP_S < seconds < FIVE_MINUTES_S
    assert len(unsent) > 20 * GAP_S * 0.5
    assert unsent <= set(lines(hdfs)) and not lost_of_ledger(x.directory)
    check(hdfs, x.directory)


def test_after_a_stall_another_connection_is_there_within_30_seconds(hdfs: WebHdfs, tmp_path: Path) -> None:
    with platform.serving(tmp_path / "x", token=TOKEN, rate=20 / SCALE, time_scale=SCALE) as x:
        with running(hdfs, x.url, tmp_path / "spool", policy=replace(
                Policy().hurried(1 / SCALE), silence_s=21 * SCALE)) as service:
            until(lambda: x.server.sent > 50, "records")
            x.fault("silence", duration_s=600)
            until(lambda: service.client.connects == 2, "the second connection", 60)
            before = service.client.received
            until(lambda: service.client.received > before, "records on it", 60)
        x.stop()
    [began] = [said["at_ms"] for line in (x.directory / "faults.jsonl").open() if (said := json.loads(line))["event"]
               == "began"]
    with (x.directory / "ledger-2.jsonl").open() as ledger:
        again = json.loads(ledger.readline())["sent_ms"]
    took = (again - began) / 1000 / SCALE
    print(f"the first record of the new connection {took:.1f} s of the platform after the last of the old")
    assert 20 <= took <= 30
