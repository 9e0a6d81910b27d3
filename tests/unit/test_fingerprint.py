"""Which record says what a checkpoint was made with: a generation's newest, else its parent's at the batch it left."""
from __future__ import annotations

from typing import Any

import pytest

from spark_apps import fingerprint, generations
from spark_apps.contract import StreamPaths
from spark_apps.fingerprint import Fingerprint
from spark_apps.generations import Generation
from tests.fakes.files import Files

PATHS = StreamPaths("a")


class Kept:
    def __init__(self) -> None:
        self.files = Files()

    def open(self, number: int, **said: Any) -> None:
        self.files.write_json(PATHS.generation(number), said)

    def made(self, generation: int, epoch: int, from_batch: int, what: str, attempt: int = 1) -> None:
        record = Fingerprint({"what": what}, generation=generation, epoch=epoch, from_batch=from_batch)
        assert self.files.create_exclusive(fingerprint.path(PATHS, generation, epoch, attempt), record.as_json())

    def newest(self) -> str | None:
        generation = generations.newest(self.files, PATHS)
        assert generation
        found = fingerprint.newest(self.files, PATHS, generation)
        return found.items["what"] if found else None


@pytest.fixture
def kept() -> Kept:
    made = Kept()
    made.open(1, parent=None)
    return made


def test_a_record_comes_back_as_it_was_written() -> None:
    record = Fingerprint({"a": "b"}, "0.1.0-00000000", {"watermark_minutes": 10}, 3, 17, 412, 5)
    assert Fingerprint.of(record.as_json()) == record
    assert fingerprint.path(PATHS, 3, 17, 2) == "/hashtide/streams/a/control/fingerprint/g0003-000017.a2.json"


def test_the_newest_of_a_generation_counts(kept: Kept) -> None:
    assert kept.newest() is None
    kept.made(1, 2, 0, "first")
    kept.made(1, 9, 40, "second")
    kept.made(1, 10, 50, "tenth")
    kept.made(1, 10, 50, "its second attempt", attempt=2)
    assert kept.newest() == "its second attempt"


def test_a_writer_that_was_cut_off_and_files_of_others_say_nothing(kept: Kept) -> None:
    kept.made(1, 2, 0, "first")
    for name in ("g0001-000003.a1.json", "g0001-notes.json", ".g0001-000004.a1.json.1a"):
        kept.files.replace(f"{fingerprint.directory(PATHS)}/{name}", b"")
    assert kept.newest() == "first"


def test_a_restored_generation_was_made_with_what_its_parent_had_at_that_batch(kept: Kept) -> None:
    kept.made(1, 1, 0, "first")
    kept.made(1, 5, 40, "second")
    kept.open(2, parent="g0001", through_batch=40)
    assert kept.newest() == "second"
    kept.open(3, parent="g0001", through_batch=39)
    assert kept.newest() == "first"
    kept.open(4, parent="g0003", through_batch=39)
    assert kept.newest() == "first", "of the grandparent"
    kept.made(3, 9, 40, "third")
    assert kept.newest() == "first", "the third began after the batch that was left at"
    kept.made(4, 10, 40, "its own")
    assert kept.newest() == "its own"


def test_a_fresh_generation_has_nothing_from_its_parent(kept: Kept) -> None:
    kept.made(1, 1, 0, "first")
    kept.open(2, parent="g0001", through_batch=4, fresh=True)
    assert kept.newest() is None
    assert fingerprint.newest(kept.files, PATHS, Generation(1)) is not None


def test_a_persons_word_counts_until_a_later_driver_and_is_remembered_after_it(kept: Kept) -> None:
    def word() -> str:
        found = fingerprint.answered_for(kept.files, PATHS, Generation(1))
        return found.why if found else ""

    record = Fingerprint({"what": "as release 1"}, epoch=5, from_batch=40, who="ada", why="I made it")
    kept.files.write_json(fingerprint.path_of_word(PATHS, 1, 5), record.as_json())
    assert (kept.newest(), word()) == ("as release 1", "I made it")
    kept.made(1, 6, 41, "by a driver")
    assert (kept.newest(), word()) == ("by a driver", "I made it")


def test_a_persons_word_goes_with_the_batches_it_was_given_for(kept: Kept) -> None:
    record = Fingerprint({"what": "as release 1"}, epoch=5, from_batch=40, who="ada", why="I made it")
    kept.files.write_json(fingerprint.path_of_word(PATHS, 1, 5), record.as_json())
    kept.open(2, parent="g0001", through_batch=40)
    assert kept.newest() == "as release 1"
    kept.open(3, parent="g0001", through_batch=39)
    assert kept.newest() is None
