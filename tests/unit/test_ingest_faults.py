"""Each fault of the simulator through real tweepy, end to end: what landed is what was sent, the rest is in gaps."""
from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deploy.local.simulator.faults import FAULTS
from spark_apps.clock import Clock
from spark_apps.gap import Gap
from spark_apps.ingest.client import FilteredStream
from spark_apps.ingest.policy import Policy
from spark_apps.ingest.service import Service
from tests.fakes import platform
from tests.fakes.ingest import TOKEN, gaps, lines, running
from tests.fakes.sockets import until
from tests.fakes.webhdfs import WebHdfs
from tests.oracle.ledger import lost_of_ledger, records_of_ledger, unsent_of_ledger

#: Seconds of ours in one of the platform.
SCALE = 0.05
#: A machine that is busy is silent at times, too.
POLICY = replace(Policy().hurried(1 / SCALE), silence_s=2.5)
_SILENCE = {"duration_s": 100}
#: Where the fault's own defaults would take too long, or do nothing alone.
PARAMETERS: dict[str, dict[str, Any]] = {
    "silence": _SILENCE,
    "out_of_order": {"seconds": 20}, "burst": {"duration_s": 20}, "two_connections": {"duration_s": 20},
    "rate_limit": {"duration_s": 200, "connects": 2, "window_s": 60}, "clock_ahead": {"duration_s": 20}}
#: Causes of the gaps that it is to make; the others make none.
CAUSES = {"silence": ["silence"], "reset": ["lost"], "no_last_chunk": ["lost"], "close": ["closed"] * 5,
          "operational_disconnect": ["closed"], "too_many_connections": ["lost"], "http_502": ["closed"],
          "http_503": ["closed"], "http_401": ["closed"], "http_403": ["closed"], "refuse": ["lost"],
          "duplicate_across": ["closed"], "rate_limit": ["closed"] * 3}
FATAL = {"http_401": "refused the token", "http_403": "gives no access"}


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


@pytest.mark.parametrize("seed", [random.randrange(1_000) for _ in range(3)])
def test_of_a_mixture_of_faults_all_that_is_missing_lies_in_open_gaps(
        hdfs: WebHdfs, tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    real, requests = FilteredStream.once, list[int]()

    def once(self: FilteredStream, backfill: int = 0) -> Any:
        requests.append(self._inbox._now())
        return real(self, backfill)

    monkeypatch.setattr(FilteredStream, "once", once)
    mixture = [{"fault": "silence", **_SILENCE}, "reset", "no_last_chunk", "operational_disconnect",
               "too_many_connections", "http_503", "refuse", "duplicate_across", "keep_alives_only", "split_crlf",
               "duplicate", {"fault": "close", "count": 2}]
    faults = [{"random": mixture, "per_minute": 1.5, "from_s": 10, "until_s": 400}]
    print(f"seed {seed}")
    with platform.serving(tmp_path / "x", seed, faults, token=TOKEN, rate=80, time_scale=SCALE, keep_alive_s=8,
                          always=True) as x:
        with running(hdfs, x.url, tmp_path / "spool", policy=POLICY, max_ms=200, backfill=True) as service:
            over(x, service, [])
            landed(hdfs, x)
            until(lambda: not service.book.since_ms, "the last backfill to be over", 60)
        x.stop()
    check(hdfs, x.directory)
    assert gaps(hdfs)
    for first, last in zip(requests, requests[50:], strict=False):
        assert last - first >= POLICY.window_s * 1000


def over(x: platform.Platform, service: Service, raised: list[BaseException]) -> None:
    """The script is at its end, and after it some more has come."""
    stream = x.server.stream
    until(lambda: raised or not (stream.faults.on or stream.faults.coming), "the faults to be over", 120)
    until(lambda: raised or service.client.connected_since, "a connection, or the end", 60)
    now = service.client.received
    until(lambda: raised or service.client.received > now + 20, "more records", 60)


def landed(hdfs: WebHdfs, x: platform.Platform) -> None:
    x.enough()

    def all_are() -> bool:
        x.flush()
        return len(lines(hdfs)) >= sum(1 for _ in records_of_ledger(x.directory))

    until(all_are, "all to be landed", 60)


def check(hdfs: WebHdfs, directory: Path) -> None:
    """Landing is the ledger, and each record that was never sent came in a gap."""
    sent, there = Counter(record for _, record in records_of_ledger(directory)), Counter(lines(hdfs))
    assert there - sent == Counter()
    assert sent - there == Counter()
    lost = set(lost_of_ledger(directory))
    missing = [span for gap in gaps(hdfs) if (span := Gap.of(gap).missing(Clock().now_ms()))]
    for one in unsent_of_ledger(directory):
        assert one.record not in lost or any(start <= one.at_ms <= end for start, end in missing), (one, missing)
