"""A ResourceManager whose applications are drivers that claim, commit, stall and die, on the clock of a world.

What a driver does goes by spark_apps' own fence, stop gate and reporter; what it writes is checked as it is written.
"""
from __future__ import annotations

import heapq
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from deploy import artifact, submit
from deploy.config import Cluster
from deploy.errors import SafeMode, Unreachable
from deploy.launch import Launcher
from deploy.yarn import Application
from spark_apps.fence import Fence, Fenced
from spark_apps.progress import BEAT_MS, Reporter
from spark_apps.shutdown import StopGate
from tests.fakes import files
from tests.fakes.world import CLUSTER, PATHS, RELEASE, START_MS, STREAM

OUTAGE = "java.net.ConnectException: Connection refused"
ATTEMPTS = 2


class Files(files.Files):
    """The dictionary with its directories at hand, a safe mode, and a landing in which something always waits."""

    def __init__(self, world: World) -> None:
        super().__init__(world.now_ms)
        self.world, self.safe, self.inside = world, False, dict[str, dict[str, None]]()

    def _check(self) -> None:
        self.world.catch_up()
        super()._check()

    def _write(self) -> None:
        if self.safe and not self.down:
            raise SafeMode("HDFS is in safe mode and takes no writes")

    def create_exclusive(self, path: str, obj: Any) -> bool:
        self._check()
        self._write()
        self._enter(path)
        return super().create_exclusive(path, obj)

    def replace(self, path: str, data: bytes) -> None:
        self._check()
        self._write()
        self._enter(path)
        super().replace(path, data)

    def list(self, path: str) -> list[str]:
        self._check()
        if path.startswith(PATHS.landing):
            return sorted(self.statuses(path))
        return sorted(self.inside.get(path, ()))

    def statuses(self, path: str) -> dict[str, dict[str, Any]]:
        self._check()
        if path.startswith(PATHS.landing):
            ms = self.world.now_ms() - 60_500
            day, _, hour = PATHS.landing_hour(ms).removeprefix(f"{PATHS.landing}/").partition("/")
            inside = {PATHS.landing: day, f"{PATHS.landing}/{day}": hour,
                      PATHS.landing_hour(ms): f"{ms:013d}-{ms:013d}-x-1.jsonl"}
            return {inside[path]: {"modificationTime": ms}} if path in inside else {}
        return {name: self.status(f"{path}/{name}") or {} for name in self.list(path)}

    def status(self, path: str) -> dict[str, Any] | None:
        self._check()
        if path in self.data:
            return {"type": "FILE", "modificationTime": self.times[path]}
        return {"type": "DIRECTORY", "modificationTime": 0} if path in self.inside or path in self.made else None

    def _enter(self, path: str) -> None:
        while path not in self.data and path not in self.inside and "/" in path.strip("/"):
            parent, _, name = path.rpartition("/")
            there = parent in self.inside
            self.inside.setdefault(parent, {})[name] = None
            if there:
                return
            path = parent


@dataclass
class App:
    """An application as the RM has it; `forgotten`: as it had it."""

    id: str
    tags: tuple[str, ...]
    epoch: int
    started_ms: int
    state: str = "ACCEPTED"
    final_status: str = "UNDEFINED"
    diagnostics: str = ""
    finished_ms: int = 0
    attempt: int = 0
    attempt_ms: int = 0
    forgotten: bool = False
    doomed: bool = False           # its kill is on its way

    @property
    def live(self) -> bool:
        return self.state in ("ACCEPTED", "RUNNING")


class Driver:
    """One attempt: claims, then looks and commits, batch by batch. `manner`: commits, dies, stalls."""

    def __init__(self, world: World, app: App, manner: str, lives_ms: float) -> None:
        self.world, self.app, self.manner = world, app, manner
        self.attempt, self.alive, self.frozen_ms, self.claimed = app.attempt, True, 0.0, False
        self.fence = Fence(world.hdfs, PATHS, app.epoch, app.attempt)
        self.gate = StopGate(world.hdfs, PATHS.stop(app.epoch))
        self.reporter = Reporter(world.hdfs, PATHS, 1, app.epoch, app.attempt, 10, app.id, world,  # type: ignore[arg-type]
                                 self.fence.check)
        self.batch, self.looked_ms = 0, 0.0
        world.after(lives_ms, lambda: self.dies("boom"))
        self.then(world.rng.uniform(2_000, 15_000), self.claim)

    def then(self, ms: float, step: Callable[[], None]) -> None:
        """The step in `ms`, unless it is dead by then, and later where it is frozen."""
        def go() -> None:
            if not self.alive:
                return
            if self.frozen_ms > self.world.ms:
                self.world.after(self.frozen_ms - self.world.ms, go)
                return
            try:
                step()
            except Fenced:
                self.world.told(f"{self.name} is fenced")
                self.ends("FINISHED", "SUCCEEDED")
            except Unreachable:
                if self.world.rng.random() < 0.1:
                    self.dies(OUTAGE)
                else:
                    self.then(3_000, step)
        self.world.after(ms, go)

    @property
    def name(self) -> str:
        return f"{self.app.epoch}.a{self.attempt}"

    def claim(self) -> None:
        if not self.claimed:
            if self.world.hdfs.exists(PATHS.claim(self.app.epoch, self.attempt)):
                raise AssertionError(f"{self.name} is claimed twice")
            self.claimed = True
        self.fence.files.create_exclusive(PATHS.claim(self.app.epoch, self.attempt), {"application": self.app.id})
        self.fence.check()
        self.world.told(f"{self.name} has claimed, {self.manner}")
        self.batch = self.world.newest_batch + 1
        self.reporter.beat(now=True)
        if self.manner == "dies":
            self.dies("boom")
        self.then(BEAT_MS, self.pulse)
        self.then(self.world.rng.uniform(3_000, 12_000), self.look)

    def pulse(self) -> None:
        """Its main thread, which beats whatever the batch takes."""
        with suppress(Unreachable):
            self.reporter.beat()
        self.then(BEAT_MS, self.pulse)

    def look(self) -> None:
        """What is asked before each batch; then it is written, some time later."""
        if self.gate.look():
            self.world.hdfs.write_json(PATHS.result(self.app.epoch), self.reporter.result("stop"))
            self.ends("FINISHED", "SUCCEEDED")
            return
        self.fence.check()
        self.world.check_newest(self.app.epoch, self.attempt)
        if self.manner == "stalls":
            self.world.to_blame.add(self.app.epoch)
            self.then(10_000, self.look)
        else:
            self.then(self.world.rng.choice((200, 3_000)), self.commit)

    def commit(self) -> None:
        if self.world.hdfs.down or self.world.hdfs.safe:
            raise Unreachable("no NameNode")
        self.world.commit(self.app.epoch, self.attempt, self.batch)
        self.reporter.take([{"batchId": self.batch, "timestamp": "", "durationMs": {"addBatch": 1}}])
        self.batch += 1
        self.then(self.world.rng.uniform(8_000, 16_000), self.look)

    def dies(self, why: str) -> None:
        if self.alive and self.frozen_ms <= self.world.ms and (self.world.sick or not self.world.calm):
            self.ends("FAILED", "FAILED", why)

    def ends(self, state: str, final: str, why: str = "") -> None:
        """The process is gone. YARN starts the next attempt where it failed, is known and not being killed."""
        self.alive = False
        world, app = self.world, self.app
        world.told(f"{self.name} ended: {final} {why}")
        if why and why != OUTAGE:
            world.to_blame.add(app.epoch)
        if self.attempt != app.attempt or not app.live or app.forgotten:
            return
        if state == "FAILED" and app.attempt < ATTEMPTS and not app.doomed:
            app.state = "ACCEPTED"
            world.after(world.rng.uniform(1_000, 20_000), lambda: world.rm.attempt(app))
        else:
            app.final_status = final   # dying: YARN needs a moment to say that it is over
            world.after(world.rng.choice((0, 0, 4_000)), lambda: world.rm.over(app, state, why))


class RM:
    """deploy.yarn.Client's surface, and what may befall the real one."""

    def __init__(self, world: World) -> None:
        self.world, self.down, self.full = world, False, False
        self.all: list[App] = []

    def _check(self) -> None:
        self.world.catch_up()
        if self.down:
            raise Unreachable("no ResourceManager serves; applications are unknown, not dead")

    def apps(self, tag: str | None = None, states: Sequence[str] = ()) -> list[Application]:
        self._check()
        return [Application(app.id, app.state, app.final_status, frozenset(app.tags), app.diagnostics, app.started_ms,
                            app.finished_ms)
                for app in self.all if not app.forgotten and (not states or app.state in states)
                and (tag is None or tag in app.tags)]

    def attempts(self, app_id: str) -> list[dict[str, Any]]:
        self._check()
        return [{"id": app.attempt, "startTime": app.attempt_ms} for app in self.all
                if app.id == app_id and app.attempt]

    def kill(self, app_id: str) -> None:
        self._check()
        app = next(app for app in self.all if app.id == app_id)
        if app.forgotten or not app.live or app.doomed:
            return
        self.world.told(f"{app.id} of epoch {app.epoch} is being killed")
        app.doomed = True
        self.world.after(self.world.rng.choice((0, 500, 5_000, 90_000)), lambda: self.over(app, "KILLED", "killed"))

    # what happens

    def submitted(self, tags: tuple[str, ...]) -> App:
        app = App(f"application_1_{len(self.all) + 1:04d}", tags, int(tags[1].rpartition("-e")[2]),
                  self.world.now_ms())
        self.all.append(app)
        self.world.told(f"{app.id} of epoch {app.epoch} is submitted")
        if self.full and self.world.rng.random() < 0.3:
            self.over(app, "FAILED", "Application rejected by queue placement policy")
        else:
            self.world.after(self.world.rng.uniform(500, 8_000), lambda: self.attempt(app))
        return app

    def attempt(self, app: App) -> None:
        """The driver's next attempt starts, once the queue has room and the RM serves."""
        if not app.live or app.forgotten or app.doomed:
            return
        if self.down or self.full or self.world.hdfs.down:
            self.world.after(5_000, lambda: self.attempt(app))
            return
        app.state, app.attempt, app.attempt_ms = "RUNNING", app.attempt + 1, self.world.now_ms()
        self.world.drivers.append(Driver(self.world, app, self.world.manner(), self.world.lives_ms()))

    def over(self, app: App, state: str, why: str = "") -> None:
        if not app.live:
            return
        app.state, app.diagnostics, app.finished_ms = state, why, self.world.now_ms()
        app.final_status = {"FINISHED": "SUCCEEDED"}.get(state, state)
        self._reap(app, 5_000)

    def forget(self, app: App) -> None:
        self.world.told(f"{app.id} of epoch {app.epoch} is forgotten")
        app.forgotten = True
        if self.world.rng.random() < 0.8:   # else only its stop marker ends it
            self._reap(app, 240_000)

    def _reap(self, app: App, within_ms: float) -> None:
        """What of its processes is left goes too, when its node hears of it."""
        def gone() -> None:
            for driver in self.world.drivers:
                if driver.app is app:
                    driver.alive = False
        self.world.after(self.world.rng.choice((0.0, within_ms * self.world.rng.random())), gone)


class Submitter:
    """A spark-submit: needs HDFS all the way and the RM at its end."""

    def __init__(self, world: World, job: submit.Job, takes_ms: float, fails: str) -> None:
        self.world, self.job, self.words, self.ended = world, job, fails, False
        self.code: int | None = None
        self.owner: Any = None
        world.after(takes_ms, self.arrive)

    def arrive(self) -> None:
        if self.ended:
            return
        if self.world.rm.down or self.world.hdfs.down or self.world.hdfs.safe:
            self.words = OUTAGE
        elif self.words:
            self.world.to_blame.add(int(self.job.tags[1].rpartition("-e")[2]))
        else:
            self.world.rm.submitted(self.job.tags)
        self.code = 1 if self.words else 0

    def poll(self) -> int | None:
        self.world.catch_up()
        return self.code

    def last_words(self) -> str:
        return self.words

    def end(self) -> None:
        self.ended = True


class World:
    """HDFS, YARN, the table of what was committed, and things that happen at their time."""

    def __init__(self, rng: Any) -> None:
        self.rng, self.ms = rng, float(START_MS)
        self.story: list[str] = []
        self.drivers: list[Driver] = []
        self.submitters: list[Submitter] = []
        self.committed: list[tuple[int, int, float]] = []     # epoch, attempt, when
        self.to_blame: set[int] = set()                       # epochs that spent a restart by their own fault
        self.newest_batch = 0
        self.calm = self.sick = False
        self._later: list[tuple[float, int, Callable[[], Any]]] = []
        self._count = 0
        self.failed: AssertionError | None = None
        self.hdfs, self.rm = Files(self), RM(self)
        self.hdfs.replace(f"/hashtide/releases/{RELEASE}/{artifact.SUMS}", b"")
        self.hdfs.replace(f"{PATHS.control}/provisioned", b"")
        # Its drivers keep no checkpoint.
        self.tools = Launcher(CLUSTER, self.hdfs, self.rm, self.start, self.now_ms, self.monotonic,
                              new_id=self.new_id, examine=lambda hdfs, paths: None)

    def new_id(self) -> str:
        self._count += 1
        return f"{self._count:032x}"

    def now_ms(self) -> int:
        return int(self.ms)

    def monotonic(self) -> float:
        return self.ms / 1000

    def told(self, text: str) -> None:
        self.story.append(f"{(self.ms - START_MS) / 1000:8.1f} {text}")

    # time

    def after(self, ms: float, what: Callable[[], Any]) -> None:
        self._count += 1
        heapq.heappush(self._later, (self.ms + ms, self._count, what))

    def next_ms(self) -> float:
        return self._later[0][0] if self._later else float("inf")

    def catch_up(self) -> None:
        """What was due meanwhile has happened, each at its own time."""
        now = self.ms
        while self._later and self._later[0][0] <= now:
            self.ms, _, what = heapq.heappop(self._later)
            try:
                what()
            except AssertionError as error:
                self.failed = self.failed or error
                raise
            finally:
                self.ms = now

    # what a driver is like, and what it may do

    def manner(self) -> str:
        if self.sick:
            return "dies"
        return "commits" if self.calm else str(self.rng.choices(("commits", "dies", "stalls"), (8, 1, 1))[0])

    def lives_ms(self) -> float:
        return float("inf") if self.calm or self.rng.random() < 0.6 else self.rng.uniform(5_000, 400_000)

    def check_newest(self, epoch: int, attempt: int) -> None:
        """Whoever passed the fence is the newest that claimed or is to claim."""
        newest = max((int(name[:6]), int(name[8:]) if name[6:8] == ".a" else 0)
                     for name in self.hdfs.inside[PATHS.epochs])
        assert newest <= (epoch, attempt), f"{epoch}.a{attempt} may commit, though {newest[0]}.a{newest[1]} is there"

    def commit(self, epoch: int, attempt: int, batch: int) -> None:
        """Delta's keyed commit: the same batch twice changes nothing. Of two drivers the older never follows."""
        if batch <= self.newest_batch:
            return
        assert batch == self.newest_batch + 1
        if self.committed:
            assert (epoch, attempt) >= self.committed[-1][:2], (
                f"{epoch}.a{attempt} commits batch {batch} after {self.committed[-1][:2]} did the one before")
        self.newest_batch = batch
        self.committed.append((epoch, attempt, self.ms))

    def start(self, cluster: Cluster, job: submit.Job, log_name: str) -> submit.Client:
        tags = [app.tags[:2] for app in self.rm.all] + [one.job.tags[:2] for one in self.submitters]
        assert job.tags[:2] not in tags, f"{job.tags[1]} was submitted twice"
        fails = "boom" if not self.calm and self.rng.random() < 0.05 else ""
        takes = 6_000.0 if self.calm or self.rng.random() < 0.7 else self.rng.uniform(3_000, 175_000)
        self.submitters.append(Submitter(self, job, takes, fails))
        return self.submitters[-1]

    # what a test asks

    def desired(self) -> dict[str, Any]:
        newest = max((path for path in self.hdfs.data if path.startswith(PATHS.desired_changes + "/")), default="")
        return dict(json.loads(self.hdfs.data.get(newest) or b"{}"))

    def running(self) -> list[Driver]:
        return [driver for driver in self.drivers if driver.alive]


__all__ = ["STREAM", "App", "Driver", "World"]
