"""Lists of small services, really started."""
from __future__ import annotations

import signal
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deploy.errors import BadUse, HashtideError, TimedOut
from deploy.local import cluster, processes
from deploy.local.instance import Instance
from deploy.local.ports import Ports
from deploy.local.processes import Record
from deploy.local.service import Service, last_words, start_all
from tests.fakes.children import SLEEPS, python, said

Serve = Callable[..., Service]


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Instance]:
    monkeypatch.setenv("HASHTIDE_HOME", str(tmp_path))
    made = Instance(tmp_path / "local", Ports.free())
    made.make()
    yield made
    for record in processes.records(made.run).values():
        processes.end(made.run, record, deadline=0.1)


@pytest.fixture
def service(instance: Instance) -> Serve:
    """A service that is ready once it has said that it is there."""

    def make(name: str, code: str = SLEEPS, **more: Any) -> Service:
        def ready(record: Record) -> str:
            return "" if said(instance.logs / f"{name}.out") else f"{name} to speak"

        return Service(name, python(code), {"PATH": "/usr/bin:/bin"}, **{"ready": ready, "deadline": 10, **more})

    return make


def start(instance: Instance, *services: Service) -> list[str]:
    steps: list[str] = []
    start_all(instance, services, steps.append)
    return steps


def test_all_are_started_in_order_and_ready_at_the_end(instance: Instance, service: Serve) -> None:
    steps = start(instance, service("a"), service("b", url="http://b"))
    assert steps == ["starting a", "starting b", "a is ready", "b is ready: http://b"]
    assert all(record.process() for record in processes.records(instance.run).values())


def test_what_runs_is_left_alone_and_what_died_is_brought_back(instance: Instance, service: Serve) -> None:
    both = service("a"), service("b")
    start(instance, *both)
    before = processes.records(instance.run)
    processes.kill(before["b"])
    assert start(instance, *both) == ["starting b", "b is ready"]
    after = processes.records(instance.run)
    assert after["a"] == before["a"] and after["b"].pid != before["b"].pid


def test_one_that_runs_with_an_older_configuration_is_named_and_left_alone(instance: Instance, service: Serve) -> None:
    old = service("a", extra={"a.ini": "old"})
    start(instance, old)
    steps = start(instance, replace(old, extra={"a.ini": "new"}))
    assert len(steps) == 1 and "a keeps running as it was started" in steps[0]


def test_one_that_waits_for_another_is_prepared_after_that_is_ready(instance: Instance, service: Serve) -> None:
    seen: list[bool] = []
    first = service("a")
    start(instance, first, service("b", after=("a",), prepare=lambda: seen.append(said(instance.logs / "a.out"))))
    assert seen == [True]


def test_a_busy_port_is_refused_before_anything_is_started(instance: Instance, service: Serve) -> None:
    with socket.create_server(("127.0.0.1", instance.ports.datanode)), pytest.raises(BadUse) as fault:
        start(instance, service("a"), service("b", ports=("datanode",)))
    assert "HASHTIDE_PORT_DATANODE=PORT" in str(fault.value) and "\n" not in str(fault.value)
    assert processes.records(instance.run) == {}


def test_the_port_of_one_that_runs_is_its_own(instance: Instance, service: Serve) -> None:
    listens = (f"import socket; s = socket.create_server(('127.0.0.1', {instance.ports.datanode})); " + SLEEPS)
    mine = service("a", listens, ports=("datanode",))
    start(instance, mine)
    assert start(instance, mine) == []


def test_one_that_ends_at_once_names_its_log_and_its_last_error(instance: Instance, service: Serve) -> None:
    with pytest.raises(HashtideError) as fault:
        start(instance, service("a", "raise ValueError('no such queue')"))
    assert str(fault.value) == (f"a ended before it was ready: ValueError: no such queue; see {instance.logs}/a.out")


def test_one_in_whose_place_another_answers_is_not_ready(instance: Instance, service: Serve) -> None:
    def answers(record: Record) -> str:
        while record.process():
            pass
        asked.append(record.pid)
        return "it" if len(asked) < 2 else ""

    asked: list[int] = []
    with pytest.raises(HashtideError, match="a ended before it was ready"):
        start(instance, service("a", "pass", ready=answers))


def test_one_that_does_not_get_ready_says_what_was_waited_for(instance: Instance, service: Serve) -> None:
    with pytest.raises(TimedOut, match=r"^a: waited 0 s for a live DataNode; see .*/a\.out$"):
        start(instance, service("a", ready=lambda record: "a live DataNode", deadline=0.2))


def test_only_lines_that_tell_of_an_error_are_quoted(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text("INFO up\nERROR disk is full\nINFO down\n")
    assert last_words(log) == ": ERROR disk is full"
    log.write_text("INFO up\n")
    assert last_words(log) == "" and last_words(tmp_path / "none.log") == ""


def test_a_digest_covers_command_environment_and_configuration_and_no_secret_order() -> None:
    base = Service("a", ["a"], {"x": "1", "y": "2"}, lambda record: "")
    assert base.digest == replace(base, env={"y": "2", "x": "1"}).digest
    others = [replace(base, argv=["b"]), replace(base, env={}), replace(base, extra={"f": "1"})]
    assert len({base.digest, *(other.digest for other in others)}) == 4


def test_stop_ends_exactly_what_was_started_last_first(instance: Instance, service: Serve) -> None:
    stranger = processes.spawn(instance.dir, "stranger", python(SLEEPS), {}, log=instance.logs / "s.out",
                               cwd=instance.dir)
    try:
        start(instance, service("a"), service("b"))
        assert cluster.stop(instance) == ["b", "a"]
        assert processes.records(instance.run) == {} and stranger.process()
        assert cluster.stop(instance) == []
    finally:
        processes.end(instance.dir, stranger, deadline=0.1)


def test_a_dead_one_shows_as_dead_and_one_never_started_as_stopped(instance: Instance, service: Serve) -> None:
    start(instance, service("namenode"), service("datanode", url="http://d"))
    processes.kill(processes.records(instance.run)["datanode"])
    states = {row.name: row.state for row in cluster.status(instance)}
    assert (states["namenode"], states["datanode"], states["airflow-api"]) == ("running", "dead", "stopped")


def test_one_is_killed_by_name_for_drills(instance: Instance, service: Serve) -> None:
    start(instance, service("a"))
    record = processes.records(instance.run)["a"]
    cluster.kill(instance, "a")
    assert record.process() is None and processes.records(instance.run)
    with pytest.raises(BadUse, match="a does not run"):
        cluster.kill(instance, "a")


def test_two_starts_at_once_are_one_too_many(instance: Instance) -> None:
    with instance.locked(), pytest.raises(HashtideError, match="another start or stop is under way"), instance.locked():
        pass


def test_sigterm_is_what_a_service_is_stopped_by_unless_it_says_otherwise() -> None:
    assert Service("a", [], {}, lambda record: "").stop_signal == signal.SIGTERM
