"""How often a drill is played, and where what it took is kept."""
from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from deploy.drills import DRILLS

#: full: `deploy/hashtide drill --full`; once: `deploy/hashtide drill`; empty: the layer of tests, each once as well.
PLAYED = os.environ.get("HASHTIDE_DRILL", "")
FULL = PLAYED == "full"
#: Of every module of drills.
TIMEOUT = pytest.mark.timeout(7200 if FULL else 900)


def in_tests_by(module: str) -> pytest.MarkDecorator:
    """For a drill whose one trial another module of the layer has."""
    return pytest.mark.skipif(not PLAYED, reason=f"tests/cluster/{module}.py plays it; `deploy/hashtide drill` again")


@dataclass
class Trials:
    """The seconds that each trial of a drill took; judged when all are through."""

    name: str
    took: list[float] = field(default_factory=list)

    def add(self, seconds: float) -> None:
        """Whoever waits for a drill sees how far it is."""
        self.took.append(seconds)
        print(f"  {self.name}: {seconds:.1f} s ({len(self.took)} of {len(self.times)})", flush=True)

    @property
    def times(self) -> range:
        return range(DRILLS[self.name].full if FULL else 1)


@contextmanager
def trials(name: str, figure: Callable[[str], None]) -> Iterator[Trials]:
    made = Trials(name)
    yield made
    outcome = DRILLS[name].outcome(name, made.took)
    figure(f"{name}: {outcome.what}: p50 {outcome.p50} s, p95 {outcome.p95} s, n {outcome.n}")
    if report := os.environ.get("HASHTIDE_DRILL_REPORT"):
        with Path(report).open("a") as lines:
            lines.write(json.dumps(outcome.as_json()) + "\n")
    assert outcome.holds, f"{outcome.what}: {[round(one, 1) for one in made.took]} s"
