"""Where what arrives cannot go on: memory is bounded, nothing is dropped, reading stops and says so."""
from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from spark_apps.clock import Clock
from spark_apps.ingest import room
from spark_apps.ingest import service as module
from spark_apps.ingest.errors import IngestError
from spark_apps.ingest.inbox import Inbox
from spark_apps.ingest.room import Room
from tests.fakes import platform
from tests.fakes.ingest import FAST, TOKEN, gaps, lines, running, status
from tests.fakes.sockets import OK, chunk, scripted, until
from tests.fakes.webhdfs import WebHdfs

MB = 1 << 20


pytestmark = pytest.mark.usefixtures("impatient")


@pytest.mark.parametrize(("used", "full", "alarm"), [
    (0, False, None), (79, False, None),
    (80, False, "holds 80 of at most 100 MB that HDFS has not taken: it is nearly"),
    (100, True, "holds 100 of at most 100 MB that HDFS has not taken: reading has stopped until there is room")])
def test_an_alarm_comes_before_the_spool_is_full(used: int, full: bool, alarm: str | None) -> None:
    found = Room(used * MB, 100 * MB)
    assert found.full == full
    assert (alarm in (found.alarm or "")) if alarm else found.alarm is None


def test_a_disk_that_has_less_room_than_the_limit_is_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Usage:
        free = 164 * MB

    monkeypatch.setattr("shutil.disk_usage", lambda path: Usage)
    assert room.look(tmp_path, 40 * MB, 10_240 * MB) == Room(40 * MB, 140 * MB)
    assert room.look(tmp_path, 40 * MB, 50 * MB) == Room(40 * MB, 50 * MB)
    Usage.free = 0
    assert room.look(tmp_path, 40 * MB, 10_240 * MB).full


def test_an_inbox_is_full_by_bytes_and_takes_one_record_of_any_size() -> None:
    inbox, arrived = Inbox(Clock(), max_bytes=1_000), threading.Event()

    def write() -> None:
        for _ in range(3):
            inbox.put(b"x" * 5_000)
        arrived.set()

    threading.Thread(target=write, daemon=True).start()
    for _ in range(3):
        until(lambda: len(inbox) == 1, "one record")
        assert [len(record) for _, record in inbox.take(0)[0]] == [5_000]
    assert arrived.wait(5)


def test_a_platform_that_sends_faster_than_the_disk_takes_is_held_back_and_nothing_is_dropped(
        hdfs: WebHdfs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record, count = b'{"data":"' + b"x" * 100_000 + b'"}', 600
    sent = threading.Event()

    def flood(connection: Any) -> None:
        connection.sendall(OK)
        for n in range(count):
            connection.sendall(chunk(record[:-2] + b"%d" % n + record[-2:] + b"\r\n"))
        sent.set()
        server.ended.wait(60)

    full, most = threading.Event(), [0]
    full.set()
    real = module.Service._until_written

    def slow(self: module.Service, write: Any) -> None:
        while full.is_set() and len(self.inbox):
            most[0] = max(most[0], self.inbox._bytes)
            if self.inbox.blocked:
                full.clear()
        real(self, write)

    monkeypatch.setattr(module.Service, "_until_written", slow)
    monkeypatch.setattr(module, "Inbox", lambda clock: Inbox(clock, max_bytes=4 * MB))
    with scripted(flood) as server, running(
            hdfs, server.url, tmp_path / "spool", policy=replace(FAST, silence_s=120.0)):
        until(lambda: not full.is_set(), "the inbox to be full", 30)
        assert not sent.is_set()   # TCP holds it back: 60 MB fit into no buffer of the system
        until(lambda: len(lines(hdfs)) == count, "all lines", 60)
    assert most[0] <= 4 * MB + 2 * len(record)
    assert [int(line[len(record) - 2:-2]) for line in lines(hdfs)] == list(range(count))


def test_a_spool_that_is_full_stops_reading_says_so_and_goes_on_once_hdfs_takes_it(
        hdfs: WebHdfs, tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    hdfs.stop()
    with platform.serving(tmp_path / "x", token=TOKEN, rate=1_000) as x:
        with running(hdfs, x.url, spool, max_spool_bytes=300_000) as service:
            until(lambda: "reading has stopped" in (status(spool).get("alarm") or ""), "the spool to be full", 30)
            used = status(spool)["backlog_bytes"]
            until(lambda: len(service.inbox) > 100, "the inbox to fill", 30)
            assert status(spool)["backlog_bytes"] == used
            hdfs.start()
            x.enough()
            until(lambda: len(lines(hdfs)) >= x.server.sent, "all lines", 30)
            assert status(spool)["alarm"] is None or not len(service.inbox)
        x.stop()
        assert lines(hdfs) == x.ledger()


@pytest.mark.parametrize("exception", [
    "DSQuotaExceededException", "NSQuotaExceededException", "AccessControlException"])
def test_an_hdfs_that_takes_no_more_is_waited_for(hdfs: WebHdfs, tmp_path: Path, exception: str) -> None:
    spool = tmp_path / "spool"
    with platform.serving(tmp_path / "x", token=TOKEN, rate=500) as x:
        with running(hdfs, x.url, spool):
            until(lambda: len(lines(hdfs)) > 20, "the first lines")
            hdfs.refused = {"CREATE": exception, "MKDIRS": exception}
            until(lambda: exception in (status(spool).get("error") or ""), "the status to say so")
            x.enough()
            hdfs.refused = {}
            until(lambda: len(lines(hdfs)) >= x.server.sent, "all lines")
        x.stop()
        assert lines(hdfs) == x.ledger()
    assert not [path for path in hdfs.files if "_tmp/" in path]


def test_one_that_is_stopped_while_its_disk_is_full_says_what_becomes_of_the_rest(
        hdfs: WebHdfs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool, raised = tmp_path / "spool", list[BaseException]()
    with platform.serving(tmp_path / "x", token=TOKEN, rate=500) as x:
        with running(hdfs, x.url, spool, raised) as service:
            until(lambda: len(lines(hdfs)) > 20, "the first lines")

            def full(*_: object) -> int:
                raise OSError(28, "No space left on device")

            with monkeypatch.context() as patched:
                patched.setattr("os.write", full)
                until(lambda: "No space left" in (status(spool)["error"] or ""), "the status to say so")
                service.stop()
                until(lambda: raised, "the end")
        assert isinstance(raised[0], IngestError)
        assert "make room. What had arrived since is a gap" in str(raised[0])
        before = len(lines(hdfs))
        with running(hdfs, x.url, spool):
            until(lambda: len(lines(hdfs)) > before + 20, "further lines")
        x.stop()
        missing = set(x.ledger()) - set(lines(hdfs))
    assert missing
    assert [gap["cause"] for gap in gaps(hdfs)] == ["killed", "stopped"]
