from __future__ import annotations

import bz2
import gzip
import io
import json
import os
import random
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from spark_apps.clock import Clock
from spark_apps.contract import HOUR_MS, MAX_FILE_SPAN_MS, LandingFile, StreamPaths
from spark_apps.ingest import forms, landing
from spark_apps.ingest import replay as module
from spark_apps.ingest.documents import BAD, Document, documents
from spark_apps.ingest.errors import Unreachable, WrongUse
from spark_apps.ingest.landing import Landing, connect
from spark_apps.ingest.replay import Replay, replay
from spark_apps.ingest.sorting import Sorter
from tests.fakes.sockets import free_port
from tests.fakes.webhdfs import WebHdfs

ROOT = Path(__file__).parents[2]
LANDING = "/hashtide/landing/old"
THROUGH = f"{LANDING}/_through/replay.json"
NOW = 1_764_070_200_000   # 2025-11-25T11:30Z
T = 1_764_064_800_000     # 2025-11-25T10:00Z, an hour


def snowflake(ms: int, low: int = 0) -> str:
    return str((ms - 1_288_834_974_657 << 22) + low)


def iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def tweet(ms: int, low: int = 0, **more: Any) -> dict[str, Any]:
    return {"id": snowflake(ms, low), "created_at": iso(ms), "author_id": "7", "text": f"#a {low}", **more}


def v2(ms: int, low: int = 0, **more: Any) -> bytes:
    return json.dumps({"data": tweet(ms, low, **more), "matching_rules": [{"id": 1}]}).encode()


def archive(directory: Path, *lines: bytes, name: str = "archive.jsonl") -> str:
    path = directory / name
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return str(path)


def replayed(hdfs: WebHdfs, directory: Path, *names: str) -> Replay:
    spool = directory / "spool"
    spool.mkdir(exist_ok=True)
    done = replay(names, Landing(connect([hdfs.url], "tester"), StreamPaths("old"), Clock()), spool, "replay", NOW)
    assert list(spool.iterdir()) == []
    return done


def landed(hdfs: WebHdfs) -> list[bytes]:
    files = sorted(hdfs.landed(LANDING).items(), key=lambda item: Path(item[0]).name)
    return [line for _, data in files for line in data.removesuffix(b"\n").split(b"\n")]


def by_file(hdfs: WebHdfs) -> dict[LandingFile, list[bytes]]:
    return {LandingFile.parse(Path(path).name): data.split(b"\n")[:-1] for path, data in hdfs.landed(LANDING).items()}


# What is landed

def test_records_land_byte_for_byte_by_the_time_of_their_tweet_whatever_their_order(
        hdfs: WebHdfs, tmp_path: Path) -> None:
    lines = [v2(T + n * 700, n) for n in range(60)]
    shuffled = list(lines)
    random.Random(3).shuffle(shuffled)
    done = replayed(hdfs, tmp_path, archive(tmp_path, *shuffled))
    assert landed(hdfs) == lines
    assert (done.lines, done.files, done.landed, done.untimed) == (60, 5, 5, 0)
    assert (done.first_ms, done.last_ms) == (T, T + 59 * 700)


def test_a_file_says_the_times_of_its_lines_within_ten_seconds_and_one_hour(hdfs: WebHdfs, tmp_path: Path) -> None:
    times = [T + HOUR_MS - 20_000 + n * 777 for n in range(50)]
    replayed(hdfs, tmp_path, archive(tmp_path, *(v2(ms, n) for n, ms in enumerate(times))))
    for file, lines in by_file(hdfs).items():
        found = [int(json.loads(line)["data"]["id"]) >> 22 for line in lines]
        assert (file.first_ms, file.last_ms) == (min(found) + 1_288_834_974_657, max(found) + 1_288_834_974_657)
        assert file.last_ms - file.first_ms < MAX_FILE_SPAN_MS
        assert file.first_ms // HOUR_MS == file.last_ms // HOUR_MS
        assert file.source == "replay"
    assert {path.split("/hr=")[1][:2] for path in hdfs.landed(LANDING)} == {"10", "11"}


def test_the_same_archive_again_lands_nothing_new(hdfs: WebHdfs, tmp_path: Path) -> None:
    name = archive(tmp_path, *(v2(T + n * 2_000, n) for n in range(20)))
    first = replayed(hdfs, tmp_path, name)
    before = dict(hdfs.files)
    second = replayed(hdfs, tmp_path, name)
    assert (first.landed, second.landed, second.files) == (4, 0, 4)
    assert {k: v for k, v in hdfs.files.items() if k != THROUGH} == {k: v for k, v in before.items() if k != THROUGH}


def test_the_order_of_archives_and_what_else_is_replayed_make_no_difference_to_a_file(
        hdfs: WebHdfs, tmp_path: Path) -> None:
    a = archive(tmp_path, *(v2(T + n, n) for n in range(5)), name="a")
    b = archive(tmp_path, *(v2(T + 5_000 + n, n) for n in range(5)), name="b")
    c = archive(tmp_path, v2(T + 60_000), name="c")
    replayed(hdfs, tmp_path, a, b)
    assert replayed(hdfs, tmp_path, b, a).landed == 0
    assert replayed(hdfs, tmp_path, c, a, b).landed == 1


def test_a_replay_that_was_cut_off_goes_on(hdfs: WebHdfs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landing, "BACKOFF_S", (0.01, 0.01))
    name = archive(tmp_path, *(v2(T + n * 10_000, n) for n in range(20)))
    real = Landing.land

    def land(self: Landing, path: Path) -> bool:
        if len(hdfs.landed(LANDING)) >= 5:
            hdfs.stop()
        return real(self, path)

    monkeypatch.setattr(Landing, "land", land)
    monkeypatch.setattr(module, "retried", lambda call, ending=None: landing.retried(call, ending, 0.05))
    with pytest.raises(Unreachable, match="does not answer"):
        replayed(hdfs, tmp_path, name)
    assert THROUGH not in hdfs.files
    monkeypatch.setattr(Landing, "land", real)
    hdfs.start()
    done = replayed(hdfs, tmp_path, name)
    assert 0 < done.landed < 20
    assert len(landed(hdfs)) == 20


def test_what_a_killed_replay_left_in_the_spool_is_removed(hdfs: WebHdfs, tmp_path: Path) -> None:
    left = tmp_path / "spool" / "replay-killed"
    left.mkdir(parents=True)
    (left / "run-000001").write_bytes(b"x")
    replayed(hdfs, tmp_path, archive(tmp_path, v2(T)))


def test_lines_without_a_time_land_with_the_line_before_them_or_with_the_first(hdfs: WebHdfs, tmp_path: Path) -> None:
    delete = b'{"delete":{"status":{"id_str":"5"}}}'
    lines = [b"not json", b"{}", v2(T + 30_000), delete, b"\xff\xfe", v2(T + 5), b"null"]
    done = replayed(hdfs, tmp_path, archive(tmp_path, *lines))
    assert (done.lines, done.untimed) == (7, 5)
    assert {file.last_ms: sorted(found) for file, found in by_file(hdfs).items()} == {
        T + 30_000: sorted(lines[:5]), T + 5: sorted(lines[5:])}


def test_a_tweet_without_created_at_has_the_time_of_its_id(hdfs: WebHdfs, tmp_path: Path) -> None:
    bare = json.dumps({"data": {"id": snowflake(T + 123), "text": "x"}}).encode()
    replayed(hdfs, tmp_path, archive(tmp_path, bare))
    assert [file.first_ms for file in by_file(hdfs)] == [T + 123]


def test_the_hours_to_seal_are_those_that_have_lines_and_those_of_the_first_versions_of_edits(
        hdfs: WebHdfs, tmp_path: Path) -> None:
    edit = v2(T + 60_000, edit_history_tweet_ids=[snowflake(T - 60_000), snowflake(T + 60_000)])
    done = replayed(hdfs, tmp_path, archive(tmp_path, edit, v2(T + 3 * HOUR_MS - 10_000_000), v2(T - 24 * HOUR_MS)))
    assert done.as_json()["hours"] == [T - 24 * HOUR_MS, T - HOUR_MS, T]


def test_the_mark_lets_all_touched_hours_be_sealed_and_never_goes_back(hdfs: WebHdfs, tmp_path: Path) -> None:
    done = replayed(hdfs, tmp_path, archive(tmp_path, v2(T + 5)))
    assert json.loads(hdfs.files[THROUGH])["through_ms"] == done.through_ms == T + 2 * HOUR_MS
    older = replayed(hdfs, tmp_path, archive(tmp_path, v2(T - 48 * HOUR_MS)))
    assert json.loads(hdfs.files[THROUGH])["through_ms"] == older.through_ms == T + 2 * HOUR_MS


def test_large_ten_seconds_become_several_files(hdfs: WebHdfs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_BYTES", 1_000)
    lines = [v2(T + n, n) for n in range(30)]
    replayed(hdfs, tmp_path, archive(tmp_path, *lines))
    assert landed(hdfs) == lines
    assert all(len(data) <= 1_000 for data in hdfs.landed(LANDING).values())


def test_an_empty_archive_lands_nothing_and_publishes_nothing(hdfs: WebHdfs, tmp_path: Path) -> None:
    assert replayed(hdfs, tmp_path, archive(tmp_path, b"", b"  \r")).as_json()["hours"] == []
    assert hdfs.files == {}


def test_an_archive_without_any_tweet_is_refused_by_its_name(hdfs: WebHdfs, tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match=r"archive.jsonl: no tweet with a time in the first 2 lines; expected"):
        replayed(hdfs, tmp_path, archive(tmp_path, b"id,text", b"1,hello"))
    assert hdfs.files == {}


# Forms

def lines_of(value: Any, raw: bytes | None = None) -> list[Any]:
    return [json.loads(line) for line, _ in forms.lines(value, raw)]


def test_a_page_becomes_a_record_a_tweet_with_the_includes_that_it_needs() -> None:
    quoted, original = tweet(T, 1), tweet(T, 2, referenced_tweets=[{"type": "quoted", "id": snowflake(T, 1)}])
    retweet = tweet(T, 3, referenced_tweets=[{"type": "retweeted", "id": original["id"]}], author_id="8",
                    attachments={"media_keys": ["3_1"]}, geo={"place_id": "p1"},
                    entities={"mentions": [{"id": "9", "username": "x"}]})
    users = [{"id": str(n), "username": f"u{n}"} for n in range(6, 11)]
    other = tweet(T, 4, author_id="10")
    includes = {"tweets": [quoted, original, tweet(T, 5)], "users": users, "places": [{"id": "p1"}, {"id": "p2"}],
                "media": [{"media_key": "3_1"}, {"media_key": "3_2"}]}
    first, second = lines_of({"data": [retweet, other], "includes": includes, "meta": {"result_count": 2}})
    assert first["data"] == retweet
    assert [t["id"] for t in first["includes"]["tweets"]] == [original["id"], quoted["id"]]
    assert sorted(u["id"] for u in first["includes"]["users"]) == ["7", "8", "9"]
    assert (first["includes"]["media"], first["includes"]["places"]) == ([{"media_key": "3_1"}], [{"id": "p1"}])
    assert second == {"data": other, "includes": {"users": [{"id": "10", "username": "u10"}]}}


def test_an_original_that_is_a_result_of_the_same_page_is_found_there() -> None:
    original = tweet(T, 1)
    retweet = tweet(T, 2, referenced_tweets=[{"type": "retweeted", "id": original["id"]}])
    assert lines_of({"data": [original, retweet]}) == [
        {"data": original}, {"data": retweet, "includes": {"tweets": [original]}}]


def test_the_newer_spelling_of_references_and_includes_is_kept() -> None:
    original = tweet(T, 1)
    repost = tweet(T, 2, referenced_posts=[{"type": "retweeted", "id": original["id"]}])
    assert lines_of({"data": [repost], "includes": {"posts": [original]}}) == [
        {"data": repost, "includes": {"posts": [original]}}]


def test_odd_pages_do_no_harm() -> None:
    assert lines_of({"data": [None, 5, {"attachments": 3, "geo": [], "entities": {"mentions": 1},
                                        "referenced_tweets": [None]}], "includes": {"tweets": 7}}) == [
        {"data": None}, {"data": 5}, {"data": {"attachments": 3, "geo": [], "entities": {"mentions": 1},
                                               "referenced_tweets": [None]}}]
    assert lines_of({"data": []}) == lines_of({"meta": {"result_count": 0}}) == []


def test_statuses_of_v1_come_one_by_one_from_search_pages_and_lists() -> None:
    statuses = [{"id_str": "1", "created_at": "x", "user": {}}, {"id_str": "2"}]
    assert lines_of({"statuses": statuses, "search_metadata": {}}) == statuses
    assert lines_of(statuses) == statuses


def test_a_bare_v2_tweet_gets_its_envelope_and_its_embedded_originals_their_place() -> None:
    original = tweet(T, 1)
    flat = tweet(T, 2, referenced_tweets=[{"type": "retweeted", **original}])
    assert lines_of(flat) == [{"data": flat, "includes": {"tweets": [original]}}]
    raw = b'{"id": "5",  "author_id": "7"}'
    assert [line for line, _ in forms.lines(json.loads(raw), raw)] == [b'{"data":' + raw + b"}"]


def test_what_is_no_tweet_stays_a_line() -> None:
    for raw in (b"null", b"[]", b"7", b'{"errors": []}', b'{"delete":  {}}', b'{"title":"x","status":503,"meta":{}}'):
        assert [line for line, _ in forms.lines(json.loads(raw), raw)] == [raw]


def test_compact_lines_keep_every_character_even_half_of_a_pair() -> None:
    assert forms.dump({"t": "嵐 é"}) == '{"t":"嵐 é"}'.encode()
    assert forms.dump({"t": "\ud83d"}) == b'{"t":"\\ud83d"}'


@pytest.mark.parametrize(("found", "expected"), [
    ({"created_at": "2025-11-25T10:00:00.000Z"}, T),
    ({"created_at": "2025-11-25T12:00:00+02:00"}, T),
    ({"created_at": "Tue Nov 25 10:00:00 +0000 2025"}, T),
    ({"created_at": "Wed Aug 27 13:08:45 +0000 2008", "id": 900}, 1_219_842_525_000),
    ({"created_at": "yesterday", "id": int(snowflake(T + 5))}, T + 5),
    ({"created_at": "2099-01-01T00:00:00Z", "id_str": snowflake(T + 6)}, T + 6),     # later than now
    ({"created_at": "1970-01-01T00:00:00Z"}, None),                                  # before the first tweet
    ({"created_at": "Xxx Xxx 99 10:00:00 +0000 2025"}, None),
    ({"created_at": 5, "id": "12"}, None),
    ({"id": "9" * 19}, None), ({"id": True}, None), ({"id": "-5"}, None), ({"id": "٣٤٥"}, None), ({}, None),
])
def test_the_time_of_a_tweet(found: dict[str, Any], expected: int | None) -> None:
    assert forms.sent_ms(found, NOW) == expected


# Layouts

def read(directory: Path, data: bytes) -> list[Document]:
    path = directory / "data"
    path.write_bytes(data)
    return list(documents(str(path)))


def test_one_value_a_line_keeps_its_bytes(tmp_path: Path) -> None:
    assert read(tmp_path, b'\xef\xbb\xbf{"a": 1}\r\n\r\n {"b":2}\nbad\n{"c":3}') == [
        Document({"a": 1}, b'{"a": 1}', 1), Document({"b": 2}, b' {"b":2}', 3), Document(BAD, b"bad", 4),
        Document({"c": 3}, b'{"c":3}', 5)]


@pytest.mark.parametrize("indent", [1, 2, 4, "\t"])
def test_values_printed_over_several_lines_are_read_one_by_one(tmp_path: Path, indent: int | str) -> None:
    values: list[Any] = [{"n": n, "deep": [{"x": list(range(n))}], "s": "} ]"} for n in range(20)]
    text = "\n".join(json.dumps(value, indent=indent) for value in values)
    assert [d.value for d in read(tmp_path, text.encode())] == values


@pytest.mark.parametrize("text", [
    '[{"a":1},{"b":"é"},3]', '[\n  {"a": 1},\n  {"b": "é"},\n  3\n]\n', ' [ {"a":1}\n,{"b":"é"} , 3 ]'])
def test_an_array_is_read_element_by_element(tmp_path: Path, text: str) -> None:
    assert [d.value for d in read(tmp_path, text.encode())] == [{"a": 1}, {"b": "é"}, 3]


def test_a_large_array_on_one_line_is_read_in_pieces(tmp_path: Path) -> None:
    values = [{"n": n, "text": "é" * 500} for n in range(5_000)]
    assert [d.value for d in read(tmp_path, json.dumps(values, ensure_ascii=False).encode())] == values


def test_lines_may_follow_an_array(tmp_path: Path) -> None:
    assert [d.value for d in read(tmp_path, b'[]\n[1,2]\n{"a":1}\n')] == [[1, 2], {"a": 1}]
    assert [d.value for d in read(tmp_path, b'[1,\n2]\n{"a":1}\n{"b":2}')] == [1, 2, {"a": 1}, {"b": 2}]


@pytest.mark.parametrize("cut", [b'{"a":1,', b'{"a":', b'{"a":[', b'{"a":"x', b"{", b'{"a":{"b":1}'])
def test_a_line_that_was_cut_off_is_one_bad_line_and_those_after_it_are_good(tmp_path: Path, cut: bytes) -> None:
    found = read(tmp_path, b'{"n":0}\n' + cut + b'\n{"n":1}\n{"n":2}\n{"n":3}\n')
    assert [(d.value, d.line) for d in found] == [({"n": 0}, 1), (BAD, 2), ({"n": 1}, 3), ({"n": 2}, 4), ({"n": 3}, 5)]
    assert found[1].raw == cut


def test_a_last_line_that_was_cut_off_is_a_bad_line(tmp_path: Path) -> None:
    assert [d.value for d in read(tmp_path, b'{"n":0}\n{"a":{"b":')] == [{"n": 0}, BAD]


@pytest.mark.parametrize("line", [b'{"a":1} {"b":2}', b'{"a":1}x', b"[" * 100_000, b"9" * 5_000, b'"\xff"', b"NaN1"])
def test_hostile_lines_are_bad_lines(tmp_path: Path, line: bytes) -> None:
    assert [d.value for d in read(tmp_path, b"{}\n" + line + b"\n{}\n")] == [{}, BAD, {}]


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lambda d: gzip.compress(d[:9]) + gzip.compress(d[9:])])
def test_what_is_compressed_is_known_by_its_content_not_by_its_name(tmp_path: Path, pack: Any) -> None:
    assert [d.value for d in read(tmp_path, pack(b'{"a":1}\n{"b":2}\n'))] == [{"a": 1}, {"b": 2}]


@pytest.mark.parametrize(("data", "said"), [
    (gzip.compress(os.urandom(5_000))[:-20], r"cannot be decompressed after line \d+ .*is it complete\?"),
    (gzip.compress(b'{"a":1}\n' * 9, mtime=0)[:-4], r"cannot be decompressed after line \d+"),
    (b"PK\x03\x04....", "is a zip file; expected JSON, plain or compressed by gzip"),
    (b'{\n "a": [\n  1,\n', r"the JSON value that begins in line 1 is cut off"),
    (b'[{"a":1},\n{"b"', r"line 2: not JSON .*or cut off"),
    (b'[{"a":1}\n', r"line 2: the array is cut off"),
    (b'[{"a":1}\n{"b":2}]', r"line 2: expected a comma or the end of the array"),
    (b'["\xff"]', r"line 1: not UTF-8"),
])
def test_a_file_that_cannot_be_read_is_named_with_what_is_wrong(tmp_path: Path, data: bytes, said: str) -> None:
    with pytest.raises(WrongUse, match=rf"^{tmp_path}/data: {said}"):
        read(tmp_path, data)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match="none: cannot be read: No such file or directory"):
        list(documents(str(tmp_path / "none")))


def test_no_more_than_one_value_may_be_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spark_apps.ingest.documents.LONGEST", 1 << 20)
    with pytest.raises(WrongUse, match="line 2 is longer than 1 MB"):
        read(tmp_path, b'{}\n"' + b"x" * (1 << 20) + b'"\n')


# Order

@pytest.mark.parametrize(("memory", "most_runs"), [(1 << 30, 64), (2_000, 64), (2_000, 3)])
def test_lines_come_out_by_time_and_content_however_little_memory_there_is(
        tmp_path: Path, memory: int, most_runs: int) -> None:
    pick = random.Random(5)
    lines = [(pick.randrange(50), pick.randbytes(pick.randrange(30))) for _ in range(500)]
    sorter = Sorter(tmp_path, memory, most_runs)
    for line in lines:
        sorter.add(*line)
    assert list(sorter) == sorted(lines)
    assert len(list(tmp_path.iterdir())) <= min(most_runs, 60)


# On the command line

def command(*args: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run([sys.executable, "-P", "-m", "spark_apps.ingest", "replay", *args], input=given,
                          capture_output=True, env=environment, timeout=30, check=False)


def test_the_command_says_in_json_what_it_landed_from_files_and_standard_input(hdfs: WebHdfs, tmp_path: Path) -> None:
    name = archive(tmp_path, v2(T))
    done = command("--stream", "old", "--root", "/hashtide", "--webhdfs", hdfs.url, "--user", "tester", "--spool",
                   str(tmp_path / "spool"), "--json", "--", name, "-", given=gzip.compress(v2(T + 20_000)))
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["lines"], said["files"], said["hours"], said["through_ms"]) == (2, 2, [T], T + 2 * HOUR_MS)
    assert landed(hdfs) == [v2(T), v2(T + 20_000)]


def test_an_hdfs_that_does_not_answer_is_one_line_and_exit_3(tmp_path: Path) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    done = command("--stream", "old", "--webhdfs", nowhere, "--spool", str(tmp_path / "spool"), "x")
    assert done.returncode == 3
    assert done.stderr.startswith(b"ingest: HDFS at http://127.0.0.1:")
    assert done.stderr.count(b"\n") == 1


def test_standard_input_is_read_in_any_form(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'[{"a":1}]')))
    assert [d.value for d in documents("-")] == [{"a": 1}]
