"""Savepoints under load, ten minutes of stream after the last, then back to each of them: all is counted exactly."""
from __future__ import annotations

import random
from collections.abc import Callable

from tests.cluster.laptop import Laptop, Said
from tests.cluster.load import loaded
from tests.cluster.test_5_savepoint import restore
from tests.cluster.trials import FULL, TIMEOUT, in_tests_by, trials
from tests.cluster.waiting import until

Figure = Callable[[str], None]
STREAM, RATE = "back", 50
#: Between two savepoints, and of stream after the last of them.
APART_S, AFTER_S = (50, 600) if FULL else (20, 60)
pytestmark = [TIMEOUT, in_tests_by("test_5_savepoint")]


def test_restore(machine: Laptop, up: Said, figure: Figure) -> None:
    assert up.code == 0
    # Room in the queue.
    assert machine.hashtide("stream", "stop").code == 0
    with trials("restore", figure) as done, loaded(machine, STREAM, RATE) as load:
        until(lambda: load.heartbeat().get("commit_ms"), 120, "a commit")
        points = [f"point-{n}" for n in done.times]
        for n, point in enumerate(points):
            load.await_second(APART_S * (n + 1))
            said = machine.hashtide("checkpoint", "savepoint", point, "--stream", STREAM)
            assert said.code == 0, said.text
        load.await_second(APART_S * len(points) + AFTER_S)
        load.end_feeding()
        expected = load.expected()
        assert sum(row[0] for key, row in expected.items() if key[1] == "") > 0.8 * RATE * AFTER_S
        # Not in the order they were taken in: back, and forward again to one that is undone by then.
        for point in random.Random(len(points)).sample(points, len(points)):
            _, seconds = restore(load, point)
            done.add(seconds)
            load.await_counts(expected)
        machine.hashtide("stream", "stop", "--stream", STREAM)
