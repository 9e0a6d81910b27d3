"""The classic driver as a process: killed after a commit, recovered from its checkpoint, stopped."""
from __future__ import annotations

import signal
from collections import Counter
from pathlib import Path

from tests.spark.classic_streams import SEED, Classic
from tests.spark.drivers import await_


def test_a_killed_driver_recovers_from_its_checkpoint_and_counts_once(tmp_path: Path) -> None:
    local = Classic(tmp_path)
    local.land_all()
    with local.driver(1, "2") as driver:
        await_(lambda: driver.poll() is not None, 300, "the driver to be killed", local, 1)
        assert driver.returncode == -signal.SIGKILL, local.log(1)
    assert local.totals() != local.expected(), "it was killed half-way"
    local.to_the_end(2)
    assert local.totals() == local.by_batch() == local.expected(), f"seed {SEED}"
    sizes = Counter(row["batch_ms"] for row in local.windows())
    assert max(sizes.values()) == 1, "a window's size is committed once"
