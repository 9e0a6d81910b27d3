"""The stream as a process: killed between Delta's commit and Spark's own, fenced by a newer epoch."""
from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from deploy.local.simulator.generator import Generator
from spark_apps.contract import MEASURES
from tests import oracle
from tests.spark.conftest import HOME
from tests.spark.landing import NOW
from tests.spark.streams import LocalStream

ROOT = Path(__file__).parents[2]
SEED, FILES, PER_FILE = 7, 8, 250


class Drivers(LocalStream):
    """And its drivers, each a process."""

    def intend(self, epoch: int) -> None:
        Path(self.paths.epoch(epoch)).write_text("{}")

    @contextmanager
    def driver(self, epoch: int, *kill_after: str) -> Iterator[subprocess.Popen[str]]:
        self.intend(epoch)
        jars = ",".join(map(str, sorted((HOME / "jars" / "delta").glob("*.jar"))))
        with (self.root / f"driver-{epoch}.log").open("w") as log:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "tests.spark.driver", str(self.root), str(epoch), jars, *kill_after],
                env={**os.environ, "PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"}, cwd=ROOT,
                stdout=log, stderr=log, text=True, start_new_session=True)
            try:
                yield process
            finally:
                # The JVM is in the same session as the Python that started it.
                for signalled in (signal.SIGTERM, signal.SIGKILL):
                    try:
                        os.killpg(process.pid, signalled)
                    except ProcessLookupError:
                        break
                process.wait(30)

    def log(self, epoch: int) -> str:
        return (self.root / f"driver-{epoch}.log").read_text()[-3000:]

    def read_json(self, path: str) -> dict[str, Any]:
        try:
            return dict(json.loads(Path(path).read_text()))
        except FileNotFoundError:
            return {}

    def counted(self) -> dict[tuple[int, str, str], tuple[int, ...]]:
        sums: dict[tuple[int, str, str], list[int]] = {}
        for row in DeltaTable(self.paths.table("counts_live")).to_pyarrow_table().to_pylist():
            cell = sums.setdefault((round(row["window_start"].timestamp() * 1000), row["tag"], row["form"]), [0] * 5)
            for i, name in enumerate(MEASURES):
                cell[i] += row[name]
        return {key: tuple(cell) for key, cell in sums.items()}

    def commits(self) -> Counter[int]:
        """Commits to counts_live by batch."""
        rows = DeltaTable(self.paths.table("counts_live")).get_add_actions(flatten=True)
        return Counter(int(n) for n in rows["max.batch_id"].to_pylist())


def await_(condition: Callable[[], Any], seconds: float, what: str, local: Drivers, epoch: int) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s for {what}\n{local.log(epoch)}"
        time.sleep(0.2)


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
