"""The graph of a day's hashtags as hashtag_graph has left it: its tags by rank, and its communities."""
from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from typing import Any

from deploy.tables import Tables


@dataclass(frozen=True)
class Tag:
    """`pagerank`: share of all rank; `degree`: tags that it is linked with; parts are numbered from the largest on."""

    tag: str
    tweets: int
    degree: int
    pagerank: float
    component: int
    community: int


@dataclass(frozen=True)
class Community:
    """`tags`: by rank."""

    number: int
    tags: tuple[Tag, ...]


@dataclass(frozen=True)
class Graph:
    """`tags`: by rank; `links`: pairs of them; `told`: what the job said of the day."""

    day: str
    tags: tuple[Tag, ...]
    links: tuple[tuple[str, str], ...]
    told: dict[str, Any]

    @property
    def communities(self) -> list[Community]:
        found = defaultdict(list)
        for tag in self.tags:
            found[tag.community].append(tag)
        return [Community(number, tuple(found[number])) for number in sorted(found)]


def days(tables: Tables) -> list[str]:
    """Those that there is a graph of, ascending."""
    opened = tables.open_table("graph_tags")
    if opened is None:
        return []
    import pyarrow.compute as pc

    found = pc.unique(opened.to_pyarrow_table(columns=["day"])["day"])
    return sorted(day.isoformat() for day in found.to_pylist())


def read(tables: Tables, day: str) -> Graph:
    """Of one of `days`."""
    names = list(Tag.__dataclass_fields__)
    rows, links = (tables.open_table(name).to_pyarrow_table(columns=columns, filters=[
        ("day", "=", date.fromisoformat(day))]).to_pylist()
        for name, columns in (("graph_tags", names), ("graph_links", ["tag", "other"])))
    tags = sorted((Tag(**row) for row in rows), key=lambda tag: (-tag.pagerank, tag.tag))
    return Graph(day, tuple(tags), tuple(sorted((row["tag"], row["other"]) for row in links)),
                 tables.files.read_json(tables.paths.graph_result(day)) or {})
