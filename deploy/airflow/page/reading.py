"""The views, each with what it reads and for how long an answer holds."""
from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, cast

from deploy import watchdog
from deploy.airflow import tools
from deploy.errors import HashtideError
from deploy.launch import Files, Launcher
from deploy.metrics import exposition
from deploy.metrics import reading as metrics
from deploy.views import answers, checkpoints, cost, health, history, hours, now, summary, tag
from deploy.views.answers import Answers
from deploy.views.kept import KeptFiles, KeptTables
from spark_apps.contract import StreamPaths

#: ms that an answer holds: of what changes with each batch; of what an event changes; of what costs many reads.
QUICK, CALM, SLOW = 2_000, 5_000, 15_000


class Stream:
    """What is kept open of one; tables are read by one question at a time."""

    def __init__(self, made: Launcher, stream: str) -> None:
        self.paths = StreamPaths(stream, made.cluster.root)
        files = KeptFiles(made.hdfs, self.paths, made.now_ms)
        self.tools = replace(made, hdfs=cast(Files, files))
        self.tables = KeptTables(made.cluster, stream, cast(Any, files))
        self.lock = threading.Lock()


class Reading:
    """Every answer is {"made_ms", "now_ms", "fault", "data"}, as deploy.views.answers has it; none raises where HDFS or
    YARN is away, or a table is missing."""

    def __init__(self) -> None:
        self._made: Launcher | None = None
        self._streams: dict[str, Stream] = {}
        self._lock = threading.Lock()
        self._answers = Answers(lambda: self.tools().now_ms())

    def tools(self) -> Launcher:
        self._made = self._made or tools.launcher()
        return self._made

    def streams(self) -> dict[str, Any]:
        return self._asked(("streams",), lambda: watchdog.streams(self.tools()), CALM)

    def now(self, stream: str, window: str, by: str) -> dict[str, Any]:
        return self._of_tables(("now", stream, window, by), stream,
                               lambda one, ms: now.now(one.tables, ms, window, by))

    def search(self, stream: str, text: str) -> dict[str, Any]:
        return self._of_tables(("search", stream, text), stream, lambda one, ms: now.search(one.tables, ms, text))

    def tag(self, stream: str, name: str, hours_back: int) -> dict[str, Any]:
        return self._of_tables(("tag", stream, name, hours_back), stream,
                               lambda one, ms: tag.tag(one.tables, ms, name, hours_back))

    def health(self, stream: str, hours_back: int) -> dict[str, Any]:
        return self._with_tables(("health", stream, hours_back), stream, QUICK, lambda one, ms: health.health(
            one.tools, stream, one.tables, hours_back))

    def summary(self, stream: str) -> dict[str, Any]:
        """As old as the oldest of the answers that it is made of."""
        told = (self.health(stream, 6), self.hours(stream, 2),
                self._of(("recent", stream), stream, SLOW, lambda one, ms: history.recent(
                    one.tools, stream, ms, summary.HOURS)))
        parts = [one["data"] for one in told]
        return {"made_ms": min(one["made_ms"] for one in told), "now_ms": told[0]["now_ms"],
                "fault": next((one["fault"] for one in told if one["fault"]), ""),
                "data": None if None in parts else summary.summary(parts[0], parts[1]["hours"], parts[2])}

    def hours(self, stream: str, days: int) -> dict[str, Any]:
        return self._with_tables(("hours", stream, days), stream, CALM, lambda one, ms: hours.hours(
            one.tables, one.tools.hdfs, ms, days))

    def hour(self, stream: str, hour_ms: int) -> dict[str, Any]:
        return self._with_tables(("hour", stream, hour_ms), stream, CALM, lambda one, ms: hours.hour(
            one.tables, one.tools.hdfs, ms, hour_ms))

    def history(self, stream: str) -> dict[str, Any]:
        return self._of(("history", stream), stream, CALM, lambda one, ms: history.history(one.tools, stream, ms))

    def checkpoints(self, stream: str) -> dict[str, Any]:
        return self._of(("checkpoints", stream), stream, SLOW, lambda one, ms: checkpoints.checkpoints(
            one.tools, stream))

    def restore(self, stream: str, point: str) -> dict[str, Any]:
        return self._of(("restore", stream, point), stream, CALM, lambda one, ms: checkpoints.restore(
            one.tools, stream, point))

    def cost(self, stream: str) -> dict[str, Any]:
        return self._of(("cost", stream), stream, CALM, lambda one, ms: cost.cost(one.tools.hdfs, one.paths))

    def metrics(self) -> tuple[str, str]:
        """(text for Prometheus, not older than SLOW; why there is none)."""
        told = self._asked(("metrics",), self._metrics, SLOW)
        return str(told["data"]), told["fault"]

    def _metrics(self) -> str:
        with ExitStack() as held:
            def opened(stream: str) -> tuple[Launcher, KeptTables]:
                one = self._one(stream)
                held.enter_context(one.lock)
                return one.tools, one.tables
            return exposition.text(metrics.read(self.tools(), opened))

    def _one(self, stream: str) -> Stream:
        with self._lock:
            if stream not in self._streams:
                self._streams[stream] = Stream(self.tools(), stream)
            return self._streams[stream]

    def _of(self, key: Any, stream: str, fresh_ms: int, make: Callable[[Stream, int], Any]) -> dict[str, Any]:
        return self._asked(key, lambda: make(self._one(stream), self.tools().now_ms()), fresh_ms)

    def _with_tables(self, key: Any, stream: str, fresh_ms: int, make: Callable[[Stream, int], Any]) -> dict[str, Any]:
        def made() -> Any:
            one = self._one(stream)
            with one.lock:
                one.tables.refresh()
                return make(one, self.tools().now_ms())
        return self._asked(key, made, fresh_ms)

    def _of_tables(self, key: Any, stream: str, make: Callable[[Stream, int], Any]) -> dict[str, Any]:
        """Made anew when a table has a new version, or gaps and marks may have changed."""
        def stamp() -> Any:
            one = self._one(stream)
            with one.lock:
                return one.tables.refresh(), self.tools().now_ms() // SLOW

        def made() -> Any:
            one = self._one(stream)
            with one.lock:
                return make(one, self.tools().now_ms())
        return self._asked(key, made, QUICK, stamp)

    def _asked(self, key: Any, make: Callable[[], Any], fresh_ms: int,
               stamp: Callable[[], Any] | None = None) -> dict[str, Any]:
        try:
            self.tools()
        except HashtideError as error:   # no cluster file: there is not even a clock
            return {"made_ms": 0, "now_ms": 0, "fault": answers.said(error), "data": None}
        return self._answers.ask(key, make, fresh_ms, stamp)
