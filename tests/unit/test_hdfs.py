"""deploy.hdfs against WebHDFS over HTTP, and what of HDFS's errors a person gets to read."""
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy import hdfs
from deploy.config import Airflow, Cluster, Hdfs, Spark, Yarn
from deploy.errors import HashtideError, SafeMode, Unreachable
from tests.fakes.webhdfs import WebHdfs, serving

PATH = "/hashtide/streams/a/control/desired.json"


@pytest.fixture
def server() -> Iterator[WebHdfs]:
    with serving() as fake:
        yield fake


def client(*urls: str) -> hdfs.Client:
    return hdfs.Client(Cluster("t", Hdfs("hdfs://nn:1", urls, "hashtide"), Yarn(), Spark(), Airflow()))


@pytest.fixture
def files(server: WebHdfs) -> hdfs.Client:
    return client(server.url)


def test_an_object_that_was_written_is_read_again(files: hdfs.Client) -> None:
    files.write_json(PATH, {"state": "running", "who": "Zoë"})
    assert files.read_json(PATH) == {"state": "running", "who": "Zoë"}


def test_replacing_leaves_nothing_beside_the_file(files: hdfs.Client, server: WebHdfs) -> None:
    for n in range(3):
        files.write_json(PATH, {"n": n})
    assert list(server.files) == [PATH] and files.read_json(PATH) == {"n": 2}


def test_a_file_that_is_rewritten_keeps_its_time_and_its_permission(files: hdfs.Client, server: WebHdfs) -> None:
    files.replace(PATH, b"before")
    server.times[PATH], server.permissions[PATH] = 1_772_359_200_000, "640"
    files.replace_keeping_time(PATH, b"after")
    assert server.files == {PATH: b"after"}
    assert (server.times[PATH], server.permissions[PATH]) == (1_772_359_200_000, "640")
    with pytest.raises(HashtideError, match="HDFS has no /nothing"):
        files.replace_keeping_time("/nothing", b"x")
    assert list(server.files) == [PATH]


def test_a_file_that_is_not_there_is_none_and_one_without_content_is_empty(files: hdfs.Client, server: WebHdfs) -> None:
    assert files.read_json(PATH) is None
    server.files[PATH] = b""
    assert files.read_json(PATH) == {}


def test_a_file_whose_writer_was_cut_off_in_the_middle_is_empty_too(files: hdfs.Client, server: WebHdfs) -> None:
    files.write_json(PATH, {"launch_id": "12", "who": "é"})
    whole = server.files[PATH]
    for length in range(len(whole) - 1):
        server.files[PATH] = whole[:length]
        assert files.read_json(PATH) == {}, whole[:length]


@pytest.mark.parametrize("text", [b"{\n", b"[1]", b"7", b'"ab"', b"\xff\n"])
def test_what_is_no_json_object_is_named_with_its_path(files: hdfs.Client, server: WebHdfs, text: bytes) -> None:
    server.files[PATH] = text
    with pytest.raises(HashtideError, match=f"HDFS {PATH}: expected a JSON object"):
        files.read_json(PATH)


def test_the_end_of_a_file_is_read_alone(files: hdfs.Client) -> None:
    files.replace(PATH, b"0123456789")
    assert [files.read_end(PATH, count) for count in (3, 10, 11)] == [b"789", b"0123456789", b"0123456789"]
    assert files.read_end(f"{PATH}.x", 3) is None


def test_of_two_exclusive_creates_the_first_wins_and_stays(files: hdfs.Client) -> None:
    assert files.create_exclusive(PATH, {"launch": 1})
    assert not files.create_exclusive(PATH, {"launch": 2})
    assert files.read_json(PATH) == {"launch": 1}


def test_an_exclusive_create_that_meets_its_own_file_has_won(files: hdfs.Client) -> None:
    assert files.create_exclusive(PATH, {"launch": 1})
    assert files.create_exclusive(PATH, {"launch": 1})


@pytest.mark.parametrize("kind", ["AlreadyBeingCreatedException", "RecoveryInProgressException"])
def test_a_file_whose_maker_has_not_closed_it_is_taken(
        files: hdfs.Client, server: WebHdfs, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    server.files[PATH] = b""
    monkeypatch.setattr(server, "_do", refusing(server, "CREATE", kind, "lease"))
    assert not files.create_exclusive(PATH, {"launch": 1})


def test_listing_what_is_not_there_gives_nothing(files: hdfs.Client) -> None:
    assert files.list("/nowhere") == [] and files.statuses("/nowhere") == {} and files.status("/nowhere") is None
    assert not files.exists("/nowhere")


def test_a_directory_lists_its_names_in_order(files: hdfs.Client) -> None:
    for name in ("b", "a"):
        files.write_json(f"/d/{name}.json", {})
    assert files.list("/d") == ["a.json", "b.json"]
    assert files.statuses("/d")["a.json"]["type"] == "FILE"


def test_a_file_is_put_under_its_name_when_it_is_whole(files: hdfs.Client, server: WebHdfs, tmp_path: Path) -> None:
    local = tmp_path / "app.zip"
    local.write_bytes(b"zip")
    files.put(local, "/releases/app.zip")
    assert server.files == {"/releases/app.zip": b"zip"}


def test_renaming_onto_something_fails_and_deleting_tells_whether_there_was_something(files: hdfs.Client) -> None:
    files.write_json("/d/a.json", {})
    files.write_json("/d/b.json", {})
    with pytest.raises(HashtideError):
        files.rename("/d/a.json", "/d/b.json")
    assert files.delete("/d/a.json") and not files.delete("/d/a.json")


def test_a_snapshot_keeps_what_was_there(files: hdfs.Client, server: WebHdfs) -> None:
    server.snapshottable.add("/d")
    files.write_json("/d/a.json", {"n": 1})
    files.create_snapshot("/d", "one")
    files.write_json("/d/a.json", {"n": 2})
    assert files.list("/d/.snapshot") == ["one"] and files.read_json("/d/.snapshot/one/a.json") == {"n": 1}
    assert files.delete_snapshot("/d", "one") and not files.delete_snapshot("/d", "one")
    assert files.list("/d/.snapshot") == [] and files.read_json("/d/a.json") == {"n": 2}


def test_a_snapshot_that_is_not_allowed_is_refused_in_hdfs_own_words(files: hdfs.Client) -> None:
    with pytest.raises(HashtideError, match="HDFS /d: SnapshotException: Directory is not a snapshottable directory"):
        files.create_snapshot("/d", "one")
    assert files.list("/d/.snapshot") == [] and not files.delete_snapshot("/d", "one")


def test_a_file_of_several_pieces_is_copied_whole(
        files: hdfs.Client, server: WebHdfs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hdfs, "_CHUNK", 7)
    server.files |= {"/d/a": bytes(range(100)), "/d/empty": b""}
    for source, target in (("/d/a", "/e/f/b"), ("/d/a", "/e/f/b"), ("/d/empty", "/e/f/c")):
        files.copy(source, target)
    assert server.files == {path: bytes(range(100)) for path in ("/d/a", "/e/f/b")} | {"/d/empty": b"", "/e/f/c": b""}
    with pytest.raises(HashtideError, match="HDFS has no /d/b"):
        files.copy("/d/b", "/e/b")


def test_what_lies_below_a_directory_is_summed_up(files: hdfs.Client, server: WebHdfs) -> None:
    server.files |= {"/d/a": b"123", "/d/e/b": b"4567"}
    assert files.content("/d") == {"length": 7, "fileCount": 2}


def test_safe_mode_is_named_with_the_way_out_of_it(files: hdfs.Client, server: WebHdfs) -> None:
    server.mode = "safe"
    with pytest.raises(SafeMode, match="safe mode and takes no writes.*dfsadmin -safemode leave"):
        files.write_json(PATH, {})


def test_the_next_namenode_serves_where_one_is_standby_or_down(server: WebHdfs) -> None:
    with serving() as other:
        other.mode = "standby"
        client(server.url).write_json(PATH, {"n": 1})
        assert client("http://127.0.0.1:9", other.url, server.url).read_json(PATH) == {"n": 1}


def test_where_all_are_standby_no_namenode_is_active(files: hdfs.Client, server: WebHdfs) -> None:
    server.mode = "standby"
    with pytest.raises(Unreachable, match="no NameNode of .* is active"):
        files.read_json(PATH)


def test_one_that_does_not_answer_is_named_by_its_address() -> None:
    with pytest.raises(Unreachable, match=r"HDFS at http://127\.0\.0\.1:9 does not answer.*are NameNode"):
        client("http://127.0.0.1:9").read_json(PATH)


def test_any_other_refusal_is_in_hdfs_own_words(
        files: hdfs.Client, server: WebHdfs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_do", refusing(server, "CREATE", "AccessControlException",
                                                "Permission denied:\n user=me"))
    with pytest.raises(HashtideError) as fault:
        files.write_json(PATH, {})
    assert str(fault.value) == f"HDFS {PATH}: AccessControlException: Permission denied: user=me"


def refusing(server: WebHdfs, refused: str, kind: str, message: str) -> object:
    """Answers as the server does, but to one operation with this error."""
    do = server._do

    def answer(op: str, *rest: object) -> object:
        if op == refused:
            return 403, {"RemoteException": {"exception": kind, "javaClassName": f"x.{kind}", "message": message}}
        return do(op, *rest)  # type: ignore[arg-type]

    return answer


def test_the_room_of_the_file_system_and_that_an_old_hadoop_does_not_say_it(files: hdfs.Client,
                                                                            server: WebHdfs) -> None:
    assert files.room() == {"capacity": 1_000, "used": 300, "remaining": 700}
    # As Hadoop says it of an operation that it does not have: `Invalid value for webhdfs parameter "op": ...`
    server.refused["GETSTATUS"] = "IllegalArgumentException"
    assert files.room() is None
    server.refused["GETSTATUS"] = "AccessControlException"
    with pytest.raises(HashtideError, match="AccessControlException"):
        files.room()
