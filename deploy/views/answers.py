"""Answers kept for as long as they hold, and shown with their age where nothing newer can be had."""
from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

from deploy.errors import HashtideError, Unreachable
from deploy.lines import line

#: Answers of all streams, views and windows together.
_MOST = 200


@dataclass
class _Kept:
    stamp: Hashable = None
    made_ms: int = 0
    data: Any = None
    lock: threading.Lock = field(default_factory=threading.Lock)


class Answers:
    """`ask` makes an answer at most once at a time for each key."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()
        self._lock = threading.Lock()

    def ask(self, key: Hashable, make: Callable[[], Any], fresh_ms: int,
            stamp: Callable[[], Hashable] | None = None) -> dict[str, Any]:
        """{"made_ms", "now_ms", "fault", "data"}: younger than `fresh_ms`, or of the same stamp, else made anew.

        fault: one line that says why it is not newer, or why there is none (`data` is then None); else empty.
        """
        kept = self._of(key)
        with kept.lock:
            fault = ""
            try:
                if not kept.made_ms or self._now_ms() - kept.made_ms >= fresh_ms:
                    seen = stamp() if stamp else None
                    if kept.data is None or stamp is None or seen != kept.stamp:
                        kept.data, kept.stamp = make(), seen
                    kept.made_ms = self._now_ms()
            except HashtideError as error:
                fault = said(error)
            return {"made_ms": kept.made_ms, "now_ms": self._now_ms(), "fault": fault, "data": kept.data}

    def _of(self, key: Hashable) -> _Kept:
        with self._lock:
            kept = self._kept.setdefault(key, _Kept())
            self._kept.move_to_end(key)
            while len(self._kept) > _MOST:
                self._kept.popitem(last=False)
            return kept


def said(error: HashtideError) -> str:
    text = line(str(error))
    return f"Nothing is known of now: {text}" if isinstance(error, Unreachable) else text
