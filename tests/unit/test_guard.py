"""A driver's own look at its checkpoint: what is refused, what is written down and when."""
from __future__ import annotations

from typing import Any

import pytest

from deploy import restart_policy
from spark_apps import fingerprint, guard
from spark_apps.contract import StreamPaths
from spark_apps.fingerprint import Fingerprint
from spark_apps.generations import Generation
from spark_apps.guard import IncompatibleCheckpoint
from spark_apps.verdict import Judgement, Verdict
from tests.fakes.files import Files

PATHS = StreamPaths("a")
ITEMS = {"spark": "4.2.0", "state 0 keys": "identity #1", "watermark 0 delay_ms": "600000"}


class Stream:
    def __init__(self) -> None:
        self.files = Files()
        self.files.write_json(PATHS.generation(1), {"parent": None})

    def commits(self, *batches: int, generation: int = 1) -> None:
        for batch in batches:
            for kind in ("offsets", "commits"):
                self.files.replace(f"{PATHS.checkpoint(generation)}/{kind}/{batch}", b"v1\n{}")

    def drive(self, epoch: int, items: dict[str, str] | None = None, generation: int = 1, attempt: int = 1,
              **intent: Any) -> Judgement:
        self.files.write_json(PATHS.epoch(epoch), {"release": "0.1.0-1", "inputs": {"watermark_minutes": 10}, **intent})
        return guard.check(self.files, PATHS, (generation, epoch, attempt), items or ITEMS, 5)

    def kept(self) -> list[str]:
        return self.files.list(fingerprint.directory(PATHS))

    def newest(self, generation: Generation = Generation(1)) -> Fingerprint:  # noqa: B008
        found = fingerprint.newest(self.files, PATHS, generation)
        assert found
        return found


@pytest.fixture
def stream() -> Stream:
    """Two batches by the first driver."""
    made = Stream()
    made.drive(1)
    made.commits(0, 1)
    return made


def test_the_first_driver_writes_down_what_it_runs_before_its_first_batch() -> None:
    stream = Stream()
    assert stream.drive(1) == Judgement(Verdict.COMPATIBLE)
    assert stream.newest() == Fingerprint(ITEMS, "0.1.0-1", {"watermark_minutes": 10}, 1, 1, 0, 5)


def test_the_same_again_writes_nothing(stream: Stream) -> None:
    stream.drive(1, attempt=2)
    stream.drive(2)
    assert stream.kept() == ["g0001-000001.a1.json"]


def test_another_release_that_makes_the_same_is_written_down_so_that_the_next_launch_need_not_look(
        stream: Stream) -> None:
    assert stream.drive(2, release="0.1.0-2").verdict == Verdict.COMPATIBLE
    assert (stream.newest().release, stream.newest().from_batch) == ("0.1.0-2", 2)


def test_where_results_change_it_goes_on_and_says_from_which_batch(stream: Stream) -> None:
    assert stream.drive(2, {**ITEMS, "watermark 0 delay_ms": "1"}).verdict == Verdict.RESULTS_CHANGE
    assert (stream.newest().items["watermark 0 delay_ms"], stream.newest().from_batch) == ("1", 2)
    assert stream.drive(3, {**ITEMS, "watermark 0 delay_ms": "1"}).verdict == Verdict.COMPATIBLE


def test_what_may_not_go_on_is_refused_in_words_that_park_the_stream_at_once(stream: Stream) -> None:
    before = dict(stream.files.data)
    with pytest.raises(IncompatibleCheckpoint) as refused:
        stream.drive(2, {**ITEMS, "state 0 keys": "event_ms #2"})
    assert "state 0 keys (identity #1 -> event_ms #2)" in str(refused.value)
    assert restart_policy.classify(f"IncompatibleCheckpoint: {refused.value}") in restart_policy.FATAL
    assert {path for path in stream.files.data if path not in before} == {PATHS.epoch(2)}


def test_a_checkpoint_with_batches_of_which_nothing_is_known_is_refused() -> None:
    stream = Stream()
    stream.commits(0)
    with pytest.raises(IncompatibleCheckpoint, match="fingerprint"):
        stream.drive(1)


def test_before_the_first_batch_anything_goes() -> None:
    stream = Stream()
    stream.drive(1)
    stream.drive(2, {**ITEMS, "state 0 keys": "event_ms #2"})
    assert stream.newest().items["state 0 keys"] == "event_ms #2"


def test_a_restored_generation_is_compared_with_what_its_parent_was_made_with(stream: Stream) -> None:
    stream.files.write_json(PATHS.generation(2), {"parent": "g0001", "through_batch": 1})
    stream.commits(0, 1, generation=2)
    with pytest.raises(IncompatibleCheckpoint):
        stream.drive(2, {**ITEMS, "state 0 keys": "event_ms #2"}, generation=2)
    stream.drive(3, generation=2)
    assert stream.kept() == ["g0001-000001.a1.json", "g0002-000003.a1.json"], "its own, so that it needs no parent"


def test_a_fresh_generation_may_be_anything(stream: Stream) -> None:
    stream.files.write_json(PATHS.generation(2), {"parent": "g0001", "through_batch": 1, "fresh": True})
    assert stream.drive(2, {**ITEMS, "state 0 keys": "event_ms #2"}, generation=2).verdict == Verdict.COMPATIBLE
