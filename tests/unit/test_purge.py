"""Withdrawn tweets leave landing, archive, quarantine and spool, and the purge that does it is killed before and after
each change: the next one comes to the end, no other line is touched, and each hour that lost something is sealed again.
"""
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from deploy.backfill import Seal
from deploy.errors import BadUse
from deploy.purging import doing, ids
from deploy.purging.doing import Purged, Stream, purge
from deploy.purging.looking import events, look
from deploy.retention import packing
from spark_apps import packs
from spark_apps.contract import HOUR_MS, hour_name
from tests.fakes.actors import CutOff
from tests.fakes.checkpoints import CutAt
from tests.fakes.files import Files
from tests.fakes.purging import (
    ELEVEN,
    GONE,
    HIDDEN,
    IDS,
    PATHS,
    STAYS,
    TEN,
    TWELVE,
    Table,
    a_stream,
    everything,
    filled,
    land,
    name,
    tweet,
)


@pytest.fixture(autouse=True)
def one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "AT_ONCE", 1)


def lines(hdfs: Files) -> int:
    """Of landing and archive."""
    found = packs.landed(hdfs, PATHS, TEN, TWELVE)
    return (sum(len(packs.lines(hdfs.data[path])) for path in found.plain)
            + sum(name in names for pack, names in found.packed.items() for name, _ in packs.unpack(hdfs.data[pack])))


def test_nothing_of_them_is_left_every_line_is_still_there_and_what_lost_a_tweet_is_sealed_again() -> None:
    hdfs, table = filled(), Table(TEN, ELEVEN)
    count, others = lines(hdfs), everything(hdfs).count(b"of interest") - 1   # that of the retweet
    done = purge(a_stream(hdfs, table), IDS, "a test")
    assert done.left == [] and done.lines == 6 and done.hours == [hour_name(TEN), hour_name(ELEVEN)]
    left = everything(hdfs)
    assert HIDDEN.encode() not in left and b"\xff cut" not in left
    assert lines(hdfs) == count and left.count(b"of interest") == others and b"mine" in left and b"other" in left
    # Each through the instant of its own seal, the incomplete one with its gap.
    assert {(seal.hours, seal.gap, seal.purged) for seal in table.sealed} == {
        (((TEN, TEN + HOUR_MS + 600_000),), "", True), (((ELEVEN, ELEVEN + HOUR_MS + 600_000),), "x is at 11:20", True)}
    assert look(hdfs, PATHS, IDS, print).places == []


def test_spark_takes_a_rewritten_file_for_the_one_that_it_knows() -> None:
    hdfs = filled()
    purge(a_stream(hdfs, Table(TEN, ELEVEN)), IDS, "a test")
    path = f"{PATHS.landing_hour(TEN)}/{name(TEN, 'b')}"
    assert hdfs.times[path] == TEN and HIDDEN.encode() not in hdfs.data[path]


def test_again_it_changes_nothing_and_seals_nothing() -> None:
    hdfs, table = filled(), Table(TEN, ELEVEN)
    purge(a_stream(hdfs, table), IDS, "a test")
    before, seals = dict(hdfs.data), len(table.sealed)
    done = purge(a_stream(hdfs, table), IDS, "a test")
    assert (done.lines, done.hours) == (0, []) and hdfs.data == before and len(table.sealed) == seals
    assert doing.asked_for(a_stream(hdfs, table)) == IDS


def test_a_line_of_an_hour_that_is_not_sealed_waits_and_says_so() -> None:
    hdfs, table = filled(), Table(TEN)
    done = purge(a_stream(hdfs, table), IDS, "a test")
    [left] = done.left
    assert f"{hour_name(ELEVEN)} is not sealed" in left.why and "backfill" in left.why and left.hour == ELEVEN
    assert done.hours == [hour_name(TEN)] and HIDDEN.encode() in everything(hdfs)
    table.hours[ELEVEN] = {**table.hours[TEN], "through_ms": ELEVEN + HOUR_MS + 600_000}
    done = purge(a_stream(hdfs, table), IDS, "a test")
    assert done.left == [] and done.hours == [hour_name(ELEVEN)] and HIDDEN.encode() not in everything(hdfs)


def test_what_still_lies_in_the_spool_goes_and_what_is_being_written_waits(tmp_path: Path) -> None:
    closed, opened = tmp_path / name(TEN, "s"), tmp_path / f"{TEN + 61_000:013d}-x-u.open"
    for path in (closed, opened):
        path.write_bytes(tweet(GONE) + b"\n" + tweet(STAYS) + b"\n")
    stood = closed.stat()
    done = purge(a_stream(Files(), Table(), tmp_path), IDS, "a test")
    assert (done.lines, len(done.left)) == (1, 1) and "ingest is writing it" in done.left[0].why
    assert HIDDEN.encode() not in closed.read_bytes() and HIDDEN.encode() in opened.read_bytes()
    assert closed.stat().st_mtime_ns == stood.st_mtime_ns and closed.read_bytes().count(b"\n") == 2
    assert sorted(one.name for one in tmp_path.iterdir()) == sorted((closed.name, opened.name))


def test_a_file_that_comes_while_one_looks_is_looked_at_too() -> None:
    hdfs, table = filled(), Table(TEN, ELEVEN)

    def sealed() -> Any:
        if name(TEN, "late") not in hdfs.list(PATHS.landing_hour(TEN)):
            land(hdfs, TEN, "late", tweet(GONE))
        return table.hours
    done = purge(Stream(hdfs, PATHS, sealed, table.sealed.append, lambda: TWELVE, lambda text: None), IDS, "a test")
    assert done.lines == 7 and HIDDEN.encode() not in everything(hdfs)


def test_an_hour_whose_landing_was_retired_keeps_its_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(hdfs: Any, paths: Any, wanted: list[int], now_ms: int) -> None:
        if wanted == [TEN]:
            raise BadUse("gone")
    monkeypatch.setattr(doing.gone, "check", refuse)
    hdfs, table = filled(), Table(TEN, ELEVEN)
    done = purge(a_stream(hdfs, table), IDS, "a test")
    assert (done.hours, done.kept) == ([hour_name(ELEVEN)], [hour_name(TEN)])
    assert HIDDEN.encode() not in everything(hdfs)


def test_killed_anywhere_the_next_one_comes_to_the_end() -> None:
    counting = CutAt(filled(), 1 << 30, False)
    purge(a_stream(counting, Table(TEN, ELEVEN)), IDS, "a test")
    assert counting.calls >= 6
    for at in range(1, counting.calls + 1):
        for after in (False, True):
            hdfs, table = filled(), Table(TEN, ELEVEN)
            count = lines(hdfs)
            with pytest.raises(CutOff):
                purge(a_stream(CutAt(hdfs, at, after), table), IDS, "a test")
            assert lines(hdfs) == count
            done: Purged = purge(a_stream(hdfs, table), IDS, "a test")
            assert HIDDEN.encode() not in everything(hdfs) and lines(hdfs) == count and not done.left
            # Whoever was killed before its seals left them to this one.
            assert {hour for seal in table.sealed for hour, _ in seal.hours} == {TEN, ELEVEN}
            assert all("ended_ms" in (hdfs.read_json(f"{PATHS.control}/purges/{one}") or {})
                       for one in hdfs.list(f"{PATHS.control}/purges"))


def test_a_seal_that_fails_is_made_up_for() -> None:
    hdfs, table = filled(), Table(TEN, ELEVEN)

    def fails(seal: Seal) -> None:
        raise OSError("YARN is away")
    with pytest.raises(OSError, match="YARN"):
        purge(Stream(hdfs, PATHS, lambda: table.hours, fails, lambda: TWELVE, lambda text: None), IDS, "a test")
    done = purge(a_stream(hdfs, table), IDS, "a test")
    assert done.lines == 0 and done.hours == [hour_name(TEN), hour_name(ELEVEN)]


def test_what_the_stream_itself_says_is_withdrawn() -> None:
    assert events(filled(), PATHS, TEN) == {GONE}
    assert events(filled(), PATHS, TWELVE + HOUR_MS) == set()


@pytest.mark.parametrize("text,words", [
    ('{"id": "1"}\nid\n', "line 2 is no JSON"), ('{"action": "delete"}', "line 1 has no id"),
    ('{"id": true}', "line 1"),
    ('{"id": "12a"}', "line 1 has no id"), ('["1"]', "line 1"), ('{"id": "12345678901234567890"}', "line 1"),
])
def test_a_file_of_ids_that_is_wrong_is_named_with_its_line(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "ids.jsonl"
    path.write_text(text)
    with pytest.raises(BadUse, match=words):
        ids.read(path)


def test_a_compliance_jobs_result_is_a_file_of_ids(tmp_path: Path) -> None:
    path = tmp_path / "ids.jsonl"
    path.write_text('{"id":"1","action":"delete","reason":"deleted"}\n\n{"id":2}\n{"id":"3","action":"scrub_geo"}\n')
    assert ids.read(path) == {"1", "2"}
    with pytest.raises(BadUse, match="No such file"):
        ids.read(tmp_path / "nothing")
