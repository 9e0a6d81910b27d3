"""The thread that keeps a connection to the platform: asks the policy, waits, connects, and notes how it ended."""
from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import requests

from spark_apps.clock import Clock
from spark_apps.ingest import memory
from spark_apps.ingest.client import FilteredStream
from spark_apps.ingest.marks import Down
from spark_apps.ingest.policy import FATAL, Connect, Event, History, Policy, Stop, backfill_minutes, decide, spend

log = logging.getLogger(__name__)

#: What a gap is called after that began with the end of such a connection.
_CAUSES = {"closed": "closed", "silent": "silence", "lost": "lost", "failed": "failed"}


@dataclass(frozen=True)
class Asked:
    """`file` remembers the history. `gap_from_ms`, where backfill is wanted: since when posts are missing, or None
    where none is known to be."""

    file: Path
    policy: Policy = Policy()
    gap_from_ms: Callable[[], int | None] | None = None


class Reader:
    """`read` returns after `stop`, or with `fatal` set where only a person can help."""

    def __init__(self, client: FilteredStream, note: Callable[[object], object], asked: Asked,
                 clock: Clock | None = None) -> None:
        self.client, self._note, self._asked, self._clock = client, note, asked, clock or Clock()
        self._ending = threading.Event()
        self._stopped = "stopped"
        self.fatal: str | None = None
        self._error: str | None = None
        self.waits_until_ms: int | None = None

    @property
    def error(self) -> str | None:
        """What went wrong last, until a connection is there."""
        return None if self.client.connected_since else self._error

    def stop(self, cause: str = "stopped") -> None:
        """`cause`: of the gap that begins with it."""
        self._stopped = cause
        self._ending.set()
        self.client.hang_up()

    def read(self) -> None:
        try:
            self._read()
        except Exception as error:   # a thread that ends here would leave a service that reads nothing, unseen
            log.exception("the reader ends")
            self.fatal = f"the reader failed: {type(error).__name__}: {error}"

    def _read(self) -> None:
        history, event = memory.load(self._asked.file, History) or History(), Event("started")
        while True:
            # The real clock, which goes on over restarts and is the platform's; not the shifted one of arrivals.
            history, what = decide(history, event, Clock().now_ms(), self._asked.policy)
            if isinstance(what, Stop):
                self.fatal = what.why
                return
            if not self._wait(what, event):
                return
            if what.cure and not self._cure():
                # Asked for again sooner than if it had been done.
                history = replace(history, cured_ms=history.cured_ms - int(self._asked.policy.cure_every_s * 800))
            history = spend(history, Clock().now_ms(), self._asked.policy)
            if not self._remember(history):
                return
            event = self.client.once(0 if history.no_backfill else self._backfill())
            ended = self._ending.is_set()
            if event.connected:
                self._note(Down(self._stopped) if ended else Down(_CAUSES.get(event.kind, event.kind), event.text))
            if ended:
                return
            self._error = event.text
            if event.status not in FATAL:
                log.warning("%s", event.text)

    def _wait(self, what: Connect, event: Event) -> bool:
        """Whether it is time; False where the end came first."""
        wait_s = (what.at_ms - Clock().now_ms()) / 1000
        if wait_s > 1:
            log.info("the next connect is in %.0f s", wait_s)
        self.waits_until_ms = what.at_ms
        ended = self._ending.wait(max(0.0, wait_s))
        self.waits_until_ms = None
        return not ended

    def _cure(self) -> bool:
        """Ends what the platform holds for connections of ours; whether it says so."""
        try:
            log.warning("%d stale connections ended at %s", self.client.end_connections(), self.client.url)
            return True
        except (PermissionError, requests.RequestException) as error:
            log.warning("stale connections could not be ended: %s", type(error).__name__)
            return False

    def _remember(self, history: History) -> bool:
        """Before the request goes out; while it cannot be written nothing is requested."""
        while not self._ending.is_set():
            try:
                memory.save(self._asked.file, history)
                return True
            except OSError as error:
                self._error = f"cannot remember a connect in {self._asked.file}: {error.strerror}; make room"
                log.error("%s", self._error)
                self._ending.wait(1.0)
        return False

    def _backfill(self) -> int:
        since_ms = self._asked.gap_from_ms() if self._asked.gap_from_ms else None
        return backfill_minutes(self._clock.now_ms() - since_ms, self._asked.policy) if since_ms else 0
