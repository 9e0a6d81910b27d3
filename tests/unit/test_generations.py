"""Which generation a stream goes on with, and what of those before it counts."""
from __future__ import annotations

import fnmatch
import re

import pytest

from spark_apps.contract import HOUR_MS, StreamPaths, parse_hour
from spark_apps.generations import Generation, landing_since, lineage, newest
from tests.fakes.files import Files

PATHS = StreamPaths("a")


def test_a_child_generation_counts_from_the_batch_its_parent_is_left_at() -> None:
    files = Files()
    assert lineage(files, PATHS) == {1: None}
    files.write_json(PATHS.generation(2), {"parent": "g0001", "through_batch": 41})
    files.write_json(PATHS.generation(3), {"parent": "g0002", "through_batch": 50})
    assert list(lineage(files, PATHS).items()) == [(3, None), (2, 50), (1, 41)]
    files.write_json(PATHS.generation(4), {"parent": None})
    assert lineage(files, PATHS) == {4: None}


def test_a_generation_that_nobody_came_to_open_is_none() -> None:
    files = Files()
    files.write_json(PATHS.generation(1), {"parent": None, "shuffle_partitions": 3})
    files.replace(PATHS.generation(2), b"")
    files.write_json(PATHS.generation(3), {"abandoned": True})
    files.write_json(PATHS.generation_claim(4), {"who": "me"})
    assert newest(files, PATHS) == Generation(1, shuffle_partitions=3)
    assert lineage(files, PATHS) == {1: None}


def test_a_generation_says_where_it_begins() -> None:
    files = Files()
    files.write_json(PATHS.generation(2), {"parent": "g0001", "through_batch": 4, "from_hour": "2026-03-01T10",
                                           "fresh": True})
    assert newest(files, PATHS) == Generation(2, 1, 4, from_hour=1_772_359_200_000, fresh=True)


def test_the_ten_thousandth_generation_is_newer_than_the_one_before() -> None:
    files = Files()
    for number in (9_999, 10_000):
        files.write_json(PATHS.generation(number), {"parent": None})
    assert lineage(files, PATHS) == {10_000: None}


@pytest.mark.parametrize("hour", ["2026-03-01T10", "2026-12-31T23", "2026-01-01T00", "2029-09-19T19", "2026-09-30T09"])
def test_the_directories_since_an_hour_are_its_own_and_all_later_ones(hour: str) -> None:
    paths, since = StreamPaths("hashtags"), parse_hour(hour)
    alternatives = re.sub(r".*\{(.+)\}", r"\1", landing_since(paths, since)).split(",")
    for hours in (*range(-50, 50), -30_000, -9_000, -800, 800, 9_000, 90_000, 400_000):
        directory = paths.landing_hour(since + hours * HOUR_MS).removeprefix(f"{paths.landing}/")
        matches = [one for one in alternatives if fnmatch.fnmatchcase(directory, one)]
        assert len(matches) == (hours >= 0), (directory, matches)
