"""The ingest service as `up` starts it, against the simulator; HDFS need not be there."""
from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.errors import HashtideError
from deploy.local import cluster, feed, processes
from deploy.local.instance import Instance
from deploy.local.ports import Ports
from deploy.local.service import Service, start_all
from tests.fakes import platform
from tests.fakes.sockets import plain, scripted, until


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    made = Instance(tmp_path / "local", Ports.free())
    made.make()
    yield made
    for record in processes.records(made.run).values():
        processes.end(made.run, record)


def ingest(instance: Instance, url: str, *rules: str) -> tuple[Instance, Service]:
    at = replace(instance, ports=replace(instance.ports, simulator=int(url.rpartition(":")[2])))
    return at, replace(feed.ingest(at, "tags", rules=rules), after=(), prepare=None)


def start(instance: Instance, service: Service) -> None:
    start_all(instance, [service], lambda text: None)


def test_ingest_is_ready_once_it_reads_the_stream(instance: Instance, tmp_path: Path) -> None:
    token = feed.token_file(instance).read_text().strip()
    with platform.serving(tmp_path / "x", token=token, limit=0) as x:
        at, service = ingest(instance, x.url, "#a")
        start(at, service)
        assert [rule["value"] for rule in x.server.rules.all] == ["#a"]
        assert x.server.health()["connections"] == 1
    assert json.loads((at.dir / "data" / "spool-tags" / "status.json").read_text())["connected_since_ms"]


@pytest.mark.parametrize("rules", [(), ("#a",)])
def test_a_refused_token_is_told_in_one_line(instance: Instance, tmp_path: Path, rules: tuple[str, ...]) -> None:
    with platform.serving(tmp_path / "x", token="another") as x, pytest.raises(HashtideError) as raised:   # noqa: S106
        start(*ingest(instance, x.url, *rules))
    assert str(raised.value) == (f"ingest: {x.url} refused the token (HTTP 401: Unauthorized); "
                                 "check the token in --token-file or X_BEARER_TOKEN")


def test_what_keeps_the_platform_from_serving_is_told_while_it_is_waited_for(instance: Instance) -> None:
    with scripted(plain("503 Service Unavailable", b'{"detail":"over capacity"}')) as server:
        at, service = ingest(instance, server.url)
        record = processes.spawn(at.run, service.name, service.argv, service.env,
                                 log=at.logs / f"{service.name}.out", cwd=at.dir)
        said = f"a connection: {server.url} answers HTTP 503: over capacity, trying again"
        until(lambda: service.ready(record) == said, f"ingest to say: {said}")


def test_the_token_of_the_simulator_is_made_once_and_is_nobody_elses(instance: Instance) -> None:
    path = feed.token_file(instance)
    assert path.stat().st_mode & 0o777 == 0o600
    assert feed.token_file(instance).read_text() == path.read_text()
    assert all(path.read_text().strip() not in argument for argument in feed.ingest(instance, "tags").argv)


def test_the_token_of_the_platform_goes_by_the_environment_only(instance: Instance,
                                                                monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("X_BEARER_TOKEN", "secret-of-the-test")
    [service] = feed.services(instance, "tags", source="x", rules=["#a"])
    assert service.env["X_BEARER_TOKEN"] == "secret-of-the-test"   # noqa: S105
    assert not any("secret-of-the-test" in argument for argument in service.argv)
    assert "simulator" not in service.after


def test_no_other_process_of_up_gets_it_and_nothing_of_it_is_on_the_disk(instance: Instance, tmp_path: Path,
                                                                         monkeypatch: pytest.MonkeyPatch) -> None:
    canary = "canary" + secrets.token_hex(16)
    monkeypatch.setenv("X_BEARER_TOKEN", canary)
    if not instance.python("airflow").exists():
        pytest.skip("no environment of Airflow")
    others = cluster.services(instance, cluster.ALL)
    assert len(others) >= 8
    for service in others:
        assert canary not in repr((service.argv, service.env, service.extra)), service.name
    with platform.serving(tmp_path / "x", token=canary, limit=0) as x:
        at = replace(instance, ports=replace(instance.ports, simulator=int(x.url.rpartition(":")[2])))
        of_x = feed.ingest(at, "tags", source="x")
        start(at, replace(of_x, argv=[*of_x.argv, "--url", x.url], after=(), prepare=None))
        [record] = processes.records(at.run).values()
        assert canary.encode() not in Path(f"/proc/{record.pid}/cmdline").read_bytes()
    for path in instance.dir.rglob("*"):
        assert canary.encode() not in (path.read_bytes() if path.is_file() else b""), path
