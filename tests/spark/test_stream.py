"""The stream as a process: killed between Delta's commit and Spark's own, fenced by a newer epoch."""
from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from deploy.local.simulator.generator import Generator
from tests import oracle
from tests.spark.drivers import Drivers, await_
from tests.spark.landing import NOW

SEED, FILES, PER_FILE = 7, 8, 250


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Drivers:
    made, generator = Drivers(tmp_path_factory.mktemp("stream")), Generator(SEED)
    for n in range(FILES):
        first_ms = NOW + n * 5_000
        made.land([generator.next(first_ms + i * 20) for i in range(PER_FILE)], first_ms, first_ms + 4_999, f"u{n}")
    return made


def test_a_driver_killed_between_two_commits_leaves_a_checkpoint_that_goes_on_and_counts_once(local: Drivers) -> None:
    with local.driver(1, "1") as driver:
        await_(lambda: driver.poll() is not None, 120, "the driver to be killed", local, 1)
        assert driver.returncode == -signal.SIGKILL, local.log(1)
    checkpoint = Path(local.paths.checkpoint(1))
    assert sorted(p.name for p in (checkpoint / "offsets").glob("[0-9]*")) == ["0", "1"]
    assert sorted(p.name for p in (checkpoint / "commits").glob("[0-9]*")) == ["0"]
    assert set(local.commits()) == {0, 1}
    with local.driver(2) as driver:
        done = lambda: local.read_json(local.paths.heartbeat).get("arrival_ms") == NOW + FILES * 5_000 - 1  # noqa: E731
        await_(done, 120, "the last file to be counted", local, 2)
        assert local.counted() == oracle.counts(local.lines), f"seed {SEED}"
        assert (checkpoint / "commits" / "1").exists()
        local.intend(3)
        await_(lambda: driver.poll() is not None, 60, "the driver to notice a newer epoch", local, 2)
        assert driver.returncode == 0, local.log(2)
    assert "ended: fenced" in local.log(2)
    assert not Path(local.paths.result(2)).exists(), "a fenced driver has nothing to say"


def test_the_progress_of_all_batches_is_kept(local: Drivers) -> None:
    lines = [json.loads(line) for path in sorted(Path(local.paths.batches).glob("g*.jsonl"))
             for line in path.read_text().splitlines()]
    assert sum(line["lines"] for line in lines if line["batch_id"] > 1) == (FILES - 4) * PER_FILE
    assert {line["late"] for line in lines} == {0}
