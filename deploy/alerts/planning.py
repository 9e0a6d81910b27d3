"""What is new, what stands and what is over, of what fires and what was written down; and a pass in words. Pure."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from deploy.alerts import rules
from deploy.alerts.book import Episode
from deploy.alerts.rules import Firing, Found

#: What is of no one stream, in a report.
CLUSTER = ""


@dataclass(frozen=True)
class Plan:
    """`stands`: episodes that fire on. `unseen`: those of which the look could not tell."""

    opens: tuple[Firing, ...]
    resolves: tuple[Episode, ...]
    stands: tuple[tuple[Episode, Firing], ...]
    unseen: tuple[Episode, ...]


@dataclass
class Row:
    """One alert. `told`: by notifier when it took it, or why it has not."""

    stream: str
    key: str
    state: str
    severity: str
    title: str
    reason: str
    next_step: str
    since_ms: int
    told: dict[str, str] = field(default_factory=dict)

    @property
    def rule(self) -> str:
        return self.key.partition("-")[0]

    def as_json(self) -> dict[str, Any]:
        return {"rule": self.rule, **asdict(self)}


@dataclass
class Report:
    """`faults`: what could not be looked at, `stream: why`; `untold`: by notifier why it took nothing."""

    rows: list[Row] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    untold: dict[str, str] = field(default_factory=dict)
    sent: int = 0


def plan(book: Mapping[str, Episode], found: Found) -> Plan:
    """Pure."""
    firing = {one.key: one for one in found.firing}
    current = {key: one for key, one in book.items() if one.over_ms is None}
    gone = [one for key, one in current.items() if key not in firing]
    return Plan(tuple(one for key, one in firing.items() if key not in current),
                tuple(one for one in gone if one.rule in found.judged or one.rule not in rules.OVER),
                tuple((one, firing[key]) for key, one in current.items() if key in firing),
                tuple(one for one in gone if one.rule not in found.judged and one.rule in rules.OVER))
