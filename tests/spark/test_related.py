"""Associated tags of sealed hours: the seal's own tweets, FP-Growth's numbers counted again by hand, and a forecast."""
from __future__ import annotations

import itertools
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from spark_apps import hashtag_related, related, sealed
from spark_apps.args import related_args
from spark_apps.contract import HOUR_MS, MEASURES, MINUTE_MS, StreamPaths, hour_name
from spark_apps.files import Files
from spark_apps.sealed import NothingSealed
from spark_apps.transforms.counts import minute_counts
from tests.spark.landing import NOW
from tests.spark.sealing import HOURS


@pytest.fixture(scope="module")
def paths(two_hours: StreamPaths) -> StreamPaths:
    return two_hours


@pytest.fixture(scope="module")
def tweets(spark: SparkSession, paths: StreamPaths) -> sealed.Tweets:
    return sealed.read(spark, Files(spark, paths.base), paths, HOURS)


@pytest.fixture(scope="module")
def result(spark: SparkSession, paths: StreamPaths) -> dict[str, Any]:
    return hashtag_related.run(spark, related_args(["--stream", paths.stream, "--root", paths.root]))


def test_they_are_the_tweets_that_the_seal_has_counted(
        spark: SparkSession, paths: StreamPaths, tweets: sealed.Tweets) -> None:
    assert (tweets.hours, tweets.left_out) == (sorted(HOURS), [])
    again = tweets.frame.transform(minute_counts).select("window_start", "tag", "form", *MEASURES)
    counts = spark.read.format("delta").load(paths.table("counts")).select(*again.columns)
    assert counts.count() > 500 and not counts.exceptAll(again).count() and not again.exceptAll(counts).count()


def test_rules_have_the_numbers_that_counting_pairs_gives(tweets: sealed.Tweets, result: dict[str, Any],
                                                          paths: StreamPaths) -> None:
    found = [row["items"] for row in related.baskets(tweets.frame).collect()]
    alone = Counter(tag for items in found for tag in items)
    both = Counter(pair for items in found for pair in itertools.permutations(items, 2))
    rows = DeltaTable(paths.table("related")).to_pyarrow_table().to_pylist()
    expected = {pair: number for pair, number in both.items()
                if number >= 5 and number / alone[pair[0]] >= related.MIN_CONFIDENCE}
    assert {(row["tag"], row["related"]): row["tweets"] for row in rows} == expected
    for row in rows:
        pair, number = (row["tag"], row["related"]), len(found)
        confidence = both[pair] / alone[pair[0]]
        assert row["support"] == pytest.approx(both[pair] / number)
        assert row["confidence"] == pytest.approx(confidence)
        assert row["lift"] == pytest.approx(confidence / (alone[pair[1]] / number))
    assert (result["rules"], result["baskets"]) == (len(rows), len(found))


def test_it_beats_popularity_on_the_hour_that_it_has_not_seen_and_says_so(
        spark: SparkSession, paths: StreamPaths, result: dict[str, Any]) -> None:
    assert result["held_out"] == [hour_name(NOW + HOUR_MS)] and result["cases"] > 200
    assert result["beats_popularity"] and result["hit_rate_at_10"] > 1.2 * result["popularity_at_10"] > 0
    assert Files(spark, paths.base).read_json(paths.related_result) == result
    assert f"{result['hit_rate_at_10']:.3f}, popularity {result['popularity_at_10']:.3f}" in (
        hashtag_related.describe(result))


def test_where_tags_have_nothing_to_do_with_each_other_it_does_not_claim_to_know(spark: SparkSession) -> None:
    def hit_or_miss(wanted: str) -> related.Judged:
        learnt = spark.createDataFrame([("a", "b", 0.5)], "tag string, related string, confidence double")
        hidden = spark.createDataFrame([(1, ["a"], wanted)], "identity long, given array<string>, hidden string")
        return related.judge(learnt, ["a", *(f"p{n}" for n in range(12))], hidden)
    assert hit_or_miss("b") == related.Judged(1, 1, 0)
    assert hit_or_miss("p9") == related.Judged(1, 0, 1)    # the tag that is given takes no place
    assert hit_or_miss("p10") == related.Judged(1, 0, 0)


def test_advertising_and_retweets_are_no_witnesses(spark: SparkSession) -> None:
    rows = [(0, n, kind, {f"t{i}": "" for i in range(tags)}) for n, (kind, tags) in enumerate(
        [("original", 2), ("quote", 10), ("retweet", 2), ("original", 11), ("reply", 0)])]
    tweets = spark.createDataFrame(rows, "event_hour long, identity long, kind string, tags map<string,string>")
    assert [row["identity"] for row in related.baskets(tweets).orderBy("identity").collect()] == [0, 1]


def test_an_hour_whose_lines_are_gone_is_left_out_and_named(spark: SparkSession, paths: StreamPaths) -> None:
    files = Files(spark, paths.base)
    directory = Path(paths.landing_hour(NOW + 30 * MINUTE_MS))
    file = sorted(directory.glob("*.jsonl"))[1]
    kept = file.rename(file.with_suffix(".away"))
    try:
        assert sealed.read(spark, files, paths, HOURS).left_out == [NOW]
        args = related_args(["--stream", paths.stream, "--root", paths.root])
        with pytest.raises(NothingSealed, match="1 sealed hours .*: two are needed"):
            hashtag_related.tweets_of(spark, files, args)
    finally:
        kept.rename(file)


def test_what_is_not_sealed_is_said_with_the_way_out(spark: SparkSession, paths: StreamPaths, tmp_path: Path) -> None:
    with pytest.raises(NothingSealed, match="no sealed hour yet; hashtag_hourly"):
        sealed.hours(spark, StreamPaths("hashtags", str(tmp_path)))
    nothing = related_args(["--stream", "hashtags", "--root", str(tmp_path)])
    assert "no sealed hour yet" in hashtag_related.run(spark, nothing)["refused"]
    args = related_args(["--stream", paths.stream, "--root", paths.root, "--from", "2020-01-01T00"])
    with pytest.raises(NothingSealed, match="no hour from 2020-01-01T00 to 2020-01-01T00 is sealed"):
        hashtag_related.wanted(sealed.hours(spark, paths), args)


def test_support_is_a_share_and_a_tag_has_no_more_than_fifty(spark: SparkSession) -> None:
    found = spark.createDataFrame([(0, n, ["a", f"b{n % 60:02d}"]) for n in range(300)],
                                  "event_hour long, identity long, items array<string>")
    learnt = related.rules(found, 5)
    rows = learnt.where(F.col("tag") == "a").collect()
    assert len(rows) == related.KEPT and {row["tweets"] for row in rows} == {5}
    assert related.rules(found, 6).count() == 0
