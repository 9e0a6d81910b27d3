"""A stream with a day behind it, for the page: tables in a directory, all else in the fakes' HDFS; by the hour of now.

What an operator should see is in it once each: restarts, an outage, gaps, an incomplete hour, an hour that drifts, one
that does not add up, a savepoint, and tags that mean harm.
"""
from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import write_deltalake

from deploy.config import Cluster
from deploy.launch import Launcher
from spark_apps.contract import HOUR_MS, MEASURES, MINUTE_MS, hour_name
from spark_apps.gap import Gap
from tests.fakes import checkpoints
from tests.fakes.sketches import sketch
from tests.fakes.world import CLUSTER, PATHS, STREAM, World

HOSTILE = ("<script>alert(1)</script>", "<img src=x onerror=alert(2)>", "javascript:alert(3)", "\u202egnp.exe", "שלום",
           "مرحبا", "z\u0351\u0321" * 40, "x" * 1_000, "日本語", "\x1b[2Jboo")
STAMP = pa.timestamp("us", "UTC")
#: Hours back of what is special.
INCOMPLETE, DRIFTING, UNSOUND = 5, 8, 11
ERROR = "java.io.IOException: No space left on device <b>bold</b>"


class Page(World):
    """`clock`: for what the tables and files tell; the page's own too."""

    def __init__(self, directory: Path, clock: Callable[[], int]) -> None:
        super().__init__()
        self.directory, self.clock = directory, clock
        self.ms = float(clock())
        self.cluster: Cluster = replace(CLUSTER, hdfs=replace(CLUSTER.hdfs, default_fs=f"file://{directory}"))

    def launcher(self, say: Any = None) -> Launcher:
        return replace(self.tools, cluster=self.cluster, now_ms=lambda: self.clock())

    def tick(self) -> None:
        """The world's files and applications are as old as the clock says."""
        self.ms = float(self.clock())


def filled(directory: Path, clock: Callable[[], int], hours: int = 26, tags: int = 40,
           names: Sequence[str] = HOSTILE) -> Page:
    """Counted are `names`, then so many tags, the most frequent first."""
    made = Page(directory, clock)
    now = clock()
    made.hdfs.mkdirs(PATHS.control)
    made.hdfs.mkdirs(PATHS.base)
    made.hdfs.snapshottable = {PATHS.base}  # type: ignore[attr-defined]
    _counts(made, now, hours, [*names, *(f"tag{n}" for n in range(tags))])
    _ledger(made, now, hours)
    _life(made, now)
    _batches(made, now)
    return made


def _counts(made: Page, now: int, hours: int, names: Sequence[str]) -> None:
    pick = random.Random(7)
    newest = now - now % MINUTE_MS - MINUTE_MS
    rows: list[tuple[int, str, str, int, int]] = []
    for minute in range(newest - hours * HOUR_MS, newest + 1, MINUTE_MS):
        total = 1
        for n, name in enumerate(names):
            if (tweets := int(pick.random() * 40 / (n + 1) ** 0.6)) > 0:
                rows.append((minute, name.casefold(), name, tweets, tweets // 3))
                total += tweets
        if newest - minute < 8 * MINUTE_MS:
            rows.append((minute, "emerging", "Emerging", 9, 3))
        rows.append((minute, "", "", total, 0))
    write(made, "counts_live", rows, {"generation": pa.int32(), "batch_id": pa.int64()}, (1, 0))
    sealed = [row for row in rows if row[0] < now - now % HOUR_MS - HOUR_MS]
    write(made, "counts", sealed, {"revision": pa.int32()}, (1,))


def write(made: Page, table: str, rows: Iterable[tuple[int, str, str, int, int]], more: dict[str, Any],
          values: tuple[int, ...]) -> None:
    """(minute, tag, form, tweets, retweets), with columns that have one value."""
    found = list(rows)
    few = {n: sketch(range(n)) for n in range(1, 200)}
    columns: dict[str, pa.Array] = {
        "window_start": _stamps(row[0] for row in found), "tag": pa.array([row[1] for row in found]),
        "form": pa.array([row[2] for row in found]), "tweets": pa.array([row[3] for row in found], pa.int64()),
        "originals": pa.array([row[3] - row[4] for row in found], pa.int64()),
        "retweets": pa.array([row[4] for row in found], pa.int64()),
        **{name: pa.array([0] * len(found), pa.int64()) for name in MEASURES[3:]},
        "authors": pa.array([few[max(1, min(row[3], 199))] for row in found], pa.binary()),
        "hour": _stamps(row[0] - row[0] % HOUR_MS for row in found),
        **{name: pa.array([value] * len(found), kind)
           for (name, kind), value in zip(more.items(), values, strict=True)}}
    write_deltalake(url(made, table), pa.table(columns), mode="append", partition_by=["hour"])


def url(made: Page, table: str) -> str:
    return f"file://{made.directory}{PATHS.table(table)}"


def _stamps(instants: Iterable[int]) -> pa.Array:
    return pa.array([datetime.fromtimestamp(ms / 1000, timezone.utc) for ms in instants], STAMP)


def _ledger(made: Page, now: int, hours: int) -> None:
    this = now - now % HOUR_MS
    rows = []
    checkpoints.land(made, this - HOUR_MS // 2)
    for back in range(2, hours + 1):
        hour = this - back * HOUR_MS
        rows.append({
            "hour": datetime.fromtimestamp(hour / 1000, timezone.utc), "revision": 1 + (back == DRIFTING),
            "through_ms": hour + HOUR_MS + 10 * MINUTE_MS, "counts_version": 0, "complete": back != INCOMPLETE,
            "gap": "x is at 10:03" if back == INCOMPLETE else "", "lines": 1_000 + (back == UNSOUND), "counted": 950,
            "duplicate": 20, "late": 10, "control": 5, "pending": 0, "quarantined": [("not_json", 15)],
            "sealed_at": datetime.fromtimestamp(hour / 1000 + 4_500, timezone.utc)})
        checkpoints.land(made, hour + 30 * MINUTE_MS)
    schema = pa.schema([("hour", STAMP), ("revision", pa.int32()), ("through_ms", pa.int64()),
                        ("counts_version", pa.int64()), ("complete", pa.bool_()), ("gap", pa.string()),
                        *((name, pa.int64()) for name in ("lines", "counted", "duplicate", "late", "control",
                                                           "pending")),
                        ("quarantined", pa.map_(pa.string(), pa.int64())), ("sealed_at", STAMP)])
    write_deltalake(url(made, "ledger"), pa.Table.from_pylist(rows, schema))
    drifting = this - DRIFTING * HOUR_MS
    sides = {"live": {"tweets": 3}, "sealed": {"tweets": 2}, "fresh": {"tweets": 2}}
    made.hdfs.write_json(PATHS.verify_result(drifting), {
        "hour": hour_name(drifting), "hour_ms": drifting, "revision": 2, "rows": 30, "differing": 2, "unexplained": 1,
        "reasons": {"late": {"rows": 1, "tweets": 4}, "unexplained": {"rows": 1, "tweets": 0}},
        "time_ms": now - HOUR_MS, "differences": [{"minute_ms": drifting, "tag": "a", "form": HOSTILE[0], **sides,
                         "reasons": {"unexplained": {"tweets": 0, "ids": []}}}]})


def _life(made: Page, now: int) -> None:
    """Two launches that ended, and one that runs."""
    hdfs = made.hdfs
    begun = now - 8 * HOUR_MS
    hdfs.write_json(PATHS.desired_change(1), {"state": "running", "who": "<i>admin</i>", "why": "go", "time_ms": begun})
    killed = "Application killed by user"
    for epoch, at, why in ((1, begun, "go"), (2, now - 6 * HOUR_MS, f"error: {ERROR}"),
                           (3, now - 3 * HOUR_MS, f"killed: {killed}")):
        hdfs.write_json(PATHS.epoch(epoch), {"release": "0.1.0-aaaa", "time_ms": at, "generation": 1, "why": why,
                                             "who": "hashtag_stream/manual__2027-01-14T22:10:05#1"})
        hdfs.write_json(PATHS.claim(epoch, 1), {"time_ms": at + 20_000, "application": f"application_1_{epoch:04d}"})
        hdfs.times |= {PATHS.epoch(epoch): at, PATHS.claim(epoch, 1): at + 20_000}
    for epoch, at, kind, why in ((1, now - 6 * HOUR_MS - 30_000, "error", ERROR),
                                 (2, now - 3 * HOUR_MS - 60_000, "killed", killed)):
        hdfs.write_json(PATHS.restart(epoch), {"epoch": epoch, "time_ms": at, "class": kind, "evidence": why,
                                               "application": f"application_1_{epoch:04d}", "batch_id": epoch * 100})
        hdfs.times[PATHS.restart(epoch)] = at
    hdfs.write_json(PATHS.outage(now - 2 * HOUR_MS), {"since_ms": now - 2 * HOUR_MS - 40_000, "what": "HDFS",
                                                      "why": "HDFS at http://nn:2 does not answer"})
    for gap in (Gap(now - 4 * HOUR_MS, "x", "silence", "no keep-alive for 20 s", now - 4 * HOUR_MS + 90_000),
                Gap(now - 9 * HOUR_MS, "x", "lost", "reset", now - 9 * HOUR_MS + 5_000, 1, "backfill", 250, None,
                    "closed")):
        hdfs.write_json(f"{PATHS.gaps}/{gap.name}.json", asdict(gap))
    hdfs.write_json(PATHS.through("x"), {
        "through_ms": now - 5_000, "source": "x", "written_ms": now - 2_000, "spend": {
            "date": f"{datetime.fromtimestamp(now / 1000, timezone.utc):%Y-%m-%d}", "day": 41_000, "month": 700_000,
            "limit_day": 50_000, "limit_month": None, "price_usd": 0.005}})
    made.rm.add(3, from_ms=now - 3 * HOUR_MS)
    hdfs.write_json(PATHS.generation(1), {"parent": None, "who": "admin", "why": "first", "time_ms": begun,
                                          "shuffle_partitions": 2})
    for batch in range(3):
        checkpoints.commit(made, 1, batch, now - 60_000 + batch * 10_000)
    hdfs.create_snapshot(PATHS.base, "savepoint-before-upgrade")
    hdfs.write_json(PATHS.savepoint("before-upgrade"), {
        "generation": "g0001", "batch_id": 2, "watermark_ms": now - 700_000, "who": "me", "why": "release <0.2>",
        "time_ms": now - HOUR_MS, "pinned": True, "bytes": 12_000_000, "files": 30, "way": "snapshot"})


def _batches(made: Page, now: int) -> None:
    pick = random.Random(3)
    lines: dict[str, list[str]] = {}
    for n, at in enumerate(range(now - 8 * HOUR_MS, now, 10_000)):
        if now - 6 * HOUR_MS - 90_000 < at < now - 6 * HOUR_MS or now - 3 * HOUR_MS - 120_000 < at < now - 3 * HOUR_MS:
            continue
        epoch = 1 if at < now - 6 * HOUR_MS else 2 if at < now - 3 * HOUR_MS else 3
        said = {"batch_id": n, "commit_ms": at, "lines": 500, "batch_s": round(2 + pick.random(), 2),
                "late": n % 7 == 0, "duplicates": n % 5, "state_rows": 30_000 + n, "arrival_ms": at - 6_000,
                "fates": {"not_json": n % 3}}
        name = f"{PATHS.batches}/g0001-{epoch:06d}.a1-{hour_name(at)}.jsonl"
        lines.setdefault(name, []).append(json.dumps(said))
    for name, found in lines.items():
        made.hdfs.replace(name, ("\n".join(found) + "\n").encode())
    beat(made, now)


def beat(made: Page, at_ms: int) -> None:
    made.hdfs.write_json(PATHS.heartbeat, {
        "time_ms": at_ms, "epoch": 3, "attempt": 1, "generation": 1, "application": "application_1_0001",
        "trigger_s": 10, "commit_ms": at_ms - 3_000, "batch_id": 2870, "batch_s": 2.4, "rows_per_s": 208.0,
        "state_rows": 31_000, "late": 4, "duplicates": 9, "arrival_ms": at_ms - 6_000,
        "backlog_files": 1, "backlog_s": 4.0})


__all__ = ["HOSTILE", "PATHS", "STREAM", "Page", "beat", "filled"]
