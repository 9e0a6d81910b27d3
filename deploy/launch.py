"""One launch of a stream: at most one driver that can commit, whoever asks and wherever it is cut off.

    look up live applications --one of ours--> adopt it
        | none        \\--dying or more than one--> wait until terminal, kill all but the newest epoch; again
        v
    young intent without an application? --yes--> wait it out; again
        | no
        v
    write the intent: control/epoch/<n+1>.json by exclusive create --lost--> again
        | won
        v
    submit detached -> confirm by tag
"""
from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Protocol

from deploy import artifact, desired, engines, restart_policy, submit
from deploy.artifact import Release
from deploy.config import Cluster
from deploy.errors import BadUse, Refused, TimedOut
from deploy.outages import Noticed
from deploy.spec import CLASSIC
from deploy.spec import StreamSpec as StreamSpec
from deploy.yarn import LIVE, Application
from spark_apps import generations
from spark_apps.contract import StreamPaths, epoch_tag, launch_tag, stream_tag
from spark_apps.generations import Generation

#: How long an intent may be without an application before it counts as given up.
INTENT_TIMEOUT_MS = int(submit.SUBMIT_TIMEOUT_S * 1000) + 20_000
#: A driver whose heartbeat is younger than this lives, whatever an RM that lost its memory says.
HEARTBEAT_FRESH_MS = 30_000
#: A driver reads its stop marker between batches; past this it is killed, which loses nothing but time.
STOP_TIMEOUT_MS = 5 * 60_000
LAUNCH_TIMEOUT_S = 600.0


class Files(artifact.Files, Protocol):
    """What of deploy.hdfs.Client is needed here."""

    def read_json(self, path: str) -> dict[str, Any] | None: ...

    def write_json(self, path: str, obj: Any) -> None: ...

    def create_exclusive(self, path: str, obj: Any) -> bool: ...

    def list(self, path: str) -> list[str]: ...

    def status(self, path: str) -> dict[str, Any] | None: ...

    def read_end(self, path: str, count: int) -> bytes | None: ...

    def copy(self, source: str, target: str) -> None: ...

    def delete(self, path: str, recursive: bool = False) -> bool: ...

    def statuses(self, path: str) -> dict[str, dict[str, Any]]: ...


class Yarn(submit.Applications, Protocol):
    def kill(self, app_id: str) -> None: ...

    def attempts(self, app_id: str) -> list[dict[str, Any]]: ...


def _examine(hdfs: Files, paths: StreamPaths) -> None:
    from deploy.checkpoints.doctor import gate  # which needs this module itself

    gate.check(hdfs, paths)


def _check_code(tools: Launcher, spec: StreamSpec, generation: Generation) -> Any:
    from deploy.checkpoints import preflight  # which needs the launcher itself

    return preflight.check(tools, spec, generation)


@dataclass
class Launcher:
    """Everything a launch touches, so that a test can hold each."""

    cluster: Cluster
    hdfs: Files
    yarn: Yarn
    start: Callable[[Cluster, submit.Job, str], submit.Client] = submit.start
    now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    say: Callable[[str], None] = lambda text: None
    new_id: Callable[[], str] = field(default=lambda: uuid.uuid4().hex)
    noticed: Noticed = field(default_factory=Noticed)   # what whoever polls with these tools has not seen answer
    examine: Callable[[Files, StreamPaths], None] = _examine   # raises Damaged where no driver may start
    check: Callable[[Launcher, StreamSpec, Generation], Any] = _check_code    # deploy.checkpoints.checking.Checked

    def launch(self, spec: StreamSpec, who: str = "", why: str = "",
               timeout_s: float = LAUNCH_TIMEOUT_S) -> Application:
        """The stream's one live application, adopted or new.

        Refused where one of another release runs, or the checkpoint may not go on with this; Damaged where it is;
        SubmitFailed, TimedOut, Unreachable as deploy.submit has them.
        """
        paths = StreamPaths(spec.within(self.cluster).stream, self.cluster.root)
        deadline = self.monotonic() + timeout_s
        while True:
            # Before anything else is looked at: whoever launches meanwhile takes the next number, and our create fails.
            newest = newest_epoch(self.hdfs, paths)
            if found := self._adopt(spec, paths):
                return found
            wait = self.what_to_wait_for(paths, newest)
            if not wait:
                if launched := self._submit(spec, paths, newest + 1, who, why):
                    return launched
                continue
            if self.monotonic() >= deadline:
                raise TimedOut(f"stream {spec.stream}: waited {timeout_s:.0f} s to launch it: {wait}")
            self.say(wait)
            self.sleep(2.0)

    # 1 and 2: what is there

    def live(self, stream: str) -> list[Application]:
        """Live applications of the stream, oldest epoch first."""
        return sorted(self.yarn.apps(tag=stream_tag(stream), states=LIVE), key=lambda app: app.epoch(stream))

    def _adopt(self, spec: StreamSpec, paths: StreamPaths) -> Application | None:
        live = self.live(spec.stream)
        for old in live[:-1]:
            self.kill(paths, old, f"superseded by epoch {live[-1].epoch(spec.stream)}")
        if len(live) != 1 or self._ends(live[0], paths):
            return None
        app, epoch = live[0], live[0].epoch(spec.stream)
        if epoch < (newest := newest_epoch(self.hdfs, paths)):
            # It came after its intent was given up, and its fence will not let it commit.
            self.kill(paths, app, f"superseded by epoch {newest}")
            return None
        intent, opened = self.hdfs.read_json(paths.epoch(epoch)) or {}, generations.newest(self.hdfs, paths)
        if opened and int(intent.get("generation") or opened.number) < opened.number:
            # It was submitted while that one was opened, and its fence will not let it commit.
            self.kill(paths, app, f"generation {opened.number} was opened since")
            return None
        release = intent.get("release", "")
        if spec.release and release and release != spec.release:
            raise Refused(f"stream {spec.stream} runs release {release} as {app.id}, wanted is {spec.release}; "
                          f"stop it first: `deploy/hashtide stream stop --stream {spec.stream}`")
        self.say(f"adopting {app.id}, epoch {epoch}, {app.state}")
        return app

    def _ends(self, app: Application, paths: StreamPaths) -> bool:
        """Whether it was asked to end, or says that it does; where that takes too long, it is killed."""
        epoch = app.epoch(paths.stream)
        if self.hdfs.status(paths.kill(epoch)) is not None:
            # Whoever left word may have been cut off before the kill.
            self.yarn.kill(app.id)
            return True
        stop = self.hdfs.status(paths.stop(epoch))
        if stop and self.now_ms() - int(stop["modificationTime"]) > STOP_TIMEOUT_MS:
            self.kill(paths, app, "its stop took too long")
        return app.dying or stop is not None

    def what_to_wait_for(self, paths: StreamPaths, epoch: int) -> str:
        """Why no driver may be submitted after this epoch yet; empty where one may."""
        if live := self.live(paths.stream):
            return f"waiting for the end of {', '.join(app.id for app in live)}"
        if not epoch or self.hdfs.status(paths.restart(epoch)) is not None:
            return ""
        age = self.now_ms() - intent_ms(self.hdfs, paths, epoch)
        # After the look at the clock: what comes in time is then seen. And it may have come since the question before.
        if apps := self.yarn.apps(tag=epoch_tag(paths.stream, epoch)):
            return next((f"looking at {app.id} again" for app in apps if app.live), "")
        if age < INTENT_TIMEOUT_MS:
            return f"waiting for epoch {epoch}, whose spark-submit may still be on its way ({age // 1000} s)"
        beat = self.hdfs.read_json(paths.heartbeat) or {}
        if beat.get("epoch") == epoch and self.now_ms() - int(beat.get("time_ms") or 0) < HEARTBEAT_FRESH_MS:
            return f"waiting for epoch {epoch}, unknown to YARN but with a fresh heartbeat"
        return ""

    def kill(self, paths: StreamPaths, app: Application, why: str) -> None:
        """Leaves word why, then kills."""
        self.say(f"killing {app.id}: {why}")
        self.hdfs.create_exclusive(paths.kill(app.epoch(paths.stream)), {"why": why, "time_ms": self.now_ms()})
        self.yarn.kill(app.id)

    # 3 and 4: intent, submission

    def _submit(self, spec: StreamSpec, paths: StreamPaths, epoch: int, who: str, why: str) -> Application | None:
        """None where somebody else won this epoch."""
        generation, inputs = self._admitted(spec, paths)
        release = self._release(spec)
        self._before_upgrade(paths, epoch, release)
        launch_id = self.new_id()
        intent = {"launch_id": launch_id, "release": release.version, "generation": generation.number, "who": who,
                  "why": why, "time_ms": self.now_ms(), "parameters": asdict(spec), "inputs": inputs}
        if not self.hdfs.create_exclusive(paths.epoch(epoch), intent):
            return None
        tag = launch_tag(launch_id)
        job = submit.Job(spec.kind, f"hashtide {spec.stream} e{epoch}", spec.queue or self.cluster.yarn.stream_queue,
                         (stream_tag(spec.stream), epoch_tag(spec.stream, epoch), tag),
                         spec.args(self.cluster.root, generation, epoch), release,
                         spec.executors, spec.executor_memory)
        self.say(f"submitting epoch {epoch}, generation {generation.number}, release {release.version}")
        client: submit.Client | None = None
        try:
            client = self.start(self.cluster, job, f"{spec.stream}-{epoch:06d}")
            app = submit.confirm(self.yarn, client, tag, monotonic=self.monotonic, sleep=self.sleep)
        except (submit.SubmitFailed, TimedOut, BadUse) as error:
            # The client is gone for certain, so nobody need wait this intent out.
            kind = restart_policy.classify(str(error), otherwise=_what_failed(error, client))
            record = restart_policy.Restart(epoch, self.now_ms(), kind, str(error))
            self.hdfs.create_exclusive(paths.restart(epoch), record.as_json())
            raise
        self.say(f"{app.id} is {app.state}")
        return app

    def _admitted(self, spec: StreamSpec, paths: StreamPaths) -> tuple[Generation, dict[str, Any]]:
        """The generation, and what its driver's fingerprint depends on. Damaged, or Refused, where a driver would come
        upon damage or mix results; what should run is parked then: each try would find the same."""
        try:
            if spec.engine == CLASSIC:   # which looks after its checkpoints itself
                return engines.check(self._generation(spec, paths), spec), {}
            self.examine(self.hdfs, paths)
            generation = engines.check(self._generation(spec, paths), spec)
            return generation, self._preflight(spec, generation)
        except Refused as error:
            parked = {"state": "parked", "who": "launch", "why": str(error), "time_ms": self.now_ms()}
            desired.change(self.hdfs, paths,
                           lambda before: {**before, **parked} if before.get("state") == "running" else None)
            raise

    def _preflight(self, spec: StreamSpec, generation: Generation) -> dict[str, Any]:
        from deploy.checkpoints import preflight  # which needs the launcher itself

        release = spec.release or artifact.build()[0]
        preflight.before_launch(self, spec, generation, release)
        return preflight.inputs(self.cluster, spec, generation, release)

    def _before_upgrade(self, paths: StreamPaths, epoch: int, release: Release) -> None:
        before = (self.hdfs.read_json(paths.epoch(epoch - 1)) or {}).get("release")
        if before and before != release.version and engines.of(self.hdfs, paths) != CLASSIC:
            from deploy.checkpoints import savepoint  # which needs the launcher itself

            savepoint.before_upgrade(self, paths.stream, release.version, epoch)

    def _release(self, spec: StreamSpec) -> Release:
        if spec.release:
            return artifact.find(self.hdfs, spec.release, self.cluster.root)
        return artifact.publish(self.hdfs, self.cluster.root)

    def _generation(self, spec: StreamSpec, paths: StreamPaths) -> Generation:
        """The newest one; its shuffle partitions hold for the life of its checkpoint."""
        if not generations.numbers(self.hdfs, paths.generations):
            self.hdfs.create_exclusive(paths.generation(1), {
                "parent": None, "shuffle_partitions": self.cores(spec), "time_ms": self.now_ms(),
                "engine": spec.engine, "checkpoint_root": self.cluster.spark.checkpoint_root})
        found = generations.newest(self.hdfs, paths) or Generation(1)
        return replace(found, shuffle_partitions=found.shuffle_partitions or self.cores(spec))

    def cores(self, spec: StreamSpec) -> int:
        return (spec.executors or self.cluster.spark.executors) * self.cluster.spark.executor_cores


def _what_failed(error: Exception, client: submit.Client | None) -> str:
    """A spark-submit that ended well had an application: then it is YARN that lost it."""
    lost = isinstance(error, TimedOut) and client is not None and client.poll() == 0
    return "forgotten" if lost else "submit_failed"


def newest_epoch(hdfs: Files, paths: StreamPaths) -> int:
    """0 before the first launch."""
    names = (name.split(".")[0] for name in hdfs.list(paths.epochs) if name.endswith(".json"))
    return max((int(name) for name in names if name.isdigit()), default=0)


def intent_ms(hdfs: Files, paths: StreamPaths, epoch: int) -> int:
    """When it was written; the file's own time serves where its writer was cut off before its content."""
    intent = hdfs.read_json(paths.epoch(epoch)) or {}
    return int(intent.get("time_ms") or (hdfs.status(paths.epoch(epoch)) or {}).get("modificationTime") or 0)
