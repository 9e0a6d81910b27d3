"""What metrics need beside the look that alerts go by: counts of files, room in HDFS, what fires. Nothing raises."""
from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from deploy import lease, watchdog
from deploy.alerts import cluster_directory, looking
from deploy.alerts.book import Book
from deploy.alerts.looking import Look
from deploy.errors import HashtideError, Unreachable
from deploy.launch import Launcher
from deploy.views.health import disk
from deploy.views.kept import KeptTables
from spark_apps.contract import StreamPaths

T = TypeVar("T")


@dataclass(frozen=True)
class Stream:
    """`ends`, `outages`: files of each; `firing`: alerts by rule."""

    look: Look
    held: bool | None = None
    ends: int | None = None
    outages: int | None = None
    disk: Mapping[str, int] = field(default_factory=dict)
    firing: Mapping[str, int] | None = None


@dataclass(frozen=True)
class Everything:
    now_ms: int
    hdfs: bool
    streams: tuple[Stream, ...] = ()
    room: Mapping[str, int] | None = None
    firing: Mapping[str, int] = field(default_factory=dict)


#: A launcher and the tables of a stream, which a server keeps open.
Opened = Callable[[str], tuple[Launcher, KeptTables | None]]


def read(tools: Launcher, opened: Opened | None = None) -> Everything:
    streams: list[Stream] = []
    try:
        for name in watchdog.streams(tools):
            made, tables = opened(name) if opened else (tools, None)
            streams.append(_stream(made, name, tables))
        return Everything(tools.now_ms(), True, tuple(streams), looking.room(tools),
                          _firing(Book(tools.hdfs, cluster_directory(tools.cluster.root))))
    except Unreachable:
        return Everything(tools.now_ms(), False)


def _stream(tools: Launcher, name: str, tables: KeptTables | None) -> Stream:
    paths = StreamPaths(name, tools.cluster.root)
    look = looking.look(tools, name, tables, events=False)

    def part(what: str, read: Callable[[], T]) -> T | None:
        try:
            return read()
        except Unreachable:
            raise
        except HashtideError as error:
            look.faults[what] = str(error)
            return None

    return Stream(
        look, part("holder", lambda: bool(lease.held_by(tools, name))),
        part("ends", lambda: _numbered(tools.hdfs.list(paths.restarts))),
        part("outages", lambda: _numbered(tools.hdfs.list(paths.outages))),
        part("disk", lambda: disk(tools, paths)) or {}, part("alerts", lambda: _firing(Book(tools.hdfs, paths.alerts))))


def _numbered(names: list[str]) -> int:
    return sum(name.removesuffix(".json").isdecimal() for name in names)


def _firing(book: Book) -> Mapping[str, int]:
    return Counter(one.rule for one in book.read().values() if one.over_ms is None)
