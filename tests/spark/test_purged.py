"""Purged tweets are in no count and in no byte that is kept, the stream goes on from its checkpoint, and where it had
counted one of them the comparison with the seal says so and nothing else."""
from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from deploy.backfill import Seal
from deploy.purging.doing import Purged, Stream, purge
from deploy.purging.looking import events, look
from deploy.retention import packing
from spark_apps import packs
from spark_apps.contract import HOUR_MS, MINUTE_MS
from spark_apps.drift import LATE, PURGED
from spark_apps.seal import Sealed, Sealer
from spark_apps.verify import Verified, Verifier
from tests import oracle
from tests.fakes.directory import Directory
from tests.spark.landing import NOW, snowflake, tags, v2
from tests.spark.live import LiveStream
from tests.spark.test_seal import Clock

TEN, ELEVEN = NOW, NOW + HOUR_MS
THROUGH = ELEVEN + 10 * MINUTE_MS
HIDDEN = "what nobody may keep"


def at(minute: int) -> int:
    return TEN + minute * MINUTE_MS


GONE, LATE_ONE, STAYS, RETWEET, QUOTE, CUT = (
    snowflake(at(minute), n) for n, minute in enumerate((1, 5, 2, 31, 32, 33), 1))
IDS = frozenset({GONE, LATE_ONE, CUT})


def tweet(of: str, *names: str, around: dict[str, Any] | None = None, **data: Any) -> bytes:
    return v2(around, id=of, text=HIDDEN if of in IDS else "of interest", entities=tags(*names), **data)


LINES = {
    "a": (2, [tweet(GONE, "gone", "spark"), tweet(STAYS, "spark")]),
    "b": (31, [tweet(RETWEET, "gone", referenced_tweets=[{"type": "retweeted", "id": GONE}])]),
    "c": (32, [tweet(QUOTE, "spark", referenced_tweets=[{"type": "quoted", "id": GONE}],
                     around={"includes": {"tweets": [{"id": GONE, "text": HIDDEN}]}}), tweet(LATE_ONE, "late")]),
    "d": (33, [b'{"delete":{"status":{"id":1,"id_str":"%s"}}}' % GONE.encode(), tweet(CUT)[:-20]]),
    "e": (61, [tweet(snowflake(at(61), 9), "next")])}


class Case(LiveStream):
    def seal(self, hours: Mapping[int, int], purged: bool = False) -> list[Sealed]:
        done: list[Sealed] = []
        Sealer(self.spark, self.files, self.paths, clock=Clock(THROUGH), purged=purged).seal(hours, done.append)  # type: ignore[arg-type]
        return done

    def verify(self) -> Verified:
        done: list[Verified] = []
        Verifier(self.spark, self.files, self.paths).verify({TEN: THROUGH}, done.append)
        return done[-1]

    def purge(self, ids: frozenset[str]) -> Purged:
        ledger = DeltaTable(self.paths.table("ledger")).to_pyarrow_table().to_pylist()
        sealed = {int(row["hour"].timestamp() * 1000): row for row in ledger}

        def again(job: Seal) -> None:
            self.seal(dict(job.hours), purged=job.purged)
        return purge(Stream(Directory(), self.paths, lambda: sealed, again, lambda: THROUGH, print), ids, "a test")

    def counts(self) -> dict[tuple[str, int], int]:
        rows = DeltaTable(self.paths.table("counts")).to_pyarrow_table().to_pylist()
        return {(row["tag"], int(row["window_start"].timestamp() * 1000)): row["tweets"] for row in rows}


@pytest.fixture(scope="module")
def case(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Case:
    made = Case(tmp_path_factory.mktemp("purge"), spark)
    with made.running() as query:
        for unique, (minute, lines) in LINES.items():
            made.land(lines, at(minute), at(minute), unique)
            query.processAllAvailable()
    made.seal({TEN: THROUGH, ELEVEN: ELEVEN + 70 * MINUTE_MS})
    packing.move(Directory(), made.paths, TEN, Directory().list(made.paths.landing_hour(TEN))[:1])
    return made


def reasons(found: Verified) -> dict[tuple[int, str], set[str]]:
    """By minute of the hour and tag."""
    return {((one.row.key[0] - TEN) // MINUTE_MS, one.row.key[1]): set(one.reasons) for one in found.differences}


def kept(case: Case) -> bytes:
    """All that is on the disk; packs opened."""
    files = [path for path in case.root.rglob("*") if path.is_file()]
    opened = [line for path in files if packs.is_pack(str(path)) for _, line in packs.unpack(path.read_bytes())]
    return b"\n".join([*(path.read_bytes() for path in files), *opened])


def test_before_it_everything_is_there_and_one_tweet_was_late_for_the_stream(case: Case) -> None:
    assert HIDDEN.encode() in kept(case)
    assert {name for one in case.verify().differences for name in one.reasons} == {LATE}
    assert events(Directory(), case.paths, TEN) == {GONE}


def test_no_byte_and_no_count_of_them_is_left_and_every_line_is_accounted_for(case: Case) -> None:
    before = case.counts()
    done = case.purge(IDS)
    assert (done.left, done.lines, done.hours) == ([], 6, ["2026-03-01T10"])
    assert HIDDEN.encode() not in kept(case) and look(Directory(), case.paths, IDS, print).places == []
    after = case.counts()
    own = [line for line in case.lines if not any(one.encode() in line.value for one in IDS)]
    quote = [line for line in case.lines if QUOTE.encode() in line.value]
    assert {(tag, minute): row[0] for (minute, tag, _), row in oracle.counts([*own, *quote]).items()} == after != before
    [row] = [row for row in DeltaTable(case.paths.table("ledger")).to_pyarrow_table().to_pylist()
             if row["hour"].hour == 10]
    # Four whole lines are control lines now, as the platform's own message is.
    assert (row["lines"], row["counted"], row["control"], sum(dict(row["quarantined"]).values())) == (7, 2, 5, 0)
    assert not list(Path(case.paths.quarantine).rglob("*.parquet"))


def test_what_the_stream_had_counted_of_them_has_its_reason(case: Case) -> None:
    told = reasons(case.verify())
    # The one that was late was in neither, and is no difference any more.
    assert told == {(1, ""): {PURGED}, (1, "gone"): {PURGED}, (1, "spark"): {PURGED}, (31, ""): {PURGED},
                    (31, "gone"): {PURGED}}


def test_the_stream_goes_on_and_takes_no_rewritten_file_again(case: Case) -> None:
    before = len(case.batches())
    with case.running():
        pass
    assert len(case.batches()) == before
    case.land([tweet(snowflake(at(62), 10), "next")], at(62), at(62), "f")
    with case.running():
        pass
    assert sum(line["lines"] for line in case.batches()) == len(case.lines)


def test_purged_once_more_of_another_tweet_both_are_explained(case: Case) -> None:
    done = case.purge(frozenset({STAYS}))
    assert (done.lines, done.hours) == (1, ["2026-03-01T10"])
    told = reasons(case.verify())
    assert told[2, "spark"] == told[1, "spark"] == {PURGED} and all(reasons == {PURGED} for reasons in told.values())
