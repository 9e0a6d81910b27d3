"""Streams with a life drawn by chance: nothing that any point which stays would take again is ever on the list, by what
the test itself knows of who took what; and what nobody needs is."""
from __future__ import annotations

import random

import pytest

from deploy import checkpoints
from deploy.checkpoints import savepoint
from deploy.errors import HashtideError
from deploy.retention.doing import listed, retire
from deploy.retention.horizons import Horizons
from spark_apps import generations
from spark_apps.contract import HOUR_MS, hour_name
from tests.fakes.retention import BEGAN, an_hour, begun, landed_late, landing, seal
from tests.fakes.world import PATHS, STREAM, World

WORLDS = 16


class Life:
    """What a stream went through. `took`: of each generation the files in the order of its batches, with those that it
    has from its parent; `first`: the hour (ms) before which it takes nothing."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.world: World = begun()
        self.generation = 1
        self.took: dict[int, list[str]] = {1: []}
        self.first: dict[int, int] = {1: 0}
        self.saved: dict[str, tuple[int, int]] = {}     # generation, batches that were committed
        self.opened: dict[int, tuple[int, int]] = {}
        self.hour_of: dict[str, int] = {}
        self.unsealed: set[int] = set()
        self.hour = BEGAN

    def live(self) -> None:
        for _ in range(self.rng.randint(30, 110)):
            self.an_hour()
            what = self.rng.random()
            if what < 0.08:
                self.save()
            elif what < 0.11 and self.saved:
                self.restore()
            elif what < 0.13:
                self.fresh()
            elif what < 0.16:
                late = self.hour - self.rng.randint(1, 40) * HOUR_MS
                if late >= BEGAN:
                    self.hour_of[landed_late(self.world, late, f"late{self.hour % 97}")] = late
            elif what < 0.17:
                self.hour += self.rng.randint(1, 60) * HOUR_MS    # the stream's sources were away
        self.world.ms = self.hour + self.rng.randint(0, 200) * HOUR_MS + 300_000

    def an_hour(self) -> None:
        sealed = self.rng.random() > 0.02
        name = an_hour(self.world, self.generation, self.hour, sealed)
        if not sealed:
            self.unsealed.add(self.hour)
            if self.rng.random() < 0.5:
                seal(self.world, self.hour, **self.rng.choice([{"complete": False}, {"adds_up": False}]))
        self.hour_of[name] = self.hour
        self.took[self.generation].append(name)
        self.hour += HOUR_MS

    def save(self) -> None:
        name = f"s{len(self.saved)}"
        savepoint.take(self.world.tools, STREAM, name, pinned=self.rng.random() < 0.3,
                       by_copy=self.rng.random() < 0.3)
        self.saved[name] = (self.generation, len(self.took[self.generation]))

    def restore(self) -> None:
        name = self.rng.choice(sorted(self.saved))
        origin, batches = self.saved[name]
        self.world.ms += 300_000
        made = checkpoints.restore(self.world.tools, STREAM, name)
        self.took[made.number] = self.took[origin][:batches]
        self.first[made.number] = self.first[origin]
        self.generation = made.number

    def fresh(self) -> None:
        self.world.ms += 300_000
        made = checkpoints.fresh(self.world.tools, STREAM)
        self.took[made.number], self.first[made.number] = [], made.from_hour or 0
        self.generation = made.number

    def needed(self, gone: set[str]) -> dict[str, set[str]]:
        """Of each point that is not gone, the files that it would take."""
        found = {f"g{number:04d}": (number, len(files)) for number, files in self.took.items()} | self.saved
        return {point: {name for name, hour in self.hour_of.items()
                        if hour >= self.first[generation] and name not in self.took[generation][:batches]}
                for point, (generation, batches) in found.items() if point not in gone}


def test_nothing_that_a_point_which_stays_would_take_is_ever_listed(capsys: pytest.CaptureFixture[str]) -> None:
    seed = random.randrange(1 << 32)
    with capsys.disabled():
        print(f" seed {seed} ", end="")
    lists = files = points = 0
    for number in range(WORLDS):
        life = Life(seed + number)
        life.live()
        horizons = Horizons(life.rng.choice([48, 60, 168]), life.rng.choice([2, 3, 14]), life.rng.choice([1, 2, 5]),
                            life.rng.choice([1, 2, 30]))
        found = listed(life.world.tools, STREAM, horizons)
        items = found.found.items
        gone = {item.what for item in items if item.kind != "archive"}
        names = {name for item in items for name in item.names}
        for point, needed in life.needed(gone).items():
            assert not names & needed, f"seed {seed + number}: {point} would take {sorted(names & needed)[:3]}"
        assert f"g{life.generation:04d}" not in gone
        records = {name: life.world.hdfs.read_json(PATHS.savepoint(name)) or {} for name in life.saved}
        pinned = {name for name, told in records.items() if told["pinned"]}
        assert not gone & pinned, f"seed {seed + number}"
        young = {hour_name(hour) for hour in life.hour_of.values() if life.world.ms - hour < 48 * HOUR_MS}
        unsealed = {hour_name(hour) for hour in life.unsealed}
        assert not {item.what for item in items if item.kind == "archive"} & (young | unsealed), f"seed {seed + number}"
        check_after(life, horizons, found.checksum, names)
        lists, files, points = lists + bool(items), files + len(names), points + len(gone)
    assert lists >= WORLDS // 4 and files > 2 * WORLDS and points > 2, "too little is ever listed"


def check_after(life: Life, horizons: Horizons, checksum: str, names: set[str]) -> None:
    before = landing(life.world)
    retire(life.world.tools, STREAM, horizons, checksum)
    assert before - landing(life.world) == names
    assert generations.newest(life.world.hdfs, PATHS)
    again = listed(life.world.tools, STREAM, horizons)
    assert not again.found.items, "what it deleted makes nothing else go"
    for name in life.saved:
        try:
            checkpoints.plan(life.world.tools, STREAM, "restore", name)
        except HashtideError:
            assert name not in life.needed(set()) or not life.world.hdfs.status(PATHS.savepoint(name))
