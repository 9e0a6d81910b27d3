"""The drills: what is broken on purpose on a real cluster, how often, and what is promised of it."""
from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Drill:
    """`p50` and `p95`: at most so many seconds; None where no time is promised. `full`: how often with --full.

    Of fewer than five trials only the second is held against what they took.
    """

    what: str
    full: int
    p50: float | None = None
    p95: float | None = None

    def outcome(self, name: str, took: Sequence[float]) -> Outcome:
        """Of the seconds of each trial; a single one is its own p50 and p95."""
        p50 = statistics.median(took)
        p95 = statistics.quantiles(took, n=20, method="inclusive")[-1] if len(took) > 1 else p50
        holds = (self.p50 is None or len(took) < 5 or p50 <= self.p50) and (self.p95 is None or p95 <= self.p95)
        return Outcome(name, self.what, len(took), round(p50, 1), round(p95, 1), self.p50, self.p95, holds)


@dataclass(frozen=True)
class Outcome:
    """Of `n` trials of a drill: seconds, what is promised of them, whether that holds."""

    name: str
    what: str
    n: int
    p50: float
    p95: float
    p50_limit: float | None
    p95_limit: float | None
    holds: bool

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def cells(self) -> list[str]:
        return [self.name, str(self.n), f"{self.p50:.1f}", _limit(self.p50_limit), f"{self.p95:.1f}",
                _limit(self.p95_limit), "yes" if self.holds else "NO", self.what]


HEADER = ["drill", "n", "p50 s", "at most", "p95 s", "at most", "holds", ""]

#: In the order in which they are run, on one cluster and one stream.
DRILLS = {
    "driver_kill": Drill("kill -9 of the driver, to the next commit", 20, 60, 120),
    "yarn_gives_up": Drill("kill -9 of each attempt until YARN gives up, to the next application's commit", 3, 150,
                           150),
    "stall_seen": Drill("SIGSTOP of the driver, until it is killed as stalled", 5, 60, 60),
    "stall_replaced": Drill("SIGSTOP of the driver, to the next commit", 5),
    "parallel_triggers": Drill("20 triggers at once, until 19 have ended and one holds", 3),
    "bad_configuration": Drill("a trigger with a wrong field, until it is refused by name", 5, 10, 10),
    "resourcemanager_down": Drill("ResourceManager down, from its return to a commit", 1, 60, 60),
    "namenode_down": Drill("NameNode down for 80 s, from its return to a commit", 1, 60, 60),
    "safe_mode": Drill("NameNode in safe mode, from its end to a commit", 1, 60, 60),
    "airflow_down": Drill("kill -9 of Airflow, from its return until a task holds the stream", 5, 360, 360),
    "orphan": Drill("triggerer killed, task marked failed, triggerer back: until the driver is gone", 3, 330, 330),
    "submit_killed": Drill("a launch killed at a step, until the next one has the stream's one driver", 12),
    "every_batch_fails": Drill("a release that fails on every batch, until it is parked", 1),
    "restore": Drill("back to a savepoint, from the command to the first commit", 10, None, 180),
}


def _limit(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.0f}"
