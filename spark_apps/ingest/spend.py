"""What reading costs: posts by UTC day and month, each id once a day as the platform bills it, and a limit to them.

A post read costs $0.005: https://docs.x.com/x-api/getting-started/pricing. What else the platform may bill, such as the
posts and users that come along with a post, is not in it.
"""
from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from spark_apps.contract import day_name
from spark_apps.ingest.errors import IngestError

PRICE_USD = 0.005
_WARN = 0.8


@dataclass(frozen=True)
class Limits:
    """Posts; None: no limit."""

    day: int | None = None
    month: int | None = None
    price_usd: float = PRICE_USD


@dataclass(frozen=True)
class Spent:
    """Posts of the day, such as 2026-11-26, and of its month."""

    date: str
    day: int
    month: int

    def warning(self, limits: Limits) -> str | None:
        """From four fifths of a limit on."""
        near = [f"{posts:,} of at most {most:,} posts of the {what} are read (about ${posts * limits.price_usd:,.2f})"
                for what, posts, most in self._of(limits) if most is not None and posts >= most * _WARN]
        return "; ".join(near) or None

    def refusal(self, limits: Limits) -> str | None:
        for what, posts, most in self._of(limits):
            if most is not None and posts >= most:
                return (f"the limit of {most:,} posts a {what} is reached: {posts:,} are read, about "
                        f"${posts * limits.price_usd:,.2f}; raise --max-posts-{what}, or start again after "
                        f"{self._over(what)}T00:00Z")
        return None

    def on(self, date: str) -> Spent:
        """The same of a day on which nothing was read yet; of this very day as it is."""
        if date == self.date:
            return self
        return Spent(date, 0, self.month if date[:7] == self.date[:7] else 0)

    def said(self, limits: Limits) -> dict[str, Any]:
        """{"date", "day", "month", "limit_day", "limit_month", "price_usd"}: posts, as whoever shows them needs it."""
        return {"date": self.date, "day": self.day, "month": self.month, "limit_day": limits.day,
                "limit_month": limits.month, "price_usd": limits.price_usd}

    def _of(self, limits: Limits) -> tuple[tuple[str, int, int | None], ...]:
        return ("day", self.day, limits.day), ("month", self.month, limits.month)

    def _over(self, what: str) -> str:
        today = datetime.strptime(self.date, "%Y-%m-%d")
        if what == "day":
            return f"{today + timedelta(days=1):%Y-%m-%d}"
        return f"{(today.replace(day=1) + timedelta(days=32)).replace(day=1):%Y-%m-%d}"


class Spend:
    """Remembers in a file of SQLite beside the spool. OSError where it cannot, IngestError where it is damaged."""

    def __init__(self, file: Path) -> None:
        self._file = file
        with self._errors():
            self._db = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
            # Off by a moment's posts after a power cut at most; a killed process loses nothing.
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.execute("CREATE TABLE IF NOT EXISTS ids (date TEXT, id INTEGER, PRIMARY KEY (date, id)) "
                             "WITHOUT ROWID")
            self._db.execute("CREATE TABLE IF NOT EXISTS days (date TEXT PRIMARY KEY, posts INTEGER NOT NULL)")

    def read(self, records: Sequence[bytes], now_ms: int) -> None:
        """Counts the posts of these records that the day has not had; telling it the same twice changes nothing."""
        date = day_name(now_ms)
        found = [(date, number) for record in records if (number := _id(record)) is not None]
        with self._errors():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                before = self._db.total_changes
                self._db.executemany("INSERT OR IGNORE INTO ids VALUES (?, ?)", found)
                new = self._db.total_changes - before
                self._db.execute("INSERT INTO days VALUES (?, ?) ON CONFLICT (date) DO UPDATE SET posts = posts + ?",
                                 (date, new, new))
                # The platform counts an id again the next day.
                self._db.execute("DELETE FROM ids WHERE date < ?", (date,))
                self._db.execute("COMMIT")
            except BaseException:
                self._db.execute("ROLLBACK")
                raise

    def spent(self, now_ms: int) -> Spent:
        date = day_name(now_ms)
        with self._errors():
            rows = self._db.execute("SELECT date, posts FROM days WHERE date LIKE ?", (f"{date[:7]}-%",)).fetchall()
        return Spent(date, dict(rows).get(date, 0), sum(posts for _, posts in rows))

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:   # full, locked, unreadable: may go better the next time
            raise OSError(errno.ENOSPC if "full" in str(error) else errno.EIO, str(error), str(self._file)) from None
        except sqlite3.DatabaseError as error:
            raise IngestError(f"{self._file}: {error}; move it away, and the month's posts are counted anew") from None


def _id(record: bytes) -> int | None:
    try:
        return int(orjson.loads(record)["data"]["id"]) & 0x7FFF_FFFF_FFFF_FFFF   # what SQLite takes
    except (ValueError, KeyError, TypeError):
        return None
