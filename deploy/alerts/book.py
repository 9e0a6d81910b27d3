"""What was found, what is over, and who was told: files made by exclusive create, whose names say it all.

    KEY~0001~firing                     {severity, title, reason, next_step, since_ms, time_ms, view}: it fires
    KEY~0001~firing~NOTIFIER~try1       {time_ms, by}: somebody is sending it; a later try may follow after LEASE_MS
    KEY~0001~firing~NOTIFIER~done       {time_ms}: it was taken
    KEY~0001~firing~NOTIFIER~error      {time_ms, error}: the last try failed; that try's file is gone
    KEY~0001~resolved, ~resolved~NOTIFIER~...    the same of its end
    KEY~0002~firing                     it fires again

Of any number of watchdogs at once one makes a file, so each message is sent by one of them. Who is killed between
sending and `done` leaves its try behind, and the next one sends again: at least once, by the same id.
"""
from __future__ import annotations

import re
import uuid
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from deploy.alerts.rules import Firing
from spark_apps.contract import DAY_MS

FIRING, RESOLVED = "firing", "resolved"
#: Longer than a notifier takes for one message at most.
LEASE_MS = 5 * 60_000
KEPT_MS = 30 * DAY_MS
_FILE = re.compile(r"([a-z]+[A-Za-z0-9_-]*)~(\d{4,})~(firing|resolved)(?:~([a-z][a-z0-9_]*)~(try(\d+)|done|error))?")


class Files(Protocol):
    """What of deploy.hdfs.Client is needed here."""

    def statuses(self, path: str) -> dict[str, dict[str, Any]]: ...

    def read_json(self, path: str) -> dict[str, Any] | None: ...

    def write_json(self, path: str, obj: Any) -> None: ...

    def create_exclusive(self, path: str, obj: Any) -> bool: ...

    def delete(self, path: str, recursive: bool = False) -> bool: ...


@dataclass
class Told:
    """Of one message to one notifier. `tried`: the newest try; `done_ms`: when it was taken."""

    tried: int = 0
    done_ms: int | None = None
    failed: bool = False


@dataclass
class Episode:
    """One time that a key fired; the newest of each key counts."""

    key: str
    number: int
    since_ms: int = 0                 # of its file
    over_ms: int | None = None
    told: dict[tuple[str, str], Told] = field(default_factory=dict)   # by FIRING or RESOLVED, and notifier

    @property
    def rule(self) -> str:
        return self.key.partition("-")[0]

    @property
    def name(self) -> str:
        return f"{self.key}~{self.number:04d}"

    def heard(self, notifier: str) -> bool:
        """Whether it was told that it fires, or was to be."""
        return (FIRING, notifier) in self.told


class Book:
    def __init__(self, files: Files, directory: str) -> None:
        self._files, self.directory = files, directory

    def read(self) -> dict[str, Episode]:
        """The newest episode by key, from one listing."""
        return {one.key: one for one in self._all()}

    def _all(self) -> list[Episode]:
        """The oldest first."""
        found: dict[tuple[str, int], Episode] = {}
        for name, status in self._files.statuses(self.directory).items():
            if not (match := _FILE.fullmatch(name)):
                continue
            key, number, what, notifier, kind, tried = match.groups()
            one, at = found.setdefault((key, int(number)), Episode(key, int(number))), int(status["modificationTime"])
            if not notifier:
                one.since_ms = at if what == FIRING else one.since_ms
                one.over_ms = at if what == RESOLVED else one.over_ms
                continue
            told = one.told.setdefault((what, notifier), Told())
            told.tried = max(told.tried, int(tried or 0))
            told.done_ms = at if kind == "done" else told.done_ms
            told.failed |= kind == "error"
        return sorted(found.values(), key=lambda one: one.number)

    def said(self, episode: Episode, what: str = FIRING) -> dict[str, Any]:
        """{} where its writer was cut off."""
        return self._files.read_json(self._path(episode, what)) or {}

    def open(self, firing: Firing, before: Episode | None, now_ms: int) -> Episode:
        """The next episode of its key. Where another watchdog has opened it, or closed one since the look, that stands.
        """
        if before and int(self.said(before, RESOLVED).get("time_ms") or 0) > now_ms:
            return before
        made = Episode(firing.key, before.number + 1 if before else 1, now_ms)
        self._create(self._path(made, FIRING), {**asdict(firing), "time_ms": now_ms})
        return made

    def resolve(self, episode: Episode, why: str, now_ms: int) -> bool:
        """Whether it is over; not where it was found after the look that says so."""
        if int(self.said(episode).get("time_ms") or 0) > now_ms:
            return False
        self._create(self._path(episode, RESOLVED), {"why": why, "time_ms": now_ms})
        episode.over_ms = now_ms
        return True

    # who was told

    def take(self, episode: Episode, what: str, notifier: str, now_ms: int) -> int:
        """The number of the try that this call may make now; 0 where it was taken, or somebody else is at it."""
        told = episode.told.get((what, notifier), Told())
        if told.done_ms is not None:
            return 0
        if told.tried:
            last = self._files.read_json(self._path(episode, what, notifier, f"try{told.tried}"))
            if last is None or now_ms - int(last.get("time_ms") or episode.since_ms) < LEASE_MS:
                return 0
        number = told.tried + 1
        return number if self._create(self._path(episode, what, notifier, f"try{number}"), {"time_ms": now_ms}) else 0

    def done(self, episode: Episode, what: str, notifier: str, now_ms: int) -> None:
        self._create(self._path(episode, what, notifier, "done"), {"time_ms": now_ms})

    def failed(self, episode: Episode, what: str, notifier: str, number: int, error: str, now_ms: int) -> None:
        """The next watchdog may try at once."""
        self._files.write_json(self._path(episode, what, notifier, "error"), {"error": error, "time_ms": now_ms})
        self._files.delete(self._path(episode, what, notifier, f"try{number}"))

    def error(self, episode: Episode, what: str, notifier: str) -> str:
        return str((self._files.read_json(self._path(episode, what, notifier, "error")) or {}).get("error") or "")

    def tidy(self, now_ms: int) -> None:
        """Files of what has long been over; of a key that fires, or whose end nobody has taken, all stay."""
        for one in self._all():
            if one.over_ms is not None and one.over_ms < now_ms - KEPT_MS:
                names = [name for name in self._files.statuses(self.directory) if name.startswith(f"{one.name}~")]
                self._delete(sorted(names, key=lambda name: name == f"{one.name}~{RESOLVED}"))

    def _delete(self, names: Iterable[str]) -> None:
        for name in names:
            self._files.delete(f"{self.directory}/{name}")

    def _path(self, episode: Episode, *parts: str) -> str:
        return "/".join((self.directory, "~".join((episode.name, *parts))))

    def _create(self, path: str, said: dict[str, Any]) -> bool:
        return self._files.create_exclusive(path, {**said, "by": uuid.uuid4().hex})
