"""What a list of retention is made of: what may go or be put together, what stays; and its checksum. Pure."""
from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

#: In this order they are gone through: a point before the landing files that it may replay.
KINDS = ("savepoint", "checkpoint", "archive", "archived", "vacuum", "optimise")


@dataclass(frozen=True)
class Item:
    """Something that may go, or be put together, and why. `names`: of the files of a landing hour or of a table.

    Of kind archive: landing files that go packed into the archive; archived: packs that are deleted there."""

    kind: str
    what: str
    path: str
    bytes: int
    files: int
    why: str
    names: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "names"}

    @property
    def goes(self) -> bool:
        """Whether it is deleted; what is optimised keeps its rows."""
        return self.kind != "optimise"

    def identity(self) -> list[Any]:
        if not self.goes:
            # The files of a table that goes on are others an hour later, and their rows the same.
            return [self.kind, self.what, self.path]
        names = hashlib.sha256("\n".join(self.names).encode()).hexdigest()
        return [self.kind, self.what, self.path, self.bytes, self.files, names]


@dataclass(frozen=True)
class Stays:
    """What is past its horizon, or would be, and stays: how much, and why."""

    why: str
    items: int
    files: int
    bytes: int


@dataclass(frozen=True)
class Listing:
    items: tuple[Item, ...]
    stays: tuple[Stays, ...] = ()

    @property
    def digest(self) -> str:
        """Of what would go; the reasons are not part of it."""
        said = json.dumps([item.identity() for item in self.items], separators=(",", ":"))
        return hashlib.sha256(said.encode()).hexdigest()[:16]

    def covers(self, other: Listing) -> bool:
        """Whether all of the other's items are among these, whole or in part."""
        mine = {(item.kind, item.what): item for item in self.items}
        return all((one := mine.get((item.kind, item.what))) is not None and (
            not item.goes or item.files <= one.files and item.bytes <= one.bytes) for item in other.items)

    def within(self, before: Listing) -> Listing:
        """Without hours that may be put together only now that others have been; nothing is lost if they wait."""
        listed = {item.what for item in before.items if not item.goes}
        return Listing(tuple(item for item in self.items if item.goes or item.what in listed), self.stays)
