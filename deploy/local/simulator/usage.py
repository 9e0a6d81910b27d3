"""How many posts were read, as the platform bills them: a post that comes again on the same day (UTC) costs nothing.

https://docs.x.com/x-api/usage/introduction
"""
from __future__ import annotations

from collections import Counter, deque
from typing import Any

from deploy.local.simulator.generator import iso
from deploy.local.simulator.wire import Answer, Request, invalid

Json = dict[str, Any]

_DAY_MS = 86_400_000
_PROJECT, _APP, _RESET_DAY = "1700000000000000001", "27000001", 1
#: So many posts are known again; with more than that in a day, one that repeats late is billed twice.
_KNOWN = 200_000


class Usage:
    """`before`: posts that the project had read when the simulator began. In memory only."""

    def __init__(self, cap: int, before: int = 0) -> None:
        self.cap, self.read = cap, before
        self._days: Counter[int] = Counter()
        self._known: set[int] = set()
        # Beside the set: the first key of a dict is found by passing over all that were deleted before it.
        self._order: deque[int] = deque()
        self._day = 0

    def add(self, record: bytes, now_ms: int) -> None:
        day, known = now_ms // _DAY_MS, hash(record)
        if day != self._day:
            self._day = day
            self._known.clear()
            self._order.clear()
        if known in self._known:
            return
        self._known.add(known)
        self._order.append(known)
        if len(self._order) > _KNOWN:
            self._known.remove(self._order.popleft())
        self._days[day] += 1
        self.read += 1

    def answer(self, request: Request, now_ms: int) -> Answer:
        days = request.one("days", "7")
        if not days.isdecimal() or not 1 <= int(days) <= 90:
            return invalid("days", days, "must be a number from 1 to 90")
        today = now_ms // _DAY_MS
        daily = [{"date": iso(day * _DAY_MS), "usage": str(self._days[day])}
                 for day in range(today - int(days) + 1, today + 1) if self._days[day]]
        return Answer(200, {"data": {
            "cap_reset_day": _RESET_DAY, "project_cap": str(self.cap), "project_id": _PROJECT,
            "project_usage": str(self.read), "daily_project_usage": {"project_id": _PROJECT, "usage": daily},
            "daily_client_app_usage": [{"client_app_id": _APP, "usage": daily, "usage_result_count": len(daily)}]}})
