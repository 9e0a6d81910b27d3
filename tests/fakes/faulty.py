"""The ingest service against a simulator that plays faults, in seconds that are shorter than the platform's."""
from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

from spark_apps.clock import Clock
from spark_apps.gap import Gap
from spark_apps.ingest.policy import Policy
from spark_apps.ingest.service import Service
from tests.fakes import platform
from tests.fakes.ingest import gaps, lines
from tests.fakes.sockets import until
from tests.fakes.webhdfs import WebHdfs
from tests.oracle.ledger import lost_of_ledger, records_of_ledger, unsent_of_ledger

#: Seconds of ours in one of the platform.
SCALE = 0.05
#: A machine that is busy is silent at times, too.
POLICY = replace(Policy().hurried(1 / SCALE), silence_s=2.5)
SILENCE = {"duration_s": 100}
#: Causes of the gaps that it is to make; the others make none.
CAUSES = {"silence": ["silence"], "reset": ["lost"], "no_last_chunk": ["lost"], "close": ["closed"] * 5,
          "operational_disconnect": ["closed"], "too_many_connections": ["lost"], "http_502": ["closed"],
          "http_503": ["closed"], "http_401": ["closed"], "http_403": ["closed"], "refuse": ["lost"],
          "duplicate_across": ["closed"], "rate_limit": ["closed"] * 3}
FATAL = {"http_401": "refused the token", "http_403": "gives no access"}


def over(x: platform.Platform, service: Service, raised: list[BaseException], within_s: float = 120) -> None:
    """The script is at its end, and after it some more has come."""
    stream = x.server.stream
    until(lambda: raised or not (stream.faults.on or stream.faults.coming), "the faults to be over", within_s)
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
    """Landing is the ledger, and each record that was never sent came in a gap: a post in one that is open."""
    sent, there = Counter(record for _, record in records_of_ledger(directory)), Counter(lines(hdfs))
    assert there - sent == Counter()
    assert sent - there == Counter()
    lost = set(lost_of_ledger(directory))
    found, now = [Gap.of(gap) for gap in gaps(hdfs)], Clock().now_ms()
    whole = [(gap.start_ms, gap.end_ms or now) for gap in found]
    missing = [span for gap in found if (span := gap.missing(now))]
    for one in unsent_of_ledger(directory):
        # What is no post, such as a deletion, comes with no backfill.
        spans = missing if is_post(one.record) else whole
        assert one.record not in lost or any(start <= one.at_ms <= end for start, end in spans), (one, spans)


def is_post(record: bytes) -> bool:
    try:
        return bool(json.loads(record)["data"]["id"])
    except (ValueError, KeyError, TypeError):
        return False
