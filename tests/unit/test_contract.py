from __future__ import annotations

import pytest

from spark_apps.contract import LandingFile, StreamPaths, check_stream, epoch_tag, stream_tag


@pytest.mark.parametrize("name", ["hashtags", "a", "a_1", "x" * 40])
def test_a_stream_may_be_called_so(name: str) -> None:
    assert check_stream(name) == name


@pytest.mark.parametrize("name", ["", "A", "1a", "a-b", "a/b", "..", "a b", "x" * 41, "a\n", None, "é", "$(id)"])
def test_a_stream_may_not_be_called_so(name: str) -> None:
    with pytest.raises(ValueError, match="stream name"):
        check_stream(name)


def test_the_tag_of_one_stream_is_never_the_epoch_tag_of_another() -> None:
    assert epoch_tag("a", 1) == "hashtide-a-e1"
    with pytest.raises(ValueError):
        stream_tag("a-e1")


def test_a_landing_file_reads_back_from_its_name() -> None:
    file = LandingFile(1_777_000_000_000, 1_777_000_009_999, "sim1", "0af3")
    assert LandingFile.parse(file.name) == file


@pytest.mark.parametrize("name", ["x.jsonl", "1777000000000-1777000000001-sim1-a.json", "_tmp",
                                  "1777000000000-1777000000001-sim1-a.jsonl.tmp", "1-2-sim1-a.jsonl"])
def test_a_foreign_name_is_no_landing_file(name: str) -> None:
    with pytest.raises(ValueError, match="landing file"):
        LandingFile.parse(name)


def test_landing_directories_are_hours_of_utc() -> None:
    paths = StreamPaths("hashtags")
    assert paths.landing_hour(1_763_911_799_999) == "/hashtide/landing/hashtags/dt=2025-11-23/hr=15"
    assert paths.landing_hour(1_763_911_800_000 + 1_800_000) == "/hashtide/landing/hashtags/dt=2025-11-23/hr=16"


def test_a_table_that_does_not_exist_has_no_path() -> None:
    with pytest.raises(ValueError, match="expected one of"):
        StreamPaths("hashtags").table("../x")
