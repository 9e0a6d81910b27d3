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
    windows = local.rows("classic_windows")
    sizes = Counter(row["batch_ms"] for row in windows if not row["tag"])
    assert max(sizes.values()) == 1, "a window's size is committed once"
    of_batches, of_windows = local.rows("classic_batches"), Counter[tuple[int, str]]()
    for at_ms, seconds in {(row["batch_ms"], row["window_s"]) for row in windows}:
        for row in of_batches:
            if at_ms - seconds * 1000 < row["batch_ms"] <= at_ms:
                of_windows[at_ms, row["tag"]] += row["tweets"]
    assert {(row["batch_ms"], row["tag"]): row["tweets"] for row in windows} == of_windows, "its batches'"
