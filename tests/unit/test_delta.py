"""What retention sees of real Delta tables in a directory: what is live, and what is old, since when."""
from __future__ import annotations

import importlib.util
import json
import os
import sys
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake

from deploy.config import Airflow, Cluster, Hdfs, Spark, Yarn
from deploy.errors import HashtideError
from deploy.retention import delta
from deploy.retention.tables import Table
from deploy.tables import counting
from spark_apps.contract import HOUR_MS

TEN = datetime(2026, 3, 1, 10, tzinfo=timezone.utc)
TEN_MS = round(TEN.timestamp() * 1000)
DAY_MS = 24 * HOUR_MS
CLUSTER = Cluster("test", Hdfs("file://", ("http://nowhere:1",)), Yarn(), Spark(python=sys.executable), Airflow())


class Case:
    def __init__(self, path: Path) -> None:
        self.path, self.batch = path, 0
        for hour in (0, 0, 0, 1):
            self.append(hour)

    def append(self, hour: int) -> None:
        at = pa.array([TEN + timedelta(hours=hour)], pa.timestamp("us", "UTC"))
        write_deltalake(self.path, pa.table({
            "window_start": at, "tag": ["spark"], "hour": at, "generation": pa.array([1], pa.int32()),
            "batch_id": pa.array([self.batch])}), mode="append",
            partition_by=["hour"], commit_properties=CommitProperties(app_transactions=[Transaction("a", self.batch)]))
        self.batch += 1

    def put_together(self, days_ago: float) -> dict[str, int]:
        """The hours' files, so long ago; what was removed, since when."""
        DeltaTable(self.path).optimize.compact()
        log = self.path / "_delta_log" / f"{DeltaTable(self.path).version():020d}.json"
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        for line in lines:
            if "remove" in line:
                line["remove"]["deletionTimestamp"] -= round(days_ago * DAY_MS)
        log.write_text("\n".join(map(json.dumps, lines)))
        return {path: line["remove"]["deletionTimestamp"] for line in lines if "remove" in line
                for path in self.parquet() if line["remove"]["path"].endswith(path.rpartition("/")[2])}

    def stray(self, name: str, days_ago: float) -> str:
        path = f"{next(self.path.glob('hour=*')).name}/{name}"
        (self.path / path).write_bytes(b"12345")
        at = datetime.now(timezone.utc).timestamp() - days_ago * 86_400
        os.utime(self.path / path, (at, at))
        return path

    def parquet(self) -> set[str]:
        return {str(path.relative_to(self.path)) for path in self.path.glob("hour=*/*.parquet")}

    def rows(self) -> list[dict[str, Any]]:
        return list(DeltaTable(self.path).to_pyarrow_table().sort_by("batch_id").to_pylist())

    def look(self, hours: int = 168, cluster: Cluster = CLUSTER) -> Table:
        [table] = delta.look(cluster, {"counts_live": str(self.path)}, hours)
        return table


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(tmp_path / "counts_live")


def test_live_files_are_told_as_they_lie_in_the_directory_with_their_hour(case: Case) -> None:
    found = case.look()
    assert {one.path for one in found.live} == case.parquet() and not found.old and not found.fault
    assert sorted(one.hour or 0 for one in found.live) == [TEN_MS, TEN_MS, TEN_MS, TEN_MS + HOUR_MS]
    assert all((case.path / one.path).stat().st_size == one.bytes for one in found.live)


def test_what_was_put_together_more_than_a_week_ago_is_old_since_then(case: Case) -> None:
    before, removed = case.rows(), case.put_together(8)
    found = case.look()
    assert len(removed) == 3 and {one.path: one.since_ms for one in found.old} == removed
    for one in found.old:
        assert one.bytes == (case.path / one.path).stat().st_size
        (case.path / one.path).unlink()
    assert case.rows() == before
    assert DeltaTable(case.path).transaction_version("a") == 3, "the key of the newest batch is kept"


def test_since_when_is_known_too_where_only_the_logs_checkpoint_says_it(case: Case) -> None:
    removed = case.put_together(6.9)
    DeltaTable(case.path).create_checkpoint()
    DeltaTable(case.path).alter.set_table_properties({"delta.deletedFileRetentionDuration": "interval 160 hours"})
    assert {one.path: one.since_ms for one in case.look(160).old} == removed and len(removed) == 3


@pytest.mark.parametrize("through_batch", [-1, 0, 1, 2])
def test_what_a_restore_has_undone_is_told_from_the_rest_in_an_hour_that_was_put_together(
        case: Case, through_batch: int) -> None:
    def counted() -> list[dict[str, Any]]:
        rows = DeltaTable(case.path).to_pyarrow_table().filter(counting({2: None, 1: through_batch}))
        return list(rows.sort_by("batch_id").to_pylist())

    before = counted()
    case.put_together(0)
    assert counted() == before and [row["batch_id"] for row in before] == list(range(through_batch + 1))


def test_what_was_put_together_this_week_stays(case: Case) -> None:
    case.put_together(6.9)
    assert not case.look().old


def test_files_of_no_commit_are_old_by_their_own_age(case: Case) -> None:
    old, _ = case.stray("cut-off.parquet", 7.1), case.stray("being-written.parquet", 6.9)
    [one] = case.look().old
    assert (one.path, one.bytes) == (old, 5)


def test_a_live_file_is_never_old_whatever_its_age_nor_is_the_log(case: Case) -> None:
    for path in [*case.parquet(), *(str(log.relative_to(case.path)) for log in case.path.glob("_delta_log/*"))]:
        os.utime(case.path / path, (0, 0))
    assert not case.look().old


def test_a_table_that_keeps_its_files_longer_is_left_and_says_why(case: Case) -> None:
    DeltaTable(case.path).alter.set_table_properties({"delta.deletedFileRetentionDuration": "interval 30 days"})
    case.put_together(20)
    assert "minimum retention for vacuum is configured to be greater than 720 hours" in case.look().fault
    assert not case.look().old and not case.look(720).old and not case.look(720).fault


def test_one_damaged_table_is_told_and_the_other_is_looked_at(case: Case, tmp_path: Path) -> None:
    (tmp_path / "ledger" / "_delta_log").mkdir(parents=True)
    (tmp_path / "ledger" / "_delta_log" / f"{0:020d}.json").write_text("no JSON")
    live, ledger = delta.look(CLUSTER, {"counts_live": str(case.path), "ledger": str(tmp_path / "ledger")}, 168)
    assert not live.fault and len(live.live) == 4
    assert ledger.fault and not ledger.live and not ledger.old


def test_without_the_package_the_cluster_files_python_is_asked(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert len(case.look().live) == 4
    with pytest.raises(HashtideError, match="/bin/false says nothing of the tables: no word"):
        case.look(cluster=replace(CLUSTER, spark=Spark(python="/bin/false")))
