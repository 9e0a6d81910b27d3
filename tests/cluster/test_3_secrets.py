"""Tokens that the processes of a cluster work with are found nowhere but where they are kept: not on disk, in
arguments, on the pages of Airflow, HDFS and YARN, or in the text of a task's log."""
from __future__ import annotations

import contextlib
import json
import secrets
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import requests

from deploy.errors import HashtideError
from deploy.local import feed
from tests.cluster.laptop import Laptop, Said

CONNECTION = "hashtide_canary"
#: Of a longer file the last so many bytes are looked at.
_MOST = 64 << 20


@pytest.fixture
def planted(machine: Laptop, up: Said) -> Iterator[str]:
    """The password of a connection of Airflow."""
    canary, api = "canary" + secrets.token_hex(16), machine.airflow
    api._call("POST", "/connections", {"connection_id": CONNECTION, "conn_type": "generic", "login": "x",
                                       "password": canary})
    try:
        yield canary
    finally:
        api._call("DELETE", f"/connections/{CONNECTION}")


def test_the_token_of_ingest_and_a_planted_connection_are_nowhere(machine: Laptop, planted: str) -> None:
    kept = feed.token_file(machine.instance)
    token = kept.read_text().strip()
    for what, text in (*arguments(), *pages(machine)):
        assert token not in text and planted not in text, what
    for path in files(machine.instance.dir, kept):
        data = tail(path)
        assert token.encode() not in data and planted.encode() not in data, path


def arguments() -> Iterator[tuple[str, str]]:
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            yield f"arguments of {process.pid}", " ".join(process.cmdline())


def pages(machine: Laptop) -> Iterator[tuple[str, str]]:
    api = machine.airflow
    for path in (f"/connections/{CONNECTION}", "/connections", "/variables", "/config", "/eventLogs?limit=1000",
                 "/importErrors", "/dags"):
        with contextlib.suppress(HashtideError):   # some are closed to everybody
            yield f"Airflow {path}", json.dumps(api._call("GET", path))
    logs = 0
    for dag in api._call("GET", "/dags")["dags"]:
        for run in api.runs(dag["dag_id"])[:5]:
            for task in api.task_instances(dag["dag_id"], run["dag_run_id"]):
                with contextlib.suppress(HashtideError):   # a task that has not begun has none
                    text = api.log(dag["dag_id"], run["dag_run_id"], task["task_id"], max(1, task["try_number"]))
                    logs += 1
                    yield f"log of {dag['dag_id']}.{task['task_id']}", text
    assert logs
    instance = machine.instance
    with requests.Session() as session:
        session.trust_env = False
        for url in (instance.url("namenode_web"), instance.url("resourcemanager_web")):
            for path in ("/conf", "/jmx", "/logs/"):
                yield url + path, session.get(url + path, timeout=60).text


def files(under: Path, kept: Path) -> Iterator[Path]:
    return (path for path in under.rglob("*") if path != kept and path.is_file() and not path.is_symlink())


def tail(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _MOST))
            return file.read(_MOST)
    except (FileNotFoundError, PermissionError):   # gone meanwhile
        return b""
