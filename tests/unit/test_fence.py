"""Which driver may write."""
from __future__ import annotations

import pytest

from spark_apps.contract import StreamPaths
from spark_apps.fence import Fence, Fenced, claim_of
from tests.fakes.files import Files

PATHS = StreamPaths("hashtags")


def fence(files: Files, epoch: int, attempt: int) -> Fence:
    if not files.exists(PATHS.epoch(epoch)):
        files.create_exclusive(PATHS.epoch(epoch), {"launch_id": str(epoch)})
    return Fence(files, PATHS, epoch, attempt)


def test_the_newest_attempt_of_the_newest_epoch_may_write() -> None:
    files = Files()
    first = fence(files, 1, 1)
    first.claim({})
    first.check()


def test_a_later_attempt_of_the_same_application_takes_over() -> None:
    files = Files()
    old, new = fence(files, 1, 1), fence(files, 1, 2)
    old.claim({"application": "a"})
    new.claim({"application": "a"})
    new.check()
    with pytest.raises(Fenced, match="superseded by epoch 1, attempt 2"):
        old.check()


def test_the_intent_of_a_newer_epoch_is_enough_to_end_an_older_driver() -> None:
    files = Files()
    old = fence(files, 1, 4)
    old.claim({})
    files.create_exclusive(PATHS.epoch(2), {"launch_id": "2"})
    with pytest.raises(Fenced, match="superseded by epoch 2$"):
        old.check()


def test_a_driver_of_an_older_epoch_that_starts_late_does_not_begin() -> None:
    files = Files()
    fence(files, 2, 1).claim({})
    with pytest.raises(Fenced, match="epoch 2"):
        fence(files, 1, 1).claim({})


def test_one_claim_is_given_once() -> None:
    files = Files()
    fence(files, 1, 1).claim({"application": "a"})
    with pytest.raises(Fenced, match="claimed by another driver"):
        fence(files, 1, 1).claim({"application": "b"})


def test_epochs_are_compared_as_numbers() -> None:
    names = ["000009.json", "000010.json", "000010.a2", "000010.a10", "1000000.json", ".000011.json.part", "notes.txt"]
    assert [claim_of(name) for name in names] == [(9, 0), (10, 0), (10, 2), (10, 10), (1_000_000, 0), (0, 0), (0, 0)]


def test_a_driver_of_a_generation_that_another_has_followed_is_ended() -> None:
    files = Files()
    files.write_json(PATHS.generation(1), {"parent": None})
    old = fence(files, 1, 1)
    old.claim({})
    files.write_json(PATHS.generation(2), {"abandoned": True})
    files.replace(PATHS.generation(3), b"")
    old.check()
    files.write_json(PATHS.generation(4), {"parent": "g0001", "through_batch": 3})
    with pytest.raises(Fenced, match="generation 1 is superseded by generation 4"):
        old.check()
    Fence(files, PATHS, 1, 1, generation=4).check()
