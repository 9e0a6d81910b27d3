"""tweepy's StreamingClient as a reader of bytes, for one connection at a time: callbacks put records into the inbox and
do nothing else.

tweepy 4.17.0 ends the stream for good on any exception in a callback, malformed JSON among them, reconnects without a
wait after a clean close, and retries a refused token for ever; so it never gets to reconnect by itself.
"""
from __future__ import annotations

import logging
import sys
import time
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import requests
import tweepy
import urllib3

from spark_apps.ingest.inbox import Inbox
from spark_apps.ingest.marks import Alive, Up
from spark_apps.ingest.policy import FATAL, Event
from spark_apps.ingest.wire import Session, beginning, problem, reset_in_s, way_out, words

log = logging.getLogger(__name__)

TWEET_FIELDS = ("author_id", "conversation_id", "created_at", "edit_history_tweet_ids", "entities", "id",
                "in_reply_to_user_id", "lang", "note_tweet", "public_metrics", "referenced_tweets", "text")
EXPANSIONS = ("author_id", "referenced_tweets.id", "referenced_tweets.id.author_id")
USER_FIELDS = ("id", "name", "username")


class FilteredStream(tweepy.StreamingClient):  # type: ignore[misc]
    """`once` is one connection. What others may read at any time: `received`, `connects`, `connected_since`."""

    def __init__(self, token: str, url: str, inbox: Inbox, silence_s: float = 21.0) -> None:
        # The stream is chunked, so a large read size does not wait for more than one chunk.
        super().__init__(token, daemon=True, chunk_size=65_536)
        self.session = Session()
        # An environment's proxy is for the world outside.
        self.session.trust_env = urlsplit(url).hostname not in ("127.0.0.1", "localhost", "::1")
        self.url, self._inbox, self._silence_s = url.rstrip("/"), inbox, silence_s
        self.received = 0
        self.connects = 0
        self.connected_since: float | None = None
        self.life_ms: int | None = None   # when the platform was heard last, by the inbox's clock
        self._life = 0.0                  # the same, by a steady clock
        self._reading = self._silent = self._gone = False
        self._backfill = 0
        self._ended: Event | None = None

    def once(self, backfill: int = 0) -> Event:
        """Connects, reads until the connection ends, and says how; `backfill`: minutes to ask for."""
        self._ended, self._silent, self._backfill = None, False, backfill
        self._life, self._reading = time.monotonic(), True
        self.session.allow_one()
        try:
            self.filter(tweet_fields=list(TWEET_FIELDS), expansions=list(EXPANSIONS), user_fields=list(USER_FIELDS),
                        **({"backfill_minutes": backfill} if backfill else {}))
        finally:
            self._reading, since = False, self.connected_since
            self.connected_since = None
        return self._ended or self._event("closed", since, f"{self.url}: the stream ended")

    def hang_up(self) -> None:
        """Makes `once` return soon, and any later one at once. From another thread."""
        self._gone = True
        self.disconnect()
        self.session.cut()

    def watch(self) -> None:
        """Ends a connection that has been silent for too long; while there is no room for what came, it is not the
        platform that is silent. To be called every second or so, from another thread."""
        if self._inbox.blocked:
            self._life = time.monotonic()
        elif self._reading and not self._silent and time.monotonic() - self._life > self._silence_s:
            self._silent = True
            self.session.cut()

    # tweepy's callbacks, in the order of a connection

    def on_connect(self) -> None:
        self.connects += 1
        self._life, self.connected_since = time.monotonic(), time.time()
        self.life_ms = self._inbox.note(Up(self._backfill))
        log.info("connected to %s%s", self.url, f", backfill of {self._backfill} minutes" if self._backfill else "")
        if self._gone:
            self.disconnect()

    def on_data(self, raw_data: bytes) -> None:
        self.received += 1
        arrival_ms = self._inbox.put(raw_data)
        self.life_ms = arrival_ms or self.life_ms
        self._life = time.monotonic()

    def on_keep_alive(self) -> None:
        self.life_ms = self._inbox.note(Alive())
        self._life = time.monotonic()

    def on_closed(self, response: requests.Response) -> None:
        since = self.connected_since
        self._end(self._event("closed", since, f"{self.url} closed the stream after {_held_s(since):.0f} s"))

    def on_connection_error(self) -> None:
        error, since = sys.exc_info()[1], self.connected_since
        if self._silent or _timed_out(error):
            self._end(self._event("silent", since, f"{self.url} was silent for {self._silence_s:.0f} s, trying again"))
            return
        kind = "unsent" if since is None and _unsent(error) else "lost"
        self._end(self._event(kind, since, f"connection to {self.url} lost or not made "
                              f"({type(error).__name__}), trying again"))

    def on_request_error(self, status_code: int) -> None:
        response = self.session.last
        body = problem(beginning(response))
        if status_code in FATAL:
            text = f"{self.url} {FATAL[status_code]} (HTTP {status_code}{words(body)}); {way_out(status_code)}"
        else:
            text = f"{self.url} answers HTTP {status_code}{words(body)}, trying again"
        too_many = "TooManyConnections" in str(body.get("connection_issue") or body.get("title"))
        self._end(Event("http", text, status=status_code, reset_s=reset_in_s(response), too_many=too_many,
                        backfill=self._backfill))

    def on_exception(self, exception: Exception) -> None:
        self._end(self._event("failed", self.connected_since,
                              f"the reader failed and starts again: {type(exception).__name__}: {exception}"))

    def on_disconnect(self) -> None:
        pass

    def _end(self, event: Event) -> None:
        """The first word counts. What tweepy does next it does only while `running`."""
        self._ended = self._ended or replace(event, text=self._hidden(event.text))
        self.running = False

    @staticmethod
    def _event(kind: Any, since: float | None, text: str) -> Event:
        return Event(kind, text, connected=since is not None, held_s=_held_s(since))

    def _hidden(self, text: str) -> str:
        """Whatever an answer or an error repeats, it is not to repeat the token."""
        token = str(self.bearer_token)
        return text.replace(token, "[token]") if len(token) > 7 else text   # a short one is part of many words

    # tweepy's way out, which goes to one fixed host

    def _connect(self, method: str, endpoint: str, **kwargs: Any) -> None:
        self.session.headers["Authorization"] = f"Bearer {self.bearer_token}"
        tweepy.streaming.BaseStream._connect(self, method, f"{self.url}/2/tweets/{endpoint}/stream",
                                             timeout=self._silence_s, **kwargs)

    def request(self, method: str, route: str, params: Any = None, json: Any = None,
                user_auth: bool = False) -> requests.Response:
        """PermissionError where it is refused for good; what requests raises otherwise."""
        with requests.Session() as session:
            session.trust_env = self.session.trust_env
            response = session.request(method, self.url + route, params=params, json=json, timeout=(5, 30), headers={
                "User-Agent": self.user_agent, "Authorization": f"Bearer {self.bearer_token}"})
        if response.status_code in FATAL:
            raise PermissionError(self._hidden(
                f"{self.url} {FATAL[response.status_code]} (HTTP {response.status_code}"
                f"{words(problem(response.content))}); {way_out(response.status_code)}"))
        response.raise_for_status()
        return response

    def end_connections(self) -> int:
        """Of this application, all of them: https://docs.x.com/x-api/connections/terminate-all-connections; how many
        the platform says it ended."""
        data = problem(self.request("DELETE", "/2/connections/all").content).get("data")
        return int(data.get("successful_kills") or 0) if isinstance(data, dict) else 0


def _held_s(since: float | None) -> float:
    return max(0.0, time.time() - since) if since is not None else 0.0


def _timed_out(error: BaseException | None) -> bool:
    """requests has a time-out while it reads a body as a ConnectionError."""
    inner = error.args[0] if error is not None and error.args else None
    return isinstance(error, requests.ReadTimeout) or isinstance(inner, urllib3.exceptions.ReadTimeoutError)


def _unsent(error: BaseException | None) -> bool:
    """Whether no request went out: the platform has not counted it."""
    reason = getattr(error.args[0], "reason", None) if error is not None and error.args else None
    return isinstance(error, (requests.ConnectTimeout, requests.exceptions.SSLError)) or isinstance(
        reason, urllib3.exceptions.NewConnectionError)
