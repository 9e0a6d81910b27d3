"""How many connects the platform grants in a window, and the headers in which it says so.

https://docs.x.com/x-api/fundamentals/rate-limits
"""
from __future__ import annotations

import time
from dataclasses import dataclass

from deploy.local.simulator.wire import Answer, problem

Headers = tuple[tuple[str, str], ...]


@dataclass
class ConnectBudget:
    """50 connects in 15 minutes. It is told in each answer, and held to only while `holds`: a simulator that is
    restarted by hand all day is no platform."""

    limit: int = 50
    window_s: float = 900.0
    holds: bool = False
    spent: int = 0
    began: float = float("-inf")

    def spend(self) -> bool:
        """Whether one more is granted."""
        now = time.monotonic()
        if now - self.began >= self.window_s:
            self.began, self.spent = now, 0
        if self.holds and self.spent >= self.limit:
            return False
        self.spent += 1
        return True

    def headers(self, now_ms: int) -> Headers:
        """The reset is told in whole seconds of the server's clock, rounded up: before it there is no use in asking."""
        left_ms = int(1000 * max(0.0, self.began + self.window_s - time.monotonic()))
        return (("x-rate-limit-limit", str(self.limit)),
                ("x-rate-limit-remaining", str(max(0, self.limit - self.spent))),
                ("x-rate-limit-reset", str(-(-(now_ms + left_ms) // 1000))))

    def refusal(self, now_ms: int) -> Answer:
        answer = problem(429, "Too Many Requests", "Too Many Requests")
        return Answer(answer.status, answer.body, self.headers(now_ms))
