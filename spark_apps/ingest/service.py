"""The ingest service: reader thread -> inbox -> spool writer -> uploader thread, until a signal or a fatal answer."""
from __future__ import annotations

import json
import logging
import os
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spark_apps.clock import Clock
from spark_apps.ingest.client import FilteredStream
from spark_apps.ingest.errors import IngestError
from spark_apps.ingest.inbox import Inbox
from spark_apps.ingest.landing import Landing
from spark_apps.ingest.spool import Rotation, Spool, closed_files, recover
from spark_apps.ingest.upload import Uploader

log = logging.getLogger(__name__)

_FINISH_S = 3.0
_STATUS_EVERY_S = 1.0


@dataclass(frozen=True)
class Settings:
    spool: Path
    source: str
    url: str
    token: str = field(repr=False)
    max_ms: int = 5_000
    max_bytes: int = 32 << 20
    clock: Clock = field(default_factory=Clock)


class Service:
    """`run` blocks until `stop`; IngestError where the platform refuses us for good. The caller locks the spool."""

    def __init__(self, settings: Settings, landing: Landing) -> None:
        self._settings = settings
        self.inbox = Inbox(settings.clock)
        self.client = FilteredStream(settings.token, settings.url, self.inbox)
        self.uploader = Uploader(landing, settings.source)
        self._spool = Spool(settings.spool, settings.source, settings.max_ms, settings.max_bytes)
        self._stopping = False   # no Event: a signal's handler may not take a lock that the code it interrupts holds
        self._spool_error: str | None = None
        self._status_at = 0.0

    def stop(self) -> None:
        self._stopping = True

    def run(self) -> None:
        left = recover(self._settings.spool, self._settings.clock.offset_ms)
        if left:
            log.info("%d files left in the spool are landed first", len(left))
        for path in left:
            self.uploader.add(Rotation(path, 0))
        self.uploader.start()
        threading.Thread(target=self.client.read, name="reader", daemon=True).start()
        log.info("reading %s as %s, spool %s", self._settings.url, self._settings.source, self._settings.spool)
        while not self._stopping and not self.client.fatal:
            self._step()
        self._end()
        if self.client.fatal:
            raise IngestError(self.client.fatal)

    def _step(self, timeout_s: float = 0.25) -> None:
        """Moves what has arrived into the spool, and hands on what was closed."""
        items, now_ms = self.inbox.take(timeout_s)
        for arrival_ms, record in items:
            self._until_written(lambda a=arrival_ms, r=record: self._spool.add(a, r))
        self._until_written(lambda: self._spool.tick(now_ms))
        if time.monotonic() - self._status_at >= _STATUS_EVERY_S:
            self._status_at = time.monotonic()
            self._write_status("running")

    def _until_written(self, write: Any) -> None:
        """A full disk is waited for: the inbox fills, and the platform holds back."""
        while True:
            try:
                rotation = write()
            except OSError as error:
                if self._spool_error is None:
                    log.error("cannot write to the spool %s: %s; waiting", self._settings.spool, error.strerror)
                self._spool_error = f"spool: {error.strerror}"
                time.sleep(0.25)
                if self._stopping:
                    raise IngestError(f"stopped while the spool {self._settings.spool} cannot be written: "
                                      f"{error.strerror}; make room") from None
                continue
            self._spool_error = None
            if rotation:
                self.uploader.add(rotation)
            return

    def _end(self) -> None:
        """All that was received is landed, or stays in the spool for the next start."""
        self.client.disconnect()
        self.inbox.close()
        items, now_ms = self.inbox.take(0)
        for arrival_ms, record in items:
            self._until_written(lambda a=arrival_ms, r=record: self._spool.add(a, r))
        self._until_written(lambda: self._spool.close(now_ms))
        landed = self.uploader.finish(_FINISH_S)
        self._write_status("stopped")
        left = len(closed_files(self._settings.spool))
        log.info("stopped: %d received, %d files landed, %s", self.client.received, self.uploader.landed,
                 "nothing left in the spool" if landed and not left else f"{left} files left in the spool")

    def _write_status(self, state: str) -> None:
        since = self.client.connected_since
        said = {
            "state": state, "pid": os.getpid(), "source": self._settings.source, "url": self._settings.url,
            "connected_since_ms": int(since * 1000) if since else None, "connects": self.client.connects,
            "received": self.client.received, "queue": len(self.inbox), "landed_files": self.uploader.landed,
            "backlog": self.uploader.backlog, "through_ms": self.uploader.through_ms,
            "error": self.client.fatal or self._spool_error or self.uploader.error or self.client.error,
            "written_ms": self._settings.clock.now_ms(),
        }
        path = self._settings.spool / "status.json"
        try:
            path.with_suffix(".tmp").write_text(json.dumps(said), encoding="utf-8")
            path.with_suffix(".tmp").rename(path)
        except OSError as error:
            log.debug("status not written: %s", error)
