"""Airflow as the supervision of one stream meets it: workers and triggerers lost, tasks cleared, marked and retried.

Each step of a worker, each trigger and each on_kill is an actor of the stage; what they do is deploy.holding's.
"""
from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from deploy import handover, holding, lease
from deploy.errors import BadUse, HashtideError, Refused, Unreachable
from deploy.launch import Launcher
from deploy.watchdog import watch
from tests.fakes.actors import Actor, CutOff, Stage
from tests.fakes.drivers import STREAM, World
from tests.fakes.world import PATHS, SPEC

POLL_S, QUIET_S = 5.0, 15.0
RETRIES = 3


class Play(Stage):
    """A stage whose actors may come and be cut off at any time; drivers move while everybody waits."""

    world: World

    def __init__(self, world: World, rng: Any, cut: float, lost: float) -> None:
        super().__init__(world, rng, cut, lost)
        self.over = False

    def start(self, *args: Any) -> Any:
        """A spark-submit of the actor that acts."""
        made = self.call(self.world.start, *args)
        made.owner = self._now
        return made

    def spawn(self, body: Callable[[], None], in_s: float = 0.0) -> Actor:
        def guarded() -> None:
            with suppress(CutOff):
                body()

        actor = Actor(self, guarded)
        actor.wake_ms = self.world.ms + in_s * 1000
        self.actors.append(actor)
        actor.start()
        return actor

    def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self.checked()
        answer = super().call(function, *args, **kwargs)
        self.checked()
        return answer

    def sleep(self, seconds: float) -> None:
        """When the faults are over so are polls further apart than lease.BLIND_MS: after each of these a driver has its
        time again, and one that stalls would never be found out."""
        if self.world.calm:
            return self.nap(seconds * self.rng.uniform(1, 3))
        super().sleep(seconds)
        return self.checked()

    def nap(self, seconds: float) -> None:
        """A sleep that takes as long as it says."""
        assert self._now
        self._now.wake_ms = self.world.ms + seconds * 1000
        self._hand_over(self._now)
        self.checked()

    def checked(self) -> None:
        if self.over or self._now in self.doomed and self.doomed[self._now] <= self.world.ms:
            raise CutOff

    def doom(self, actor: Actor, in_s: float = 0.0) -> None:
        self.doomed[actor] = self.world.ms + in_s * 1000

    @property
    def now(self) -> Actor | None:
        """Who acts."""
        return self._now

    @property
    def doomed(self) -> dict[Any, float]:
        return self.__dict__.setdefault("_doomed", {})

    def leave(self, actor: Actor) -> None:
        self.actors.remove(actor)
        self.over = self.over or self.failed is not None
        if self.actors:
            self._hand_over(None)
        else:
            self._over.release()

    def _hand_over(self, me: Actor | None) -> None:
        world = self.world
        while not self.over and world.next_ms() < min(actor.wake_ms for actor in self.actors) > world.ms:
            world.ms = max(world.ms, world.next_ms())
            world.catch_up()
        super()._hand_over(me)


@dataclass
class Held:
    """The arguments of a trigger."""

    holder: str
    epoch: int = 0
    retry_ms: int = 0
    put_off: int = 0
    begun: bool = True


@dataclass
class Run:
    """A run of hashtag_stream: one task. `trigger` counts its deferrals, so that a late event finds another one."""

    name: str
    automatic: bool = False
    try_number: int = 1
    tries_left: int = RETRIES
    asked_by: int = 1              # the try that a person asked for
    state: str = "queued"
    reason: str = ""
    held: Held | None = None
    trigger: int = 0
    actors: list[Actor] = field(default_factory=list)

    @property
    def over(self) -> bool:
        return self.state in ("success", "failed", "skipped")

    @property
    def holder(self) -> str:
        return holding.holder_name(self.name, self.try_number)


class Task(Protocol):
    """One step of the operator: the trigger's arguments where it defers, else (state, reason); and the trigger."""

    def step(self, run: Run, tools: Launcher, event: dict[str, Any] | None) -> Held | tuple[str, str]: ...

    def poll(self, held: Held, tools: Launcher) -> dict[str, Any] | None: ...

    def abandon(self, held: Held, tools: Launcher) -> str: ...


class PlainTask:
    """What deploy.airflow's operator and trigger make of deploy.holding, without Airflow."""

    def step(self, run: Run, tools: Launcher, event: dict[str, Any] | None) -> Held | tuple[str, str]:
        what = event["what"] if event else "begin"
        if what == "begin":
            return self._begin(run, tools, int((event or {}).get("put_off") or 0))
        if what == "submit":
            put_off = int((event or {}).get("put_off") or 0)
            try:
                spec = holding.wanted_spec(tools, STREAM)
            except Unreachable:
                return Held(run.holder, 0, tools.now_ms() + _delay_ms(put_off), put_off + 1)
            return self._submit(run, tools, spec, put_off)
        reason = str((event or {}).get("reason"))
        if what != "superseded":
            self._let_go(run, tools)
        return {"superseded": "skipped", "done": "success"}.get(what, "failed"), reason

    def _begin(self, run: Run, tools: Launcher, put_off: int) -> Held | tuple[str, str]:
        try:
            holding.preflight(tools, SPEC)
            event = holding.begin(tools, SPEC, run.holder, why="hashtag_stream")
        except (BadUse, Refused) as error:
            return "failed", str(error)
        except Unreachable:
            return Held(run.holder, 0, tools.now_ms() + _delay_ms(put_off), put_off + 1, begun=False)
        return ("skipped", event.reason) if event else self._submit(run, tools, SPEC, 0)

    def _submit(self, run: Run, tools: Launcher, spec: Any, put_off: int) -> Held | tuple[str, str]:
        try:
            launched = holding.launch(tools, spec, run.holder, why="hashtag_stream")
        except (BadUse, Refused) as error:
            self._let_go(run, tools)
            return "failed", str(error)
        if launched.app is None:
            return Held(run.holder, launched.epoch, tools.now_ms() + _delay_ms(put_off), put_off + 1)
        return Held(run.holder, launched.epoch)

    def _let_go(self, run: Run, tools: Launcher) -> None:
        try:
            holding.finish(tools, STREAM, run.holder)
        except HashtideError as error:
            tools.say(str(error))

    def poll(self, held: Held, tools: Launcher) -> dict[str, Any] | None:
        if not held.begun:
            return {"what": "begin", "put_off": held.put_off} if tools.now_ms() >= held.retry_ms else None
        try:
            event, _ = holding.poll(tools, STREAM, held.holder, held.epoch, held.retry_ms)
        except Unreachable:
            return None
        return {"what": event.what, "reason": event.reason, "put_off": held.put_off} if event else None

    def abandon(self, held: Held, tools: Launcher) -> str:
        return handover.abandon(tools, STREAM, held.holder, held.epoch, "ended by a person") if held.begun else ""


def _delay_ms(before: int) -> int:
    return min(300_000, 10_000 << min(before, 10))


class Airflow:
    """Runs of the DAG. `launcher` makes the tools of one process; `task` is what the operator and the trigger do."""

    def __init__(self, world: World, stage: Play, launcher: Callable[[], Launcher], task: Task) -> None:
        self.world, self.stage, self.rng, self.launcher, self.task = world, stage, world.rng, launcher, task
        self.runs: list[Run] = []
        self.wishes: list[tuple[float, str]] = []     # when, and what a person wished last: run, stop, or either

    def wish(self, what: str) -> None:
        self.wishes.append((self.world.ms, what))

    def stopped(self) -> None:
        """A stop has come through: it holds, but where a person's run has yet to ask for the stream."""
        self.wish("either" if any(self.asking(run) for run in self.runs) else "stop")

    def asking(self, run: Run) -> bool:
        said = [json.loads(data) for path, data in self.world.hdfs.data.items() if path.startswith(PATHS.holders)]
        tries = [one["holder"].rpartition("#") for one in said]
        asked = any(name == run.name and int(number) >= run.asked_by for name, _, number in tries)
        return not run.automatic and not run.over and not asked

    # runs

    def trigger(self, automatic: bool = False, in_s: float | None = None) -> Run:
        run = Run(f"dag/{holding.AUTOMATIC if automatic else 'run'}{len(self.runs) + 1}", automatic)
        self.runs.append(run)
        self.work(run, None, self.rng.uniform(0, 8) if in_s is None else in_s)
        return run

    def work(self, run: Run, event: dict[str, Any] | None, in_s: float) -> None:
        """A worker takes the task's next step."""
        run.state, number = "running", run.try_number

        def body() -> None:
            if (run.state, run.try_number) != ("running", number):
                return
            self.world.told(f"{run.holder} {event['what'] if event else 'begins'}")
            try:
                outcome = self.task.step(replace(run), self.launcher(), event)
            except CutOff:
                self.world.told(f"{run.name}#{number}: its worker is gone")
                if event and event["what"] == "done" and not lease.newest(self.world.tools, STREAM).holder:
                    outcome = "success", "done"   # after its last call: milliseconds, and nothing tells it from a clear
                elif self.stage.over:
                    return
                else:
                    self.lost(run, number)
                    return
            if (run.state, run.try_number) != ("running", number):
                return   # cleared or marked meanwhile: what it says comes too late
            self.outcome(run, outcome)

        run.actors.append(self.stage.spawn(body, in_s))

    def outcome(self, run: Run, outcome: Held | tuple[str, str]) -> None:
        if isinstance(outcome, Held):
            run.state, run.held, run.trigger = "deferred", outcome, run.trigger + 1
            self.hold(run, self.rng.uniform(0, 5))
            return
        run.state, run.reason = outcome
        self.world.told(f"{run.holder} is {run.state}: {run.reason[:90]}")

    def lost(self, run: Run, number: int) -> None:
        """A worker that is gone is noticed after a while; then the task is tried again."""
        def retry() -> None:
            if (run.state, run.try_number) != ("running", number):
                return
            if run.tries_left == 0:
                run.state, run.reason = "failed", "its workers were lost"
                return
            run.try_number, run.tries_left = number + 1, run.tries_left - 1
            self.work(run, None, 0)

        for one in self.world.submitters:
            if one.owner is self.stage.now and one.code is None and self.rng.random() < 0.3:
                one.end()   # it was on the worker's machine
        self.world.after(self.rng.choice((30_000, 330_000)) if not self.world.calm else 60_000, retry)

    def hold(self, run: Run, in_s: float) -> None:
        """A triggerer holds the task: what it must not lose is in `run.held` alone."""
        number, held = run.trigger, replace(run.held) if run.held else Held("")

        def mine() -> bool:
            return run.trigger == number and run.state == "deferred"

        def again() -> None:
            if mine():
                self.hold(run, 0)

        def body() -> None:
            tools, began = self.launcher(), self.world.ms
            try:
                while mine():
                    if event := self.task.poll(held, tools):
                        self.stage.nap(max(0.0, QUIET_S - (self.world.ms - began) / 1000))
                        if mine():
                            run.trigger += 1
                            self.work(run, event, self.rng.uniform(0, 3))
                        return
                    self.stage.sleep(POLL_S)
            except CutOff:
                if mine() and not self.stage.over:
                    self.world.told(f"{run.holder}: its triggerer is gone")
                    self.world.after(self.rng.uniform(1_000, 120_000), again)

        run.actors.append(self.stage.spawn(body, in_s))

    # what people and machines do

    def clear(self, run: Run) -> None:
        """The next try begins before or after the old trigger hears of it."""
        self.world.told(f"{run.holder} is cleared, {run.state}")
        self.wish("run")
        if run.state == "deferred":
            self.killed(run)
        self.doom(run)
        run.try_number, run.tries_left, run.trigger = run.try_number + 1, RETRIES, run.trigger + 1
        run.asked_by, run.automatic = run.try_number, False
        self.work(run, None, self.rng.uniform(0, 5))

    def mark_failed(self, run: Run) -> None:
        if run.over:
            return
        self.world.told(f"{run.holder} is marked failed, {run.state}")
        self.wish("either")
        if run.state == "deferred":
            self.killed(run, wished=True)
        self.doom(run)
        run.state, run.reason, run.trigger = "failed", "marked", run.trigger + 1

    def doom(self, run: Run) -> None:
        """Its process goes on for a while before it hears that its task is not its own any more."""
        for actor in run.actors:
            self.stage.doom(actor, self.rng.uniform(0, 20))

    def killed(self, run: Run, wished: bool = False) -> None:
        """on_kill of the deferred task's trigger; a triggerer that is away never calls it."""
        if self.rng.random() < 0.1:
            return
        held, number = replace(run.held) if run.held else Held(""), run.try_number

        def body() -> None:
            tools, until = self.launcher(), self.world.ms + 25_000
            beside = any(self.asking(run) for run in self.runs)   # who asks meanwhile may come after its word
            while self.world.ms < until:
                try:
                    done = self.task.abandon(held, tools)
                    self.world.told(f"on_kill of {held.holder}: {done}")
                    if wished and "is stopped" in done and run.try_number == number:   # not cleared since
                        self.wish("either") if beside else self.stopped()
                except CutOff:
                    return
                except HashtideError:
                    self.stage.nap(2.0)
                else:
                    return

        self.stage.spawn(body, self.rng.uniform(0, 4))

    def watchdog(self, every_s: float = 300.0) -> None:
        """The watchdog's DAG; a run of it that is cut off is followed by the next."""
        while True:
            try:
                found = watch(self.launcher(), STREAM)
                if found.conf:
                    self.world.told("the watchdog finds no holder")
                    self.trigger(automatic=True)
            except CutOff:
                self.stage.checked()
            self.stage.nap(every_s)
