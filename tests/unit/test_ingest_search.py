"""What no backfill brings is found by recent search: its queries, its lines, its budget, and the way to landing."""
from __future__ import annotations

import json
import re
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from spark_apps.gap import Gap
from spark_apps.ingest.client import FilteredStream
from spark_apps.ingest.gaps import Book, waiting
from spark_apps.ingest.marks import Alive, Down, Up
from spark_apps.ingest.pages import Query, lines, made_ms, queries
from spark_apps.ingest.policy import Policy, search_at_ms
from spark_apps.ingest.spend import Limits
from tests.fakes import ingest as of
from tests.fakes import platform
from tests.fakes.faulty import POLICY, SCALE, is_post
from tests.fakes.ingest import TOKEN, gaps, running, status
from tests.fakes.sockets import plain, scripted, until
from tests.fakes.webhdfs import WebHdfs
from tests.oracle.ledger import records_of_ledger, unsent_of_ledger

pytestmark = pytest.mark.usefixtures("impatient")

T = 1_764_070_200_000
#: The simulator dates posts up to two seconds back, of ours.
FAST = replace(POLICY, search_step_s=0.02, search_after_s=1.0, delivery_s=2.5)


@pytest.mark.parametrize(("values", "texts"), [
    (["#a lang:en"], ["#a lang:en"]),
    (["#a", "#b OR #c"], ["(#a) OR (#b OR #c)"]),
    (["#a" * 125, "#b" * 120, "#c" * 100], ["(" + "#a" * 125 + ") OR (" + "#b" * 120 + ")", "(" + "#c" * 100 + ")"]),
    (["#" + "a" * 511, "#b"], ["#" + "a" * 511, "(#b)"]),
])
def test_rules_become_as_few_queries_as_a_search_takes(values: list[str], texts: list[str]) -> None:
    found = queries([(value, str(n), "t") for n, value in enumerate(values)])
    assert [query.text for query in found if isinstance(query, Query)] == texts
    assert all(len(text) <= 512 for text in texts)


def test_the_rule_that_a_post_is_found_by_is_known_where_there_is_one() -> None:
    assert queries([("#a", "7", "hashtide-tags")]) == [Query("#a", {"id": "7", "tag": "hashtide-tags"})]
    assert queries([("#a", "7", None), ("#b", "8", None)]) == [Query("(#a) OR (#b)")]


@pytest.mark.parametrize(("values", "why"), [([], "no rules to search by"), (["#a", "x" * 513], "has 513 characters")])
def test_what_cannot_be_searched_by_says_why(values: list[str], why: str) -> None:
    assert why in str(queries([(value, "1", None) for value in values]))


def test_a_line_has_what_its_post_refers_to_and_nothing_of_others() -> None:
    page = {"data": [{"id": "9", "author_id": "1", "referenced_tweets": [{"type": "retweeted", "id": "5"}]},
                     {"id": "8", "author_id": "3", "referenced_posts": [{"type": "quoted", "id": "gone"}]},
                     {"id": "7"}],
            "includes": {"tweets": [{"id": "5", "author_id": "2"}, {"id": "6", "author_id": "3"}],
                         "users": [{"id": "1"}, {"id": "2"}, {"id": "4"}]}, "meta": {}}
    found = {number: json.loads(line) for number, line in lines(page, {"id": "r", "tag": None})}
    assert found == {
        9: {"data": page["data"][0], "includes": {"tweets": [{"id": "5", "author_id": "2"}],   # type: ignore[index]
                                                  "users": [{"id": "1"}, {"id": "2"}]},
            "matching_rules": [{"id": "r", "tag": None}]},
        8: {"data": page["data"][1], "matching_rules": [{"id": "r", "tag": None}]},   # type: ignore[index]
        7: {"data": {"id": "7"}, "matching_rules": [{"id": "r", "tag": None}]}}
    assert list(lines({"meta": {"result_count": 0}})) == []


@pytest.mark.parametrize(("asked", "at"), [
    ((), 0), ((-5_000,), 0), ((-400,), 600), ((-900_000 + 7, *range(-30_000, -1_000)), 0),
    ((-10_000, -9_000, -8_000), 890_000), ((-900_001, -9_000, -8_000), 0), ((5_000,), 1_000)])
def test_when_a_search_may_be_asked_for(asked: tuple[int, ...], at: int) -> None:
    policy = replace(Policy(), searches=3 if len(asked) == 3 else 50_000)
    assert search_at_ms(tuple(T + ms for ms in asked), T, policy) == T + at


# The book

def opened(spool: Path, at_ms: int = T) -> Book:
    book = Book(spool, "x", replace(Policy(), settled_s=1.0), search=True)
    book.open(at_ms)
    return book


def test_gaps_wait_to_be_searched_over_a_restart_and_are_closed_by_what_is_found(tmp_path: Path) -> None:
    first = opened(tmp_path)
    for ms, minutes in ((0, 0), (60_000, 5), (600_000, 5), (1_200_000, 1)):
        first.note(T + ms, Up(minutes))
        first.tick(T + ms + 2_000)
        first.note(T + ms + 10_000, Alive())
        first.note(T + ms + 10_000, Down("lost"))
    waits = [(gap.start_ms - T, gap.recovery) for gap in first.to_search.values()]
    assert waits == [(70_000, "backfill"), (610_000, "backfill")]   # the first was covered
    first.searched(next(iter(first.to_search.values())), 1, T + 1_300_000)
    book = opened(tmp_path, T + 1_400_000)
    [gap] = book.to_search.values()
    assert gap.missing(0) == (T + 610_000, T + 1_145_000)
    book.searched(gap, 12, T + 1_500_000)
    said = [Gap.of(json.loads(paths[-1].read_text())) for paths in waiting(tmp_path).values()]
    [closed] = [one for one in said if one.start_ms == gap.start_ms]
    assert (closed.state, closed.recovery, closed.recovered) == ("closed", "backfill, search", 12)
    assert closed.missing(0) is None
    assert not book.to_search and not opened(tmp_path, T + 1_600_000).to_search


def test_a_gap_that_no_search_reaches_stays_open_and_what_was_not_wanted_is_not_searched(tmp_path: Path) -> None:
    book = opened(tmp_path)
    for n, cause in enumerate(("lost", "spend")):
        book.note(T + 10_000 * n, Up())
        book.note(T + 10_000 * n + 5_000, Down(cause))
    book.note(T + 20_000, Up())
    [gap] = book.to_search.values()
    book.searched(gap, None, T + 30_000)
    assert not book.to_search
    assert {json.loads(paths[-1].read_text())["state"] for paths in waiting(tmp_path).values()} == {"open"}


# The way through

def missing(x: platform.Platform) -> set[int]:
    """Ids of posts that nobody was sent when they were made."""
    return {int(json.loads(one.record)["data"]["id"]) for one in unsent_of_ledger(x.directory) if is_post(one.record)}


def landed(hdfs: WebHdfs) -> Counter[int]:
    return Counter(int(json.loads(line)["data"]["id"]) for line in of.lines(hdfs) if is_post(line))


def test_a_gap_without_backfill_is_found_page_by_page_and_closed(
        hdfs: WebHdfs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[float, dict[str, Any]]] = []
    real = FilteredStream.request

    def request(self: FilteredStream, method: str, route: str, params: Any = None, **more: Any) -> Any:
        if route.endswith("/recent"):
            asked.append((time.monotonic(), params))
        return real(self, method, route, params, **more)

    monkeypatch.setattr(FilteredStream, "request", request)
    limits, spool = Limits(day=1_000_000), tmp_path / "spool"
    with platform.serving(tmp_path / "x", token=TOKEN, rate=300, time_scale=SCALE, keep_alive_s=8, always=True,
                          shares={"duplicate": 0}) as x:
        x.server.rules.change({"add": [{"value": "#a"}]}, False)
        with running(hdfs, x.url, spool, policy=replace(FAST, searches=3, window_s=2.0), search=True, limits=limits,
                     max_ms=200):
            until(lambda: x.server.sent > 50, "records")
            x.fault("refuse", duration_s=30)
            until(lambda: [gap["state"] for gap in gaps(hdfs)] == ["closed"], "the gap to be closed", 60)
            x.enough()
            x.flush()
            until(lambda: landed(hdfs).keys() >= sent(x), "all to be landed", 60)
            until(lambda: not status(spool)["to_search"], "the status to say so", 60)
            until(lambda: status(spool)["posts_day"] == len(landed(hdfs)), "each post to be counted once", 60)
            assert status(spool)["searches"] == len(asked)
        x.stop()
    [gap, _] = gaps(hdfs)
    nobody_got = missing(x)
    print(f"{len(nobody_got)} posts in the gap, {gap['recovered']} recovered in {len(asked)} requests")

    def of_its_time(ids: set[int]) -> int:
        return sum(gap["start_ms"] <= made_ms(number) < gap["end_ms"] for number in ids)

    # A gap counts by the posts' own time: some that nobody got are older, some that came on the stream are of it.
    assert gap["recovery"] == "search" and len(nobody_got) > 200
    assert 100 < of_its_time(nobody_got) <= gap["recovered"] <= of_its_time(nobody_got | sent(x))
    assert landed(hdfs).keys() == sent(x) | nobody_got
    assert {len(params.get("next_token", "")) > 0 for _, params in asked} == {False, True}
    times = [at for at, _ in asked]
    # A turn is taken before a request goes out; on a busy machine by a moment.
    assert len(times) > 3 and all(fourth - first > 1.8 for first, fourth in zip(times, times[3:], strict=False))
    rules = [json.loads(line)["matching_rules"] for line in of.lines(hdfs)]
    assert all(rule for rule in rules)


def sent(x: platform.Platform) -> set[int]:
    return {int(json.loads(record)["data"]["id"]) for _, record in records_of_ledger(x.directory) if is_post(record)}


def test_a_backfill_of_five_minutes_and_a_search_for_the_rest(hdfs: WebHdfs, tmp_path: Path) -> None:
    with platform.serving(tmp_path / "x", token=TOKEN, rate=100, time_scale=SCALE, keep_alive_s=8, always=True,
                          shares={"duplicate": 0}) as x:
        x.server.rules.change({"add": [{"value": "#a"}]}, False)
        with running(hdfs, x.url, tmp_path / "spool", policy=FAST, search=True, backfill=True, max_ms=200):
            until(lambda: x.server.sent > 50, "records")
            x.fault("refuse", duration_s=400)
            until(lambda: [gap["state"] for gap in gaps(hdfs)] == ["closed"], "the gap to be closed", 90)
            x.enough()
            x.flush()
            until(lambda: landed(hdfs).keys() >= sent(x), "all to be landed", 60)
        x.stop()
    assert gaps(hdfs)[0]["recovery"] == "backfill, search"
    assert landed(hdfs).keys() == sent(x) | missing(x)


@pytest.mark.parametrize(("answer", "says"), [
    (plain("403 Forbidden", b'{"title":"no access"}'), "stays open: .* gives no access"),
    (plain("503 Service Unavailable"), "HTTP 503"), (plain("429 Too Many Requests"), "HTTP 429"),
    (plain("200 OK", b"[]"), "ValueError"), (b"", "ConnectionError")])
def test_a_search_that_is_refused_leaves_the_gap_open_and_the_stream_goes_on(
        hdfs: WebHdfs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: bytes, says: str) -> None:
    real = FilteredStream.request
    with scripted(answer) as other, platform.serving(tmp_path / "x", token=TOKEN, rate=300) as x:
        def request(self: FilteredStream, method: str, route: str, *more: Any, **params: Any) -> Any:
            if route.endswith("/recent"):
                self = FilteredStream(TOKEN, other.url, self._inbox)
            return real(self, method, route, *more, **params)

        monkeypatch.setattr(FilteredStream, "request", request)
        x.server.rules.change({"add": [{"value": "#a"}]}, False)
        with running(hdfs, x.url, tmp_path / "spool", policy=FAST, search=True) as service:
            until(lambda: x.server.sent > 50, "records")
            x.hang_up()
            until(lambda: service._searcher.error, "the search to fail", 60)
            assert re.search(says, str(service._searcher.error)), service._searcher.error
            until(lambda: status(tmp_path / "spool")["error"] == service._searcher.error, "the status to say so", 60)
            before = service.client.received
            until(lambda: service.client.received > before + 50, "more records", 60)
        assert [gap["state"] for gap in gaps(hdfs)] == ["open", "open"]
