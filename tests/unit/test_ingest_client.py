"""Real tweepy against the simulator and against servers that misbehave."""
from __future__ import annotations

import contextlib
import itertools
import logging
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import tweepy

from spark_apps.clock import Clock
from spark_apps.ingest.client import ConnectBudget, FilteredStream
from spark_apps.ingest.inbox import Inbox
from tests.fakes import platform
from tests.fakes.sockets import LAST_CHUNK, OK, Answer, Scripted, chunk, plain, scripted, until

TOKEN = "token-of-the-test"   # noqa: S105


@contextmanager
def reading(url: str, closed_wait_s: tuple[float, float] = (0.02, 0.05)) -> Iterator[FilteredStream]:
    client = FilteredStream(TOKEN, url, Inbox(Clock()), closed_wait_s)
    thread = threading.Thread(target=client.read, daemon=True)
    thread.start()
    try:
        yield client
    finally:
        client.disconnect()
        client._inbox.close()


def received(client: FilteredStream, count: int) -> list[bytes]:
    until(lambda: client.received >= count, f"{count} records")
    return [record for _, record in client._inbox.take(0)[0]]


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


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """tweepy's own waits, which are not slept."""
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        time.sleep(0.001)

    monkeypatch.setattr(tweepy.streaming, "sleep", sleep)
    return waits


def gaps(server: Scripted) -> list[float]:
    return [b - a for a, b in itertools.pairwise(server.times)]


def test_records_of_the_simulator_arrive_in_order_byte_for_byte(tmp_path: Path) -> None:
    with platform.serving(tmp_path, token=TOKEN, rate=5_000, limit=300) as x:
        with reading(x.url) as client:
            found = received(client, 300)
            assert client.connected_since
        x.stop()
        assert found == x.ledger()


def test_the_request_asks_for_what_counting_needs_and_carries_the_token_in_its_header() -> None:
    with scripted(hold(OK)) as server, reading(server.url) as client:
        until(lambda: client.connects, "a connection")
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
    with scripted(answer) as server, reading(server.url) as client:
        assert received(client, len(odd)) == odd
        assert client.connected_since


def test_cr_and_lf_in_two_chunks_end_one_line_and_a_bare_cr_ends_none() -> None:
    answer = hold(OK, chunk(b'{"a":1}\r'), chunk(b'\n{"b":\r2}\r\n{"c"'), chunk(b":3}"), chunk(b"\r\n"))
    with scripted(answer) as server, reading(server.url) as client:
        assert received(client, 3) == [b'{"a":1}', b'{"b":\r2}', b'{"c":3}']


def test_keep_alives_are_no_records() -> None:
    answer = hold(OK, chunk(b"\r\n"), chunk(b"\r\n\r\n"), chunk(b'{"a":1}\r\n'), chunk(b"\r\n"))
    with scripted(answer) as server, reading(server.url) as client:
        assert received(client, 1) == [b'{"a":1}']
        assert client.received == 1


def test_a_last_line_without_an_end_is_kept_when_the_stream_is_closed_in_good_order() -> None:
    with scripted(OK + chunk(b'{"a":1}') + LAST_CHUNK, hold(OK)) as server, reading(server.url) as client:
        assert received(client, 1) == [b'{"a":1}']


@pytest.mark.parametrize("broken", [OK + LAST_CHUNK, reset(OK, chunk(b"\r\n"))], ids=["closed", "reset"])
def test_connections_that_end_at_once_again_and_again_are_made_at_growing_distances(
        broken: bytes | Answer, slept: list[float]) -> None:
    with scripted(broken) as server, reading(server.url, (0.05, 0.2)):
        until(lambda: len(server.times) >= 6, "six connections")
        found = gaps(server)
    for gap, least in zip(found, (0.05, 0.1, 0.2, 0.2, 0.2), strict=False):
        assert gap >= least * 0.95
    assert found[0] < 0.2


def test_the_distance_is_short_again_after_a_connection_that_held() -> None:
    def held(connection: socket.socket) -> None:
        connection.sendall(OK)
        server.ended.wait(0.3)   # longer than the longest wait
        connection.sendall(LAST_CHUNK)

    closed = OK + LAST_CHUNK
    with scripted(closed, closed, closed, held, closed) as server, reading(server.url, (0.02, 0.2)):
        until(lambda: len(server.times) >= 5, "five connections")
        found = gaps(server)
    assert found[2] >= 0.08
    assert found[3] - 0.3 < 0.08


def test_no_more_connects_than_the_budget_allows() -> None:
    budget = ConnectBudget(limit=3, window_s=900)
    for now in (0.0, 1.0, 2.0):
        assert budget.wait_s(now) == 0
        budget.spend(now)
    assert budget.wait_s(10.0) == 890
    budget.spend(900.0)
    assert budget.wait_s(900.0) == 1


def test_the_client_waits_for_its_budget_before_it_connects_again() -> None:
    with scripted(OK + LAST_CHUNK) as server, reading(server.url, (0.001, 0.001)) as client:
        client._budget = ConnectBudget(limit=4, window_s=0.5)
        until(lambda: len(server.times) >= 6, "six connections")
        times = server.times
    assert times[5] - times[1] >= 0.45


def test_a_lost_connection_is_made_again(slept: list[float]) -> None:
    answers = reset(OK, chunk(b'{"a":1}\r\n')), hold(OK, chunk(b'{"b":2}\r\n'))
    with scripted(*answers) as server, reading(server.url) as client:
        assert received(client, 2) == [b'{"a":1}', b'{"b":2}']
        assert client.connects == 2


@pytest.mark.parametrize(("status", "body", "said"), [
    ("401 Unauthorized", b'{"title":"Unauthorized","status":401}',
     "refused the token (HTTP 401: Unauthorized); check the token in --token-file or X_BEARER_TOKEN"),
    ("403 Forbidden", b'{"detail":"Your project needs\\n another level."}',
     "gives no access (HTTP 403: Your project needs another level.); see which access the token's project has"),
    ("402 Payment Required", b"", "asks for credit (HTTP 402); buy credit in the developer console"),
    ("404 Not Found", b"<html>", "has no filtered stream (HTTP 404); check --url and the rules"),
])
def test_an_answer_that_only_a_person_can_help_with_ends_the_stream_with_its_reason(
        status: str, body: bytes, said: str, slept: list[float]) -> None:
    with scripted(plain(status, body)) as server, reading(server.url) as client:
        until(lambda: client.fatal, "the reason")
        assert client.fatal == f"{server.url} {said}"
        assert len(server.times) == 1
    assert slept == []


def test_an_unavailable_platform_is_tried_again_and_said(slept: list[float]) -> None:
    errors = [plain("503 Service Unavailable", b'{"detail":"later"}')] * 2
    with scripted(*errors, hold(OK, chunk(b'{"a":1}\r\n'))) as server, reading(server.url) as client:
        assert received(client, 1) == [b'{"a":1}']
        assert client.error is None   # it went away with the connection
    assert slept == [5, 10]


def test_the_reason_of_a_retry_is_told_while_it_lasts(caplog: pytest.LogCaptureFixture,
                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()
    monkeypatch.setattr(tweepy.streaming, "sleep", lambda _: release.wait(10))
    caplog.set_level(logging.WARNING)
    with scripted(plain("503 Service Unavailable", b'{"detail":"later"}')) as server, reading(server.url) as client:
        until(lambda: client.error, "the reason")
        assert client.error == f"{server.url} answers HTTP 503: later, trying again"
        release.set()
    assert TOKEN not in caplog.text


def test_too_many_requests_wait_until_the_platform_says(slept: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    limited = plain("429 Too Many Requests", b"{}", f"x-rate-limit-reset: {int(time.time()) + 600}")
    waits: list[float] = []
    with scripted(limited, hold(OK)) as server:
        client = FilteredStream(TOKEN, server.url, Inbox(Clock()))
        monkeypatch.setattr(client._ending, "wait", lambda seconds=None: waits.append(seconds or 0))
        threading.Thread(target=client.read, daemon=True).start()
        until(lambda: client.connects, "the connection")
        client.disconnect()
    assert slept == [60]
    assert 595 <= waits[0] + 60 <= 601


def test_a_second_connection_waits_while_the_first_one_is_open(tmp_path: Path, slept: list[float]) -> None:
    with platform.serving(tmp_path, token=TOKEN, rate=100) as x, reading(x.url) as first:
        received(first, 1)
        with reading(x.url) as second:
            until(lambda: second.error, "a refusal")
            assert "HTTP 429: This stream is currently at the maximum allowed connection limit." in (second.error or "")
            first.disconnect()
            received(second, 1)
    assert set(slept[:2]) <= {60, 120}


def test_a_token_that_the_simulator_does_not_know_ends_the_stream(tmp_path: Path) -> None:
    with platform.serving(tmp_path, token="another") as x, reading(x.url) as client:   # noqa: S106
        until(lambda: client.fatal, "the reason")
        assert "refused the token" in (client.fatal or "")


def test_after_disconnect_the_reader_ends_with_the_next_line() -> None:
    stop = threading.Event()

    def talk(connection: socket.socket) -> None:
        connection.sendall(OK)
        while not stop.wait(0.01):
            connection.sendall(chunk(b'{"a":1}\r\n'))

    with scripted(talk) as server:
        client = FilteredStream(TOKEN, server.url, Inbox(Clock()))
        thread = threading.Thread(target=client.read, daemon=True)
        thread.start()
        received(client, 1)
        client.disconnect()
        thread.join(5)
        stop.set()
        assert not thread.is_alive()
        assert len(server.times) == 1
