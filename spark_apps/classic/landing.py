"""Which landing files a batch takes, written down before they are read: computed again, a batch takes the same ones.

Below a line of checkpoints: takes/<at_ms>.json of each batch that may be computed again, taken/<hour>.json of what
earlier ones took of a landing hour, taken/through.json with the last of these.
"""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from spark_apps.contract import HOUR_MS, LandingFile, StreamPaths, hour_name, parse_hour

#: A directory that has not changed for so long is not listed again; file systems round their times, and clocks differ.
SETTLED_MS = 120_000


TAKES, TAKEN = "takes", "taken"


class Reading(Protocol):
    """What both of spark_apps.files.Files and deploy.hdfs.Client have."""

    def list(self, path: str) -> list[str]: ...

    def read_json(self, path: str) -> dict[str, Any] | None: ...


class Files(Reading, Protocol):
    """What of spark_apps.files.Files is needed here."""

    def changed(self, path: str) -> dict[str, int]: ...

    def create_exclusive(self, path: str, obj: Any) -> bool: ...

    def write_json(self, path: str, obj: Any) -> None: ...

    def delete(self, path: str) -> Any: ...


class Behind(Exception):
    """A batch was asked for that was not to be computed again."""


def lines_of(names: list[str]) -> list[str]:
    """Of the names in a generation's directory those of lines of checkpoints, the newest last."""
    return sorted(name for name in names if name[:6].isdecimal() and name[6:7] == "-")


def settled(files: Reading, line: str) -> dict[int, list[str]]:
    """By landing hour the files that no batch of this line of checkpoints will ask for again."""
    where = f"{line}/{TAKEN}"
    return {parse_hour(hour): list((files.read_json(f"{where}/{name}") or {"files": []})["files"])
            for name in files.list(where) if (hour := name.removesuffix(".json")) not in (name, "through")}


@dataclass
class Takes:
    """The takes of one line of checkpoints, each {"files": [name, ...]}. No file that arrived before
    `since_ms` is taken, and at most `max_files` by a batch, the oldest first.

    Nothing is written where there is nothing to take, and it stays nothing: see `none_until`.
    """

    files: Files
    paths: StreamPaths
    line: str
    max_files: int
    since_ms: int = 0
    _known: dict[int, list[str]] = field(default_factory=dict)
    _asked_ms: int = 0      # the newest batch that was asked for, or whose answer is an earlier driver's
    _taken: set[str] = field(default_factory=set)
    _through_ms: int = 0
    _looked: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for names in settled(self.files, self.line).values():
            self._taken.update(names)
        self._through_ms = (self.files.read_json(self._through) or {}).get("at_ms", 0)
        for name in self.files.list(f"{self.line}/{TAKES}"):
            at, dot, _ = name.partition(".json")
            # One that was cut off while it was written had not been read from yet.
            if dot and at.isdecimal() and (said := self.files.read_json(self._take_of(int(at)))):
                self._known[int(at)] = list(said["files"])
                self._taken.update(said["files"])
        self.none_until(max(self._known, default=0))

    @property
    def _through(self) -> str:
        return f"{self.line}/{TAKEN}/through.json"

    def _take_of(self, at_ms: int) -> str:
        return f"{self.line}/{TAKES}/{at_ms:013d}.json"

    def none_until(self, at_ms: int) -> None:
        """Batches up to this one take what is written down and no more: state that is kept in a checkpoint is not
        computed again, so that what such a batch took now would be in no total."""
        self._asked_ms = max(self._asked_ms, at_ms)

    def of(self, at_ms: int) -> list[str]:
        """Names of the files of this batch; Behind where it is not known any more."""
        if at_ms <= self._through_ms:
            raise Behind(f"batch {at_ms} of {self.line}: nobody was to compute it again; what it took is known no more")
        if at_ms > self._asked_ms:
            if found := self._waiting()[:self.max_files]:
                self._take(at_ms, found)
            self.none_until(at_ms)
        return self._known.get(at_ms, [])

    def _take(self, at_ms: int, found: list[str]) -> None:
        name = self._take_of(at_ms)
        if not self.files.create_exclusive(name, {"files": found}):
            # By a driver that is fenced since: what is written counts, whoever wrote it.
            found = list((self.files.read_json(name) or {"files": []})["files"])
        self._known[at_ms] = found
        self._taken.update(found)

    def settle(self, through_ms: int) -> None:
        """No batch up to this one is computed again: what they took is kept as names alone, by landing hour, for as
        long as that hour is there. Cut off at any point, it leaves more than it has to."""
        old = sorted(at for at in tuple(self._known) if at <= through_ms)
        by_hour: dict[int, set[str]] = {}
        for name in (name for at in old for name in self._known[at]):
            arrived_ms = LandingFile.parse(name).last_ms
            by_hour.setdefault(arrived_ms - arrived_ms % HOUR_MS, set()).add(name)
        for hour, names in by_hour.items():
            where = f"{self.line}/{TAKEN}/{hour_name(hour)}.json"
            before = (self.files.read_json(where) or {"files": []})["files"]
            self.files.write_json(where, {"files": sorted({*before, *names})})
        if old:
            self.files.write_json(self._through, {"at_ms": old[-1]})
            self._through_ms = old[-1]
        for at in old:
            self.files.delete(self._take_of(at))
            del self._known[at]
        for hour, gone in settled(self.files, self.line).items():
            if not self.files.list(self.paths.landing_hour(hour)):
                self.files.delete(f"{self.line}/{TAKEN}/{hour_name(hour)}.json")
                self._taken.difference_update(gone)

    def _waiting(self) -> list[str]:
        """Landed and not taken, by arrival."""
        found = []
        for day in (name for name in self.files.list(self.paths.landing) if name.startswith("dt=")):
            hours = self.files.changed(f"{self.paths.landing}/{day}")
            newest = max(hours.values(), default=0)
            for hour, changed in hours.items():
                where = f"{self.paths.landing}/{day}/{hour}"
                if self._looked.get(where) == changed and changed < newest - SETTLED_MS:
                    continue
                new = [name for name in self.files.list(where) if name not in self._taken and self._is_meant(name)]
                found += new
                # What is left by the bound of this batch is looked for again.
                self._looked[where] = changed if not new else 0
        return sorted(found, key=lambda name: (LandingFile.parse(name).last_ms, name))

    def _is_meant(self, name: str) -> bool:
        try:
            return LandingFile.parse(name).last_ms >= self.since_ms
        except ValueError:
            return False

    def path(self, name: str) -> str:
        return f"{self.paths.landing_hour(LandingFile.parse(name).last_ms)}/{name}"
