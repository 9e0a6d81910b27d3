"""Each malformed and odd kind of line that the simulator makes: Spark reads it as the oracle does."""
from __future__ import annotations

import itertools
import json
import random
from collections import defaultdict
from collections.abc import Iterator

import pytest
from pyspark.sql import SparkSession

from deploy.local.simulator import shapes
from deploy.local.simulator.faults import odd
from deploy.local.simulator.faults.tweets import tweet
from deploy.local.simulator.generator import Generator
from spark_apps.sources import read_files
from spark_apps.transforms.tweets import read_lines, tag
from tests import oracle
from tests.spark.landing import NOW, line, write
from tests.spark.test_against_oracle import FIELDS, SEED, reading

EACH = 25
Read = tuple[bytes, object, object]
#: What a line of the kind is to the ledger, where it is no tweet; one that is cut off may be so within a character.
FATES = {"cut_off": "not_json bad_encoding", "html": "not_json", "null": "not_object", "array": "not_object",
         "string": "not_object", "number": "not_object", "no_utf8": "bad_encoding", "nul_byte": "not_json",
         "two_on_a_line": "not_json", "no_id": "no_id", "deleted": "control", "withheld": "control"}


def kinds() -> Iterator[tuple[str, bytes]]:
    """(kind, line), EACH of every kind, made of tweets of every shape."""
    generator, pick = Generator(SEED), random.Random(SEED)
    for kind, broken in odd.MALFORMED.items():
        yield from ((kind, broken(plain(generator))) for _ in range(EACH))
    for kind, change in odd.FIELDS.items():
        for _ in range(EACH):
            found = json.loads(plain(generator))
            change(found)
            yield kind, line(found)
    for n, (kind, message) in enumerate(itertools.product(("deleted", "withheld"), range(EACH))):
        make = odd.deleted if kind == "deleted" else odd.withheld
        yield kind, make(str(2_000_000_000_000_000_000 + n), str(message), kind).data
    original = tweet(NOW - 60_000, 7, "a long way to the tags " * 7 + "#far #farther #farthest",
                     ["far", "farther", "farthest"])
    for n in range(EACH):
        cut = tweet(NOW - 1_000, 100 + n, "", [])
        cut.update(shapes.cut_retweet(original), referenced_tweets=[{"type": "retweeted", "id": original["id"]}])
        yield "retweet cut", line({"data": cut})
        yield "retweet with its original", line({"data": cut, "includes": {"tweets": [original]}})
        form = pick.choice(["Hashtide", "HASHTIDE", "hASHTIDE", "Ｈａｓｈｔｉｄｅ"])
        yield "spelling", line({"data": tweet(NOW - 900, 300 + n, f"spelt as #{form}", [form])})


def plain(generator: Generator) -> bytes:
    """A record that has an id of its own and a text, as a fault would find it."""
    generator.rules = [{"id": "1", "tag": "t"}]
    while True:
        data = generator.next(NOW)
        if '"text":' in data.decode() and "post_ids" not in data.decode():
            return data


@pytest.fixture(scope="module")
def both(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Read]]:
    """(line, as Spark reads it, as the oracle does) by kind."""
    made = list(kinds())
    path = write(tmp_path_factory.mktemp("landing"), [value for _, value in made])
    rows = read_files(spark, [str(path)]).transform(read_lines).transform(tag).select("at", *FIELDS).collect()
    assert len(rows) == len(made)
    found = defaultdict(list)
    for n, ((kind, value), row) in enumerate(zip(made, sorted(rows, key=lambda row: row["at"]), strict=True), 1):
        by_spark = tuple(row[name] for name in FIELDS) if row["fate"] is None else row["fate"]
        found[kind].append((value, by_spark, reading(oracle.read(oracle.Line.landed(path.name, n, value)))))
    return found


@pytest.mark.parametrize("kind", [*odd.MALFORMED, *odd.FIELDS, "deleted", "withheld", "retweet cut",
                                  "retweet with its original", "spelling"])
def test_spark_reads_it_as_the_oracle_does(kind: str, both: dict[str, list[Read]]) -> None:
    assert len(both[kind]) == EACH
    for value, by_spark, by_oracle in both[kind]:
        assert by_spark == by_oracle, f"{value[:300]!r}, HASHTIDE_SEED={SEED} gives the same"
    fates = {by_spark if isinstance(by_spark, str) else "tweet" for _, by_spark, _ in both[kind]}
    assert fates <= set(FATES.get(kind, "tweet").split())
