"""The drills of deploy/drills.py on real daemons, on one stream, one after another."""
from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psutil
import pytest

from deploy import desired, holding, lease
from deploy.errors import HashtideError
from deploy.local import cluster
from tests.cluster.drivers import application_masters, kill_driver
from tests.cluster.laptop import Laptop, Said
from tests.cluster.load import Load, loaded
from tests.cluster.test_4_bad_use import dfsadmin
from tests.cluster.trials import FULL, TIMEOUT, in_tests_by, trials
from tests.cluster.waiting import until

Figure = Callable[[str], None]
STREAM, RATE = "drill", 20
AIRFLOW = ("airflow-scheduler", "airflow-triggerer", "airflow-api", "airflow-dags")
pytestmark = TIMEOUT


@pytest.fixture(scope="module")
def load(machine: Laptop, up: Said) -> Iterator[Load]:
    """A stream to be drilled; whatever was done to it, in the end each tweet that was sent is counted once, and nothing
    of it looks like damage."""
    assert up.code == 0
    # Room in the queue: the stream of `up` is not drilled.
    assert machine.hashtide("stream", "stop").code == 0
    with loaded(machine, STREAM, RATE) as running:
        committed(running, 0)
        yield running
        running.end_feeding()
        expected = running.expected()
        running.await_counts(expected)
        assert expected
        assert machine.hashtide("stream", "stop", "--stream", STREAM).code == 0
        examined = machine.hashtide("checkpoint", "doctor", "--stream", STREAM)
        assert examined.code == 0, examined.text


def batch(load: Load) -> tuple[int, int]:
    """(epoch, batch) of the last commit; (epoch, -1) before an epoch's first."""
    beat = load.heartbeat()
    number = beat.get("batch_id")
    return int(str(beat.get("epoch") or 0)), -1 if number is None else int(str(number))


def committed(load: Load, after_ms: int, epoch: int = 0, seconds: float = 300) -> None:
    """Waits for a commit later than this instant, by this epoch or a later one."""
    until(lambda: int(str(load.heartbeat().get("commit_ms") or 0)) > after_ms and batch(load)[0] >= epoch, seconds,
          f"a commit of epoch {epoch} or later", 0.5)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def since(began: float) -> float:
    return time.monotonic() - began


def restarts(load: Load) -> list[str]:
    return load.machine.hdfs.list(load.paths.restarts)


def holder(load: Load) -> str:
    return lease.held_by(load.machine.tools(), STREAM)


def hold_task(load: Load, run_id: str) -> dict[str, Any]:
    return load.machine.task("hashtag_stream", run_id, "hold")


@in_tests_by("test_2_counts")
def test_driver_kill(load: Load, figure: Figure) -> None:
    with trials("driver_kill", figure) as done:
        for _ in done.times:
            # As after a quiet time: YARN counts an application's failures of the last hour, and gives up at the second.
            fresh_application(load)
            [app_id] = load.live_applications()
            began, at = time.monotonic(), now_ms()
            assert kill_driver(app_id)
            until(lambda: load.heartbeat().get("attempt") == 2, 180, "attempt 2", 0.5)
            committed(load, at)
            done.add(since(began))
            assert load.live_applications() == [app_id]


def fresh_application(load: Load) -> None:
    """The stream's next application, with all of its attempts before it."""
    [app_id] = load.live_applications()
    if len(load.machine.yarn.attempts(app_id)) > 1:
        asked_again(load)


def asked_again(load: Load) -> None:
    """By a person, and so with its restarts before it: more than four ends within ten minutes would park it."""
    epoch = batch(load)[0]
    stopped = load.machine.hashtide("stream", "stop", "--stream", STREAM)
    assert stopped.code == 0, stopped.text
    load.machine.airflow.trigger("hashtag_stream", {"stream": STREAM})
    committed(load, 0, epoch + 1)


@in_tests_by("test_2_counts")
def test_yarn_gives_up(load: Load, figure: Figure) -> None:
    with trials("yarn_gives_up", figure) as done:
        for n in done.times:
            if n:
                asked_again(load)
            [given_up], epoch = load.live_applications(), batch(load)[0]
            began = time.monotonic()
            while given_up in load.live_applications():
                kill_driver(given_up)
                assert since(began) < 180, "YARN does not give up"
            committed(load, 0, epoch + 1)
            done.add(since(began))


def test_stall_seen_and_stall_replaced(load: Load, figure: Figure) -> None:
    """The driver that is stopped is found by its silence, and nobody hears of it again when it wakes."""
    with trials("stall_replaced", figure) as replaced, trials("stall_seen", figure) as seen:
        for n in seen.times:
            if n:
                asked_again(load)
            [app_id], epoch = load.live_applications(), batch(load)[0]
            committed(load, now_ms(), epoch)
            frozen = [p for master in application_masters(app_id) for p in [master, *master.children(recursive=True)]]
            began = time.monotonic()
            for process in frozen:
                process.suspend()
            word = until(lambda at=epoch: load.machine.hdfs.read_json(load.paths.kill(at)), 240,  # type: ignore[misc]
                         "the stalled driver to be killed", 0.5)
            seen.add(since(began))
            assert word["class"] == "stalled", word
            committed(load, 0, epoch + 1)
            replaced.add(since(began))
            wake(frozen)
            first = [line["batch_id"] for line in load.batches()]
            assert len(first) == len(set(first)), "a batch was reported twice"
            assert [app for app in load.live_applications()] != [app_id]


def wake(frozen: list[psutil.Process]) -> None:
    for process in frozen:
        if process.is_running():
            process.send_signal(signal.SIGCONT)


def test_parallel_triggers(load: Load, figure: Figure) -> None:
    api = load.machine.airflow

    def ended(runs: list[str]) -> bool:
        return all(api.run("hashtag_stream", one)["state"] in ("success", "failed") for one in runs)

    with trials("parallel_triggers", figure) as done:
        for _ in done.times:
            live, began = load.live_applications(), time.monotonic()
            with ThreadPoolExecutor(20) as pool:
                runs = list(pool.map(lambda _: api.trigger("hashtag_stream", {"stream": STREAM}), range(20)))
            until(lambda ids=runs: ended(ids), 240, "the end of all twenty", 2.0)  # type: ignore[misc]
            done.add(since(began))
            assert {hold_task(load, one)["state"] for one in runs} == {"skipped"}
            assert load.live_applications() == live


def test_bad_configuration(load: Load, figure: Figure) -> None:
    with trials("bad_configuration", figure) as done:
        for _ in done.times:
            began = time.monotonic()
            with pytest.raises(HashtideError, match="trigger_seconds"):
                load.machine.airflow.trigger("hashtag_stream", {"stream": STREAM, "trigger_seconds": 9_000})
            done.add(since(began))


def outage(load: Load, name: str, figure: Figure, down_s: float, break_it: Callable[[], object],
           mend: Callable[[], object]) -> None:
    """Whatever was broken meanwhile: no restart is spent, and the counting goes on."""
    with trials(name, figure) as done:
        for _ in done.times:
            spent, [app_id] = restarts(load), load.live_applications()
            break_it()
            time.sleep(down_s)   # how long it lasts is the drill
            mend()
            began, at = time.monotonic(), now_ms()
            committed(load, at)
            done.add(since(began))
            assert restarts(load) == spent
            assert load.live_applications() == [app_id]


def bring_back(load: Load, *names: str) -> None:
    cluster.start(load.machine.instance, names)


def test_resourcemanager_down(load: Load, figure: Figure) -> None:
    instance = load.machine.instance
    outage(load, "resourcemanager_down", figure, 300 if FULL else 40,
           lambda: cluster.kill(instance, "resourcemanager"), lambda: bring_back(load, "resourcemanager"))


def test_namenode_down(load: Load, figure: Figure) -> None:
    instance = load.machine.instance
    outage(load, "namenode_down", figure, 80,
           lambda: cluster.kill(instance, "namenode"), lambda: bring_back(load, "namenode"))


def test_safe_mode(load: Load, figure: Figure) -> None:
    outage(load, "safe_mode", figure, 120 if FULL else 40,
           lambda: dfsadmin(load.machine, "-safemode", "enter"), lambda: dfsadmin(load.machine, "-safemode", "leave"))


def test_airflow_down(load: Load, figure: Figure) -> None:
    with trials("airflow_down", figure) as done:
        for names in [*([one] for one in AIRFLOW if FULL), AIRFLOW][:len(done.times) if FULL else 1]:
            spent, [app_id], at = restarts(load), load.live_applications(), now_ms()
            for name in names:
                cluster.kill(load.machine.instance, name)
            time.sleep(300 if FULL else 20)
            committed(load, at + 10_000)   # nobody watches, and it counts
            bring_back(load, *names)
            began, back = time.monotonic(), now_ms()
            until(lambda since_ms=back: held_since(load, since_ms), 400, "a task that holds the stream", 1.0)  # type: ignore[misc]
            done.add(since(began))
            assert load.live_applications() == [app_id]
            assert restarts(load) == spent


def held_since(load: Load, since_ms: int) -> bool:
    """The lease was renewed since, and its holder's task is deferred."""
    found = lease.newest(load.machine.tools(), STREAM)
    if not found.holder or found.time_ms < since_ms:
        return False
    _, run_id = holding.run_of(found.holder)
    return bool(hold_task(load, run_id)["state"] == "deferred")


def test_orphan(load: Load, figure: Figure) -> None:
    with trials("orphan", figure) as done:
        for _ in done.times:
            _, run_id = holding.run_of(holder(load))
            cluster.kill(load.machine.instance, "airflow-triggerer")
            load.machine.airflow.set_state("hashtag_stream", run_id, "hold", "failed")
            time.sleep(3)
            bring_back(load, "airflow-triggerer")
            began = time.monotonic()
            until(lambda: not load.live_applications(), 400, "the end of the marked task's driver", 2.0)
            done.add(since(began))
            said = desired.read(load.machine.hdfs, load.paths)
            assert said["state"] == "stopped"
            load.machine.airflow.trigger("hashtag_stream", {"stream": STREAM})
            committed(load, now_ms())
