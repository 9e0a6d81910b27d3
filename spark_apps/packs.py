"""Landing files that were packed into the archive: how a pack is called, what it holds, and how it is read.

A pack, `<first_ms>-<last_ms>-<digest>.jsonl.gz`, has the lines of landing files one after the other, each as
`<name of its file>\\t<line>`: arrival and source stay with the line. `<pack>.names` beside it lists the files, and is
written first: what a pack holds is known without reading it, and names without a pack mean nothing.
gzip needs no library to write and any tool to read. zstd makes such packs 28 % smaller, in a fifth of the time,
and Spark reads it as well.
"""
from __future__ import annotations

import codecs
import hashlib
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from spark_apps.contract import HOUR_MS, LandingFile, StreamPaths

SUFFIX, NAMES = ".jsonl.gz", ".names"
SEPARATOR = "\t"
_TAB = SEPARATOR.encode()


class Files(Protocol):
    def list(self, path: str) -> list[str]: ...

    def read_json(self, path: str) -> dict[str, Any] | None: ...


@dataclass(frozen=True)
class Landed:
    """Landing files by name, each with the path of the one file that has its lines: itself, or a pack. `held`: of each
    pack how many files it has in all."""

    where: Mapping[str, str] = field(default_factory=dict)
    held: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.where)

    @classmethod
    def of(cls, paths: Iterable[str]) -> Landed:
        """Of landing files that are as they landed."""
        return cls({path.rpartition("/")[2]: path for path in paths})

    def only(self, wanted: Callable[[str], bool]) -> Landed:
        return Landed({name: path for name, path in self.where.items() if wanted(name)}, self.held)

    @property
    def plain(self) -> list[str]:
        return [path for path in self.where.values() if not is_pack(path)]

    @property
    def packed(self) -> dict[str, list[str]]:
        """Names of the files that are to be read from each pack."""
        found: dict[str, list[str]] = {}
        for name, path in self.where.items():
            if is_pack(path):
                found.setdefault(path, []).append(name)
        return found


def landed(files: Files, paths: StreamPaths, from_ms: int, through_ms: int) -> Landed:
    """The landing files, packed or not, from the hour of `from_ms` on whose lines arrived before `through_ms`.

    Landing is listed before the archive: who packs writes there before he deletes here, so that a file that moves just
    then is found, or its reader fails. One that is in both, or in two packs, is read once.
    """
    where, held = dict[str, str](), dict[str, int]()
    for hour in range(from_ms - from_ms % HOUR_MS, through_ms, HOUR_MS):
        directory = paths.landing_hour(hour)
        found = {name: f"{directory}/{name}" for name in files.list(directory)}
        for pack, names in packs(files, paths.archive_hour(hour)).items():
            held[pack] = len(names)
            found = {**dict.fromkeys(names, pack), **found}
        where.update({name: found[name] for name in sorted(found) if arrival(name) < through_ms})
    return Landed(where, held)


def packs(files: Files, directory: str) -> dict[str, list[str]]:
    """Packs of an hour's directory by path, each with the landing files that it holds."""
    there = files.list(directory)
    return {f"{directory}/{name}": _names(files, f"{directory}/{name}{NAMES}")
            for name in there if is_pack(name) and name + NAMES in there}


def _names(files: Files, path: str) -> list[str]:
    found = (files.read_json(path) or {}).get("files")
    if not isinstance(found, list):
        raise ValueError(f"{path} does not name the landing files of its pack")
    return found


def is_pack(path: str) -> bool:
    name = path.rpartition("/")[2]
    return name.endswith(SUFFIX) and not name.startswith((".", "_"))


def pack_name(names: Sequence[str]) -> str:
    """The same for the same landing files: who was cut off writes the same pack again."""
    files = [LandingFile.parse(name) for name in names]
    digest = hashlib.sha256("\n".join(sorted(names)).encode()).hexdigest()[:16]
    return f"{min(one.first_ms for one in files):013d}-{max(one.last_ms for one in files):013d}-{digest}{SUFFIX}"


def arrival(name: str) -> float:
    """When the last line of a landing file arrived (ms); never for what is none."""
    try:
        return LandingFile.parse(name).last_ms
    except ValueError:
        return float("inf")


def pack(contents: Iterable[tuple[str, bytes]]) -> bytes:
    """Landing files (name, bytes), packed. The mark of byte order that a file begins with is no part of its lines."""
    return pack_lines((name, line) for name, data in contents for line in lines(data.removeprefix(codecs.BOM_UTF8)))


def pack_lines(named: Iterable[tuple[str, bytes]]) -> bytes:
    """What `unpack` gave, (name of the landing file, line), packed again."""
    packer = zlib.compressobj(wbits=31)
    packed = [packer.compress(b"".join((name.encode(), _TAB, line, b"\n"))) for name, line in named]
    return b"".join([*packed, packer.flush()])


def unpack(data: bytes) -> Iterator[tuple[str, bytes]]:
    """(name of the landing file, line) of a pack; ValueError where it is damaged."""
    try:
        plain = zlib.decompress(data, wbits=31)
    except zlib.error as error:
        raise ValueError(f"no gzip: {error}") from None
    for line in lines(plain):
        name, separator, rest = line.partition(SEPARATOR.encode())
        if not separator:
            raise ValueError(f"a line without the name of its file: {line[:60]!r}")
        yield name.decode("ascii"), rest


def lines(data: bytes) -> list[bytes]:
    """A bare CR may stand inside a line."""
    found = data.split(b"\n")
    return found[:-1] if not found[-1] else found
