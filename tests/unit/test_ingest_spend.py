"""What is billed is counted once a day an id, over restarts, and reading ends at a limit."""
from __future__ import annotations

import json
import sqlite3
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from deploy.views import cost
from spark_apps.ingest.errors import IngestError
from spark_apps.ingest.spend import Limits, Spend, Spent
from tests.fakes import platform
from tests.fakes.ingest import TOKEN, gaps, lines, running, status
from tests.fakes.sockets import until
from tests.fakes.webhdfs import WebHdfs

DAY = int(datetime(2026, 11, 26, tzinfo=timezone.utc).timestamp()) * 1000
NEXT = DAY + 86_400_000


def posts(*ids: int) -> list[bytes]:
    return [b'{"data":{"id":"%d"},"includes":{"tweets":[{"id":"99"}]}}' % n for n in ids]


def test_an_id_counts_once_a_day(tmp_path: Path) -> None:
    spend = Spend(tmp_path / "s")
    spend.read(posts(1, 2, 2, 1), DAY)
    spend.read(posts(2, 3), DAY + 86_399_999)
    assert spend.spent(DAY) == Spent("2026-11-26", 3, 3)
    spend.read(posts(3, 4), NEXT)
    assert spend.spent(NEXT) == Spent("2026-11-27", 2, 5)


def test_a_month_begins_at_nothing(tmp_path: Path) -> None:
    spend = Spend(tmp_path / "s")
    spend.read(posts(1, 2), DAY + 4 * 86_400_000)   # the 30th
    spend.read(posts(3), DAY + 5 * 86_400_000)
    assert spend.spent(DAY + 5 * 86_400_000) == Spent("2026-12-01", 1, 1)


def test_lines_that_are_no_posts_cost_nothing(tmp_path: Path) -> None:
    spend = Spend(tmp_path / "s")
    spend.read([b"", b"null", b"[]", b'{"data":', b'{"errors":[]}', b'{"data":{"id":"x"}}'], DAY)
    assert spend.spent(DAY).day == 0


def test_what_was_read_is_remembered_by_the_next_process(tmp_path: Path) -> None:
    Spend(tmp_path / "s").read(posts(1, 2), DAY)
    again = Spend(tmp_path / "s")
    again.read(posts(2, 3), DAY)
    assert again.spent(DAY).day == 3


def test_the_ids_of_past_days_are_not_kept(tmp_path: Path) -> None:
    spend = Spend(tmp_path / "s")
    spend.read(posts(*range(1_000)), DAY)
    spend.read(posts(1), NEXT)
    assert sqlite3.connect(tmp_path / "s").execute("SELECT count(*) FROM ids").fetchone() == (1,)


def test_a_damaged_memory_is_named_and_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    (tmp_path / "s").write_bytes(b"no database, but as long as one has to be" * 100)
    with pytest.raises(IngestError, match="s: file is not a database; move it away"):
        Spend(tmp_path / "s").spent(DAY)


@pytest.mark.parametrize(("day", "month", "said"), [
    (99, 100, None),
    (100, 100, "the limit of 100 posts a day is reached: 100 are read, about $0.50; raise --max-posts-day, or start "
               "again after 2026-11-27T00:00Z"),
    (1, 2_000, "the limit of 2,000 posts a month is reached: 2,000 are read, about $10.00; raise --max-posts-month, or "
               "start again after 2026-12-01T00:00Z")])
def test_a_limit_is_refused_with_the_way_out(day: int, month: int, said: str | None) -> None:
    assert Spent("2026-11-26", day, month).refusal(Limits(100, 2_000)) == said


def test_four_fifths_of_a_limit_are_warned_of() -> None:
    assert Spent("2026-11-26", 79, 79).warning(Limits(100, 2_000)) is None
    assert Spent("2026-11-26", 80, 80).warning(Limits(100)) == (
        "80 of at most 100 posts of the day are read (about $0.40)")
    assert Spent("2026-11-26", 10**9, 10**9).warning(Limits()) is None


def test_reading_ends_at_the_limit_and_does_not_begin_again(hdfs: WebHdfs, tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    with platform.serving(tmp_path / "x", token=TOKEN, rate=300) as x:
        for _ in range(2):
            with pytest.raises(IngestError, match="the limit of 100 posts a day is reached"):
                run_to_its_end(hdfs, x.url, spool, Limits(100))
        x.stop()
    assert len(list(x.directory.glob("ledger-*.jsonl"))) == 1   # the second did not connect
    kept = len({line for line in lines(hdfs)})
    assert 100 <= kept < 300
    assert (status(spool)["posts_day"] or 0) >= 100
    assert "the limit of 100 posts a day" in status(spool)["error"]
    assert [gap["cause"] for gap in gaps(hdfs)] == ["spend"]


def test_what_is_spent_goes_along_with_the_mark_and_onto_the_page(hdfs: WebHdfs, tmp_path: Path) -> None:
    with platform.serving(tmp_path / "x", token=TOKEN, rate=300) as x, running(
            hdfs, x.url, tmp_path / "spool", limits=Limits(day=1_000_000)):
        until(lambda: mark(hdfs).get("spend", {}).get("day", 0) > 100, "a mark that tells of a hundred posts", 30)
    said = mark(hdfs)["spend"]
    assert (said["limit_day"], said["limit_month"], said["price_usd"]) == (1_000_000, None, 0.005)
    assert said["day"] <= said["month"] and cost.spend(said)["day"]["usd"] == round(said["day"] * 0.005, 2)


def mark(hdfs: WebHdfs) -> dict[str, Any]:
    [found] = [json.loads(data) for path, data in dict(hdfs.files).items() if "/_through/" in path and "/." not in path
               ] or [{}]
    return dict(found)


def test_on_the_next_day_and_in_the_next_month_an_idle_stream_has_spent_nothing() -> None:
    spent = Spent("2026-11-29", 5, 70)
    assert spent.on("2026-11-29") is spent
    assert spent.on("2026-11-30") == Spent("2026-11-30", 0, 70)
    assert spent.on("2026-12-01") == Spent("2026-12-01", 0, 0)


def run_to_its_end(hdfs: WebHdfs, url: str, spool: Path, limits: Limits) -> None:
    raised: list[BaseException] = []
    with running(hdfs, url, spool, raised, limits=limits):
        until(lambda: raised, "the limit", 20)
    raise raised[0]
