"""Outages as whoever polls a stream noticed them: control/outages/<ms of the end>.json, written when they are over.

What is remembered meanwhile is in the memory of the poller; one that is made anew during an outage notices the rest.
"""
from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Protocol

from deploy.errors import HashtideError
from spark_apps.contract import StreamPaths

_WHAT = (("safe mode", r"safe ?mode"), ("ResourceManager", r"ResourceManager|YARN"), ("HDFS", r"."))


class Files(Protocol):
    """What of deploy.hdfs.Client is needed here."""

    def create_exclusive(self, path: str, obj: Any) -> bool: ...


def what_is_out(text: str) -> str:
    return next((what for what, pattern in _WHAT if re.search(pattern, text, re.IGNORECASE)), "unknown")


@dataclass
class Noticed:
    """`since_ms`: the first look that came to nothing; 0 where all answers."""

    since_ms: int = 0
    why: str = ""

    def again(self, now_ms: int, why: str) -> None:
        if not self.since_ms:
            self.since_ms, self.why = now_ms, why

    def over(self, hdfs: Files, paths: StreamPaths, now_ms: int) -> bool:
        """Writes down what ended, if anything did; kept for the next look where that fails."""
        if not self.since_ms:
            return False
        told = {"time_ms": now_ms, "since_ms": self.since_ms, "what": what_is_out(self.why), "why": self.why[:400]}
        try:
            while not hdfs.create_exclusive(paths.outage(now_ms), told):   # another's of this millisecond stays, too
                now_ms += 1
        except HashtideError:
            return False
        self.since_ms, self.why = 0, ""
        return True
