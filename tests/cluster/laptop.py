"""A home of its own for `deploy/hashtide`, with the environments of the real one and ports that nobody uses."""
from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from deploy import config, hdfs, yarn
from deploy.airflow_api import AirflowApi
from deploy.config import Cluster
from deploy.launch import Launcher
from deploy.local.instance import Instance
from deploy.local.ports import PREFIX, Ports
from deploy.tables import Tables
from tests.cluster.waiting import until

ROOT = Path(__file__).parents[2]
#: What the launcher installs, shared with the home that the tests were started from.
_SHARED = ("envs", "jars", "stamps", "tools")


@dataclass
class Said:
    """What a command printed, and how it ended."""

    code: int
    out: str
    err: str
    seconds: float

    @property
    def text(self) -> str:
        return self.out + self.err

    def json(self) -> Any:
        assert self.code in (0, 1), self.text
        return json.loads(self.out)


@dataclass
class Laptop:
    home: Path
    ports: Ports
    streams: list[str] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items()
                if not key.startswith(PREFIX) and key not in ("PYTHONPATH", "HASHTIDE_CLUSTER")}
        return {**kept, "HASHTIDE_HOME": str(self.home),
                **{f"{PREFIX}{name.upper()}": str(port) for name, port in asdict(self.ports).items()}}

    def hashtide(self, *words: str, timeout: float = 600, **more: str) -> Said:
        """`deploy/hashtide WORDS`, as a person types it."""
        began = time.monotonic()
        done = subprocess.run([str(ROOT / "deploy" / "hashtide"), *words], env={**self.environment, **more}, cwd="/",
                              text=True, capture_output=True, timeout=timeout, stdin=subprocess.DEVNULL, check=False)
        return Said(done.returncode, done.stdout, done.stderr, time.monotonic() - began)

    @property
    def instance(self) -> Instance:
        return Instance.at(self.home / "local")

    @property
    def cluster(self) -> Cluster:
        return config.load(self.home / "local" / "local.ini")

    @property
    def hdfs(self) -> hdfs.Client:
        return hdfs.Client(self.cluster)

    @property
    def yarn(self) -> yarn.Client:
        return yarn.Client(self.cluster)

    @property
    def airflow(self) -> AirflowApi:
        return AirflowApi(self.cluster.airflow)

    def tools(self) -> Launcher:
        return Launcher(self.cluster, self.hdfs, self.yarn)

    def tables(self, stream: str) -> Tables:
        return Tables(self.cluster, stream, self.hdfs)

    def airflow_command(self, *words: str, timeout: float = 300) -> Said:
        """`airflow WORDS`, in the environment of the four processes."""
        from deploy.local import airflow
        python = self.instance.python("airflow")
        began = time.monotonic()
        done = subprocess.run([str(python), str(python.with_name("airflow")), *words], text=True, capture_output=True,
                              env=airflow.environment(self.instance), timeout=timeout, stdin=subprocess.DEVNULL,
                              check=False)
        return Said(done.returncode, done.stdout, done.stderr, time.monotonic() - began)

    def await_run(self, dag_id: str, run_id: str, seconds: float = 300) -> dict[str, Any]:
        """The DAG run when it is over."""
        def over() -> dict[str, Any] | None:
            run = self.airflow.run(dag_id, run_id)
            return run if run["state"] in ("success", "failed") else None
        return until(over, seconds, f"the end of {dag_id} {run_id}") or {}

    def task(self, dag_id: str, run_id: str, task_id: str) -> dict[str, Any]:
        found = [t for t in self.airflow.task_instances(dag_id, run_id) if t["task_id"] == task_id]
        assert found, f"{dag_id} {run_id} has no task {task_id}"
        return found[0]


@contextmanager
def laptop(directory: Path) -> Iterator[Laptop]:
    """Ends what was started in it, also where a test failed."""
    home, real = directory / "home", config.home()
    home.mkdir()
    for name in _SHARED:
        (home / name).symlink_to(real / name)
    made = Laptop(home, Ports.free())
    try:
        yield made
    finally:
        said = made.hashtide("down", "--delete-data", "--yes", timeout=180)
        assert said.code == 0, said.text
