"""When to connect to the platform again: a pure function of what happened, after what the platform asks of clients.

    started --> connect --> closed | lost | silent --> wait 1 s, doubling to 60 s until a connection has held
                   |------> unsent (no request went out) | lost before an answer --> wait 250 ms more each time, to 16 s
                   |------> 5xx ------------------------> wait 5 s, doubling to 320 s
                   |------> 429 ------------------------> wait until x-rate-limit-reset, else 60 s, doubling to 900 s
                   |           TooManyConnections ------> our own stale connection is ended first
                   '------> 400, 401, 402, 403, 404 ----> stop: only a person can help

And whatever happened: at most 50 connects in any 15 minutes, over restarts of the process too.

https://docs.x.com/x-api/posts/filtered-stream/integrate/handling-disconnections
https://docs.x.com/x-api/fundamentals/rate-limits
"""
from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import Literal

Kind = Literal["started", "unsent", "lost", "silent", "closed", "http", "failed"]

#: A different request is needed, so the same one is not tried again: bad request, token, credit, access, address.
FATAL = {400: "refused the request", 401: "refused the token", 402: "asks for credit", 403: "gives no access",
         404: "has no filtered stream"}


@dataclass(frozen=True)
class Policy:
    """All times in seconds."""

    connects: int = 50
    window_s: float = 900.0
    network_step_s: float = 0.25
    network_most_s: float = 16.0
    http_first_s: float = 5.0
    http_most_s: float = 320.0
    limited_first_s: float = 60.0
    limited_most_s: float = 900.0
    # A header that asks for longer is asked about again after this.
    reset_most_s: float = 86_400.0
    # Not asked for by the platform. A stream that is closed as soon as it is open would else use up the connects.
    closed_first_s: float = 1.0
    closed_most_s: float = 60.0
    # The platform sends a keep-alive every 20 s.
    silence_s: float = 21.0
    # Two services that share one allowed connection would else end each other's for ever.
    cure_every_s: float = 300.0
    # Of a backfill. What was sent while the connection broke is older than the gap by so much.
    minute_s: float = 60.0
    delivery_s: float = 5.0
    # A backfill is over where none of its posts came for so long.
    settled_s: float = 10.0
    # Of recent search, where an application may ask 450 times in 15 minutes, each second once. Its index takes a while,
    # and reaches back a week.
    searches: int = 300
    search_step_s: float = 1.0
    search_after_s: float = 30.0
    search_reach_s: float = 6.9 * 86_400

    def hurried(self, by: float) -> Policy:
        """The same, all times `by` times shorter: for trials."""
        return replace(self, **{f.name: getattr(self, f.name) / by for f in fields(self) if f.name.endswith("_s")})


@dataclass(frozen=True)
class Event:
    """How a connection ended, or was not made. `connected`: an answer 200 had come; `reset_s`: until when the platform
    says to wait; `backfill`: minutes that were asked for; `text`: all of it in a line."""

    kind: Kind
    text: str = ""
    connected: bool = False
    held_s: float = 0.0
    status: int = 0
    reset_s: float = 0.0
    too_many: bool = False
    backfill: int = 0


@dataclass(frozen=True)
class History:
    """What is remembered over restarts. `connects`: times (ms) of requests, oldest first; then the failures in a row by
    kind; `not_before_ms`: what the platform asked for last; `cured_ms`: when stale connections were ended last."""

    connects: tuple[int, ...] = ()
    network: int = 0
    http: int = 0
    limited: int = 0
    closed: int = 0
    not_before_ms: int = 0
    cured_ms: int = 0
    no_backfill: bool = False


@dataclass(frozen=True)
class Connect:
    """At this instant (ms); with `cure`, after `DELETE /2/connections/all`."""

    at_ms: int
    cure: bool = False


@dataclass(frozen=True)
class Stop:
    why: str


def spend(history: History, now_ms: int, policy: Policy) -> History:
    """To be remembered before the request goes out: a process that is killed while it waits for the answer has spent
    it as well."""
    return replace(history, connects=(*history.connects, now_ms)[-policy.connects:])


def decide(history: History, event: Event, now_ms: int, policy: Policy) -> tuple[History, Connect | Stop]:
    if event.status in (400, 403) and event.backfill:
        # Who is not entitled to backfill is refused the whole request.
        return _connect(replace(history, no_backfill=True), 0.0, now_ms, policy)
    if event.status in FATAL:
        return history, Stop(event.text)
    if event.kind == "started":
        # A person or a supervisor wants it now; what the platform asked for still holds.
        asked = min(history.not_before_ms, now_ms + _ms(policy.reset_most_s))
        kept = History(history.connects, not_before_ms=asked, cured_ms=history.cured_ms)
        return _connect(kept, 0.0, now_ms, policy)
    if event.connected:
        closed = 0 if event.held_s > policy.closed_most_s else history.closed
        wait_s = _doubled(policy.closed_first_s, closed, policy.closed_most_s)
        return _connect(replace(history, closed=closed + 1, network=0, http=0, limited=0), wait_s, now_ms, policy)
    if event.status == 429:
        return _limited(history, event, now_ms, policy)
    if event.kind in ("http", "failed"):
        wait_s = _doubled(policy.http_first_s, history.http, policy.http_most_s)
        return _connect(replace(history, http=history.http + 1), wait_s, now_ms, policy)
    connects = history.connects[:-1] if event.kind == "unsent" else history.connects
    network = history.network + 1
    wait_s = min(network * policy.network_step_s, policy.network_most_s)
    return _connect(replace(history, connects=connects, network=network), wait_s, now_ms, policy)


def _limited(history: History, event: Event, now_ms: int, policy: Policy) -> tuple[History, Connect | Stop]:
    if event.too_many and now_ms - history.cured_ms >= _ms(policy.cure_every_s):
        return _connect(replace(history, cured_ms=now_ms), policy.network_step_s, now_ms, policy, cure=True)
    wait_s = min(event.reset_s, policy.reset_most_s)
    if wait_s <= 0:
        wait_s = _doubled(policy.limited_first_s, history.limited, policy.limited_most_s)
    after = replace(history, limited=history.limited + 1, not_before_ms=now_ms + _ms(wait_s))
    return _connect(after, wait_s, now_ms, policy)


def _connect(history: History, wait_s: float, now_ms: int, policy: Policy,
             cure: bool = False) -> tuple[History, Connect | Stop]:
    at_ms = max(now_ms + _ms(wait_s), history.not_before_ms)
    # A clock that was set back makes times of the future of them: as if they were of now.
    spent = [min(ms, now_ms) for ms in history.connects]
    if len(spent) >= policy.connects:
        at_ms = max(at_ms, spent[-policy.connects] + _ms(policy.window_s))
    return replace(history, connects=tuple(spent)), Connect(at_ms, cure)


def _doubled(first_s: float, times: int, most_s: float) -> float:
    return float(min(first_s * 2 ** min(times, 30), most_s))


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def backfill_minutes(gap_ms: int, policy: Policy, most: int = 5) -> int:
    """Whole minutes that cover a gap and the seconds that a post takes to come, if so many may be asked for."""
    return max(1, min(most, math.ceil((gap_ms + _ms(policy.delivery_s)) / _ms(policy.minute_s))))


def covered_from_ms(start_ms: int, end_ms: int, minutes: int, policy: Policy) -> int:
    """From when on a backfill that was asked for at the end of a gap brings all that came in it."""
    return max(start_ms, min(end_ms, end_ms - minutes * _ms(policy.minute_s) + _ms(policy.delivery_s)))


def search_at_ms(asked: tuple[int, ...], now_ms: int, policy: Policy) -> int:
    """When one may be asked for next; `asked` as of the requests before, the oldest first."""
    spent = [min(ms, now_ms) for ms in asked]
    at_ms = max(now_ms, spent[-1] + _ms(policy.search_step_s)) if spent else now_ms
    return max(at_ms, spent[-policy.searches] + _ms(policy.window_s)) if len(spent) >= policy.searches else at_ms
