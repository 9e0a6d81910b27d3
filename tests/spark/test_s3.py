"""Checkpoints on s3a://, on a real server of S3: drivers of both engines, killed in mid-stream and again on it."""
from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from deploy.local.simulator.generator import Generator
from tests import oracle
from tests.spark import s3
from tests.spark.classic_streams import Classic
from tests.spark.drivers import Drivers, await_
from tests.spark.landing import NOW

#: Each starts two drivers.
pytestmark = pytest.mark.skipif(bool(os.environ.get("HASHTIDE_CI")), reason="minutes: deploy/hashtide test spark -k s3")
SEED, FILES, PER_FILE = 13, 6, 250


@pytest.fixture
def server(spark: SparkSession, tmp_path: Path) -> Iterator[s3.S3]:
    with s3.serving(tmp_path) as found:
        found.provider = s3.keys(spark, tmp_path)
        yield found


def test_a_driver_killed_between_two_commits_goes_on_from_s3_and_counts_once(server: s3.S3, tmp_path: Path) -> None:
    local, generator = Drivers(tmp_path / "stream"), Generator(SEED)
    server.serve(local)
    for n in range(FILES):
        first_ms = NOW + n * 5_000
        local.land([generator.next(first_ms + i * 20) for i in range(PER_FILE)], first_ms, first_ms + 4_999, f"u{n}")
    with local.driver(1, "1") as driver:
        await_(lambda: driver.poll() is not None, 300, "the driver to be killed", local, 1)
        assert driver.returncode == -signal.SIGKILL, local.log(1)
    there = replace(local.paths, checkpoint_root=local.checkpoint_root).checkpoint(1)
    assert [name for name in server.names(f"{there}/offsets") if name.isdecimal()] == ["0", "1"]
    assert [name for name in server.names(f"{there}/commits") if name.isdecimal()] == ["0"]
    with local.driver(2) as driver:
        seen = Path(f"/proc/{driver.pid}/cmdline").read_text() + Path(f"/proc/{driver.pid}/environ").read_text()
        done = lambda: local.read_json(local.paths.heartbeat).get("arrival_ms") == NOW + FILES * 5_000 - 1  # noqa: E731
        await_(done, 300, "the last file to be counted", local, 2)
    assert local.counted() == oracle.counts(local.lines), f"seed {SEED}"
    assert set(local.commits()) == {0, 1, 2} and "1" in server.names(f"{there}/commits")
    assert not Path(local.paths.checkpoint(1)).exists(), "of Spark's checkpoint nothing is anywhere else"
    logs = (Path(local.root / f"driver-{epoch}.log").read_text() for epoch in (1, 2))
    assert not [text for text in (seen, *logs) if s3.SECRET in text]
    print(f"requests: {dict(server.requests())}")


def test_a_killed_driver_of_the_classic_engine_recovers_from_s3_and_counts_once(server: s3.S3, tmp_path: Path) -> None:
    local = Classic(tmp_path / "stream")
    server.serve(local)
    local.land_all()
    with local.driver(1, "2") as driver:
        await_(lambda: driver.poll() is not None, 300, "the driver to be killed", local, 1)
        assert driver.returncode == -signal.SIGKILL, local.log(1)
    assert local.totals() != local.expected(), "it was killed half-way"
    line, = [path for path in Path(local.paths.checkpoint(1)).iterdir() if path.name[:6].isdecimal()]
    assert not (line / "spark").exists() and (line / "takes").is_dir(), "only what Spark writes is on S3"
    local.to_the_end(2)
    assert local.totals() == local.by_batch() == local.expected()
    assert max(Counter(row["batch_ms"] for row in local.rows("classic_windows") if not row["tag"]).values()) == 1
    kept = server.names(f"{local.checkpoint_root}{line}/spark")
    assert any(name.startswith("checkpoint-") for name in kept), kept
    print(f"requests: {dict(server.requests())}")
