"""The thread that takes closed spool files to landing, in their order, and says how far landing is complete."""
from __future__ import annotations

import logging
import threading
import time
from pathlib import Path
from typing import Any

from spark_apps.ingest import gaps
from spark_apps.ingest.landing import BACKOFF_S, FAULTS, Landing, reason
from spark_apps.ingest.spool import Rotation

log = logging.getLogger(__name__)

_LOG_EVERY_S = 60.0


class Uploader(threading.Thread):
    """Lands rotations in their order, for ever trying again; a mark is published after all files before it."""

    def __init__(self, landing: Landing, source: str, spool: Path | None = None) -> None:
        """`spool`: where gaps wait beside the files that are handed over."""
        super().__init__(name="uploader", daemon=True)
        self._landing, self._source, self._spool = landing, source, spool
        self._changed = threading.Condition()
        self._waiting: list[Rotation] = []
        self._ending = False
        self._logged = float("-inf")
        self._swept = spool is None
        self.landed = 0
        self.through_ms: int | None = None
        self.error: str | None = None
        self.gap_error: str | None = None
        self.also: dict[str, Any] = {}   # goes along with the mark

    def add(self, rotation: Rotation) -> None:
        with self._changed:
            last = self._waiting[-1] if self._waiting else None
            if last and last.path is None and rotation.path is None:
                self._waiting.pop()   # marks with no file between them: the newest says it all
            self._waiting.append(rotation)
            self._changed.notify_all()

    def finish(self, timeout_s: float) -> bool:
        """Whether all is landed; what is not stays in the spool."""
        with self._changed:
            self._ending = True
            self._changed.notify_all()
        self.join(timeout_s)
        return not self._waiting

    @property
    def backlog(self) -> int:
        return len(self._waiting)

    @property
    def backlog_bytes(self) -> int:
        with self._changed:
            return sum(rotation.size for rotation in self._waiting)

    def run(self) -> None:
        wait_s = BACKOFF_S[0]
        while True:
            with self._changed:
                while not self._waiting and not self._ending:
                    self._changed.wait()
                if not self._waiting:
                    return
                head = self._waiting[0]
            try:
                self._take(head)
            except Exception as error:   # a thread that ends here would leave all that follows in the spool, unseen
                self._failed(error)
                if self._ending:
                    return
                with self._changed:
                    self._changed.wait_for(lambda: self._ending, wait_s)
                wait_s = min(wait_s * 2, BACKOFF_S[1])
                continue
            wait_s, self.error = BACKOFF_S[0], None
            with self._changed:
                if self._waiting and self._waiting[0] is head:
                    self._waiting.pop(0)

    def _take(self, rotation: Rotation) -> None:
        if rotation.path is not None and rotation.path.exists():
            self._landing.land(rotation.path)
            rotation.path.unlink()
            self.landed += 1
        self._note_gaps()
        if not self._swept:
            self._landing.sweep()
            self._swept = True
        if rotation.through_ms > (self.through_ms or 0):
            self._landing.publish(self._source, rotation.through_ms, self.also)
            self.through_ms = rotation.through_ms

    def _note_gaps(self) -> None:
        """Before the mark that is past them. Where HDFS refuses them, landing goes on without."""
        self.gap_error = None
        for name, paths in gaps.waiting(self._spool).items() if self._spool else ():
            try:
                self._landing.note_gap(name, paths[-1].read_bytes())
            except FAULTS as error:
                self.gap_error = f"gaps are not written: {reason(error)}"
                return
            for path in paths:
                path.unlink(missing_ok=True)

    def _failed(self, error: Exception) -> None:
        self._swept = self._spool is None   # what it failed at may have left something
        self.error = reason(error)
        if time.monotonic() - self._logged >= _LOG_EVERY_S:
            self._logged = time.monotonic()
            log.warning("cannot land, %d waiting in the spool, trying on: %s", len(self._waiting), self.error)
