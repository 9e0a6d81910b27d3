"""The order of the runs: sides of one ratio beside each other, and a repeat in the reverse order of the one before."""
from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from spark_apps.bench import compare, duck, loop
from spark_apps.bench.sides import Run, Sides, Watch
from spark_apps.bench.spark import CORES, say


@dataclass
class Rounds:
    """`counted`: the first counts of each side, for the comparison; `wrong`: what else must not be."""

    sides: Sides
    names: list[str]
    odd_lines: int
    runs: list[dict[str, Any]] = field(default_factory=list)
    counted: dict[str, Counter[tuple[int, str]]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def plan(self) -> dict[str, Callable[[], Run]]:
        sides = self.sides
        return {"batch": sides.batch, "stream": sides.stream, "noop": sides.noop, "counted": sides.discarded,
                "poison": sides.poison, "steady": sides.steady, "orjson": self.orjson, "duckdb": self.duckdb}

    def measure(self, repeats: int, warm_up: int) -> None:
        """The first stream of the JVM is the cold one; then so many rounds of what runs in it that do not count.

        The JVM compiles: three streams of 100,000 tweets each took 54, 18 and 11 processor seconds.
        """
        plan = self.plan()
        self.take("stream_cold", 0, self.sides.stream)
        for number in range(warm_up):
            for name in ("batch", "stream", "noop", "counted"):
                say(f"warm-up {number + 1}: {name} {speed(plan[name]())}")
        for repeat in range(repeats):
            for name in plan if repeat % 2 == 0 else reversed(plan):
                self.take(name, repeat, plan[name])

    def take(self, name: str, repeat: int, run: Callable[[], Run]) -> None:
        done = run()
        say(f"repeat {repeat + 1}: {name} {speed(done)}")
        batches = [batch["batch_s"] for batch in done.batches if batch["lines"]]
        self.runs.append({"side": name, "repeat": repeat, "seconds": done.seconds, "cpu_s": done.cpu_s,
                          "tweets": done.tweets, "batches": len(batches),
                          "batch_s": statistics.median(batches) if batches else None})
        expected = self.odd_lines if name == "poison" else 0
        if done.put_aside() != expected:
            self.wrong.append(f"{name}: {done.put_aside():,} lines put aside, expected {expected:,}")
        if done.counts is not None:
            self.counted.setdefault(name, done.counts)

    def orjson(self) -> Run:
        watch = Watch()
        counts = loop.count(self.names)
        return Run("orjson", *watch.read(), self.sides.tweets, [], counts)

    def duckdb(self) -> Run:
        watch = Watch()
        counts = duck.count(self.names, CORES)
        return Run("duckdb", *watch.read(), self.sides.tweets, [], counts)

    def differences(self) -> list[str]:
        """Of all sides that count, against the orjson loop, which has no transform in common with the others."""
        base = self.counted["orjson"]
        found = (compare.difference(name, counts, "orjson", base) for name, counts in self.counted.items())
        return [line for line in found if line] + self.wrong


def speed(run: Run) -> str:
    return f"{run.seconds:.1f} s ({run.cpu_s:.1f} s of the processors), {run.tweets / run.seconds:,.0f} tweets/s"
