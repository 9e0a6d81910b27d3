"""What was posted in a gap that no backfill covers, by recent search: the thread that asks, page by page.

https://docs.x.com/x-api/posts/search/introduction
"""
from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from spark_apps.clock import Clock
from spark_apps.gap import Gap
from spark_apps.ingest import memory
from spark_apps.ingest.client import EXPANSIONS, TWEET_FIELDS, USER_FIELDS, FilteredStream
from spark_apps.ingest.inbox import Inbox
from spark_apps.ingest.marks import Found, Searched
from spark_apps.ingest.pages import Query, first_id, lines, made_ms, queries
from spark_apps.ingest.policy import Policy, search_at_ms
from spark_apps.ingest.wire import reset_in_s

log = logging.getLogger(__name__)

_ROUTE = "/2/tweets/search/recent"
_FIELDS = {"max_results": 100, "tweet.fields": ",".join(TWEET_FIELDS), "expansions": ",".join(EXPANSIONS),
           "user.fields": ",".join(USER_FIELDS)}


@dataclass(frozen=True)
class Requests:
    """When searches were asked for (ms), the oldest first; remembered over restarts."""

    at_ms: tuple[int, ...] = ()


class _Ended(Exception):
    pass


class _Refused(Exception):
    pass


class Searcher(threading.Thread):
    """One gap after the other: its posts into the inbox, and after them that it is searched. A gap that the platform
    refuses is tried again by the next start. The posts are read as those of the stream are, and counted where they are
    taken from the inbox."""

    def __init__(self, client: FilteredStream, inbox: Inbox, file: Path, policy: Policy, clock: Clock) -> None:
        """`file` remembers the requests."""
        super().__init__(name="searcher", daemon=True)
        self._client, self._inbox, self._file, self._policy, self._clock = client, inbox, file, policy, clock
        self._changed = threading.Condition()
        self._waiting: list[Gap] = []
        self._known: set[str] = set()
        self._ending = threading.Event()
        self._requests = Requests()
        self.asked = 0
        self.error: str | None = None

    def add(self, gap: Gap) -> None:
        """One that was added before is not added again."""
        with self._changed:
            if gap.name not in self._known:
                self._known.add(gap.name)
                self._waiting.append(gap)
                self._changed.notify_all()

    def stop(self) -> None:
        self._ending.set()
        with self._changed:
            self._changed.notify_all()

    def run(self) -> None:
        self._requests = memory.load(self._file, Requests) or Requests()
        while not self._ending.is_set():
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._ending.is_set())
                gap = self._waiting.pop(0) if self._waiting else None
            try:
                if gap is not None:
                    self._search(gap)
                    self.error = None
            except _Ended:
                return
            except _Refused as error:
                self._say(f"the gap {gap and gap.name} stays open: {error}")
            except Exception as error:   # the stream goes on without
                log.exception("a search failed")
                self._say(f"the gap {gap and gap.name} stays open: {type(error).__name__}: {error}")

    def _say(self, text: str) -> None:
        self.error = text
        log.warning("%s", text)

    def _search(self, gap: Gap) -> None:
        span = gap.missing(gap.end_ms or 0)
        if span is None:
            return
        self._wait_until(self._clock, gap.end_ms or 0, self._policy.search_after_s)
        if self._clock.now_ms() - span[0] > self._policy.search_reach_s * 1000:
            self._inbox.note(Searched(gap, None))
            raise _Refused("recent search does not reach back to it")
        # What came late on the stream was made before.
        since_ms = span[0] - round(self._policy.delivery_s * 1000)
        wanted = {**_FIELDS, "since_id": first_id(since_ms) - 1, "until_id": first_id(span[1])}
        found: set[int] = set()
        for query in self._queries():
            token: str | None = None
            while token != "":
                page = self._page({**wanted, "query": query.text, **({"next_token": token} if token else {})})
                for number, line in lines(page, query.rule):
                    if self._inbox.put(Found(line)) is None:
                        raise _Ended
                    found |= {number} if span[0] <= made_ms(number) < span[1] else set()
                token = str(page["meta"].get("next_token") or "")
        self._inbox.note(Searched(gap, len(found)))
        log.info("gap %s: %d posts of it found by search", gap.name, len(found))

    def _queries(self) -> list[Query]:
        rules = self._tried(lambda: self._client.get_rules().data or [])
        found = queries([(rule.value, str(rule.id), rule.tag) for rule in rules])
        if isinstance(found, str):
            raise _Refused(found)
        return found

    def _page(self, params: dict[str, Any]) -> dict[str, Any]:
        def ask() -> dict[str, Any]:
            self._take_turn()
            said = self._client.request("GET", _ROUTE, params).json()
            if not isinstance(said, dict) or not isinstance(said.get("meta"), dict):
                raise ValueError("no page")
            return said
        found: dict[str, Any] = self._tried(ask)
        return found

    def _take_turn(self) -> None:
        """Within the budget, also of a process before this one."""
        policy, clock = self._policy, Clock()
        self._wait_until(clock, search_at_ms(self._requests.at_ms, clock.now_ms(), policy), 0)
        self._requests = Requests((*self._requests.at_ms, clock.now_ms())[-policy.searches:])
        memory.save(self._file, self._requests, sync=False)
        self.asked += 1

    def _tried(self, ask: Callable[[], Any]) -> Any:
        """What it gives; asked for again where the platform cannot now."""
        policy, wait_s = self._policy, self._policy.http_first_s
        while True:
            try:
                return ask()
            except PermissionError as error:
                raise _Refused(str(error)) from None
            except (requests.RequestException, ValueError, OSError) as error:
                response = getattr(error, "response", None)
                limited = response is not None and response.status_code == 429
                asked_s = (reset_in_s(response) or policy.limited_first_s) if limited else 0.0
                status = f"HTTP {response.status_code}" if response is not None else type(error).__name__
                self._say(f"search: {self._client.url} does not answer as it should ({status}), trying again")
            if self._ending.wait(max(wait_s, min(asked_s, policy.limited_most_s))):
                raise _Ended
            wait_s = min(2 * wait_s, policy.http_most_s)

    def _wait_until(self, clock: Clock, at_ms: int, later_s: float) -> None:
        if self._ending.wait(max(0.0, (at_ms - clock.now_ms()) / 1000 + later_s)):
            raise _Ended
