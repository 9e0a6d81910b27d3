"""HDFS is away for long: nothing is lost, nothing lands twice, and what waited is landed soon after.

HASHTIDE_OUTAGE_S=3600 is the hour that the service is made for; otherwise it is some seconds.
"""
from __future__ import annotations

import json
import os
import time
from pathlib import Path

import psutil
import pytest

from tests.fakes import platform
from tests.fakes.ingest import THROUGH, TOKEN, gaps, lines, process, status
from tests.fakes.sockets import until
from tests.fakes.webhdfs import WebHdfs

OUTAGE_S = float(os.environ.get("HASHTIDE_OUTAGE_S", 8))
RATE = 50
FILE_S = 1 if OUTAGE_S < 60 else 5
#: What a try waits at most after the one before, and then the uploads.
SOON_S = 60


@pytest.mark.timeout(300 + 1.2 * OUTAGE_S)
def test_an_outage_of_hdfs_costs_nothing_but_time(hdfs: WebHdfs, tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    with platform.serving(tmp_path / "x", token=TOKEN, rate=RATE, shares={"duplicate": 0}) as x, process(
            hdfs, x.url, tmp_path, "--max-seconds", f"{FILE_S}") as child:
        until(lambda: len(lines(hdfs)) > RATE, "the first lines", 60)
        hdfs.stop()
        began, before, memory = time.monotonic(), len(lines(hdfs)), list[int]()
        while time.monotonic() - began < OUTAGE_S:
            assert child.poll() is None
            memory.append(psutil.Process(child.pid).memory_info().rss)
            time.sleep(min(1.0, OUTAGE_S / 10))
        waiting = status(spool)
        hdfs.start()
        began = time.monotonic()
        x.enough()
        until(lambda: not (said := status(spool))["backlog_bytes"] and not said["error"] and said[
            "received"] >= x.server.sent, "all to be landed", SOON_S + OUTAGE_S / 2)
        took = time.monotonic() - began
        x.stop()
    sent = x.ledger()
    print(f"away for {OUTAGE_S:.0f} s: {len(sent) - before:,} records waited or came, {waiting['backlog']} files of "
          f"{waiting['backlog_bytes'] / 2**20:.1f} MB in the spool, all landed {took:.1f} s after it was back; "
          f"memory {memory[len(memory) // 4] / 2**20:.0f} MB, at the end {memory[-1] / 2**20:.0f} MB")
    assert lines(hdfs) == sent
    assert len(sent) - before > RATE * OUTAGE_S * 0.5
    assert waiting["backlog"] >= OUTAGE_S / FILE_S * 0.4 and "does not answer" in waiting["error"]
    assert memory[-1] < memory[len(memory) // 4] * 1.2
    assert waiting["connects"] == 1 and [gap["cause"] for gap in gaps(hdfs)] == []
    assert json.loads(hdfs.files[THROUGH])["through_ms"] >= max(int(Path(path).name[14:27]) for path in hdfs.landed(
        "/hashtide/landing"))
