"""Fifty thousand tweets with every oddity and poison among them: stream = oracle, seal = oracle, row for row.

A fresh seed each time; HASHTIDE_SEED=N repeats one, HASHTIDE_SEEDS=20 tries the first twenty and HASHTIDE_TWEETS says
how many tweets of each.
"""
from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from pyspark.errors import StreamingQueryException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from spark_apps.accounting import Account
from spark_apps.contract import HOUR_MS, MEASURES, MINUTE_MS, QUARANTINE_REASONS
from spark_apps.seal import Sealed, Sealer
from spark_apps.sinks import CountsLive
from spark_apps.transforms.trending import trending
from spark_apps.windows import Trend, Windows
from tests import oracle
from tests.spark import corpus
from tests.spark.live import LiveStream

TWEETS = 50_000
WATERMARK_MS, THROUGH = 10 * MINUTE_MS, corpus.NOW + HOUR_MS
WINDOW_MS, WINDOWS_BEFORE = 6 * MINUTE_MS, 4
Rows = dict[tuple[int, str, str], tuple[int, ...]]


def seeds() -> list[tuple[int | None, int]]:
    """(seed, tweets); None for a fresh one, since each process that shares the tests has to know them by one name."""
    of: tuple[int | None, ...] = (None,)
    environ = os.environ
    if environ.get("HASHTIDE_SEED"):
        of = (int(environ["HASHTIDE_SEED"]),)
    elif environ.get("HASHTIDE_SEEDS"):
        of = tuple(range(1, int(environ["HASHTIDE_SEEDS"]) + 1))
    return [(seed, int(environ.get("HASHTIDE_TWEETS") or TWEETS)) for seed in of]


class DiesAfterItsCommit(CountsLive):
    """Ends the driver between Delta's commit and Spark's own; the next one has to take the batch again."""

    def commit(self, counted: DataFrame, batch_id: int) -> None:
        super().commit(counted, batch_id)
        raise InterruptedError("between two commits")


@dataclass
class Case:
    """A corpus that has gone through stream, seal and oracle."""

    seed: int
    stream: LiveStream
    tweets: list[oracle.Tweet] = field(default_factory=list)
    late: list[oracle.Tweet] = field(default_factory=list)      # in the stream
    sealed: dict[int, Sealed] = field(default_factory=dict)

    def run(self, tweets: int) -> None:
        pick = random.Random(self.seed)
        for n, batch in enumerate(corpus.batches(self.seed, tweets, edits_change_tags=self.seed != 2)):
            self.take(batch, pick)
            if n == 1:
                with (pytest.raises(StreamingQueryException, match="between two commits"),
                      self.stream.running(DiesAfterItsCommit)):
                    pass
            with self.stream.running():
                pass
        Sealer(self.stream.spark, self.stream.files, self.stream.paths).seal(
            {hour: THROUGH for hour in corpus.HOURS}, lambda found: self.sealed.update({found.hour: found}))

    def take(self, batch: corpus.Batch, pick: random.Random) -> None:
        """Lands it. Late is what lies 10 minutes or more before the newest tweet of the batches before."""
        newest = max((tweet.event_ms for tweet in self.tweets if tweet.fate == "tweet"), default=0)
        read = [oracle.read(line) for line in corpus.land(self.stream, batch, pick)]
        self.late += [tweet for tweet in read if tweet.fate == "tweet" and tweet.event_ms <= newest - WATERMARK_MS]
        self.tweets += read

    @cached_property
    def first(self) -> list[oracle.Tweet]:
        late = {id(tweet) for tweet in self.late}
        return oracle.distinct((tweet for tweet in self.tweets if id(tweet) not in late), "first")

    @cached_property
    def lowest(self) -> list[oracle.Tweet]:
        """Of the sealed hours."""
        return [tweet for tweet in oracle.distinct(self.tweets, "lowest") if hour_of(tweet) in corpus.HOURS]

    def counted(self, table: str) -> Rows:
        rows = self.stream.spark.read.format("delta").load(self.stream.paths.table(table))
        people = F.theta_sketch_estimate(F.theta_union_agg("authors")).cast("long")
        summed = rows.groupBy(F.unix_millis("window_start"), "tag", "form").agg(*map(F.sum, MEASURES), people)
        return {tuple(row)[:3]: tuple(row)[3:] for row in summed.collect()}

    def assert_equal(self, found: dict[Any, Any], expected: dict[Any, Any]) -> None:
        differ = [key for key in {**expected, **found} if found.get(key) != expected.get(key)]
        shown = "\n".join(f"  {key}: found {found.get(key)}, expected {expected.get(key)}" for key in differ[:10])
        assert not differ, f"{len(differ)} of {len(expected)} differ; HASHTIDE_SEED={self.seed} repeats it:\n{shown}"


def hour_of(tweet: oracle.Tweet) -> int:
    return tweet.event_ms - tweet.event_ms % HOUR_MS


def counts(tweets: list[oracle.Tweet]) -> Rows:
    people = oracle.authors(tweets)
    return {row: (*measures, people[row]) for row, measures in oracle.measures(tweets).items()}


@pytest.fixture(scope="module", params=seeds(), ids=lambda one: f"seed {one[0] or 'fresh'}, {one[1]} tweets")
def case(request: pytest.FixtureRequest, spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Case:
    given, tweets = request.param
    seed = given or 100 + time.time_ns() % 1_000_000
    made = Case(seed, LiveStream(tmp_path_factory.mktemp("corpus"), spark, max_files=100_000))
    made.run(tweets)
    return made


def test_the_stream_counts_what_came_first(case: Case) -> None:
    case.assert_equal(case.counted("counts_live"), counts(case.first))


def test_the_seal_counts_the_lowest_version(case: Case) -> None:
    case.assert_equal(case.counted("counts"), counts(case.lowest))


def test_where_edits_change_no_tags_stream_and_seal_differ_by_what_was_late_alone(case: Case) -> None:
    sealed, live = case.counted("counts"), case.counted("counts_live")
    differ = {key for key in {**sealed, **live} if sealed.get(key) != live.get(key) and key[0] >= corpus.HOURS[0]}
    late = {key for tweet in case.late for key in oracle.measures([tweet])}
    if case.seed == 2:
        assert differ <= late, f"HASHTIDE_SEED={case.seed}"
    else:
        assert differ - late, "these edits change tags"


def test_the_stream_says_what_became_of_each_line(case: Case) -> None:
    told = case.stream.batches()
    found = Counter({name: sum(line["fates"][name] for line in told) for name in ("control", *QUARANTINE_REASONS)})
    of_all = ("lines", "late", "duplicates", "tweets", "clamped")
    found.update({name: sum(line[name] for line in told) for name in of_all})
    fates = Counter(tweet.fate for tweet in case.tweets)
    fates["tweets"] = fates.pop("tweet")
    expected = Counter(fates, lines=len(case.tweets), late=len(case.late),
                       duplicates=fates["tweets"] - len(case.late) - len(case.first),
                       clamped=sum(tweet.clamped for tweet in case.tweets))
    case.assert_equal(dict(found), dict(expected))
    assert min(found.values()) > 0, "every fate has a case"


def test_the_ledger_accounts_for_each_line(case: Case) -> None:
    kept = {id(tweet) for tweet in case.lowest}
    for hour in corpus.HOURS:
        mine = [tweet for tweet in case.tweets if tweet.line.arrival_ms - tweet.line.arrival_ms % HOUR_MS == hour]
        fates = Counter(fate_in_ledger(tweet, kept) for tweet in mine)
        expected = Account(len(mine), fates["counted"], fates["duplicate"], fates["late"], fates["control"], 0,
                           {name: fates[name] for name in QUARANTINE_REASONS if fates[name]})
        ledger = account_of(rows_of(case, "ledger"), hour)
        assert (ledger, ledger.adds_up) == (expected, True), f"HASHTIDE_SEED={case.seed}"


def fate_in_ledger(tweet: oracle.Tweet, kept: set[int]) -> str:
    """Late is a tweet of an hour long before, which nobody has sealed."""
    if tweet.fate != "tweet":
        return tweet.fate
    if hour_of(tweet) not in corpus.HOURS:
        return "late"
    return "counted" if id(tweet) in kept else "duplicate"


def rows_of(case: Case, table: str) -> list[Any]:
    return case.stream.spark.read.format("delta").load(case.stream.paths.table(table)).collect()


def account_of(rows: Iterable[Any], hour: int) -> Account:
    [row] = [row for row in rows if round(row["hour"].timestamp() * 1000) == hour]
    return Account(*(row[name] for name in ("lines", "counted", "duplicate", "late", "control", "pending")),
                   dict(row["quarantined"]))


def test_each_line_that_is_put_aside_is_kept_whole_once(case: Case) -> None:
    kept: Counter[tuple[Any, ...]] = Counter()
    for hour in corpus.HOURS:
        rows = case.stream.spark.read.parquet(case.stream.paths.quarantine_hour(hour)).collect()
        kept.update((row["reason"], row["file"], row["line"], bytes(row["body"])) for row in rows)
    assert kept == Counter((tweet.fate, tweet.line.file, tweet.line.number, tweet.line.value) for tweet in case.tweets
                           if tweet.fate in QUARANTINE_REASONS), f"HASHTIDE_SEED={case.seed}"


def test_trends_of_the_seal_are_those_of_its_tweets_by_the_book(case: Case) -> None:
    trend = Trend(Windows(WINDOW_MS, WINDOW_MS), WINDOWS_BEFORE)
    counted = case.stream.spark.read.format("delta").load(case.stream.paths.table("counts"))
    rows = {(round(row["window_end"].timestamp() * 1000), row["tag"]): row
            for row in counted.transform(trending(trend)).collect()}
    found = {at: (row["rank"], (row["tweets"], row["all_tweets"], row["tweets_before"], row["all_before"]),
                  six_digits(row["score"]), row["delta"], row["rank_change"]) for at, row in rows.items()}
    expected = oracle.trends([(row, tweet.author) for tweet in case.lowest for row in oracle.rows(tweet)], WINDOW_MS,
                             WINDOWS_BEFORE)
    case.assert_equal(found, {at: (one.rank, one.table, one.score, one.delta, one.rank_change)
                              for at, one in expected.items()})
    assert any(one.score and one.rank_change for one in expected.values())
    for at, one in expected.items():
        assert rows[at]["lift"] == (one.lift and pytest.approx(float(one.lift), rel=1e-12)), (case.seed, at)


def six_digits(value: float | None) -> Decimal | None:
    """-0.0 is 0."""
    return None if value is None else round(Decimal(value), 6) + Decimal(0)


def test_the_corpus_is_over_a_full_hour_and_no_line_is_missing(case: Case) -> None:
    landed = sum(path.read_bytes().count(b"\n") for path in Path(case.stream.paths.landing).glob("dt=*/hr=*/*.jsonl"))
    assert landed == len(case.tweets)
    assert {tweet.line.arrival_ms // HOUR_MS * HOUR_MS for tweet in case.tweets} == set(corpus.HOURS)
    assert len([line for line in case.stream.batches() if line["lines"]]) == corpus.BATCHES
