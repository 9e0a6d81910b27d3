"""A savepoint while tweets come in, and two ways back to it: every minute is counted exactly all the same."""
from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from tests.cluster.laptop import Laptop, Said
from tests.cluster.load import Load, loaded
from tests.cluster.waiting import until

Figure = Callable[[str], None]
STREAM = "saved"
RATE, SECONDS = 100, 240


@pytest.fixture(scope="module")
def load(machine: Laptop, up: Said) -> Iterator[Load]:
    assert up.code == 0
    with loaded(machine, STREAM, RATE) as running:
        yield running
        machine.hashtide("stream", "stop", "--stream", STREAM)


def checkpoint(load: Load, *words: str) -> Said:
    return load.machine.hashtide("checkpoint", *words, "--stream", load.stream)


def batch(load: Load) -> int:
    said = load.heartbeat().get("batch_id")
    return -1 if said is None else int(str(said))


def await_batches(load: Load, count: int) -> None:
    first = batch(load)
    until(lambda: batch(load) >= first + count, 120, f"batch {first + count}")


def restore(load: Load, point: str, replays: bool = True) -> tuple[dict[str, object], float]:
    """What was done, and the seconds until its driver had committed a batch; lived, where nothing is to be replayed."""
    began = time.monotonic()
    said = checkpoint(load, "restore", point, "--yes", "--json")
    assert said.code == 0, said.text
    number = int(str(said.json()["generation"])[1:])

    def committed() -> bool:
        beat = load.heartbeat()
        return beat.get("generation") == number and (not replays or beat.get("batch_id") is not None)
    until(committed, 300, f"the driver of generation {number}")
    return said.json(), time.monotonic() - began


def test_a_savepoint_is_taken_while_the_stream_runs(load: Load, figure: Figure) -> None:
    load.await_second(40)
    await_batches(load, 1)
    began = time.monotonic()
    said = checkpoint(load, "savepoint", "middle", "--why", "under load", "--json")
    assert said.code == 0, said.text
    made = said.json()
    figure(f"savepoint: {time.monotonic() - began:.1f} s with the command, {made['bytes']:,} bytes, "
           f"{made['files']} files")
    assert (made["generation"], made["way"], made["pinned"]) == ("g0001", "snapshot", True)
    assert made["batch_id"] >= 0 and made["spark"] and made["release"]
    assert checkpoint(load, "savepoint", "middle").code == 1, "its name is taken"


def test_the_release_that_made_the_checkpoint_may_go_on_with_it(load: Load, figure: Figure) -> None:
    """By a Spark of the operator's own, beside the driver that goes on."""
    began = time.monotonic()
    said = checkpoint(load, "check", "--json")
    assert said.code == 0, said.text
    figure(f"checkpoint check: {time.monotonic() - began:.1f} s")
    found = said.json()
    assert (found["verdict"], found["differences"]) == ("compatible", []), found
    assert found["trial"] == "one batch on a clone came through"
    assert not load.machine.hdfs.list(f"{load.paths.root}/trial")


def test_the_state_is_opened_where_it_lies_also_of_a_stream_that_runs(load: Load, figure: Figure) -> None:
    batch_id, rows = load.heartbeat()["batch_id"], load.heartbeat()["state_rows"]
    began = time.monotonic()
    said = checkpoint(load, "inspect", "g0001", "--state", "--json")
    assert said.code == 0, said.text
    figure(f"checkpoint inspect --state: {time.monotonic() - began:.1f} s, {said.json()['rows']:,} rows")
    assert said.json()["rows"] == sum(one["rows"] for one in said.json()["partitions"]) >= int(str(rows)) > 0
    saved = checkpoint(load, "inspect", "middle", "--state", "--json")
    assert saved.code == 0, saved.text
    assert saved.json()["batch_id"] <= int(str(batch_id)) <= said.json()["batch_id"]
    assert saved.json()["rows"] == saved.json()["told_rows"]


def test_a_restore_says_what_it_would_do(load: Load) -> None:
    await_batches(load, 3)
    said = checkpoint(load, "restore", "middle")
    assert said.code == 1
    assert "Restore of stream saved from savepoint middle" in said.out and "--yes does it" in said.out
    assert load.heartbeat()["generation"] == 1


def test_it_stops_restores_and_resumes_within_three_minutes(load: Load, figure: Figure) -> None:
    done, seconds = restore(load, "middle")
    figure(f"restore: first commit of the new generation {seconds:.1f} s after the command")
    assert done["generation"] == "g0002" and done["plan"]["opens"]["parent"] == 1   # type: ignore[index]
    assert seconds < 180
    assert len(load.live_applications()) == 1


def test_the_totals_equal_what_was_sent_and_do_again_after_the_same_restore(load: Load, figure: Figure) -> None:
    load.await_second(SECONDS)
    load.end_feeding()
    expected = load.expected()
    assert sum(row[0] for key, row in expected.items() if key[1] == "") > 0.8 * RATE * SECONDS
    for again in (False, True):
        if again:
            _, seconds = restore(load, "middle")
            figure(f"restore again: first commit {seconds:.1f} s after the command")
        load.await_counts(expected)
    names = [one["name"] for one in checkpoint(load, "list", "--json").json()]
    assert names == ["g0003", "g0002", "g0001", "middle"]


def test_where_snapshots_are_not_allowed_a_copy_is_a_savepoint_too(load: Load) -> None:
    said = checkpoint(load, "savepoint", "copied", "--copy", "--json")
    assert said.code == 0, said.text
    restore(load, "copied", replays=False)   # all is counted by then
    load.await_counts(load.expected())
    assert checkpoint(load, "drop", "copied", "--yes").code == 0
    assert checkpoint(load, "inspect", "copied").code == 2
