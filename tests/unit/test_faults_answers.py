"""What the simulator answers instead of 200, and what tweepy makes of it."""
from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.platform import serving
from tests.fakes.raw import STREAM, TOKEN, api, raw, tweepy_reading
from tests.fakes.sockets import until

FAST: dict[str, Any] = {"token": TOKEN, "rate": 1_000, "shares": {"post_spelling": 0}}


def test_a_connection_that_lingers_keeps_others_out_until_all_are_deleted(tmp_path: Path) -> None:
    with serving(tmp_path, faults=[{"fault": "too_many_connections", "at_record": 20}], **FAST) as x:
        with raw(x) as first:
            assert len(first.rest()) == 19 and first.end == "reset"
        for _ in range(2):
            refused = api(x, "GET", STREAM)
            assert refused.status_code == 429
            assert refused.json()["title"] == "ConnectionException"
            assert refused.json()["connection_issue"] == "TooManyConnections"
        assert api(x, "GET", STREAM + "/rules").status_code == 200
        assert api(x, "DELETE", "/2/connections/all").json()["data"]["successful_kills"] == 1
        with raw(x) as again:
            assert again.read(5)


def test_a_lingering_connection_may_go_by_itself_after_a_time(tmp_path: Path) -> None:
    faults = [{"fault": "too_many_connections", "duration_s": 30}]
    with serving(tmp_path, faults=faults, time_scale=0.01, **FAST) as x:
        assert api(x, "GET", STREAM).status_code == 429
        until(lambda: not x.server.stream.faults.on, "the old connection to be gone")
        with raw(x) as again:
            assert again.read(5)


def test_after_fifty_connects_in_a_window_the_reset_is_in_a_header_and_holds(tmp_path: Path) -> None:
    with serving(tmp_path, faults=[{"fault": "rate_limit"}], limit=0, **FAST) as x:
        began = time.time()
        for left in range(49, -1, -1):
            with raw(x) as one:
                assert (one.head(), one.headers["x-rate-limit-remaining"]) == (200, str(left))
            until(lambda: not x.server.stream.connections, "the connection to be gone")
        for _ in range(2):
            with raw(x) as refused:
                assert refused.head() == 429
            assert refused.headers["x-rate-limit-limit"] == "50"
            assert began + 900 <= int(refused.headers["x-rate-limit-reset"]) <= time.time() + 901


def test_once_the_reset_is_there_connects_are_granted_again(tmp_path: Path) -> None:
    faults = [{"fault": "rate_limit", "connects": 1, "window_s": 200}]
    with serving(tmp_path, faults=faults, time_scale=0.01, limit=0, max_connections=2, **FAST) as x, raw(x) as one:
        assert one.head() == 200
        began = time.monotonic()
        with raw(x) as two:
            assert two.head() == 429 or time.monotonic() - began > 2
        until(lambda: _status(x) == 200, "the window to be over")
        assert time.monotonic() - began > 1


def _status(x: Any) -> int:
    with raw(x) as one:
        return one.head()


def test_without_that_fault_the_limit_is_told_and_not_held_to(tmp_path: Path) -> None:
    with serving(tmp_path, limit=0, max_connections=4, **FAST) as x:
        x.server.stream.budget.limit = 1
        with raw(x) as one, raw(x) as two:
            assert (one.head(), two.head()) == (200, 200)
            assert two.headers["x-rate-limit-remaining"] == "0"


@pytest.mark.parametrize("fault,status,title", [
    ("http_502", 502, "Bad Gateway"), ("http_503", 503, "Service Temporarily Unavailable")])
def test_a_broken_platform_answers_with_a_page_of_html(
        tmp_path: Path, fault: str, status: int, title: str) -> None:
    faults = [{"fault": fault, "at_record": 20, "duration_s": 1_000}]
    with serving(tmp_path, faults=faults, **FAST) as x:
        with raw(x) as first:
            assert len(first.rest()) == 19 and first.end == "last chunk"
        for path in (STREAM, STREAM + "/rules"):
            answer = api(x, "GET", path)
            assert answer.status_code == status
            assert answer.headers["content-type"].startswith("text/html")
            assert f"<h1>{status} {title}</h1>" in answer.text


def test_after_its_time_the_platform_is_back(tmp_path: Path) -> None:
    with serving(tmp_path, faults=[{"fault": "http_503", "duration_s": 30}], time_scale=0.01, **FAST) as x:
        until(lambda: _status(x) == 200, "the platform to be back")
        assert x.server.stream.elapsed_s >= 30


@pytest.mark.parametrize("fault,status,title", [
    ("http_401", 401, "Unauthorized"), ("http_403", 403, "Client Forbidden")])
def test_a_token_that_is_revoked_or_has_no_access_is_told_in_a_problem_body(
        tmp_path: Path, fault: str, status: int, title: str) -> None:
    with serving(tmp_path, faults=[{"fault": fault, "duration_s": 1_000}], **FAST) as x:
        answer = api(x, "GET", STREAM)
        assert (answer.status_code, answer.json()["title"], answer.json()["status"]) == (status, title, status)
        assert answer.headers["content-type"].startswith("application/problem+json")


def test_an_open_stream_can_stay_open_while_new_ones_are_refused(tmp_path: Path) -> None:
    faults = [{"fault": "http_503", "at_record": 20, "duration_s": 1_000, "hang_up": False}]
    with serving(tmp_path, faults=faults, max_connections=2, **FAST) as x, raw(x) as first:
        assert len(first.read(50)) == 50
        assert api(x, "GET", STREAM).status_code == 503


def test_each_answer_has_the_date_of_the_servers_clock(tmp_path: Path) -> None:
    with serving(tmp_path, limit=0, **FAST) as x, raw(x) as one:
        one.head()
        assert abs(parsedate_to_datetime(one.headers["date"]).timestamp() - time.time()) < 5


# As tweepy takes it

def test_tweepy_waits_a_minute_and_more_for_too_many_connections_and_never_asks_to_end_them(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    faults = [{"fault": "too_many_connections", "at_record": 10}]
    with serving(tmp_path, faults=faults, **FAST) as x, tweepy_reading(x, monkeypatch) as (client, waits):
        until(lambda: len(waits) >= 5, "four refusals")
        assert waits[:5] == [0, 60, 120, 240, 320]
        api(x, "DELETE", "/2/connections/all")
        until(lambda: client.count("connect") == 2, "a second connection")


def test_tweepy_does_not_look_at_the_reset_of_a_rate_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    faults: list[dict[str, Any]] = [{"fault": "rate_limit", "connects": 2}, {"fault": "close"}]
    with serving(tmp_path, faults=faults, **FAST) as x, tweepy_reading(x, monkeypatch) as (client, waits):
        until(lambda: len(waits) >= 2, "two refusals")
        assert waits[:2] == [60, 120] and client.count("HTTP 429") >= 2


@pytest.mark.parametrize("fault", ["http_503", "http_401", "http_403"])
def test_tweepy_tries_again_for_ever_also_where_the_token_is_refused(
        tmp_path: Path, fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    faults = [{"fault": fault, "duration_s": 1_000}]
    with serving(tmp_path, faults=faults, **FAST) as x, tweepy_reading(x, monkeypatch) as (client, waits):
        until(lambda: len(waits) >= 9, "nine refusals")
        assert waits[:3] == [5, 10, 20] and max(waits) == 320
        assert set(client.events) == {f"HTTP {fault[-3:]}"}
