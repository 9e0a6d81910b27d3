"""tweepy's StreamingClient as a reader of bytes: callbacks put records into the inbox and do nothing else.

tweepy 4.17.0 ends the stream for good on any exception in a callback, malformed JSON among them, reconnects without a
wait after a clean close, and retries a refused token for ever.
"""
from __future__ import annotations

import logging
import sys
import threading
import time
from collections import deque
from typing import Any
from urllib.parse import urlsplit

import requests
import tweepy

from spark_apps.ingest.inbox import Inbox
from spark_apps.ingest.wire import Session, reset_in_s, way_out, words

log = logging.getLogger(__name__)

TWEET_FIELDS = ("author_id", "conversation_id", "created_at", "edit_history_tweet_ids", "entities", "id",
                "in_reply_to_user_id", "lang", "note_tweet", "public_metrics", "referenced_tweets", "text")
EXPANSIONS = ("author_id", "referenced_tweets.id", "referenced_tweets.id.author_id")
USER_FIELDS = ("id", "name", "username")

# A different request is needed, so the same one is not tried again: bad request, token, credit, access, address.
_FATAL = {400: "refused the request", 401: "refused the token", 402: "asks for credit", 403: "gives no access",
          404: "has no filtered stream"}
#: https://docs.x.com/x-api/fundamentals/rate-limits: 50 connects in 15 minutes.
CONNECTS, CONNECT_WINDOW_S = 50, 900.0
_CLOSED_WAIT_S = (1.0, 60.0)
_TWEEPY_429_WAIT_S = 60.0


class ConnectBudget:
    """At most so many connects in a window. Times in seconds of any steady clock."""

    def __init__(self, limit: int = CONNECTS, window_s: float = CONNECT_WINDOW_S) -> None:
        self._limit, self._window_s = limit, window_s
        self._spent: deque[float] = deque(maxlen=limit)

    def spend(self, now: float) -> None:
        self._spent.append(now)

    def wait_s(self, now: float) -> float:
        """How long to wait before the next one."""
        return max(0.0, self._spent[0] + self._window_s - now) if len(self._spent) == self._limit else 0.0


class FilteredStream(tweepy.StreamingClient):  # type: ignore[misc]
    """Connects, reconnects, and stops for good with `fatal` set where only a person can help."""

    def __init__(self, token: str, url: str, inbox: Inbox, closed_wait_s: tuple[float, float] = _CLOSED_WAIT_S) -> None:
        # The stream is chunked, so a large read size does not wait for more than one chunk.
        super().__init__(token, daemon=True, chunk_size=65_536)
        self.session = Session()
        # An environment's proxy is for the world outside.
        self.session.trust_env = urlsplit(url).hostname not in ("127.0.0.1", "localhost", "::1")
        self._url, self._inbox = url.rstrip("/"), inbox
        self._budget, self._ending = ConnectBudget(), threading.Event()
        self._first_wait_s, self._longest_wait_s = closed_wait_s
        self._closed_wait_s = self._first_wait_s
        self.received = 0
        self.connects = 0
        self.connected_since: float | None = None
        self.fatal: str | None = None
        self.error: str | None = None

    def read(self) -> None:
        """Reads until `disconnect` or a fatal answer; to be called in a thread of its own."""
        while not self._ending.is_set() and not self.fatal:
            self.filter(tweet_fields=list(TWEET_FIELDS), expansions=list(EXPANSIONS), user_fields=list(USER_FIELDS))
            self._ending.wait(max(self._closed_wait_s, self._budget.wait_s(time.monotonic())))

    def disconnect(self) -> None:
        self._ending.set()
        super().disconnect()

    def on_data(self, raw_data: bytes) -> None:
        self.received += 1
        self._inbox.put(raw_data)

    def on_keep_alive(self) -> None:
        pass

    def on_connect(self) -> None:
        self._budget.spend(time.monotonic())
        self.connects += 1
        self.connected_since, self.error = time.time(), None
        log.info("connected to %s", self._url)

    def on_closed(self, response: requests.Response) -> None:
        held_s = self._held_s()
        self._down(f"{self._url} closed the stream after {held_s:.0f} s")
        self._pause(held_s)

    def on_connection_error(self) -> None:
        was_connected, held_s, error = self.connected_since, self._held_s(), sys.exc_info()[1]
        self._down(f"connection to {self._url} lost or not made ({type(error).__name__}), trying again")
        # tweepy waits longer and longer where none is made, and not at all where each is made and lost.
        if was_connected:
            self._pause(held_s)

    def _held_s(self) -> float:
        return time.time() - (self.connected_since or time.time())

    def _pause(self, held_s: float) -> None:
        """Longer each time, until a connection has held; and no more connects than the platform allows."""
        if held_s > self._longest_wait_s:
            self._closed_wait_s = self._first_wait_s
        self._ending.wait(max(self._closed_wait_s, self._budget.wait_s(time.monotonic())))
        self._closed_wait_s = min(self._closed_wait_s * 2, self._longest_wait_s)

    def on_request_error(self, status_code: int) -> None:
        said = words(self.session.last)
        if status_code in _FATAL:
            self.fatal = f"{self._url} {_FATAL[status_code]} (HTTP {status_code}{said}); {way_out(status_code)}"
            self.disconnect()
            return
        self._down(f"{self._url} answers HTTP {status_code}{said}, trying again")
        if status_code == 429:
            self._ending.wait(max(0.0, reset_in_s(self.session.last) - _TWEEPY_429_WAIT_S))

    def on_exception(self, exception: Exception) -> None:
        self._down(f"the reader failed and starts again: {type(exception).__name__}: {exception}")

    def on_disconnect(self) -> None:
        self.connected_since = None

    def _down(self, text: str) -> None:
        self.connected_since, self.error = None, text
        log.warning("%s", text)

    def _connect(self, method: str, endpoint: str, **kwargs: Any) -> None:
        self.session.headers["Authorization"] = f"Bearer {self.bearer_token}"
        tweepy.streaming.BaseStream._connect(self, method, f"{self._url}/2/tweets/{endpoint}/stream", **kwargs)

    def request(self, method: str, route: str, params: Any = None, json: Any = None,
                user_auth: bool = False) -> requests.Response:
        """tweepy's own goes to one fixed host, without a time-out."""
        with requests.Session() as session:
            session.trust_env = self.session.trust_env
            response = session.request(method, self._url + route, params=params, json=json, timeout=(5, 30), headers={
                "User-Agent": self.user_agent, "Authorization": f"Bearer {self.bearer_token}"})
        if response.status_code in _FATAL:
            raise PermissionError(f"{self._url} {_FATAL[response.status_code]} "
                                  f"(HTTP {response.status_code}{words(response)}); {way_out(response.status_code)}")
        response.raise_for_status()
        return response
