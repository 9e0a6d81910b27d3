"""Airflow's environment without a daemon: SQLite in a directory of its own, set before airflow is imported."""
from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
_HOME = tempfile.TemporaryDirectory(prefix="hashtide-airflow-")
#: Each with the own name for a password.
USERS = {"admin": "admin", "eve": "viewer"}
_PASSWORDS = Path(_HOME.name) / "passwords.json"
_PASSWORDS.write_text(json.dumps({user: user for user in USERS}))
os.environ |= {
    "HASHTIDE_HOME": f"{_HOME.name}/hashtide",
    "AIRFLOW_HOME": _HOME.name, "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "deploy" / "airflow" / "plugins"),
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{_HOME.name}/airflow.db",
    "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING", "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
    "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{user}:{role}" for user, role in USERS.items()),
    "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(_PASSWORDS),
    "AIRFLOW__API_AUTH__JWT_SECRET": "of-the-tests-" * 5,
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False"}

from tests.fakes.batches import Batches  # noqa: E402 - after the environment


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Batches:
    """HDFS and YARN on a virtual clock, behind the one factory of deploy.airflow."""
    from dataclasses import replace

    from deploy.airflow import tools

    made = Batches()
    # No tables: whoever looks for them finds none, and asks no host that is not there.
    cluster = replace(made.tools.cluster, hdfs=replace(made.tools.cluster.hdfs, default_fs=f"file://{_HOME.name}"))
    monkeypatch.setattr(made.tools, "cluster", cluster)

    async def sleep(seconds: float) -> None:
        made.sleep(seconds)

    monkeypatch.setattr(tools, "launcher", lambda say=made.said.append: replace(made.tools, say=say))
    monkeypatch.setattr(tools, "sleep", sleep)
    monkeypatch.setattr(tools, "monotonic", made.monotonic)
    return made


@pytest.fixture(scope="session")
def database() -> None:
    from airflow.utils.db import initdb

    initdb()


class TaskInstance:
    """What an operator asks of its task instance."""

    def __init__(self, dag_id: str = "hashtag_stream", run_id: str = "run1", try_number: int = 1) -> None:
        self.dag_id, self.run_id, self.try_number = dag_id, run_id, try_number
        self.pushed: dict[str, Any] = {}

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key] = value


@pytest.fixture
def ti() -> type[TaskInstance]:
    return TaskInstance
