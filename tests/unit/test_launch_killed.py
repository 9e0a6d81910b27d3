"""kill -9 of the process that launches, before and after each call that it makes: nothing twice, nothing lost.

Every call of every situation below is such a place, and each is tried with a spark-submit that outlives its parent and
with one that does not, and with a next launch at once, soon and late: some thousand kills, none drawn by chance.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from deploy import supervisor
from deploy.errors import TimedOut
from deploy.launch import INTENT_TIMEOUT_MS, Launcher, newest_epoch
from tests.fakes.actors import CutOff
from tests.fakes.world import PATHS, SPEC, STREAM, App, World

HDFS = ("read_json", "write_json", "create_exclusive", "read", "replace", "list", "status", "statuses", "exists")
YARN = ("apps", "kill", "attempts")


class Killer:
    """Cuts its caller off at call number `at`, before or after what the call does; counts them otherwise."""

    def __init__(self, world: World, at: int = 0, after: bool = False) -> None:
        self.world, self.at, self.after, self.calls = world, at, after, 0
        self.submits: list[Any] = []

    def tools(self) -> Launcher:
        world = self.world
        return replace(world.tools, hdfs=_Watched(self, world.hdfs, HDFS), yarn=_Watched(self, world.rm, YARN),
                       start=self.watched(self.start), sleep=self.watched(world.sleep))

    def start(self, *args: Any) -> Any:
        client = self.world.start(*args)
        self.submits.append(client)
        return client

    def watched(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            self.calls += 1
            if self.calls == self.at and not self.after:
                raise CutOff
            answer = function(*args, **kwargs)
            if self.calls == self.at:
                raise CutOff
            return answer
        return call


class _Watched:
    def __init__(self, killer: Killer, inner: Any, names: tuple[str, ...]) -> None:
        for name in names:
            setattr(self, name, killer.watched(getattr(inner, name)))


def first(world: World) -> None:
    """Nothing was ever launched."""


def after_a_death(world: World) -> None:
    world.intent(1)
    world.rm.add(1, from_ms=world.ms - 600_000, to_ms=world.ms - 1_000)


def while_one_stops(world: World) -> None:
    world.intent(1)
    world.rm.add(1, from_ms=world.ms - 600_000, to_ms=world.ms + 5_000)
    world.hdfs.create_exclusive(PATHS.stop(1), {})


def beside_a_late_one(world: World) -> None:
    """Epoch 1 came after it was given up, epoch 2 is dead."""
    world.intent(1)
    world.intent(2)
    world.rm.add(1, from_ms=world.ms - 1_000)
    world.rm.add(2, from_ms=world.ms - 600_000, to_ms=world.ms - 1_000)


def two_at_once(world: World) -> None:
    """The older is reaped, the newer adopted: no submission here."""
    world.intent(1)
    world.intent(2)
    world.rm.add(1)
    world.rm.add(2)


SITUATIONS = (first, after_a_death, while_one_stops, beside_a_late_one, two_at_once)


def a_world(situation: Callable[[World], None]) -> World:
    world = World()
    supervisor.ask(world.tools, SPEC)
    situation(world)
    world.rm.dies_in_ms = 3_000
    return world


def calls_of(situation: Callable[[World], None]) -> int:
    counting = Killer(a_world(situation))
    counting.tools().launch(SPEC)
    return counting.calls


def kill_and_go_on(situation: Callable[[World], None], at: int, after: bool, outlives: bool, wait_s: float) -> None:
    world = a_world(situation)
    before = set(world.hdfs.data)
    killer = Killer(world, at, after)
    with pytest.raises(CutOff):
        killer.tools().launch(SPEC)
    for client in [] if outlives else killer.submits:
        client.end()
    world.sleep(wait_s)
    try:
        app = world.tools.launch(SPEC, timeout_s=60)
    except TimedOut:   # as a task does: it is put off, and tried again
        app = world.tools.launch(SPEC, timeout_s=600)
    world.ms += 1_000_000
    live = world.rm.live_at(world.ms)
    assert [one.id for one in live] == [app.id], f"{len(live)} live, expected {app.id} alone"
    assert app.epoch(STREAM) == newest_epoch(world.hdfs, PATHS), "its driver can never commit"
    tags = [one.tags[1] for one in world.rm.all]
    assert len(tags) == len(set(tags)), f"one epoch twice: {tags}"
    check_never_two(world, before)


def check_never_two(world: World, before: set[str]) -> None:
    """No intent was written while an older driver ran or was on its way; one that came too late never commits."""
    for path in (path for path in world.hdfs.data if path.startswith(PATHS.epochs) and path not in before):
        epoch, made_ms = int(path[-11:-5]), world.hdfs.times[path]
        for app in (app for app in world.rm.all if epoch_of(app) < epoch):
            late = app.from_ms - world.hdfs.times[PATHS.epoch(epoch_of(app))] >= INTENT_TIMEOUT_MS
            assert late or app.to_ms <= made_ms, (
                f"epoch {epoch} was begun while {app.id} of {epoch_of(app)} ran or was on its way")


def epoch_of(app: App) -> int:
    return int(app.tags[1].rpartition("-e")[2])


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda found: found.__name__)
def test_killed_at_any_call_the_next_launch_leaves_one_driver(situation: Callable[[World], None]) -> None:
    calls = calls_of(situation)
    assert calls >= 10
    for at in range(1, calls + 1):
        for after in (False, True):
            for outlives in (True, False):
                for wait_s in (0, 10, 150, 400):
                    try:
                        kill_and_go_on(situation, at, after, outlives, wait_s)
                    except BaseException as error:
                        raise AssertionError(f"killed {'after' if after else 'before'} call {at} of {calls}, "
                                             f"{outlives = }, {wait_s = }: {error}") from error


def test_there_are_more_than_two_hundred_places_to_be_killed_at() -> None:
    """Each of them is tried eight times above."""
    assert 2 * sum(map(calls_of, SITUATIONS)) >= 200
