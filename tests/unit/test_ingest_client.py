"""Real tweepy against the simulator and against servers that misbehave."""
from __future__ import annotations

import contextlib
import itertools
import logging
import socket
import struct
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests

from spark_apps.clock import Clock
from spark_apps.ingest import wire
from spark_apps.ingest.client import FilteredStream
from spark_apps.ingest.inbox import Inbox
from spark_apps.ingest.marks import Alive, Down, Up
from spark_apps.ingest.policy import Policy
from spark_apps.ingest.reader import Asked, Reader
from tests.fakes import platform
from tests.fakes.sockets import LAST_CHUNK, OK, Answer, Scripted, chunk, plain, scripted, until

TOKEN = "token-of-the-test"   # noqa: S105


FAST = replace(Policy().hurried(100), silence_s=5.0)


@contextmanager
def reading(url: str, policy: Policy = FAST, file: Path | None = None) -> Iterator[Reader]:
    with tempfile.TemporaryDirectory() as directory:
        inbox = Inbox(Clock())
        client = FilteredStream(TOKEN, url, inbox, policy.silence_s)
        reader = Reader(client, inbox.note, Asked(file or Path(directory) / "connects.json", policy))
        thread = threading.Thread(target=reader.read, daemon=True)
        thread.start()
        try:
            yield reader
        finally:
            reader.stop()
            inbox.close()
            thread.join(5)
            assert not thread.is_alive()


def items(reader: Reader) -> list[Any]:
    return [what for _, what in reader.client._inbox.take(0)[0]]


def received(reader: Reader, count: int) -> list[bytes]:
    until(lambda: reader.client.received >= count, f"{count} records")
    return [what for what in items(reader) if isinstance(what, bytes)]


def hold(*data: bytes) -> Answer:
    """An answer that sends and stays open until the client goes."""
    def answer(connection: socket.socket) -> None:
        for part in data:
            connection.sendall(part)
        with contextlib.suppress(OSError):
            connection.recv(1)
    return answer


def reset(*data: bytes) -> Answer:
    """An answer that sends and breaks the connection off."""
    def answer(connection: socket.socket) -> None:
        for part in data:
            connection.sendall(part)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
    return answer


def test_records_of_the_simulator_arrive_in_order_byte_for_byte(tmp_path: Path) -> None:
    with platform.serving(tmp_path, token=TOKEN, rate=5_000, limit=300) as x:
        with reading(x.url) as reader:
            found = received(reader, 300)
            assert reader.client.connected_since
        x.stop()
        assert found == x.ledger()


def test_the_request_asks_for_what_counting_needs_and_carries_the_token_in_its_header() -> None:
    with scripted(hold(OK)) as server, reading(server.url) as reader:
        until(lambda: reader.client.connects, "a connection")
        head = server.heads[0].decode()
    assert head.startswith("GET /2/tweets/search/stream?")
    for name in ("note_tweet", "edit_history_tweet_ids", "entities", "created_at", "referenced_tweets.id"):
        assert name in head
    assert f"Authorization: Bearer {TOKEN}\r\n" in head
    assert TOKEN not in head.split("\r\n")[0]


def test_lines_that_are_no_tweets_do_not_end_the_stream() -> None:
    odd = [b'{"data":', b"null", b'{"x":1}', b"[]", b"\xff\xfe", b'{"errors":[{"title":"operational-disconnect"}]}',
           b'{"data":{"id":"1"}}']
    answer = hold(OK, *(chunk(line + b"\r\n") for line in odd))
    with scripted(answer) as server, reading(server.url) as reader:
        assert received(reader, len(odd)) == odd
        assert reader.client.connected_since


def test_cr_and_lf_in_two_chunks_end_one_line_and_a_bare_cr_ends_none() -> None:
    answer = hold(OK, chunk(b'{"a":1}\r'), chunk(b'\n{"b":\r2}\r\n{"c"'), chunk(b":3}"), chunk(b"\r\n"))
    with scripted(answer) as server, reading(server.url) as reader:
        assert received(reader, 3) == [b'{"a":1}', b'{"b":\r2}', b'{"c":3}']


def test_keep_alives_are_no_records() -> None:
    answer = hold(OK, chunk(b"\r\n"), chunk(b"\r\n\r\n"), chunk(b'{"a":1}\r\n'), chunk(b"\r\n"))
    with scripted(answer) as server, reading(server.url) as reader:
        assert received(reader, 1) == [b'{"a":1}']
        assert reader.client.received == 1


def test_a_last_line_without_an_end_is_kept_when_the_stream_is_closed_in_good_order() -> None:
    with scripted(OK + chunk(b'{"a":1}') + LAST_CHUNK, hold(OK)) as server, reading(server.url) as reader:
        assert received(reader, 1) == [b'{"a":1}']


def times(server: Scripted, count: int) -> list[float]:
    """Between so many connections."""
    until(lambda: len(server.times) > count, f"{count + 1} connections")
    return [b - a for a, b in itertools.pairwise(server.times[:count + 1])]


@pytest.mark.parametrize("broken", [OK + LAST_CHUNK, reset(OK, chunk(b"\r\n"))], ids=["closed", "reset"])
def test_connections_that_end_at_once_again_and_again_are_made_at_growing_distances(broken: bytes | Answer) -> None:
    with scripted(broken) as server, reading(server.url, replace(FAST, closed_first_s=0.05, closed_most_s=0.2)):
        found = times(server, 5)
    for gap, least in zip(found, (0.05, 0.1, 0.2, 0.2, 0.2), strict=True):
        assert gap >= least * 0.95
    assert found[0] < 0.2


def test_the_distance_is_short_again_after_a_connection_that_held() -> None:
    def held(connection: socket.socket) -> None:
        connection.sendall(OK)
        server.ended.wait(0.5)   # longer than the longest wait
        connection.sendall(LAST_CHUNK)

    closed = OK + LAST_CHUNK
    policy = replace(FAST, closed_first_s=0.05, closed_most_s=0.4)
    with scripted(closed, closed, closed, held, closed) as server, reading(server.url, policy):
        found = times(server, 4)
    assert found[2] >= 0.2
    assert found[3] - 0.5 < 0.2


def test_the_budget_of_connects_holds_over_restarts(tmp_path: Path) -> None:
    policy = replace(FAST, connects=4, window_s=1.0, closed_first_s=0.001, closed_most_s=0.001)
    file = tmp_path / "connects.json"
    with scripted(OK + LAST_CHUNK) as server:
        for count in (2, 4, 5):
            with reading(server.url, policy, file):
                until(lambda n=count: len(server.times) >= n, f"{count} connections")  # type: ignore[misc]
        found = server.times
    assert found[4] - found[0] >= 0.95
    assert found[3] - found[0] < 0.9


def test_nothing_is_requested_that_could_not_be_remembered(tmp_path: Path) -> None:
    with scripted(hold(OK)) as server, reading(server.url, file=tmp_path / "none" / "connects.json") as reader:
        until(lambda: "cannot remember a connect" in (reader.error or ""), "the reason")
        assert server.times == []
        (tmp_path / "none").mkdir()
        until(lambda: reader.client.connected_since, "the connection once there is room")


def test_a_lost_connection_is_made_again() -> None:
    answers = reset(OK, chunk(b'{"a":1}\r\n')), hold(OK, chunk(b'{"b":2}\r\n'))
    with scripted(*answers) as server, reading(server.url) as reader:
        assert received(reader, 2) == [b'{"a":1}', b'{"b":2}']
        assert reader.client.connects == 2


def test_what_happens_between_records_is_noted_in_its_order() -> None:
    answers = OK + chunk(b'{"a":1}\r\n\r\n') + LAST_CHUNK, hold(OK, chunk(b'{"b":2}\r\n'))
    with scripted(*answers) as server, reading(server.url) as reader:
        until(lambda: reader.client.received == 2, "both records")
        said = f"{server.url} closed the stream after 0 s"
        assert items(reader) == [Up(), b'{"a":1}', Alive(), Down("closed", said), Up(), b'{"b":2}']


@pytest.mark.parametrize(("status", "body", "said"), [
    ("401 Unauthorized", b'{"title":"Unauthorized","status":401}',
     "refused the token (HTTP 401: Unauthorized); check the token in --token-file or X_BEARER_TOKEN"),
    ("403 Forbidden", b'{"detail":"Your project needs\\n another level."}',
     "gives no access (HTTP 403: Your project needs another level.); see which access the token's project has"),
    ("402 Payment Required", b"", "asks for credit (HTTP 402); buy credit in the developer console"),
    ("404 Not Found", b"<html>", "has no filtered stream (HTTP 404); check --url and the rules"),
])
def test_an_answer_that_only_a_person_can_help_with_ends_the_stream_with_its_reason(
        status: str, body: bytes, said: str) -> None:
    with scripted(plain(status, body)) as server, reading(server.url) as reader:
        until(lambda: reader.fatal, "the reason")
        assert reader.fatal == f"{server.url} {said}"
        assert len(server.times) == 1


def test_an_unavailable_platform_is_tried_again_and_said(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    errors = [plain("503 Service Unavailable", b'{"detail":"later"}')] * 2
    with scripted(*errors, hold(OK, chunk(b'{"a":1}\r\n'))) as server, reading(server.url) as reader:
        until(lambda: reader.error, "the reason")
        assert reader.error == f"{server.url} answers HTTP 503: later, trying again"
        assert received(reader, 1) == [b'{"a":1}']
        assert reader.error is None   # it went away with the connection
        found = times(server, 2)
    assert found[0] >= 0.05 * 0.95
    assert found[1] >= 0.1 * 0.95
    assert TOKEN not in caplog.text


def test_too_many_requests_wait_until_the_platform_says_by_its_own_clock() -> None:
    limited = plain("429 Too Many Requests", b"{}", "Date: Thu, 01 Jan 2026 00:00:00 GMT",
                    f"x-rate-limit-reset: {1_767_225_600 + 600}")
    with scripted(limited) as server, reading(server.url) as reader:
        until(lambda: reader.waits_until_ms, "the wait")
        assert 595_000 <= (reader.waits_until_ms or 0) - Clock().now_ms() <= 600_000


def test_a_stale_connection_of_ours_is_ended(tmp_path: Path) -> None:
    with platform.serving(tmp_path, token=TOKEN, rate=100) as x:
        stale = requests.get(f"{x.url}/2/tweets/search/stream", stream=True, timeout=5,
                             headers={"Authorization": f"Bearer {TOKEN}"})
        with stale, reading(x.url) as reader:
            received(reader, 1)
            assert reader.client.connects == 1
            assert x.server.health()["connections"] == 1


def test_a_token_that_the_simulator_does_not_know_ends_the_stream(tmp_path: Path) -> None:
    with platform.serving(tmp_path, token="another") as x, reading(x.url) as reader:   # noqa: S106
        until(lambda: reader.fatal, "the reason")
        assert "refused the token" in (reader.fatal or "")


def drip(connection: socket.socket) -> None:
    """Bytes for ever, and never a line: sockets' own time-outs do not notice."""
    connection.sendall(OK + chunk(b'{"a":1}\r\n') + b"ffffff\r\n")
    with contextlib.suppress(OSError):
        while True:
            connection.sendall(b" ")
            time.sleep(0.01)


@pytest.mark.parametrize("silent", [hold(OK, chunk(b'{"a":1}\r\n')), drip], ids=["nothing", "no whole line"])
def test_a_silent_connection_is_given_up_and_made_again(silent: Answer) -> None:
    policy = replace(FAST, silence_s=0.3)
    with scripted(silent, hold(OK, chunk(b'{"b":2}\r\n'))) as server, reading(server.url, policy) as reader:
        until(lambda: reader.client.watch() or reader.client.received == 2, "the next connection")  # type: ignore[func-returns-value]
        assert 0.25 < times(server, 1)[0] < 1.0
        assert [type(i) for i in items(reader) if isinstance(i, Down)] == [Down]
        assert not reader.fatal


def test_keep_alives_are_a_sign_of_life() -> None:
    def talk(connection: socket.socket) -> None:
        connection.sendall(OK)
        while not server.ended.wait(0.05):
            connection.sendall(chunk(b"\r\n"))

    with scripted(talk) as server, reading(server.url, replace(FAST, silence_s=0.3)) as reader:
        until(lambda: reader.client.connected_since, "the connection")
        end = time.monotonic() + 1
        until(lambda: reader.client.watch() or time.monotonic() > end, "a second")  # type: ignore[func-returns-value]
        assert reader.client.connects == 1


def test_a_full_inbox_is_no_silence_of_the_platform() -> None:
    with scripted(hold(OK, chunk(b'{"a":1}\r\n{"b":2}\r\n'))) as server:
        inbox = Inbox(Clock(), capacity=1)
        client = FilteredStream(TOKEN, server.url, inbox, 0.2)
        thread = threading.Thread(target=client.once, daemon=True)
        thread.start()
        until(lambda: inbox.blocked, "the inbox to be full")
        end = time.monotonic() + 0.5
        until(lambda: client.watch() or time.monotonic() > end, "more than the silence")  # type: ignore[func-returns-value]
        assert not client._silent
        client.hang_up()
        inbox.close()
        thread.join(5)


def test_a_line_that_has_no_end_is_cut_and_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "_LONGEST_LINE", 1_000)
    answer = hold(OK, *[chunk(b"x" * 400)] * 5, chunk(b'\r\n{"a":1}\r\n'))
    with scripted(answer) as server, reading(server.url) as reader:
        assert received(reader, 3) == [b"x" * 1_200, b"x" * 800, b'{"a":1}']


@pytest.mark.parametrize("answer", [hold(OK), hold()], ids=["connected", "no answer yet"])
def test_after_stop_the_reader_ends_soon(answer: Answer) -> None:
    with scripted(answer) as server, reading(server.url, replace(FAST, silence_s=1.0)) as reader:
        until(lambda: server.heads, "the request")
        began = time.monotonic()
    assert time.monotonic() - began < 2
    assert [type(i) for i in items(reader)][1:] in ([], [Down])


def test_a_token_does_not_follow_a_redirect_to_another_host() -> None:
    with scripted(hold(OK)) as other:
        to = plain("302 Found", b"", f"Location: http://localhost:{other.url.rpartition(':')[2]}/x")
        with scripted(to) as server, reading(server.url):
            until(lambda: other.heads, "the redirect")
    assert TOKEN.encode() in server.heads[0]
    assert TOKEN.encode() not in b"".join(other.heads)
