"""Which batch took a landing file, from what Spark and the stream have written down."""
from __future__ import annotations

import json

import pytest

from spark_apps.taken import (
    NEVER,
    Batch,
    Take,
    batch_of_line,
    batch_of_offsets,
    log_files,
    spell,
    take_of,
    takes,
)


def test_a_batch_takes_the_entries_since_the_one_before_and_is_late_by_its_watermark() -> None:
    known = {0: Batch(0, 4), 1: Batch(100, 4), 2: Batch(100, 7)}
    assert takes(known, 2) == [Take(-1, 4, 0, NEVER, NEVER), Take(4, 7, 2, 100, 100)]


def test_what_is_not_committed_is_not_taken() -> None:
    found = takes({0: Batch(0, 4), 1: Batch(100, 9)}, 0)
    assert [take_of(found, entry) and True for entry in (0, 4, 5)] == [True, True, None]
    assert takes({}, -1) == []
    assert take_of([], 3) is None


def test_of_batches_nobody_wrote_down_only_the_range_of_the_watermark_is_known() -> None:
    found = takes({0: Batch(0, 4), 3: Batch(300, 9), 4: Batch(400, 12)}, 4)
    assert found[1:] == [Take(4, 9, 3, 0, 300), Take(9, 12, 4, 300, 300)]


def test_where_the_first_batches_are_not_known_nothing_is_certain_of_their_entries() -> None:
    assert takes({8: Batch(300, 20), 9: Batch(300, 22)}, 9) == [Take(-1, 20, 8, NEVER, 300), Take(20, 22, 9, 300, 300)]


def test_a_line_of_progress_tells_watermark_and_end() -> None:
    line = {"batch_id": 7, "watermark": "2026-03-01T10:00:00.123Z", "source_offset": 5}
    assert batch_of_line(line) == (7, Batch(1_772_359_200_123, 5))
    assert batch_of_line({**line, "watermark": "1970-01-01T00:00:00.000Z"}) == (7, Batch(0, 5))


@pytest.mark.parametrize("ms", [0, 1_772_359_200_007])
def test_a_watermark_is_read_as_it_is_spelled(ms: int) -> None:
    assert batch_of_line({"batch_id": 1, "watermark": spell(ms), "source_offset": 5}) == (1, Batch(ms, 5))


@pytest.mark.parametrize("missing", ["watermark", "source_offset"])
def test_a_line_that_does_not_tell_is_none(missing: str) -> None:
    line = {"batch_id": 7, "watermark": "2026-03-01T10:00:00.123Z", "source_offset": 5, missing: None}
    assert batch_of_line(line) is None


def test_sparks_own_offsets_tell_the_same() -> None:
    metadata = json.dumps({"batchWatermarkMs": 100, "batchTimestampMs": 7, "conf": {}})
    assert batch_of_offsets(f'v1\n{metadata}\n{{"logOffset":5}}') == Batch(100, 5)
    assert batch_of_offsets("") is None
    assert batch_of_offsets(f"v1\n{metadata}\n-") is None


@pytest.mark.parametrize("names,whole", [
    (["0", "1", "2"], ["0", "1", "2"]), ([], []),
    (["8", "9.compact", "10", "11"], ["9.compact", "10", "11"]),
    (["9.compact", "9", "19.compact", "18", "20", ".21.tmp"], ["19.compact", "20"])])
def test_the_sources_log_is_its_newest_compact_file_and_what_came_after(names: list[str], whole: list[str]) -> None:
    assert log_files(names) == whole
