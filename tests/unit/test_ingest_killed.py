"""The real process, killed at random instants: what is on the disk is landed once, what is not lies in a gap."""
from __future__ import annotations

import json
import random
import time
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from tests.fakes import platform
from tests.fakes.ingest import LANDING, gaps, lines, process, status
from tests.fakes.ingest import TOKEN as TOKEN
from tests.fakes.sockets import until
from tests.fakes.webhdfs import WebHdfs

TIMES = 50


def sent(x: platform.Platform) -> dict[int, list[tuple[int, bytes]]]:
    """When and what, by connection."""
    found: dict[int, list[tuple[int, bytes]]] = defaultdict(list)
    for path in x.directory.glob("ledger-*.jsonl"):
        for line in path.read_bytes().splitlines():
            head, _, record = line.partition(b',"record":')
            said = json.loads(head + b"}")
            found[said["connection"]].append((said["sent_ms"], record.removesuffix(b"}")))
    return found


def disturb(hdfs: WebHdfs, pick: random.Random) -> None:
    """HDFS now and then refuses, is away, or answers an error half way."""
    hdfs.refused = {"CREATE": "DSQuotaExceededException"} if pick.random() < 0.2 else {}
    hdfs.fail_next = pick.sample(["RENAME", "CREATE", "MKDIRS", "GETFILESTATUS"], 1) if pick.random() < 0.4 else []
    away = pick.random() < 0.2
    if away and hdfs._server:
        hdfs.stop()
    elif not away and not hdfs._server:
        hdfs.start()


@pytest.mark.timeout(600)
def test_killed_fifty_times_it_lands_all_that_was_on_the_disk_once_and_tells_of_the_rest_as_gaps(
        hdfs: WebHdfs, tmp_path: Path) -> None:
    seed = random.randrange(2 ** 32)
    print(f"seed {seed}")
    pick = random.Random(seed)
    options = ("--hurry", "200", "--max-seconds", "1", "--max-mb", "1")
    with platform.serving(tmp_path / "x", token=TOKEN, seed=seed, rate=400, max_connections=2) as x:
        for _ in range(TIMES):
            disturb(hdfs, pick)
            with process(hdfs, x.url, tmp_path, *options):   # killed at its end
                if pick.random() < 0.8:
                    until(lambda: x.server.health()["connections"], "a connection", 60)
                time.sleep(pick.uniform(0, 1.2))             # the instant is what is random
        hdfs.refused = {}
        hdfs.fail_next = []
        if not hdfs._server:
            hdfs.start()
        with process(hdfs, x.url, tmp_path, *options) as last:
            until(lambda: status(tmp_path / "spool").get("pid") == last.pid and status(tmp_path / "spool").get(
                "connected_since_ms"), "the last to connect", 60)
            x.enough()
            time.sleep(0.5)   # what was sent may be on its way
            last.terminate()
            out, _ = last.communicate(timeout=60)
        assert last.returncode == 0, out
        x.stop()
        ledger = sent(x)
    check(hdfs, tmp_path / "spool", ledger)
    assert len(ledger) > TIMES / 2


def check(hdfs: WebHdfs, spool: Path, ledger: dict[int, list[tuple[int, bytes]]]) -> None:
    landed, all_sent = Counter(lines(hdfs)), [entry for entries in ledger.values() for entry in entries]
    count = Counter(record for _, record in all_sent)
    odd = landed - count
    for line in odd:   # the part of a line that a kill cut, and nothing twice
        assert count[line] == 0 and any(record.startswith(line) for record in count), line[:200]
    missing = count - landed
    print(f"{len(all_sent)} sent, {landed.total()} landed, {missing.total()} missing, {len(gaps(hdfs))} gaps")
    spans = [(gap["start_ms"], gap["end_ms"] or float("inf")) for gap in gaps(hdfs)]
    for record in missing:
        assert any(start <= ms <= end for ms, one in all_sent if one == record for start, end in spans), record
    assert not [path for path in hdfs.files if "_tmp/" in path]
    assert not [path for path in spool.rglob("*") if path.suffix in (".open", ".tmp", ".jsonl")]
    assert list((spool / "gaps").iterdir()) == []
    for path in hdfs.landed(LANDING):
        assert hdfs.files[path].endswith(b"\n")
