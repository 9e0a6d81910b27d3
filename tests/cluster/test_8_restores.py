"""Savepoints under load, ten minutes of stream after the last, then back to each of them: all is counted exactly."""
from __future__ import annotations

import random
import time
from collections.abc import Callable

from deploy.local import cluster
from tests.cluster.laptop import Laptop, Said
from tests.cluster.load import Load, loaded
from tests.cluster.test_2_counts import difference
from tests.cluster.trials import FULL, MARKS, trials
from tests.cluster.waiting import until

Figure = Callable[[str], None]
STREAM, RATE = "back", 50
#: Between two savepoints, and of stream after the last of them.
APART_S, AFTER_S = (50, 600) if FULL else (20, 60)
pytestmark = MARKS


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
        # The simulator first: what it has sent is then all received.
        cluster.stop(machine.instance, ["simulator"])
        cluster.stop(machine.instance, [f"ingest-{STREAM}"])
        expected = load.expected()
        assert sum(row[0] for key, row in expected.items() if key[1] == "") > 0.8 * RATE * AFTER_S
        # Not in the order they were taken in: back, and forward again to one that is undone by then.
        for point in random.Random(len(points)).sample(points, len(points)):
            done.add(restored(load, point))
            deadline = time.monotonic() + 240
            while (differs := difference(load.counted(), expected)) and time.monotonic() < deadline:
                time.sleep(1)
            assert not differs, f"after {point}: {differs}"
        machine.hashtide("stream", "stop", "--stream", STREAM)


def restored(load: Load, point: str) -> float:
    """Seconds from the command to the first commit of the driver that goes on from there."""
    began = time.monotonic()
    said = load.machine.hashtide("checkpoint", "restore", point, "--yes", "--json", "--stream", STREAM)
    assert said.code == 0, said.text
    number = int(str(said.json()["generation"])[1:])
    until(lambda: load.heartbeat().get("generation") == number and load.heartbeat().get("batch_id") is not None, 300,
          f"the first commit of generation {number}", 0.5)
    return time.monotonic() - began
