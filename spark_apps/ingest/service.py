"""The ingest service: reader thread -> inbox -> spool writer -> uploader thread, until a signal or a fatal answer."""
from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from spark_apps.clock import Clock
from spark_apps.contract import day_name
from spark_apps.ingest import room
from spark_apps.ingest.client import FilteredStream
from spark_apps.ingest.errors import IngestError
from spark_apps.ingest.gaps import Book
from spark_apps.ingest.inbox import Inbox
from spark_apps.ingest.landing import Landing
from spark_apps.ingest.marks import Down, Found, Searched, Up
from spark_apps.ingest.policy import Policy
from spark_apps.ingest.reader import Asked, Reader
from spark_apps.ingest.room import Room
from spark_apps.ingest.search import Searcher
from spark_apps.ingest.spend import Limits, Spend, Spent
from spark_apps.ingest.spool import Rotation, Spool, closed_files, recover
from spark_apps.ingest.upload import Uploader
from spark_apps.ingest.volume import Band, Volume

log = logging.getLogger(__name__)

# Within the five seconds that a stop may take.
_HANG_UP_S = 1.0
_FINISH_S = 3.0
_STATUS_EVERY_S = 1.0
_LOG_EVERY_S = 60.0


@dataclass(frozen=True)
class Settings:
    spool: Path
    source: str
    url: str
    token: str = field(repr=False)
    max_ms: int = 5_000
    max_bytes: int = 32 << 20
    clock: Clock = field(default_factory=Clock)
    policy: Policy = Policy()
    backfill: bool = False
    search: bool = False
    max_spool_bytes: int = 10 << 30
    limits: Limits | None = None   # None: posts are not counted
    band: Band = Band()


class Service:
    """`run` blocks until `stop`; IngestError where the platform refuses us for good. The caller locks the spool."""

    def __init__(self, settings: Settings, landing: Landing) -> None:
        self._settings = settings
        self.inbox = Inbox(settings.clock)
        self.client = FilteredStream(settings.token, settings.url, self.inbox, settings.policy.silence_s)
        self.book = Book(settings.spool, settings.source, settings.policy, settings.search)
        self._searcher = Searcher(self.client, self.inbox, settings.spool / "searches.json", settings.policy,
                                  settings.clock)
        self.reader = Reader(self.client, self.inbox.note, Asked(
            settings.spool / "connects.json", settings.policy, self._missing_since if settings.backfill else None),
            settings.clock)
        self.uploader = Uploader(landing, settings.source, settings.spool)
        self._spool = Spool(settings.spool, settings.source, settings.max_ms, settings.max_bytes)
        self._spend = Spend(settings.spool / "spend.sqlite") if settings.limits else None
        self._volume = Volume(settings.spool / "volume.json", settings.band)
        self._spent: Spent | None = None
        self._over: str | None = None   # the limit that is reached
        self._stopping = False   # no Event: a signal's handler may not take a lock that the code it interrupts holds
        self._spool_error: str | None = None
        self._room = Room(0, settings.max_spool_bytes)
        self._alarm_logged = self._second_at = float("-inf")

    def stop(self) -> None:
        self._stopping = True

    def run(self) -> None:
        left = recover(self._settings.spool, self._settings.clock.offset_ms)
        if left:
            log.info("%d files left in the spool are landed first", len(left))
        for path in left:
            self.uploader.add(Rotation(path, 0, path.stat().st_size))
        self._until_written(lambda: self.book.open(self._settings.clock.now_ms()))
        self._until_written(self._look_at_spend)
        self.uploader.start()
        reading = threading.Thread(target=self.reader.read, name="reader", daemon=True)
        if not self._over:
            reading.start()
            if self._settings.search:
                self._searcher.start()
            log.info("reading %s as %s, spool %s", self._settings.url, self._settings.source, self._settings.spool)
        try:
            while not self._stopping and not self.reader.fatal and not self._over:
                self._step()
            self._end(reading)
        finally:
            self.reader.stop()
            self._searcher.stop()
            self.inbox.close()
        if self._over or self.reader.fatal:
            raise IngestError(self._over or self.reader.fatal)

    def _missing_since(self) -> int | None:
        """For a backfill. The book may not have heard yet that the connection is gone; this is not its thread."""
        if self.book.since_ms or self.client.life_ms is None:
            return self.book.since_ms
        return self.client.life_ms - self.book.lag_ms

    def _step(self, timeout_s: float = 0.25) -> None:
        """Moves what has arrived into the spool, and hands on what was closed."""
        if self._room.full:
            self._volume.held_up(self._settings.clock.now_ms())
            time.sleep(timeout_s)   # the inbox fills, and the platform holds back
        else:
            self._take(timeout_s)
        self.client.watch()
        if time.monotonic() - self._second_at >= _STATUS_EVERY_S:
            self._second_at = time.monotonic()
            self._look_for_room()
            for gap in self.book.to_search.values():
                self._searcher.add(gap)
            self._write_status("running")

    def _take(self, timeout_s: float) -> int:
        """The instant before which all has been written."""
        items, now_ms = self.inbox.take(timeout_s)
        if self._spend and items:
            read = [what.record if isinstance(what, Found) else what for _, what in items
                    if isinstance(what, (bytes, Found))]
            self._until_written(partial(self._count, read, now_ms))
        for arrival_ms, what in items:
            if isinstance(what, bytes):
                self._until_written(partial(self._spool.add, arrival_ms, what))
                self.book.record(arrival_ms, what)
                self._volume.post(arrival_ms)
            elif isinstance(what, Found):
                self._until_written(partial(self._spool.add, arrival_ms, what.record))
            elif isinstance(what, Searched):
                self._until_written(self._spool.sync)
                self._until_written(partial(self.book.searched, what.gap, what.recovered, arrival_ms))
            else:
                self._until_written(self._spool.sync)   # a gap may not begin after what a crash would lose
                self._until_written(partial(self.book.note, arrival_ms, what))
                if isinstance(what, (Up, Down)):
                    self._volume.connected(arrival_ms, isinstance(what, Up))
        self._until_written(lambda: self._spool.tick(now_ms))
        if self._volume.tick(now_ms):
            self._until_written(self._volume.save)
        if time.monotonic() - self._second_at >= _STATUS_EVERY_S:
            self._until_written(self._spool.sync)
            self._until_written(lambda: self.book.tick(now_ms))
        return now_ms

    def _count(self, records: list[bytes], now_ms: int) -> None:
        """Before they are kept: what is read is billed, whatever becomes of it here."""
        assert self._spend
        self._spend.read(records, now_ms)
        self._look_at_spend()

    def _look_at_spend(self) -> None:
        if self._spend and self._settings.limits:
            self._spent = self._spend.spent(self._settings.clock.now_ms())
            self._over = self._spent.refusal(self._settings.limits)

    def _spend_of_today(self) -> dict[str, Any] | None:
        """None where posts are not counted. An idle stream's day ends too."""
        if not self._spent or not self._settings.limits:
            return None
        return self._spent.on(day_name(self._settings.clock.now_ms())).said(self._settings.limits)

    def _until_written(self, write: Callable[[], object]) -> None:
        """A full disk is waited for: the inbox fills, and the platform holds back."""
        while True:
            try:
                rotation = write()
            except OSError as error:
                if self._spool_error is None:
                    log.error("cannot write to the spool %s: %s; reading stops until there is room",
                              self._settings.spool, error.strerror)
                self._spool_error = f"spool: {error.strerror}"
                self._volume.held_up(self._settings.clock.now_ms())
                self._write_status("running")
                time.sleep(0.25)
                if self._stopping:
                    raise IngestError(f"stopped while the spool {self._settings.spool} cannot be written: "
                                      f"{error.strerror}; make room. What had arrived since is a gap") from None
                continue
            if self._spool_error:
                log.info("the spool takes what arrives again")
            self._spool_error = None
            if isinstance(rotation, Rotation):
                self.uploader.add(rotation)
            return

    def _look_for_room(self) -> None:
        used = self.uploader.backlog_bytes + self._spool.size
        self._room = room.look(self._settings.spool, used, self._settings.max_spool_bytes)
        if self._alarm and time.monotonic() - self._alarm_logged >= _LOG_EVERY_S:
            self._alarm_logged = time.monotonic()
            log.error("%s", self._alarm)

    @property
    def _alarm(self) -> str | None:
        """What will stop reading soon, and what does not come."""
        spend = self._spent.warning(self._settings.limits) if self._spent and self._settings.limits else None
        return "; ".join(filter(None, (self._room.alarm, spend, self._volume.alarm))) or None

    def _end(self, reading: threading.Thread) -> None:
        """All that was received is landed, or stays in the spool for the next start."""
        self.reader.stop("spend" if self._over else "stopped")
        until = time.monotonic() + _HANG_UP_S
        while reading.is_alive() and time.monotonic() < until:
            self._take(0.05)
        self.inbox.close()
        now_ms = self._take(0)
        if self.client.connected_since:
            # It has not come back to say so itself.
            self._until_written(lambda: self.book.note(now_ms, Down("spend" if self._over else "stopped")))
        self._until_written(lambda: self._spool.close(now_ms))
        self._until_written(lambda: self.book.tick(now_ms))
        landed = self.uploader.finish(_FINISH_S)
        self._write_status("stopped")
        left = len(closed_files(self._settings.spool))
        log.info("stopped: %d received, %d files landed, %s", self.client.received, self.uploader.landed,
                 "nothing left in the spool" if landed and not left else f"{left} files left in the spool")

    def _write_status(self, state: str) -> None:
        self.uploader.also = {"alarm": self._alarm, "spend": self._spend_of_today()}
        volume = self._volume.found
        since = self.client.connected_since
        said: dict[str, Any] = {
            "state": state, "pid": os.getpid(), "source": self._settings.source, "url": self._settings.url,
            "connected_since_ms": int(since * 1000) if since else None, "connects": self.client.connects,
            "received": self.client.received, "queue": len(self.inbox), "landed_files": self.uploader.landed,
            "backlog": self.uploader.backlog, "backlog_bytes": self._room.used, "room_bytes": self._room.most,
            "through_ms": self.uploader.through_ms, "waits_until_ms": self.reader.waits_until_ms,
            "gap_since_ms": self.book.since_ms, "to_search": len(self.book.to_search), "searches": self._searcher.asked,
            "alarm": self._alarm,
            "minute_posts": round(volume.posts / volume.minutes, 1) if volume else None,
            "minute_posts_usual": round(volume.usual / volume.minutes, 1) if volume else None,
            "posts_day": self._spent.day if self._spent else None,
            "posts_month": self._spent.month if self._spent else None,
            "error": self._over or self.reader.fatal or self._spool_error or self.reader.error or self.uploader.error
            or self._room.alarm or self.uploader.gap_error or self._searcher.error,
            "written_ms": self._settings.clock.now_ms(),
        }
        path = self._settings.spool / "status.json"
        try:
            path.with_suffix(".tmp").write_text(json.dumps(said), encoding="utf-8")
            path.with_suffix(".tmp").rename(path)
        except OSError as error:
            log.debug("status not written: %s", error)
