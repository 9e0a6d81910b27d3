"""What the platform answers instead of 200.

https://docs.x.com/x-api/fundamentals/response-codes-and-errors
"""
from __future__ import annotations

from dataclasses import dataclass

from deploy.local.simulator.connection import End
from deploy.local.simulator.faults.base import Fault, Lasting
from deploy.local.simulator.wire import STREAM, Answer, Request, problem

_PROBLEMS = "https://api.twitter.com/2/problems"


def too_many() -> Answer:
    return Answer(429, {"title": "ConnectionException", "connection_issue": "TooManyConnections",
                        "detail": "This stream is currently at the maximum allowed connection limit.",
                        "type": f"{_PROBLEMS}/streaming-connection"})


@dataclass
class _Instead(Lasting):
    """Every request below /2 has this answer. Open streams are closed, unless `hang_up` is false: otherwise nobody
    would ask."""

    hang_up: bool = True

    def start(self) -> None:
        if self.hang_up:
            self.stream.hang_up(End.CLOSE)

    def answer(self, request: Request) -> Answer | None:
        return self.said()

    def said(self) -> Answer:
        raise NotImplementedError


def _page(status: int, title: str) -> Answer:
    return Answer(status, f"<html>\r\n<head><title>{status} {title}</title></head>\r\n<body>\r\n"
                          f"<center><h1>{status} {title}</h1></center>\r\n</body>\r\n</html>\r\n")


@dataclass
class Http502(_Instead):
    """502 with a page of HTML, from what stands before the platform's servers."""

    def said(self) -> Answer:
        return _page(502, "Bad Gateway")


@dataclass
class Http503(_Instead):
    """503 with a page of HTML: over capacity."""

    def said(self) -> Answer:
        return _page(503, "Service Temporarily Unavailable")


@dataclass
class Http401(_Instead):
    """The token was revoked."""

    def said(self) -> Answer:
        return problem(401, "Unauthorized", "Unauthorized")


@dataclass
class Http403(_Instead):
    """The token's project lost its access to the stream."""

    def said(self) -> Answer:
        return problem(403, "Client Forbidden", "When authenticating requests to the API v2 endpoints, you must use "
                       "keys and tokens from a developer App that is attached to a Project.",
                       f"{_PROBLEMS}/client-forbidden", reason="client-not-enrolled",
                       required_enrollment="Appropriate Level of API Access")


@dataclass
class TooManyConnections(Fault):
    """The connection breaks, but for the platform it is still open: 429 until `DELETE /2/connections/all`, or for
    `duration_s` where that is not 0."""

    duration_s: float = 0.0

    def start(self) -> None:
        self.lingering = max(1, len(self.stream.connections))
        self.stream.hang_up(End.RESET)

    @property
    def over(self) -> bool:
        late = self.duration_s and self.stream.elapsed_s - self.began_s >= self.duration_s
        return not self.lingering or bool(late)

    def answer(self, request: Request) -> Answer | None:
        return too_many() if self.lingering and (request.method, request.path) == ("GET", STREAM) else None

    def killed(self) -> int:
        ended, self.lingering = self.lingering, 0
        return ended


@dataclass
class RateLimit(Lasting):
    """429 with `x-rate-limit-reset` after `connects` connects within `window_s`; connects from before count. The
    platform's own numbers are 50 in 15 minutes."""

    duration_s: float = 1e9
    connects: int = 50
    window_s: float = 900.0

    def start(self) -> None:
        self.before = self.stream.budget.limit, self.stream.budget.window_s
        self.stream.budget.limit, self.stream.budget.window_s, self.stream.budget.holds = (
            self.connects, self.window_s * self.stream.settings.time_scale, True)

    def stop(self) -> None:
        self.stream.budget.limit, self.stream.budget.window_s = self.before
        self.stream.budget.holds = False
