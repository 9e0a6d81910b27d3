from __future__ import annotations

import itertools
import json
import os
import re
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from deploy.local.simulator import connection
from deploy.local.simulator.generator import JITTER_MS, Generator, snowflake
from tests.fakes import platform
from tests.fakes.sockets import free_port, until

ROOT = Path(__file__).parents[2]
TOKEN = "token-of-the-test"   # noqa: S105
BEARER = {"Authorization": f"Bearer {TOKEN}"}
STREAM, RULES = "/2/tweets/search/stream", "/2/tweets/search/stream/rules"
NOW = 1_764_070_200_000


def records(count: int, seed: int = 1, **options: bool) -> list[bytes]:
    generator = Generator(seed, **options)
    return [generator.next(NOW + 20 * n) for n in range(count)]


@pytest.fixture(scope="module")
def tweets() -> list[dict[str, Any]]:
    return [json.loads(record) for record in records(5_000)]


def data(tweets: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [tweet["data"] for tweet in tweets]


def tags(tweet: dict[str, Any]) -> list[str]:
    return [tag["tag"] for tag in tweet.get("entities", {}).get("hashtags", [])]


# What is sent

def test_the_same_seed_and_times_give_the_same_bytes_and_another_seed_gives_others() -> None:
    assert records(500, seed=7) == records(500, seed=7)
    assert not set(records(500, seed=7)) & set(records(500, seed=8))


def test_a_record_is_one_line_of_json() -> None:
    assert not any(b"\n" in record or b"\r" in record for record in records(1_000))


def test_ids_tell_the_time_of_created_at(tweets: list[dict[str, Any]]) -> None:
    for n, tweet in enumerate(data(tweets)):
        ms = (int(tweet["id"]) >> 22) + 1_288_834_974_657
        assert tweet["created_at"].endswith(f".{ms % 1000:03d}Z")
        if n > 300:   # duplicates come from up to 200 records before
            assert NOW + 20 * (n - 300) - JITTER_MS <= ms <= NOW + 20 * n


def test_popular_tags_are_much_more_frequent_and_come_in_several_spellings(tweets: list[dict[str, Any]]) -> None:
    counts = Counter(tag for tweet in data(tweets) for tag in tags(tweet))
    folded = Counter(tag.casefold() for tag in counts.elements())
    assert {"KPOP", "kpop", "Kpop"} <= counts.keys()
    assert folded["kpop"] == max(folded.values()) > 20 * folded["tail700"]
    assert sum(1 for tag in folded if not tag.isascii()) > 10


def test_a_retweet_carries_its_original_whole_while_its_own_text_is_cut(tweets: list[dict[str, Any]]) -> None:
    retweets = [(t["data"], t.get("includes", {}).get("tweets", [])) for t in tweets
                for ref in t["data"].get("referenced_tweets", t["data"].get("referenced_posts", []))
                if ref["type"] == "retweeted"]
    assert len(retweets) > 1_000
    originals = [(tweet, one) for tweet, included in retweets for one in included
                 if one["id"] == (tweet.get("referenced_tweets") or tweet["referenced_posts"])[0]["id"]]
    assert len(originals) > 0.9 * len(retweets)
    lost = [1 for tweet, original in originals if len(tags(tweet)) < len(tags(original))]
    assert lost
    assert all(tweet["text"].startswith("RT @") and len(tweet["text"]) <= 140 for tweet, _ in originals)


def test_long_posts_have_all_of_their_text_and_tags_in_the_note(tweets: list[dict[str, Any]]) -> None:
    notes = [(t, t.get("note_tweet") or t["note_post"]) for t in data(tweets) if "note_tweet" in t or "note_post" in t]
    assert len(notes) > 50
    for tweet, note in notes:
        assert len(note["text"]) > 280 >= len(tweet["text"])
        assert len(tags(note)) >= len(tags(tweet))
        for tag in note["entities"]["hashtags"]:
            assert re.fullmatch("[#＃]" + re.escape(tag["tag"]), note["text"][tag["start"]:tag["end"]])


def test_some_records_are_sent_twice_and_some_tweets_edited(tweets: list[dict[str, Any]]) -> None:
    sent = records(5_000)
    assert len(sent) > len(set(sent)) > 0.97 * len(sent)
    chains = [t.get("edit_history_tweet_ids") or t["edit_history_post_ids"] for t in data(tweets)]
    assert any(len(chain) > 1 for chain in chains)


def test_an_edit_keeps_its_tags_unless_asked_otherwise() -> None:
    def tags_by_chain(sent: list[bytes]) -> list[set[tuple[str, ...]]]:
        chains: dict[str, set[tuple[str, ...]]] = {}
        for tweet in data([json.loads(record) for record in sent]):
            chain = tweet.get("edit_history_tweet_ids") or tweet["edit_history_post_ids"]
            chains.setdefault(chain[0], set()).add(tuple(tags(tweet)))
        return list(chains.values())

    assert all(len(found) == 1 for found in tags_by_chain(records(1_500)))
    assert any(len(found) > 1 for found in tags_by_chain(records(1_500, edits_change_tags=True)))


def test_a_snowflake_keeps_its_milliseconds() -> None:
    assert (snowflake(NOW, 2 ** 22 + 5) >> 22) + 1_288_834_974_657 == NOW


# How it is sent

class Reader:
    """An open stream; `read` gives its next records without keep-alives."""

    def __init__(self, response: requests.Response) -> None:
        self.response = response
        self._lines = response.iter_lines(delimiter=b"\r\n")

    def read(self, count: int) -> list[bytes]:
        return list(itertools.islice(filter(None, self._lines), count))


@contextmanager
def stream(x: platform.Platform) -> Iterator[Reader]:
    with requests.get(x.url + STREAM, headers=BEARER, stream=True, timeout=5) as response:
        yield Reader(response)


def test_the_ledger_has_all_that_was_sent_and_numbers_it(tmp_path: Path) -> None:
    with platform.serving(tmp_path, token=TOKEN, rate=5_000, limit=500) as x:
        with stream(x) as response:
            found = response.read(500)
        x.stop()
        assert x.ledger() == found
    entries = [json.loads(line) for line in (tmp_path / "ledger-1.jsonl").open()]
    assert [entry["seq"] for entry in entries] == list(range(1, 501))
    assert {entry["connection"] for entry in entries} == {1}


def test_the_rate_is_the_one_asked_for(tmp_path: Path) -> None:
    with platform.serving(tmp_path, token=TOKEN, rate=400) as x, stream(x) as response:
        response.read(400)
        first, *_, last = [json.loads(line)["sent_ms"] for line in _flushed(x)][:400]
    assert 800 <= last - first <= 2_000   # one second, on a busy machine


def _flushed(x: platform.Platform) -> list[bytes]:
    x.flush()
    return (x.directory / "ledger-1.jsonl").read_bytes().splitlines()


def test_each_connection_has_a_ledger_of_its_own_and_a_restart_goes_on_with_new_ones(tmp_path: Path) -> None:
    for _ in range(2):
        with platform.serving(tmp_path, token=TOKEN, rate=1_000) as x:
            with stream(x) as response:
                response.read(5)
            until(lambda x=x: x.server.health()["connections"] == 0, "the connection to be gone")  # type: ignore[misc]
            with stream(x) as response:
                response.read(5)
    assert sorted(p.name for p in tmp_path.iterdir()) == [f"ledger-{n}.jsonl" for n in range(1, 5)]


def test_keep_alives_come_while_there_is_nothing_to_send(tmp_path: Path) -> None:
    with platform.serving(tmp_path, token=TOKEN, limit=0, keep_alive_s=0.05) as x, stream(x) as response:
        assert next(response.response.iter_content(4)) == b"\r\n"
        assert x.server.done


@pytest.mark.parametrize("authorization", ["", "Bearer wrong", "Bearer ", f"Basic {TOKEN}", TOKEN])
@pytest.mark.parametrize("path", [STREAM, RULES])
def test_without_the_token_the_answer_is_401(tmp_path: Path, path: str, authorization: str) -> None:
    with platform.serving(tmp_path, token=TOKEN) as x:
        answer = requests.get(x.url + path, headers={"Authorization": authorization}, timeout=5)
    assert answer.status_code == 401
    assert answer.json()["title"] == "Unauthorized"


def test_a_second_connection_is_refused_while_the_first_is_open(tmp_path: Path) -> None:
    with platform.serving(tmp_path, token=TOKEN, rate=1_000) as x:
        with stream(x) as first:
            first.read(1)
            with stream(x) as second:
                assert second.response.status_code == 429
                assert second.response.json()["connection_issue"] == "TooManyConnections"
        until(lambda: x.server.health()["connections"] == 0, "the first to be gone")
        with stream(x) as third:
            assert third.read(1)


def test_killing_all_connections_ends_them_in_good_order_and_makes_room(tmp_path: Path) -> None:
    with platform.serving(tmp_path, token=TOKEN, rate=1_000) as x, stream(x) as first:
        first.read(1)
        answer = requests.delete(f"{x.url}/2/connections/all", headers=BEARER, timeout=5)
        assert answer.json()["data"]["successful_kills"] == 1
        first.read(1_000_000)   # to the last chunk, without an error
        with stream(x) as second:
            assert second.read(1)


def test_a_client_that_does_not_read_does_not_hold_up_others_once_it_is_cut_off(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "LINGER_S", 0.1)
    with platform.serving(tmp_path, token=TOKEN, rate=5_000) as x, socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1_024)
        deaf.connect(("127.0.0.1", int(x.url.rpartition(":")[2])))
        deaf.sendall(f"GET {STREAM} HTTP/1.1\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode())
        until(lambda: _stuck(x), "the feed to be held up")
        requests.delete(f"{x.url}/2/connections/all", headers=BEARER, timeout=5)
        with stream(x) as second:
            assert second.read(10)


def _stuck(x: platform.Platform) -> bool:
    return any(open_.waiting > 65_536 for open_ in list(x.server.stream.connections))


# Rules

def post(x: platform.Platform, body: Any, **params: str) -> requests.Response:
    return requests.post(x.url + RULES, json=body, params=params, headers=BEARER, timeout=5)


def test_rules_are_added_listed_and_deleted(tmp_path: Path) -> None:
    with platform.serving(tmp_path, token=TOKEN) as x:
        added = post(x, {"add": [{"value": "#a", "tag": "t"}, {"value": "#b"}]})
        assert (added.status_code, added.json()["meta"]["summary"]["created"]) == (201, 2)
        listed = requests.get(x.url + RULES, headers=BEARER, timeout=5).json()
        assert [(r["value"], r.get("tag")) for r in listed["data"]] == [("#a", "t"), ("#b", None)]
        gone = post(x, {"delete": {"ids": [listed["data"][0]["id"], "1"]}}).json()
        assert gone["meta"]["summary"] == {"deleted": 1, "not_deleted": 1}
        assert [r["value"] for r in x.server.rules.all] == ["#b"]


def test_wrong_and_double_rules_are_refused_one_by_one(tmp_path: Path) -> None:
    with platform.serving(tmp_path, token=TOKEN) as x:
        answer = post(x, {"add": [{"value": "#a"}, {"value": "#a"}, {"value": "x" * 1_025}, {"value": ""}]}).json()
    assert [r["value"] for r in answer["data"]] == ["#a"]
    assert [e["title"] for e in answer["errors"]] == ["DuplicateRule", "InvalidRule", "InvalidRule"]


def test_a_dry_run_changes_nothing(tmp_path: Path) -> None:
    with platform.serving(tmp_path, token=TOKEN) as x:
        assert post(x, {"add": [{"value": "#a"}]}, dry_run="true").json()["meta"]["summary"]["created"] == 1
        assert x.server.rules.all == []


def test_a_request_that_makes_no_sense_is_400_and_an_unknown_path_404(tmp_path: Path) -> None:
    with platform.serving(tmp_path, token=TOKEN) as x:
        assert post(x, {"subtract": []}).status_code == 400
        assert requests.get(f"{x.url}/2/nothing", headers=BEARER, timeout=5).status_code == 404


def test_records_name_the_rules_that_they_match(tmp_path: Path) -> None:
    with platform.serving(tmp_path, token=TOKEN, rate=1_000) as x:
        rule = post(x, {"add": [{"value": "#a", "tag": "t"}]}).json()["data"][0]
        with stream(x) as response:
            [record] = response.read(1)
    [match] = json.loads(record)["matching_rules"]
    assert (str(match["id"]), match["tag"]) == (rule["id"], "t")


# As a process

def simulator(*more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-P", "-m", "deploy.local.simulator", *more], capture_output=True, text=True,
                          env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}, timeout=60, check=False)


def test_a_busy_port_is_one_line_and_exit_2(tmp_path: Path) -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        done = simulator("--port", str(port), "--dir", str(tmp_path))
    assert done.returncode == 2
    assert done.stderr.startswith(f"simulator: --port {port}: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("more,said", [
    (["--faults", "nowhere.json"], "--faults nowhere.json: No such file or directory"),
    (["--time-scale", "0"], "--time-scale 0: expected more than 0 and at most 1"),
    (["--time-scale", "2"], "--time-scale 2: expected")])
def test_a_script_that_is_not_there_and_a_scale_that_makes_no_sense_are_one_line_and_exit_2(
        tmp_path: Path, more: list[str], said: str) -> None:
    done = simulator("--dir", str(tmp_path), *more)
    assert (done.returncode, done.stdout) == (2, "") and done.stderr.startswith(f"simulator: {said}")
    assert done.stderr.count("\n") == 1


def test_the_script_of_a_file_is_played(tmp_path: Path) -> None:
    script = tmp_path / "script.json"
    script.write_text('{"faults": [{"fault": "http_503", "duration_s": 1e6}]}')
    command = [sys.executable, "-P", "-m", "deploy.local.simulator", "--port", "0", "--dir", str(tmp_path / "x"),
               "--faults", str(script)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True,
                          env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().split(",")[0].removeprefix("simulator on ")
            assert requests.get(url + STREAM, headers=BEARER, timeout=60).status_code == 503
        finally:
            process.terminate()
        assert process.wait(60) == 0
