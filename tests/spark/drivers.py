"""A stream on the local file system whose drivers are processes."""
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

from deltalake import DeltaTable

from spark_apps.contract import MEASURES
from tests.spark.conftest import HOME
from tests.spark.streams import LocalStream

ROOT = Path(__file__).parents[2]


class Drivers(LocalStream):
    """And its drivers, each a process of the module `program`, with these jars of HASHTIDE_HOME, this root of
    checkpoints, and settings of Spark as NAME=VALUE."""

    program = "tests.spark.driver"
    jars: tuple[str, ...] = ("delta",)
    checkpoint_root = ""
    settings: tuple[str, ...] = ()

    def intend(self, epoch: int) -> None:
        Path(self.paths.epoch(epoch)).write_text("{}")

    @contextmanager
    def driver(self, epoch: int, kill_after: str = "") -> Iterator[subprocess.Popen[str]]:
        self.intend(epoch)
        jars = ",".join(str(jar) for name in self.jars for jar in sorted((HOME / "jars" / name).glob("*.jar")))
        with (self.root / f"driver-{epoch}.log").open("w") as log:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", self.program, str(self.root), str(epoch), jars, kill_after,
                 self.checkpoint_root, *self.settings],
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
