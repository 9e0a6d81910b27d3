"""The classic engine under Airflow: its driver killed under load, taken up by YARN and by a new application."""
from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError

from deploy.local import feed
from spark_apps import generations
from spark_apps.classic.lines import READY
from tests import oracle
from tests.cluster.drivers import kill_driver
from tests.cluster.laptop import Laptop, Said
from tests.cluster.load import Load, loaded
from tests.cluster.waiting import until

Figure = Callable[[str], None]
STREAM = "classic"
RATE, SECONDS = 50, 60

pytestmark = pytest.mark.skipif("HASHTIDE_CI" in os.environ, reason="takes six minutes that the gate has not: "
                                "`deploy/hashtide test cluster -k classic`")


@pytest.fixture(scope="module")
def load(machine: Laptop, up: Said) -> Iterator[Load]:
    assert up.code == 0
    with loaded(machine, STREAM, RATE, engine="classic", window_seconds=60, slide_seconds=20) as running:
        yield running
        machine.hashtide("stream", "stop", "--stream", STREAM)


def table(load: Load, name: str) -> list[dict[str, object]]:
    try:
        found = DeltaTable(load.machine.cluster.hdfs.default_fs + load.paths.table(name))
    except TableNotFoundError:
        return []
    return list(found.to_pyarrow_table().to_pylist())


def totals(load: Load) -> Counter[str]:
    return Counter({str(row["tag"]): int(str(row["tweets"])) for row in table(load, "classic_totals")})


def sent(load: Load) -> Counter[str]:
    """Of the simulator's ledger: every copy of a tweet, since DStreams de-duplicate nothing."""
    records = oracle.records_of_ledger(feed.ledger(load.machine.instance), load.earlier)
    tweets = (tweet for record, at in ((record, at) for at, record in records)
              if (tweet := oracle.read(oracle.Line(record, at))).fate == "tweet")
    found: Counter[str] = Counter()
    for (_, tag, _), measures in oracle.measures(tweets).items():
        found[tag] += measures[0]
    return found


def kept(load: Load) -> list[str]:
    """The lines of checkpoints that can be gone on with."""
    base = load.paths.checkpoint(1)
    return [line for line in load.machine.hdfs.list(base) if load.machine.hdfs.status(f"{base}/{line}/{READY}")]


def await_commit(load: Load, what: str, is_it: Callable[[dict[str, object]], bool]) -> None:
    until(lambda: is_it(load.heartbeat()) and load.heartbeat().get("batch_id") is not None, 240, what)


def test_a_killed_classic_driver_recovers_from_hdfs_by_yarns_next_attempt(load: Load, figure: Figure) -> None:
    await_commit(load, "a commit of the classic driver", lambda beat: beat.get("epoch") == 1)
    until(lambda: kept(load), 120, "a checkpoint that can be gone on with")
    [app_id] = load.live_applications()
    newest = generations.newest(load.machine.hdfs, load.paths)
    assert newest and newest.engine == "classic"
    began = time.monotonic()
    assert kill_driver(app_id)
    await_commit(load, "a commit of attempt 2", lambda beat: beat.get("attempt") == 2)
    figure(f"classic driver killed: {time.monotonic() - began:.1f} s to the next commit, by YARN")
    assert load.live_applications() == [app_id]


def test_given_up_by_yarn_it_is_submitted_again_by_the_task_that_holds_it(load: Load, figure: Figure) -> None:
    [given_up] = load.live_applications()
    began = time.monotonic()

    def is_over() -> bool:
        kill_driver(given_up)   # each attempt, as soon as it is there
        return given_up not in load.live_applications()
    until(is_over, 180, "YARN to give up", 0.5)
    await_commit(load, "a commit of epoch 2", lambda beat: beat.get("epoch") == 2)
    figure(f"classic driver given up by YARN: {time.monotonic() - began:.1f} s to the next commit, by Airflow")
    held = until(lambda: (found := load.machine.task("hashtag_stream", load.run_id, "hold"))["state"] == "deferred"
                 and found, 60, "the task to hold it again")
    assert held["try_number"] == 1
    said = load.machine.hashtide("stream", "status", "--stream", STREAM, "--json")
    assert said.code == 0, said.text


def test_totals_equal_the_simulators_ledger(load: Load, figure: Figure) -> None:
    load.await_second(SECONDS)
    load.end_feeding()
    expected = sent(load)
    assert expected[""] > 0.9 * RATE * SECONDS
    until(lambda: totals(load) == expected, 180, f"{sum(expected.values())} tags to be counted", 2.0)
    assert {row["line"] for row in table(load, "classic_batches")} == set(kept(load)), "recovered, not begun anew"
    batches: Counter[str] = Counter()
    for row in table(load, "classic_batches"):
        batches[str(row["tag"])] += int(str(row["tweets"]))
    assert batches == expected, "its batches, each committed once, add up to the same"
    figure(f"classic: {len(expected)} tags, {expected['']} tweets equal to the simulator's ledger")


def test_what_knows_no_dstream_checkpoint_says_so(load: Load) -> None:
    said = load.machine.hashtide("checkpoint", "list", "--stream", STREAM)
    assert said.code == 2 and "engine classic" in said.err and "stream submit" in said.err, said.text


def test_it_stops_on_request_and_the_run_succeeds(load: Load) -> None:
    said = load.machine.hashtide("stream", "stop", "--stream", STREAM)
    assert said.code == 0, said.text
    assert load.machine.await_run("hashtag_stream", load.run_id)["state"] == "success"
