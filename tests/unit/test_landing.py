from __future__ import annotations

import json
from pathlib import Path

import pytest

from spark_apps.clock import Clock
from spark_apps.contract import LandingFile, StreamPaths
from spark_apps.ingest import landing, upload
from spark_apps.ingest.errors import IngestError, Unreachable
from spark_apps.ingest.landing import Landing, connect, retried
from spark_apps.ingest.spool import Rotation
from spark_apps.ingest.upload import Uploader
from tests.fakes.sockets import free_port, until
from tests.fakes.webhdfs import WebHdfs, serving

T = 1_764_070_200_000   # 2025-11-25T11:30Z
HOUR = "/hashtide/landing/tags/dt=2025-11-25/hr=11"
THROUGH = "/hashtide/landing/tags/_through/x.json"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landing, "BACKOFF_S", (0.02, 0.1))
    monkeypatch.setattr(upload, "BACKOFF_S", (0.02, 0.1))


def to(*addresses: str) -> Landing:
    return Landing(connect(list(addresses), "tester"), StreamPaths("tags"), Clock())


def closed(directory: Path, first_ms: int = T, last_ms: int = T + 5, unique: str = "a", data: bytes = b"{}\n") -> Path:
    path = directory / LandingFile(first_ms, last_ms, "x", unique).name
    path.write_bytes(data)
    return path


def test_a_file_lands_in_the_hour_of_its_last_arrival_byte_for_byte(hdfs: WebHdfs, tmp_path: Path) -> None:
    data = b'{"t":"\xc3\xa9"}\nnot json \xff\r\x00\n'
    assert to(hdfs.url).land(closed(tmp_path, data=data))
    assert hdfs.landed("/") == {f"{HOUR}/{T}-{T + 5}-x-a.jsonl": data}
    assert list(hdfs.files) == [f"{HOUR}/{T}-{T + 5}-x-a.jsonl"]   # nothing temporary is left


def test_a_file_is_never_seen_under_its_name_before_it_is_whole(hdfs: WebHdfs, tmp_path: Path) -> None:
    to(hdfs.url).land(closed(tmp_path))
    created = [path for op, path in hdfs.calls if op == "CREATE"]
    assert created
    assert all("/_tmp/" in path for path in created)


def test_landing_a_file_again_changes_nothing(hdfs: WebHdfs, tmp_path: Path) -> None:
    assert to(hdfs.url).land(closed(tmp_path))
    assert not to(hdfs.url).land(closed(tmp_path))
    assert len(hdfs.files) == 1


def test_another_file_under_the_same_name_is_refused_and_not_replaced(hdfs: WebHdfs, tmp_path: Path) -> None:
    to(hdfs.url).land(closed(tmp_path))
    with pytest.raises(IngestError, match=r"has 3 bytes, expected 10: move one of the two away"):
        to(hdfs.url).land(closed(tmp_path, data=b"different\n"))
    assert list(hdfs.landed("/").values()) == [b"{}\n"]


@pytest.mark.parametrize("operation", ["CREATE", "MKDIRS", "RENAME"])
def test_a_landing_that_failed_half_way_leaves_nothing_and_goes_right_the_next_time(
        hdfs: WebHdfs, tmp_path: Path, operation: str) -> None:
    target, path = to(hdfs.url), closed(tmp_path)
    hdfs.fail_next = [operation]
    with pytest.raises(landing.FAULTS):
        target.land(path)
    assert hdfs.files == {}
    assert target.land(path)
    assert len(hdfs.files) == 1


def test_a_directory_that_somebody_removed_is_made_again(hdfs: WebHdfs, tmp_path: Path) -> None:
    target = to(hdfs.url)
    target.land(closed(tmp_path, unique="a"))
    hdfs.files.clear()
    hdfs.directories.discard(HOUR)
    with pytest.raises(landing.FAULTS):
        target.land(closed(tmp_path, unique="b"))
    assert target.land(closed(tmp_path, unique="b"))


def test_a_mark_replaces_the_one_before(hdfs: WebHdfs) -> None:
    target = to(hdfs.url)
    assert target.through("x") is None
    target.publish("x", T)
    target.publish("x", T + 1)
    assert target.through("x") == T + 1
    assert json.loads(hdfs.files[THROUGH])["source"] == "x"
    assert list(hdfs.files) == [THROUGH]


def test_an_error_is_not_taken_for_a_missing_mark(hdfs: WebHdfs) -> None:
    to(hdfs.url).publish("x", T)
    hdfs.mode = "broken"
    with pytest.raises(landing.FAULTS):
        to(hdfs.url).through("x")


def test_a_namenode_that_is_down_or_standby_is_passed_over(hdfs: WebHdfs, tmp_path: Path) -> None:
    with serving() as standby:
        standby.mode = "standby"
        target = to(f"http://127.0.0.1:{free_port()}", standby.url, hdfs.url)
        assert target.land(closed(tmp_path))
    assert len(hdfs.files) == 1


def test_no_answer_at_all_is_unreachable_in_one_line() -> None:
    with pytest.raises(Unreachable, match=r"^HDFS at http://127.0.0.1:\d+/webhdfs/v1/hashtide/landing/tags does not "
                                          r"answer \(ConnectionError\)$"):
        to(f"http://127.0.0.1:{free_port()}").check()


def test_safe_mode_is_unreachable_and_says_so(hdfs: WebHdfs) -> None:
    hdfs.mode = "safe"
    with pytest.raises(Unreachable, match="SafeModeException"):
        to(hdfs.url).check()


def test_an_error_that_no_wait_cures_is_not_tried_again(hdfs: WebHdfs) -> None:
    hdfs.mode = "broken"
    with pytest.raises(IngestError, match="IOException") as raised:
        retried(lambda: to(hdfs.url).through("x"))
    assert not isinstance(raised.value, Unreachable)
    assert len(hdfs.calls) == 1


def test_an_hdfs_in_safe_mode_is_tried_until_it_serves(hdfs: WebHdfs) -> None:
    hdfs.mode = "safe"

    def call() -> int | None:
        if len(hdfs.calls) > 2:
            hdfs.mode = "active"
        return to(hdfs.url).through("x")

    assert retried(call) is None
    assert len(hdfs.calls) > 3


def test_trying_again_ends_after_its_time(hdfs: WebHdfs) -> None:
    hdfs.mode = "safe"
    with pytest.raises(Unreachable, match="SafeModeException"):
        retried(lambda: to(hdfs.url).through("x"), for_s=0.1)


def test_the_uploader_lands_in_order_empties_the_spool_and_publishes_after_each(hdfs: WebHdfs, tmp_path: Path) -> None:
    uploader = Uploader(to(hdfs.url), "x")
    for n in range(3):
        uploader.add(Rotation(closed(tmp_path, T + n, T + n), T + n + 1))
    uploader.start()
    assert uploader.finish(5)
    assert [path.name[:13] for path in map(Path, hdfs.landed(HOUR))] == [str(T + n) for n in range(3)]
    assert list(tmp_path.iterdir()) == []
    assert json.loads(hdfs.files[THROUGH])["through_ms"] == T + 3
    assert (uploader.landed, uploader.through_ms) == (3, T + 3)


def test_no_mark_is_published_past_a_file_that_has_not_landed(hdfs: WebHdfs, tmp_path: Path) -> None:
    uploader = Uploader(to(hdfs.url), "x")
    to(hdfs.url).land(closed(tmp_path))
    uploader.add(Rotation(closed(tmp_path, data=b"another content\n"), T + 10))   # can never land
    uploader.add(Rotation(None, T + 20))
    uploader.start()
    until(lambda: uploader.error, "the uploader to say what is wrong")
    assert "move one of the two away" in (uploader.error or "")
    assert not uploader.finish(5)
    assert THROUGH not in hdfs.files
    assert uploader.backlog == 2


def test_the_uploader_survives_whatever_goes_wrong(hdfs: WebHdfs, tmp_path: Path,
                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    target = to(hdfs.url)
    real, failures = target.land, [KeyError("RemoteException"), ValueError("no name of ours")]

    def land(path: Path) -> bool:
        if failures:
            raise failures.pop()
        return real(path)

    monkeypatch.setattr(target, "land", land)
    uploader = Uploader(target, "x")
    uploader.start()
    uploader.add(Rotation(closed(tmp_path), T + 10))
    until(lambda: uploader.landed == 1, "the file to be landed in spite of two errors")
    assert uploader.finish(5)
    assert uploader.error is None


def test_while_hdfs_is_away_files_stay_in_the_spool_and_land_when_it_is_back(hdfs: WebHdfs, tmp_path: Path) -> None:
    hdfs.stop()
    uploader = Uploader(to(hdfs.url), "x")
    uploader.start()
    path = closed(tmp_path)
    uploader.add(Rotation(path, T + 10))
    until(lambda: uploader.error, "the uploader to notice")
    assert "does not answer" in (uploader.error or "")
    assert path.exists()
    hdfs.start()
    until(lambda: not uploader.backlog, "the file to be landed")
    assert not path.exists()
    assert len(hdfs.landed(HOUR)) == 1
    assert uploader.finish(5)


def test_marks_with_no_file_between_them_are_published_as_one() -> None:
    uploader = Uploader(to("http://127.0.0.1:1"), "x")
    for n in range(100):
        uploader.add(Rotation(None, n))
    assert uploader.backlog == 1
