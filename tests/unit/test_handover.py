"""A person clears or marks the task that holds a stream, while its next try may begin at any moment.

HASHTIDE_SEED=<n> plays one run again; HASHTIDE_RUNS plays more than usual.
"""
from __future__ import annotations

import os
import random
from typing import Any

from deploy import desired, handover, holding, lease, supervisor
from deploy.launch import Launcher
from tests.fakes.actors import Stage, Through
from tests.fakes.world import CLUSTER, PATHS, SPEC, STREAM, World

RUNS = int(os.environ.get("HASHTIDE_RUNS") or 300)
FILES = ("read_json", "write_json", "create_exclusive", "read", "replace", "list", "status", "statuses", "exists",
         "mkdirs")
OLD, NEW = "hashtag_stream/run1#1", "hashtag_stream/run1#2"


def holding_world() -> World:
    world = World()
    assert holding.begin(world.tools, SPEC, OLD) is None
    assert holding.launch(world.tools, SPEC, OLD).epoch == 1
    return world


def state(world: World) -> str:
    return str(desired.read(world.hdfs, PATHS).get("state"))


def test_a_marked_task_means_that_its_stream_stays_stopped() -> None:
    world = holding_world()
    handover.abandon(world.tools, STREAM, OLD, 1, "marked")
    assert (state(world), world.rm.killed) == ("stopped", ["application_1_0001"])
    assert lease.held_by(world.tools, STREAM) == ""


def test_a_marked_tasks_driver_that_yarn_does_not_know_is_asked_to_end() -> None:
    world = holding_world()
    world.rm.all.clear()
    handover.abandon(world.tools, STREAM, OLD, 1, "marked")
    assert (world.hdfs.read_json(PATHS.stop(1)) or {})["why"] == "marked"


def test_what_somebody_else_submitted_meanwhile_is_the_holders_too() -> None:
    world = holding_world()
    world.rm.all[0].to_ms = world.ms
    supervisor.settle(world.tools, holding.observe(world.tools, STREAM))
    world.tools.launch(SPEC, who="command line")
    handover.abandon(world.tools, STREAM, OLD, 1, "marked")
    assert world.rm.killed == ["application_1_0002"]
    assert state(world) == "stopped"


def test_a_task_whose_lease_has_lapsed_ends_its_own_epoch_and_no_newer_one() -> None:
    world = holding_world()
    world.rm.all[0].to_ms = world.ms
    world.sleep(lease.LEASE_MS / 1000)
    world.tools.launch(SPEC, who="command line")
    said = handover.abandon(world.tools, STREAM, OLD, 1, "marked")
    assert (state(world), world.rm.killed) == ("running", [])
    assert said == "stream a is left to whoever submitted epoch 2"


def test_a_task_whose_lease_has_lapsed_still_ends_what_is_its_own() -> None:
    world = holding_world()
    world.sleep(lease.LEASE_MS / 1000)
    handover.abandon(world.tools, STREAM, OLD, 1, "marked")
    assert (state(world), world.rm.killed) == ("stopped", ["application_1_0001"])


def test_another_runs_stream_is_not_stopped_by_who_lost_it() -> None:
    world = holding_world()
    supervisor.stop(world.tools, STREAM)
    world.rm.all[0].to_ms = world.ms
    holding.begin(world.tools, SPEC, "hashtag_stream/run2#1")
    holding.launch(world.tools, SPEC, "hashtag_stream/run2#1")
    handover.abandon(world.tools, STREAM, OLD, 1, "marked")
    assert (state(world), world.rm.killed) == ("running", [])


class Clear:
    """One seed: the old try's end and the new try's start, call by call in any order."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.world = holding_world()
        self.world.rm.dies_in_ms = self.rng.choice((0, 3_000))
        self.stage = Stage(self.world, self.rng, cut=0.0, lost=0.0)
        self.held: holding.Launched | None = None

    def tools(self) -> Launcher:
        stage, world = self.stage, self.world
        return Launcher(CLUSTER, Through(stage, world.hdfs, FILES),  # type: ignore[arg-type]
                        Through(stage, world.rm, ("apps", "kill", "attempts")),  # type: ignore[arg-type]
                        lambda *args: stage.call(world.start, *args), world.now_ms, world.monotonic, stage.sleep,
                        examine=lambda hdfs, paths: None)

    def old_try(self) -> None:
        handover.abandon(self.tools(), STREAM, OLD, 1, "cleared or marked")

    def last_poll(self) -> None:
        """Airflow cancels the old trigger, but not the thread in which it polls."""
        holding.poll(self.tools(), STREAM, OLD, 1)

    def new_try(self) -> None:
        tools = self.tools()
        assert holding.begin(tools, SPEC, NEW) is None
        self.held = holding.launch(tools, SPEC, NEW)

    def play(self) -> None:
        self.stage.play([self.old_try, self.new_try, self.last_poll], until_s=self.rng.choice((0.1, 1, 5)))
        assert self.held
        assert state(self.world) == "running", "the cleared task's stream was stopped"
        for _ in range(60):
            self.world.sleep(5)
            event, _seen = holding.poll(self.world.tools, STREAM, NEW, self.held.epoch)
            if event:
                assert event.what == "submit", event
                self.held = holding.launch(self.world.tools, holding.wanted_spec(self.world.tools, STREAM), NEW)
        live = self.world.rm.live_at(self.world.ms)
        assert [app.tags[1] for app in live] == [f"hashtide-{STREAM}-e{self.held.epoch}"]


def test_a_cleared_task_ends_with_its_stream_running_whichever_try_is_first() -> None:
    replay = os.environ.get("HASHTIDE_SEED")
    first = int(replay) if replay else random.SystemRandom().randrange(10**9)
    for seed in range(first, first + (1 if replay else RUNS)):
        try:
            Clear(seed).play()
        except BaseException as error:
            raise AssertionError(f"HASHTIDE_SEED={seed} plays it again: {error}") from error


# holding

def test_an_end_from_before_somebody_asked_again_parks_nothing() -> None:
    world = holding_world()
    world.rm.all[0].to_ms, world.rm.all[0].diagnostics = world.ms, "ClassNotFoundException: x"
    event, _ = holding.poll(world.tools, STREAM, OLD, 1)
    assert event and event.what == "park"
    world.sleep(10)
    holding.finish(world.tools, STREAM, OLD)
    holding.begin(world.tools, SPEC, "hashtag_stream/run2#1")   # and its launch is put off
    event, _ = holding.poll(world.tools, STREAM, "hashtag_stream/run2#1", 1)
    assert event and event.what == "submit"


def test_the_lease_is_kept_through_a_slow_submission() -> None:
    world = World(takes_ms=150_000)
    holding.begin(world.tools, SPEC, OLD)
    seen: list[str] = []
    sleep = world.tools.sleep

    def watched(seconds: float) -> None:
        sleep(seconds)
        seen.append(lease.held_by(world.tools, STREAM))

    world.tools.sleep = watched
    holding.launch(world.tools, SPEC, OLD)
    assert len(seen) > 100
    assert set(seen) == {OLD}


def test_a_lease_that_nobody_renews_is_taken_by_the_next() -> None:
    world = holding_world()
    world.sleep(lease.LEASE_MS / 1000 + 1)
    assert holding.begin(world.tools, SPEC, "hashtag_stream/run2#1") is None
    event, _ = holding.poll(world.tools, STREAM, OLD, 1)
    assert event and event.what == "superseded"


def test_an_upgrade_is_a_stop_and_a_submit_never_a_restart(monkeypatch: Any) -> None:
    from dataclasses import replace

    world = holding_world()
    unpinned = replace(SPEC, release="")
    supervisor.ask(world.tools, unpinned)
    assert holding.wanted_spec(world.tools, STREAM).release == SPEC.release
    supervisor.stop(world.tools, STREAM)
    world.sleep(1)
    supervisor.ask(world.tools, unpinned)
    assert holding.wanted_spec(world.tools, STREAM).release == ""
