"""Many people press Trigger at once: one run takes the stream, each other ends at once and says so."""
from __future__ import annotations

import os
import random
from contextlib import suppress

import pytest

from deploy import supervisor
from deploy.launch import Launcher
from tests.fakes.actors import CutOff, Through
from tests.fakes.airflow_tasks import Airflow, PlainTask, Play
from tests.fakes.drivers import STREAM, World
from tests.fakes.world import CLUSTER

ROUNDS = 15
FILES = ("read_json", "write_json", "create_exclusive", "read", "replace", "list", "status", "statuses", "exists")


class Press:
    """Twenty runs within `within_s` of a stream that is new, runs or was stopped."""

    def __init__(self, seed: int, before: str, within_s: float) -> None:
        self.rng, self.before, self.within_s = random.Random(seed), before, within_s
        self.world = World(self.rng)
        self.world.calm = True
        self.stage = Play(self.world, self.rng, cut=0.0, lost=0.0)
        self.airflow = Airflow(self.world, self.stage, self.launcher, PlainTask())
        self.waits: dict[str, int] = {}

    def launcher(self) -> Launcher:
        stage, world = self.stage, self.world
        return Launcher(CLUSTER, Through(stage, world.hdfs, FILES),  # type: ignore[arg-type]
                        Through(stage, world.rm, ("apps", "kill", "attempts")),  # type: ignore[arg-type]
                        stage.start, world.now_ms, world.monotonic, stage.sleep, new_id=world.new_id,
                        examine=lambda hdfs, paths: None)

    def play(self) -> None:
        self.stage.play([self.direct], until_s=1)
        if self.world.failed:
            raise self.world.failed

    def direct(self) -> None:
        if self.before == "running":
            self.airflow.trigger()
            self.stage.nap(120)
        elif self.before == "stopped":
            supervisor.stop(self.world.tools, STREAM, who="operator")
            self.stage.nap(60)
        began, at = self.world.ms, self.rng.uniform
        runs = [self.airflow.trigger(in_s=at(0, self.within_s)) for _ in range(20)]
        with suppress(CutOff):
            self.stage.nap(self.within_s + 20)
        holders = [run for run in self.airflow.runs if not run.over]
        assert len(holders) == 1, [run.holder for run in holders]
        losers = [run for run in runs if run is not holders[0]]
        assert {run.state for run in losers} == {"skipped"}
        assert all(f"{holders[0].holder} holds stream {STREAM} already" in run.reason for run in losers)
        assert all(run.trigger == 0 for run in losers), "one of them was deferred"
        self.stage.nap(60)
        assert self.world.ms - began < 300_000
        assert [run for run in self.airflow.runs if not run.over] == holders
        assert len(self.world.rm.all) == 1 and len(self.world.running()) == 1
        self.stage.over = True


@pytest.mark.parametrize("within_s", [0.0, 2.0])
@pytest.mark.parametrize("before", ["new", "running", "stopped"])
def test_of_twenty_triggers_one_holds_and_nineteen_end_at_once(before: str, within_s: float) -> None:
    replay = os.environ.get("HASHTIDE_SEED")
    first = int(replay) if replay else random.SystemRandom().randrange(10**9)
    for seed in range(first, first + (1 if replay else ROUNDS)):
        press = Press(seed, before, within_s)
        try:
            press.play()
        except BaseException as error:
            told = "\n".join(press.world.story[-60:])
            raise AssertionError(f"HASHTIDE_SEED={seed} plays it again: {error}\n{told}") from error
