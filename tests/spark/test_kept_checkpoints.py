"""Checkpoints of earlier releases: the present code reads each, or refuses it, as is written here."""
from __future__ import annotations

from pathlib import Path

import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from spark_apps import fingerprint, hashtag_stream
from spark_apps.contract import MEASURES, StreamPaths
from spark_apps.generations import Generation
from spark_apps.guard import IncompatibleCheckpoint
from spark_apps.verdict import Verdict
from tests import oracle
from tests.fakes.directory import Directory
from tests.spark.kept_checkpoints import DIRECTORY, drive, lines, unpack

#: Each release that was made, and what the present code says of its checkpoint.
RELEASES = {"0.1.0": Verdict.COMPATIBLE}


def counted(paths: StreamPaths) -> dict[tuple[int, str, str], tuple[int, ...]]:
    sums: dict[tuple[int, str, str], list[int]] = {}
    for row in DeltaTable(paths.table("counts_live")).to_pyarrow_table().to_pylist():
        cell = sums.setdefault((round(row["window_start"].timestamp() * 1000), row["tag"], row["form"]), [0] * 5)
        for i, name in enumerate(MEASURES):
            cell[i] += row[name]
    return {key: tuple(cell) for key, cell in sums.items()}


def test_there_is_one_of_each_release_and_it_is_small() -> None:
    found = {path.name.removesuffix(".tar.gz"): path.stat().st_size for path in DIRECTORY.glob("[0-9]*.tar.gz")}
    assert found.keys() == RELEASES.keys()
    assert max(found.values()) < 200_000


@pytest.mark.parametrize("release", [name for name, verdict in RELEASES.items() if verdict == Verdict.COMPATIBLE])
def test_the_present_code_goes_on_with_it_and_counts_exactly(
        spark: SparkSession, tmp_path: Path, release: str) -> None:
    paths = unpack(DIRECTORY / f"{release}.tar.gz", tmp_path)
    all_lines = lines(paths)
    before = counted(paths)
    assert before and before != oracle.counts(all_lines), "nothing is left to be taken"
    found = drive(spark, paths, 2)
    assert found.verdict == RELEASES[release], found
    assert counted(paths) == oracle.counts(all_lines)


@pytest.mark.parametrize("release", RELEASES)
def test_another_key_would_be_refused_before_anything_is_taken(
        spark: SparkSession, tmp_path: Path, release: str, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = unpack(DIRECTORY / f"{release}.tar.gz", tmp_path)
    before = counted(paths)
    tweets = hashtag_stream.tweets

    def otherwise(rows: object, watermark: str) -> object:
        return tweets(rows, watermark).dropDuplicates(["author"])  # type: ignore[attr-defined]

    monkeypatch.setattr(hashtag_stream, "tweets", otherwise)
    with pytest.raises(IncompatibleCheckpoint, match="states"):
        drive(spark, paths, 2)
    assert counted(paths) == before
    made = fingerprint.newest(Directory(), paths, Generation(1))
    assert made and made.epoch == 1
