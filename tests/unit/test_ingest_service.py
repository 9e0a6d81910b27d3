"""Simulator -> tweepy -> inbox -> spool -> WebHDFS, all real but for HDFS itself."""
from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from spark_apps.clock import Clock
from spark_apps.contract import HOUR_MS, MAX_FILE_SPAN_MS, LandingFile, StreamPaths
from spark_apps.ingest.errors import IngestError
from spark_apps.ingest.landing import Landing, connect
from spark_apps.ingest.service import Service, Settings
from tests.fakes import platform, webhdfs
from tests.fakes.ingest import LANDING, THROUGH, TOKEN, gaps, lines, process, running, status
from tests.fakes.sockets import plain, scripted, until
from tests.fakes.webhdfs import WebHdfs

pytestmark = pytest.mark.usefixtures("impatient")


def names(hdfs: WebHdfs) -> list[LandingFile]:
    return sorted((LandingFile.parse(Path(path).name) for path in hdfs.landed(LANDING)), key=lambda file: file.first_ms)


def through(hdfs: WebHdfs) -> int:
    return int(json.loads(hdfs.files[THROUGH])["through_ms"]) if THROUGH in hdfs.files else 0


def test_every_record_sent_is_landed_once_in_order_byte_for_byte(hdfs: WebHdfs, tmp_path: Path) -> None:
    with platform.serving(tmp_path / "x", token=TOKEN, rate=3_000, limit=1_000) as x:
        with running(hdfs, x.url, tmp_path / "spool"):
            until(lambda: len(lines(hdfs)) >= 1_000, "1,000 lines")
        x.stop()
        assert lines(hdfs) == x.ledger()
    assert {p.name for p in (tmp_path / "spool").iterdir()} == {"status.json", "connects.json", "session.json", "gaps"}
    assert list((tmp_path / "spool" / "gaps").iterdir()) == []


def test_a_file_says_when_its_lines_arrived_and_the_mark_is_past_all_of_them(hdfs: WebHdfs, tmp_path: Path) -> None:
    with platform.serving(tmp_path / "x", token=TOKEN, rate=1_500, limit=300) as x:
        with running(hdfs, x.url, tmp_path / "spool"):
            until(lambda: len(lines(hdfs)) >= 300, "300 lines")
        x.stop()
        ledger = [json.loads(line) for path in x.directory.glob("*.jsonl") for line in path.open()]
    sent = iter([entry["sent_ms"] for entry in ledger])
    for file in names(hdfs):
        assert 0 <= file.last_ms - file.first_ms <= MAX_FILE_SPAN_MS
        [data] = [data for path, data in hdfs.landed(LANDING).items() if path.endswith(file.name)]
        times = [next(sent) for _ in data.splitlines()]
        # The way through the socket takes its time, so a line may be a little older than its file.
        assert times[0] <= file.first_ms <= times[0] + 10_000
        assert times[-1] <= file.last_ms <= times[-1] + 10_000
    assert names(hdfs)[-1].last_ms < through(hdfs) <= Clock().now_ms()


def test_no_mark_is_past_an_arrival_that_lands_later(hdfs: WebHdfs, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []   # mark, files landed by then

    def looked() -> bool:
        with hdfs.lock:
            mark = through(hdfs)
        seen.append((mark, len(hdfs.landed(LANDING))))
        return len(lines(hdfs)) >= 400 and len({mark for mark, _ in seen}) > 4

    with platform.serving(tmp_path / "x", token=TOKEN, rate=2_000, limit=400) as x, running(
            hdfs, x.url, tmp_path / "spool"):
        until(looked, "400 lines and several marks")
    order = names(hdfs)
    for mark, count in seen:
        assert all(file.first_ms >= mark for file in order[count:])


class Jumping(Clock):
    """Goes to the next hour at once when it is told to."""

    def jump(self) -> None:
        object.__setattr__(self, "offset_ms", HOUR_MS - Clock().now_ms() % HOUR_MS)


def test_files_end_with_the_hour(hdfs: WebHdfs, tmp_path: Path) -> None:
    clock = Jumping(-(Clock().now_ms() % HOUR_MS))   # the beginning of an hour
    with platform.serving(tmp_path / "x", token=TOKEN, rate=500) as x, running(
            hdfs, x.url, tmp_path / "spool", clock=clock, max_ms=5_000) as service:
        until(lambda: service.client.received > 50, "records of the first hour")
        clock.jump()
        until(lambda: lines(hdfs), "the file of the first hour")   # long before its five seconds are over
        now = service.client.received
        until(lambda: service.client.received > now + 50, "records of the second hour")
    for file in names(hdfs):
        assert file.first_ms // HOUR_MS == file.last_ms // HOUR_MS
    assert len({path.rpartition("/")[0] for path in hdfs.landed(LANDING)}) == 2


def test_while_nothing_is_sent_the_mark_goes_on(hdfs: WebHdfs, tmp_path: Path) -> None:
    with platform.serving(tmp_path / "x", token=TOKEN, limit=0) as x, running(hdfs, x.url, tmp_path / "spool"):
        until(lambda: through(hdfs), "a mark")
        first = through(hdfs)
        until(lambda: through(hdfs) > first, "a later mark")
    assert hdfs.landed(LANDING) == {}


def test_while_hdfs_is_away_the_spool_keeps_and_afterwards_nothing_is_missing(hdfs: WebHdfs, tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    with platform.serving(tmp_path / "x", token=TOKEN, rate=500) as x:
        with running(hdfs, x.url, spool) as service:
            until(lambda: len(lines(hdfs)) > 50, "the first lines")
            hdfs.stop()
            until(lambda: len(list(spool.glob("*.jsonl"))) >= 3, "closed files in the spool")
            until(lambda: "does not answer" in (status(spool).get("error") or ""), "the status to say so")
            assert service.client.connected_since
            hdfs.start()
            x.enough()
            until(lambda: len(lines(hdfs)) >= x.server.sent, "all lines")
        x.stop()
        assert lines(hdfs) == x.ledger()


def test_what_could_not_be_landed_before_the_end_is_landed_by_the_next_start(hdfs: WebHdfs, tmp_path: Path) -> None:
    hdfs.stop()
    with platform.serving(tmp_path / "x", token=TOKEN, rate=1_000, limit=200) as x:
        with running(hdfs, x.url, tmp_path / "spool"):
            until(lambda: x.server.done, "all to be sent")
            until(lambda: status(tmp_path / "spool").get("received") == 200, "all to be received")
        hdfs.start()
        assert hdfs.landed(LANDING) == {}
        with running(hdfs, x.url, tmp_path / "spool"):
            until(lambda: len(lines(hdfs)) >= 200, "the lines of the run before")
        x.stop()
        assert lines(hdfs) == x.ledger()


def test_a_stream_that_is_closed_again_and_again_loses_nothing(hdfs: WebHdfs, tmp_path: Path) -> None:
    with platform.serving(tmp_path / "x", token=TOKEN, rate=3_000, limit=400) as x:
        with running(hdfs, x.url, tmp_path / "spool") as service:
            for n in range(1, 4):
                until(lambda n=n: service.client.connects == n and x.server.sent >= n * 100, f"connection {n}")  # type: ignore[misc]
                x.hang_up()
            until(lambda: service.client.connects == 4, "the last connection")
            until(lambda: len(lines(hdfs)) >= 400, "all lines")
        x.stop()
        assert lines(hdfs) == x.ledger()
        assert len(list(x.directory.glob("ledger-*.jsonl"))) == 4


def test_gaps_of_a_stream_are_in_hdfs_and_what_a_backfill_brought_again_closes_them(
        hdfs: WebHdfs, tmp_path: Path) -> None:
    with platform.serving(tmp_path / "x", token=TOKEN, rate=500) as x, running(
            hdfs, x.url, tmp_path / "spool", backfill=True) as service:
        until(lambda: x.server.sent > 50, "records")
        x.hang_up()
        until(lambda: service.client.connects == 2, "the second connection")
        until(lambda: [gap["state"] for gap in gaps(hdfs)] == ["closed"], "the gap to be closed")
    [gap, stopped] = gaps(hdfs)
    assert (gap["cause"], gap["recovery"], gap["backfill_minutes"], gap["source"]) == (
        "closed", "backfill", 1, "simulator")
    assert gap["start_ms"] <= gap["end_ms"] <= stopped["start_ms"]
    assert (stopped["cause"], stopped["end_ms"], stopped["state"]) == ("stopped", None, "open")


def test_gaps_wait_in_the_spool_while_hdfs_is_away(hdfs: WebHdfs, tmp_path: Path) -> None:
    hdfs.stop()
    with platform.serving(tmp_path / "x", token=TOKEN, rate=500) as x, running(
            hdfs, x.url, tmp_path / "spool") as service:
        for count in (1, 2):
            until(lambda n=count: service.client.connects == n, "a connection")  # type: ignore[misc]
            x.hang_up()
        until(lambda: service.client.connects == 3, "the third connection")
        hdfs.start()
        until(lambda: len(gaps(hdfs)) == 2, "both gaps")
    assert [gap["cause"] for gap in gaps(hdfs)] == ["closed", "closed", "stopped"]
    assert list((tmp_path / "spool" / "gaps").iterdir()) == []


def test_an_hdfs_that_refuses_gaps_takes_tweets_all_the_same(hdfs: WebHdfs, tmp_path: Path) -> None:
    real = hdfs._do

    def do(op: str, path: str, query: dict[str, str], body: bytes) -> tuple[int, Any]:
        refused = op == "MKDIRS" and path.endswith("/gaps")
        return (403, webhdfs._error("AccessControlException", path)) if refused else real(op, path, query, body)

    hdfs._do = do   # type: ignore[method-assign]
    with platform.serving(tmp_path / "x", token=TOKEN, rate=500) as x, running(
            hdfs, x.url, tmp_path / "spool") as service:
        until(lambda: x.server.sent > 50, "records")
        x.hang_up()
        until(lambda: service.client.connects == 2, "the second connection")
        until(lambda: "gaps are not written: HDFS: AccessControlException" in (
            status(tmp_path / "spool").get("error") or ""), "the reason")
        before = len(lines(hdfs))
        until(lambda: len(lines(hdfs)) > before + 50, "more lines")


def test_a_refused_token_ends_the_service_with_the_reason(tmp_path: Path, hdfs: WebHdfs) -> None:
    with scripted(plain("401 Unauthorized", b'{"title":"Unauthorized"}')) as server:
        service = Service(Settings(tmp_path, "simulator", server.url, TOKEN),
                          Landing(connect([hdfs.url], "tester"), StreamPaths("tags"), Clock()))
        with pytest.raises(IngestError, match=r"refused the token \(HTTP 401: Unauthorized\); check the token"):
            service.run()
    assert "refused the token" in status(tmp_path)["error"]


def test_a_full_disk_is_waited_for(hdfs: WebHdfs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, full = os.write, threading.Event()

    def write(fd: int, data: bytes) -> int:
        if full.is_set():
            raise OSError(28, "No space left on device")
        return real(fd, data)

    with platform.serving(tmp_path / "x", token=TOKEN, rate=500) as x:
        with running(hdfs, x.url, tmp_path / "spool") as service:
            until(lambda: len(lines(hdfs)) > 50, "the first lines")
            full.set()
            monkeypatch.setattr(os, "write", write)
            until(lambda: service._spool_error, "the service to notice")
            full.clear()
            x.enough()
            until(lambda: len(lines(hdfs)) >= x.server.sent, "all lines")
        x.stop()
        assert lines(hdfs) == x.ledger()


# As a process

def test_killed_in_the_middle_it_lands_what_it_had_received_at_its_next_start(hdfs: WebHdfs, tmp_path: Path) -> None:
    with platform.serving(tmp_path / "x", token=TOKEN, rate=400) as x:
        with process(hdfs, x.url, tmp_path, "--max-seconds", "1") as first:
            until(lambda: len(lines(hdfs)) > 100 and list((tmp_path / "spool").glob("*.open")), "a file that is open")
            first.send_signal(signal.SIGKILL)
            first.wait(10)
        kept = b"".join(p.read_bytes() for p in (tmp_path / "spool").glob("*.open"))
        with process(hdfs, x.url, tmp_path, "--max-seconds", "1", "--rule", "#a") as second:
            def received() -> int:
                said = status(tmp_path / "spool")
                return int(said["received"]) if said.get("pid") == second.pid else 0

            until(lambda: received() > 50, "the second to receive")
            x.enough()
            until(lambda: received() == len(ledgers(x)[-1]), "all to be received")
            began = time.monotonic()
            second.send_signal(signal.SIGTERM)
            out, _ = second.communicate(timeout=10)
            assert time.monotonic() - began < 5
        x.stop()
        before, after = ledgers(x)
    assert second.returncode == 0, out
    assert TOKEN not in out
    assert "Traceback" not in out
    landed = lines(hdfs)
    assert landed[len(landed) - len(after):] == after
    of_first = landed[:len(landed) - len(after)]
    assert of_first == before[:len(of_first)]            # all but what was on its way when it was killed
    assert Counter(kept.splitlines()) - Counter(of_first) == Counter()
    assert [rule["value"] for rule in x.server.rules.all] == ["#a"]


def test_a_stop_takes_less_than_five_seconds_though_hdfs_hangs_and_the_platform_is_silent(tmp_path: Path) -> None:
    def hang(connection: Any) -> None:
        hanging.ended.wait(60)

    with scripted(hang) as hanging, platform.serving(tmp_path / "x", token=TOKEN, rate=100) as x:
        nowhere: Any = hanging
        with process(nowhere, x.url, tmp_path, "--max-seconds", "1") as child:
            until(lambda: status(tmp_path / "spool").get("connected_since_ms") and hanging.heads, "both", 60)
            until(lambda: status(tmp_path / "spool")["received"], "records", 60)
            x.enough()
            began = time.monotonic()
            child.terminate()
            out, _ = child.communicate(timeout=60)
            took = time.monotonic() - began
    assert child.returncode == 0, out
    assert took < 5
    assert list((tmp_path / "spool").glob("*.jsonl"))   # for the next start


def ledgers(x: platform.Platform) -> list[list[bytes]]:
    """By connection."""
    paths = sorted(x.directory.glob("ledger-*.jsonl"))
    x.flush()
    return [[line.partition(b',"record":')[2].removesuffix(b"}") for line in path.read_bytes().splitlines()]
            for path in paths]


def test_a_refused_token_is_one_line_and_exit_1(hdfs: WebHdfs, tmp_path: Path) -> None:
    with platform.serving(tmp_path / "x", token="another") as x:   # noqa: S106, SIM117
        with process(hdfs, x.url, tmp_path, "--rule", "#a") as child:
            out, _ = child.communicate(timeout=10)
    assert child.returncode == 1
    assert out == (f"ingest: {x.url} refused the token (HTTP 401: Unauthorized); "
                   "check the token in --token-file or X_BEARER_TOKEN\n")
