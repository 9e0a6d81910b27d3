"""Each fault of the simulator through real tweepy, end to end: what landed is what was sent, the rest is in gaps."""
from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from deploy.local.simulator.faults import FAULTS
from tests.fakes import platform
from tests.fakes.faulty import CAUSES, FATAL, POLICY, SCALE, SILENCE, check, landed, over
from tests.fakes.ingest import TOKEN, gaps, running
from tests.fakes.webhdfs import WebHdfs

#: Where the fault's own defaults would take too long, or do nothing alone.
PARAMETERS: dict[str, dict[str, Any]] = {
    "silence": SILENCE,
    "out_of_order": {"seconds": 20}, "burst": {"duration_s": 20}, "two_connections": {"duration_s": 20},
    "rate_limit": {"duration_s": 200, "connects": 2, "window_s": 60}, "clock_ahead": {"duration_s": 20}}


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_a_fault_costs_what_was_not_sent_and_no_more(hdfs: WebHdfs, tmp_path: Path, name: str) -> None:
    faults = [{"fault": name, "at_record": 40, **PARAMETERS.get(name, {})}]
    if name == "rate_limit":
        faults.append({"fault": "close", "at_record": 41, "count": 3})
    raised: list[BaseException] = []
    with platform.serving(tmp_path / "x", random.randrange(1_000), faults, token=TOKEN, rate=80, time_scale=SCALE,
                          keep_alive_s=8, always=True) as x:
        with running(hdfs, x.url, tmp_path / "spool", raised, policy=POLICY, max_ms=200) as service:
            over(x, service, raised)
            if not raised:
                landed(hdfs, x)
        x.stop()
    check(hdfs, x.directory)
    assert [gap["cause"] for gap in gaps(hdfs)] == CAUSES.get(name, []) + ["stopped"] * (not raised)
    assert [FATAL.get(name, "") in str(error) for error in raised] == [True] * (name in FATAL)
