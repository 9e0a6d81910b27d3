"""Twenty thousand records and every oddity among them: each line's reading and all counts equal the oracle's."""
from __future__ import annotations

import itertools
import os
import random
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from deploy.local.simulator.generator import Generator
from spark_apps.contract import MEASURES
from spark_apps.sources import read_files
from spark_apps.transforms.counts import minute_counts
from spark_apps.transforms.tweets import first_version, read_lines, tag
from tests import oracle
from tests.spark.landing import ID, NOW, snowflake, v2, write
from tests.spark.odd import ODD, scrambled

RECORDS, EVERY_MS = 20_000, 7
SEED = int(os.environ.get("HASHTIDE_SEED") or time.time_ns() % 1_000_000)
FIELDS = ("fate", "identity", "edit_index", "event_ms", "clamped", "kind", "author", "tag_source", "tags")


def records(seed: int) -> Iterator[tuple[int, bytes]]:
    """(arrival, line); the odd ones have ids of their own, so that each of them counts."""
    generator, pick = Generator(seed, edits_change_tags=True), random.Random(seed)
    odd = pick.sample(ODD, len(ODD))
    for n in range(RECORDS):
        now = NOW + n * EVERY_MS
        yield now, generator.next(now)
        if n % (RECORDS // len(ODD)) == 0 and odd:
            yield now, odd.pop().replace(ID.encode(), snowflake(now - pick.randrange(90_000), n).encode())
        if n % 5 == 0:
            yield now, v2(id=snowflake(now, RECORDS + n), text=scrambled(pick), entities=None)
    assert not odd


def landed(directory: Path, seed: int) -> list[oracle.Line]:
    """Files of two connections: each record on one of them, some on both."""
    pick = random.Random(seed)
    lines: list[oracle.Line] = []
    open_files: dict[str, list[tuple[int, bytes]]] = {"a": [], "b": []}
    unique = itertools.count(1)

    def close(source: str) -> None:
        held = open_files[source]
        if held:
            name = f"{held[0][0]}-{held[-1][0]}-{source}-{next(unique):x}.jsonl"
            write(directory, [value for _, value in held], name)
            lines.extend(oracle.Line.landed(name, n, value) for n, (_, value) in enumerate(held, 1))
            held.clear()

    for arrival, value in records(seed):
        for source in pick.choice(("a", "a", "b", "ab")):
            open_files[source].append((arrival, value))
            if arrival - open_files[source][0][0] > 5_000:
                close(source)
    close("a")
    close("b")
    return lines


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[oracle.Line]]:
    directory = tmp_path_factory.mktemp("landing")
    return directory, landed(directory, SEED)


@pytest.fixture(scope="module")
def tagged(spark: SparkSession, lines: tuple[Path, list[oracle.Line]]) -> Iterator[DataFrame]:
    names = sorted(str(path) for path in lines[0].iterdir())
    found = read_files(spark, names).transform(read_lines).transform(tag).cache()
    yield found
    found.unpersist()


@pytest.fixture(scope="module")
def expected(lines: tuple[Path, list[oracle.Line]]) -> list[oracle.Tweet]:
    return [oracle.read(line) for line in lines[1]]


def assert_equal(found: Mapping[Any, Any], expected: Mapping[Any, Any]) -> None:
    missing = object()
    keys = [key for key in {**expected, **found} if found.get(key, missing) != expected.get(key, missing)]
    shown = "\n".join(f"  {key}: found {found.get(key, 'nothing')}, expected {expected.get(key, 'nothing')}"
                      for key in keys[:10])
    if keys:
        raise AssertionError(
            f"{len(keys)} of {len(expected)} differ, HASHTIDE_SEED={SEED} gives the same lines:\n{shown}")


def test_every_line_is_read_as_the_oracle_reads_it(tagged: DataFrame, expected: list[oracle.Tweet]) -> None:
    rows = sorted(tagged.select("file", "at", *FIELDS).collect(), key=lambda row: (row["file"], row["at"]))
    numbered = [(file, n, row) for file, group in itertools.groupby(rows, key=lambda row: row["file"])
                for n, row in enumerate(group, 1)]
    found = {(file, n): tuple(row[name] for name in FIELDS) if row["fate"] is None else row["fate"]
             for file, n, row in numbered}
    read = {(tweet.line.file, tweet.line.number): reading(tweet) for tweet in expected}
    assert_equal(found, read)


def reading(tweet: oracle.Tweet) -> Any:
    if tweet.fate != "tweet":
        return tweet.fate
    return (None, *(getattr(tweet, name) for name in FIELDS[1:-1]), dict(tweet.tags))


def counted(tweets: DataFrame) -> dict[tuple[int, str, str], tuple[int, ...]]:
    people = F.round(F.theta_sketch_estimate("authors")).cast("long")
    rows = tweets.transform(minute_counts).select(F.unix_millis("window_start"), "tag", "form", *MEASURES, people)
    return {tuple(row)[:3]: tuple(row)[3:] for row in rows.collect()}


def counted_by_oracle(lines: Iterable[oracle.Line], tweets: Iterable[oracle.Tweet],
                      order: Any) -> dict[tuple[int, str, str], tuple[int, ...]]:
    people = oracle.authors(oracle.distinct(tweets, order))
    return {row: (*measures, people[row]) for row, measures in oracle.counts(lines, order).items()}


def test_counts_of_a_seal_equal_the_oracles(
        tagged: DataFrame, lines: tuple[Path, list[oracle.Line]], expected: list[oracle.Tweet]) -> None:
    found = counted(tagged.where(F.col("fate").isNull()).transform(first_version).where("wins"))
    assert_equal(found, counted_by_oracle(lines[1], expected, "lowest"))


def test_counts_of_what_came_first_equal_the_oracles(
        tagged: DataFrame, lines: tuple[Path, list[oracle.Line]], expected: list[oracle.Tweet]) -> None:
    came = Window.partitionBy("identity").orderBy("arrival_ms", "file", "at")
    first = tagged.where(F.col("fate").isNull()).withColumn("place", F.row_number().over(came)).where("place = 1")
    assert_equal(counted(first), counted_by_oracle(lines[1], expected, "first"))


def test_the_order_matters_to_these_records(expected: list[oracle.Tweet]) -> None:
    first, lowest = ({tweet.identity: tweet for tweet in oracle.distinct(expected, order)}
                     for order in ("first", "lowest"))
    assert sum(first[identity].tags != lowest[identity].tags for identity in first) > 0
