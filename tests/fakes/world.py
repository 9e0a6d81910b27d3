"""A launcher's surroundings on a virtual clock: HDFS, a ResourceManager, spark-submits that take their time."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from deploy import artifact, submit
from deploy.checkpoints.checking import Checked
from deploy.config import Airflow, Cluster, Hdfs, Spark, Yarn
from deploy.errors import Unreachable
from deploy.launch import Launcher, StreamSpec
from deploy.yarn import Application
from spark_apps.contract import StreamPaths, epoch_tag, stream_tag
from spark_apps.generations import Generation
from spark_apps.verdict import Judgement, Verdict
from tests.fakes.files import Files

STREAM = "a"
PATHS = StreamPaths(STREAM)
CLUSTER = Cluster("test", Hdfs("hdfs://nn:1", ("http://nn:2",), "hashtide"), Yarn(("http://rm:3",)), Spark(), Airflow())
RELEASE = "0.1.0-00000000"
SPEC = StreamSpec(STREAM, release=RELEASE)
#: Any instant will do.
START_MS = 1_800_000_000_000


@dataclass
class App:
    """An application that the RM knows from `from_ms` on and whose driver runs until `to_ms`."""

    id: str
    tags: tuple[str, ...]
    from_ms: float
    to_ms: float = float("inf")
    state: str = "FAILED"          # its last one
    final_status: str = "UNDEFINED"   # while it lives
    diagnostics: str = ""


@dataclass
class RM:
    """What deploy.yarn.Client asks, answered for the instant of the question. A kill takes `dies_in_ms`."""

    now_ms: Any
    all: list[App] = field(default_factory=list)
    attempts_of: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    killed: list[str] = field(default_factory=list)
    dies_in_ms: int = 0
    down: bool = False

    def add(self, epoch: int, *tags: str, **more: Any) -> App:
        """An application of the stream's epoch, running by default."""
        app = App(f"application_1_{len(self.all) + 1:04d}", (stream_tag(STREAM), epoch_tag(STREAM, epoch), *tags),
                  **{"from_ms": self.now_ms(), **more})
        self.all.append(app)
        return app

    def apps(self, tag: str | None = None, states: Sequence[str] = ()) -> list[Application]:
        if self.down:
            raise Unreachable("no ResourceManager serves; applications are unknown, not dead")
        now = self.now_ms()
        found = [self._seen(app, now) for app in self.all if app.from_ms <= now and (tag is None or tag in app.tags)]
        return sorted((app for app in found if not states or app.state in states), key=lambda app: app.started_ms)

    def kill(self, app_id: str) -> None:
        if self.down:
            raise Unreachable("no ResourceManager serves; applications are unknown, not dead")
        self.killed.append(app_id)
        app = next(app for app in self.all if app.id == app_id)
        if app.to_ms > (ends := self.now_ms() + self.dies_in_ms):
            app.to_ms, app.state = ends, "KILLED"

    def attempts(self, app_id: str) -> list[dict[str, Any]]:
        return self.attempts_of.get(app_id, [])

    def live_at(self, now: float) -> list[App]:
        return [app for app in self.all if app.from_ms <= now < app.to_ms]

    @staticmethod
    def _seen(app: App, now: float) -> Application:
        live = now < app.to_ms
        return Application(app.id, "RUNNING" if live else app.state, app.final_status if live else app.state,
                           frozenset(app.tags), app.diagnostics, int(app.from_ms), 0 if live else int(app.to_ms))


@dataclass
class Submitter:
    """A spark-submit: its application is at the RM after `takes_ms`, unless it fails or is ended before."""

    rm: RM
    app: App | None
    ends_ms: float
    code: int = 0
    words: str = ""

    def poll(self) -> int | None:
        return self.code if self.rm.now_ms() >= self.ends_ms else None

    def last_words(self) -> str:
        return self.words

    def end(self) -> None:
        if self.app and self.app.from_ms > self.rm.now_ms():
            self.rm.all.remove(self.app)


class World:
    """Everything a Launcher touches. `takes_ms`: of the next spark-submits; `fails`: the words of one that fails."""

    def __init__(self, takes_ms: int = 6_000, fails: str = "") -> None:
        self.ms = float(START_MS)
        self.takes_ms, self.fails = takes_ms, fails
        self.jobs: list[submit.Job] = []
        self.said: list[str] = []
        self.hdfs, self.rm = Files(self.now_ms), RM(self.now_ms)
        self.hdfs.replace(f"/hashtide/releases/{RELEASE}/{artifact.SUMS}", b"")
        self.tools = Launcher(CLUSTER, self.hdfs, self.rm, self.start, self.now_ms, self.monotonic, self.sleep,
                              self.said.append, self.new_id, check=self.check)
        self.checks: list[tuple[StreamSpec, Generation]] = []
        self.verdict = Judgement(Verdict.COMPATIBLE)

    def check(self, tools: Launcher, spec: StreamSpec, generation: Generation) -> Checked:
        self.checks.append((spec, generation))
        return Checked(spec.stream, generation.number, spec.release or "this", self.verdict, True, "none")

    def now_ms(self) -> int:
        return int(self.ms)

    def monotonic(self) -> float:
        return self.ms / 1000

    def sleep(self, seconds: float) -> None:
        self.ms += seconds * 1000

    def new_id(self) -> str:
        return f"{len(self.jobs):032x}"

    def start(self, cluster: Cluster, job: submit.Job, log_name: str) -> submit.Client:
        self.jobs.append(job)
        there = self.ms + self.takes_ms
        if self.fails:
            return Submitter(self.rm, None, there, 1, self.fails)
        app = self.rm.add(int(job.tags[1].rpartition("-e")[2]), *job.tags[2:], from_ms=there)
        return Submitter(self.rm, app, there + 1_000)

    # what a test prepares

    def intent(self, epoch: int, age_s: float = 1_000, **said: Any) -> None:
        at = self.now_ms() - int(age_s * 1000)
        self.hdfs.write_json(PATHS.epoch(epoch), {"release": RELEASE, "time_ms": at, **said})

    def epochs(self) -> list[str]:
        return self.hdfs.list(PATHS.epochs)
