"""The simulator's other endpoints: backfill, recent search, compliance jobs, usage; by plain requests and by tweepy."""
from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import tweepy

from tests import oracle
from tests.fakes.platform import Platform, serving
from tests.fakes.raw import BEARER, STREAM, TOKEN, api, raw
from tests.fakes.sockets import until

FAST: dict[str, Any] = {"token": TOKEN, "rate": 500, "shares": {"duplicate": 0, "post_spelling": 0, "edit": 0}}
SEARCH, JOBS, USAGE = "/2/tweets/search/recent", "/2/compliance/jobs", "/2/usage/tweets"


class Client(tweepy.Client):  # type: ignore[misc]
    """tweepy's own, at the test's address."""

    url = ""

    def request(self, method: str, route: str, params: Any = None, json: Any = None, user_auth: bool = False) -> Any:
        answer = requests.request(method, self.url + route, params=params, json=json, headers=BEARER, timeout=60)
        answer.raise_for_status()
        return answer


def client(x: Platform) -> Client:
    made = Client(TOKEN)
    made.url = x.url
    return made


def filled(x: Platform, count: int) -> list[bytes]:
    """So many tweets were sent, and are all there is."""
    with raw(x) as reader:
        found = reader.read(count)
    until(lambda: not x.server.stream.connections, "the connection to be gone")
    return found


def ids(records: list[bytes]) -> list[int]:
    return [int(json.loads(record)["data"]["id"]) for record in records]


# Backfill

def test_backfill_sends_the_last_minutes_again_and_what_nobody_got_meanwhile(tmp_path: Path) -> None:
    with serving(tmp_path, always=True, limit=120, **FAST) as x:
        with raw(x) as first:
            before = first.read(40)
        until(lambda: x.server.done, "tweets that nobody gets")
        with raw(x, STREAM + "?backfill_minutes=5") as second:
            again = second.read(120)
        x.stop()
        assert again[:40] == before and len(set(again)) == 120
        assert oracle.lost_of_ledger(tmp_path) == []
        assert list(oracle.unsent_of_ledger(tmp_path)) != []
        assert (tmp_path / "ledger-2.jsonl").read_bytes().count(b'"fault":"backfill"') == 120


def test_without_it_or_later_than_its_minutes_they_are_lost(tmp_path: Path) -> None:
    with serving(tmp_path, always=True, limit=60, time_scale=0.002, **FAST) as x:
        filled(x, 10)
        until(lambda: x.server.done and x.server.stream.history.since(0.12) == [], "a minute to pass")
        with raw(x, STREAM + "?backfill_minutes=1") as second:
            assert second.head() == 200
            x.hang_up()
            assert second.rest() == []
        x.stop()
        assert len(oracle.lost_of_ledger(tmp_path)) + len(x.ledger()) == 60


@pytest.mark.parametrize("minutes", ["0", "6", "x", "1.5"])
def test_more_than_five_minutes_are_no_backfill(tmp_path: Path, minutes: str) -> None:
    with serving(tmp_path, **FAST) as x:
        answer = api(x, "GET", f"{STREAM}?backfill_minutes={minutes}")
    assert answer.status_code == 400 and answer.json()["errors"][0]["parameters"] == {"backfill_minutes": [minutes]}


# Recent search

@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Platform, list[int]]]:
    """A simulator that has sent 60 tweets, whose index has no fresh seconds; and their ids, the newest first."""
    with serving(tmp_path_factory.mktemp("search"), limit=60, time_scale=1e-6, keep_alive_s=1e7, **FAST) as x:
        found = ids(filled(x, 60))
        until(lambda: api(x, "GET", SEARCH, params={"query": "#a", "max_results": 100}).json()["meta"]["result_count"]
              == 60, "the newest to be in the index")
        yield x, sorted(found, reverse=True)


def test_search_gives_the_newest_first_page_by_page(searched: tuple[Platform, list[int]]) -> None:
    x, newest_first = searched
    found, token, pages = [], None, 0
    while token or not pages:
        more = {"next_token": token} if token else {}
        page = api(x, "GET", SEARCH, params={"query": "#a", "max_results": 25, **more}).json()
        found += [int(one["id"]) for one in page["data"]]
        assert page["meta"]["newest_id"] == page["data"][0]["id"]
        token, pages = page["meta"].get("next_token"), pages + 1
    assert (found, pages) == (newest_first, 3)


def test_a_search_is_bounded_by_ids_and_by_times(searched: tuple[Platform, list[int]]) -> None:
    x, newest_first = searched

    def found(**params: Any) -> list[int]:
        page = api(x, "GET", SEARCH, params={"query": "#a", "max_results": 100, **params}).json()
        return [int(one["id"]) for one in page.get("data", [])]

    assert found(since_id=newest_first[20], until_id=newest_first[4]) == newest_first[5:20]
    middle = x.server.stream.now_ms - 3_600_000
    assert found(end_time=_iso(middle)) == []
    assert found(start_time=_iso(middle)) == newest_first


def _iso(ms: int) -> str:
    from deploy.local.simulator.generator import iso

    return iso(ms)


def test_what_was_deleted_is_found_no_more(tmp_path: Path) -> None:
    with serving(tmp_path, limit=30, time_scale=1e-6, keep_alive_s=1e7, **FAST) as x:
        first = ids(filled(x, 30))[0]
        x.fault("deletions", ids=[str(first)])
        until(lambda: api(x, "GET", SEARCH, params={"query": "#a", "max_results": 100}).json()["meta"]["result_count"]
              == 29, "the newest to be in the index")


@pytest.mark.parametrize("params,named", [
    ({}, "query"), ({"query": "x" * 513}, "query"), ({"query": "a", "max_results": 9}, "max_results"),
    ({"query": "a", "next_token": "!"}, "next_token"), ({"query": "a", "start_time": "yesterday"}, "start_time"),
    ({"query": "a", "start_time": "2020-01-01T00:00:00Z"}, "start_time")])
def test_a_search_that_makes_no_sense_is_400_and_names_the_parameter(
        searched: tuple[Platform, list[int]], params: dict[str, Any], named: str) -> None:
    answer = api(searched[0], "GET", SEARCH, params=params)
    assert answer.status_code == 400 and named in answer.json()["errors"][0]["parameters"]


def test_tweepys_paginator_reads_all_pages(searched: tuple[Platform, list[int]]) -> None:
    x, newest_first = searched
    pages = tweepy.Paginator(client(x).search_recent_tweets, "#a", max_results=25)
    assert [tweet.id for tweet in pages.flatten()] == newest_first


# Compliance jobs

def test_a_compliance_job_takes_ids_and_gives_those_that_are_to_be_deleted(tmp_path: Path) -> None:
    with serving(tmp_path, limit=0, time_scale=0.01, **FAST) as x:
        x.fault("deletions", ids=["1995131234567890123", "1995131234567890124"])
        job = api(x, "POST", JOBS, json={"type": "tweets", "name": "nightly"}).json()["data"]
        assert (job["status"], job["name"], job["type"]) == ("created", "nightly", "tweets")
        # As to a storage: no token, the address is the key.
        assert requests.put(job["upload_url"], data="1995131234567890123\n42\n", timeout=60).status_code == 200
        until(lambda: api(x, "GET", f"{JOBS}/{job['id']}").json()["data"]["status"] == "complete", "the job")
        result = requests.get(job["download_url"], timeout=60).text
    [line] = [json.loads(one) for one in result.splitlines()]
    assert (line["id"], line["action"], line["reason"]) == ("1995131234567890123", "delete", "deleted")
    assert line["created_at"] < line["redacted_at"]


def test_before_its_result_a_job_has_no_download_and_there_is_one_at_a_time(tmp_path: Path) -> None:
    with serving(tmp_path, limit=0, **FAST) as x:
        job = api(x, "POST", JOBS, json={"type": "tweets"}).json()["data"]
        assert requests.get(job["download_url"], timeout=60).status_code == 404
        assert api(x, "POST", JOBS, json={"type": "tweets"}).status_code == 409
        assert requests.put(job["upload_url"].replace("key=", "key=0"), data="1", timeout=60).status_code == 403
        assert [one["id"] for one in api(x, "GET", JOBS, params={"type": "tweets"}).json()["data"]] == [job["id"]]
        assert api(x, "GET", JOBS, params={"type": "tweets", "status": "complete"}).json()["meta"]["result_count"] == 0
        assert api(x, "GET", JOBS).status_code == 400 and api(x, "GET", f"{JOBS}/1").status_code == 404


def test_a_job_fails_with_what_are_no_ids_and_expires_without_any(tmp_path: Path) -> None:
    with serving(tmp_path, limit=0, time_scale=0.001, **FAST) as x:
        job = api(x, "POST", JOBS, json={"type": "tweets"}).json()["data"]
        if requests.put(job["upload_url"], data="not\nids\n", timeout=60).ok:   # it may have expired on a busy machine
            until(lambda: api(x, "GET", f"{JOBS}/{job['id']}").json()["data"]["status"] == "failed", "the job")
        other = api(x, "POST", JOBS, json={"type": "users"}).json()["data"]
        until(lambda: api(x, "GET", f"{JOBS}/{other['id']}").json()["data"]["status"] == "expired", "the other")


def test_tweepy_makes_and_reads_jobs(tmp_path: Path) -> None:
    with serving(tmp_path, limit=0, **FAST) as x:
        made = client(x).create_compliance_job("tweets", name="by tweepy").data
        assert client(x).get_compliance_job(made["id"]).data["upload_url"] == made["upload_url"]
        assert [one["name"] for one in client(x).get_compliance_jobs("tweets").data] == ["by tweepy"]


# Usage

def test_usage_tells_what_was_read_this_month_and_today_and_counts_a_repeat_once(tmp_path: Path) -> None:
    with serving(tmp_path, limit=40, already_read=1_000, faults=[{"fault": "duplicate", "count": 10}],
                 monthly_cap=5_000, **FAST) as x:
        filled(x, 50)
        found = api(x, "GET", USAGE, params={"days": 1}).json()["data"]
        assert (found["project_cap"], found["project_usage"]) == ("5000", "1040")
        assert [one["usage"] for one in found["daily_project_usage"]["usage"]] == ["40"]
        assert api(x, "GET", USAGE, params={"days": 91}).status_code == 400


@pytest.mark.parametrize("method,path", [("GET", SEARCH), ("POST", JOBS), ("GET", USAGE), ("GET", "/simulator/state"),
                                         ("POST", "/simulator/faults"), ("DELETE", "/2/connections/all")])
def test_without_the_token_none_of_them_answers(tmp_path: Path, method: str, path: str) -> None:
    with serving(tmp_path, **FAST) as x:
        assert requests.request(method, x.url + path, timeout=60).status_code == 401
