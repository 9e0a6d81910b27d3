"""The world of a launcher, with streams that commit and batches that seal, and things that happen at their time."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from deploy import submit
from deploy.config import Cluster
from deploy.yarn import Application
from spark_apps.contract import HOUR_MS, hour_name, parse_hour
from tests.fakes.world import PATHS, RM, STREAM, App, Submitter, World


class Manager(RM):
    """RM that is also asked for one application, and whose batches may end well."""

    @staticmethod
    def _seen(app: App, now: float) -> Application:
        seen = RM._seen(app, now)
        return replace(seen, state="FINISHED") if seen.state == "SUCCEEDED" else seen

    def app(self, app_id: str) -> Application | None:
        found = [app for app in self.apps() if app.id == app_id]
        return found[0] if found else None


class Batches(World):
    """`after(s, what)` does something later; `writes`: whether a batch leaves its results, `ends`: how YARN has it;
    `verifies`: whether one that is to verify comes to it, `unexplained`: the rows that it then finds."""

    def __init__(self, takes_ms: int = 6_000) -> None:
        super().__init__(takes_ms)
        self.rm = self.tools.yarn = Manager(self.now_ms)
        self.writes, self.ends, self.late_hours = True, "SUCCEEDED", [0]
        self.verifies, self.unexplained = True, 0
        self._later: list[tuple[float, Callable[[], Any]]] = []

    def provision(self) -> None:
        self.hdfs.mkdirs(PATHS.control)
        self.hdfs.mkdirs(PATHS.base)

    def after(self, seconds: float, what: Callable[[], Any]) -> None:
        self._later.append((self.ms + seconds * 1000, what))

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        due = [item for item in self._later if item[0] <= self.ms]
        self._later = [item for item in self._later if item not in due]
        for _, what in due:
            what()

    def mark(self, ms: int, source: str = "x") -> None:
        """All that arrived before is landed."""
        self.hdfs.write_json(PATHS.through(source), {"through_ms": ms})

    def land(self, ms: int) -> None:
        self.hdfs.replace(f"{PATHS.landing_hour(ms)}/{ms:013d}-{ms:013d}-x-1.jsonl", b"{}\n")

    def commit(self, epoch: int, batch_id: int = 1) -> None:
        self.hdfs.write_json(PATHS.heartbeat, {"time_ms": self.now_ms(), "epoch": epoch, "commit_ms": self.now_ms(),
                                               "batch_id": batch_id})

    def start(self, cluster: Cluster, job: submit.Job, log_name: str) -> submit.Client:
        if job.kind == "stream":
            return super().start(cluster, job, log_name)
        self.jobs.append(job)
        there = self.ms + self.takes_ms
        app = App(f"application_2_{len(self.rm.all) + 1:04d}", job.tags, there, there + 30_000, self.ends)
        self.rm.all.append(app)
        if self.writes:
            self.after((self.takes_ms + 29_000) / 1000, lambda: self._seal(job, app))
        return Submitter(self.rm, app, there + 1_000)

    def _seal(self, job: submit.Job, app: App) -> None:
        verify, words = "--then-verify" in job.args, [word for word in job.args if word != "--then-verify"]
        given = dict(zip(words[::2], words[1::2], strict=True))
        if "--verify" in given:
            self._verify(_hours(given["--verify"]), app)
            return
        if "--hours" in given:
            sealed = _hours(given["--hours"])
        else:
            sealed = {ms: ms + HOUR_MS for ms in self.late_hours}
            self.hdfs.write_json(PATHS.late_result, {"hours": list(sealed), "time_ms": self.now_ms()})
        for hour, through_ms in sealed.items():
            self.hdfs.write_json(PATHS.seal_result(hour), {
                "hour": hour_name(hour), "hour_ms": hour, "revision": 1, "changed": True, "rows": 3, "tweets": 2,
                "complete": "--incomplete" not in given, "gap": given.get("--incomplete", ""), "adds_up": True,
                "through_ms": through_ms, "time_ms": self.now_ms(), "application": app.id})
        if verify and self.verifies:
            self._verify(sealed, app)

    def _verify(self, hours: dict[int, int], app: App) -> None:
        counts = {"tweets": 2, "originals": 2, "retweets": 0, "quotes": 0, "replies": 0}
        rows = [{"minute_ms": 0, "tag": "a", "form": "A\x1b[2J", "live": {**counts, "tweets": 3}, "sealed": counts,
                 "fresh": counts, "reasons": {"unexplained": {"tweets": 0, "ids": []}}}] * self.unexplained
        late = {"minute_ms": 60_000, "tag": "", "form": "", "live": {**counts, "tweets": 1}, "sealed": counts,
                "fresh": counts, "reasons": {"late": {"tweets": 5, "ids": ["11", "12", "13", "14", "15"]}}}
        told = {"unexplained": {"rows": self.unexplained, "tweets": 0}} if rows else {}
        for hour, through_ms in hours.items():
            self.hdfs.write_json(PATHS.verify_result(hour), {
                "hour": hour_name(hour), "hour_ms": hour, "revision": 1, "through_ms": through_ms, "complete": True,
                "rows": 30, "differing": 1 + len(rows), "unexplained": len(rows),
                "reasons": {"late": {"rows": 1, "tweets": 5}, **told}, "differences": [*rows, late],
                "generation": 1, "batch_id": 7, "time_ms": self.now_ms(), "application": app.id})


def _hours(text: str) -> dict[int, int]:
    return {parse_hour(hour): int(through) for hour, through in (item.split("=") for item in text.split(","))}


__all__ = ["PATHS", "STREAM", "Batches"]
