"""How long the page's answers take over a day of ten thousand tags. Processor time: another's load is not counted."""
from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from deltalake import write_deltalake

from deploy.airflow import tools
from deploy.airflow.page.reading import Reading
from spark_apps.contract import HOUR_MS, MEASURES, MINUTE_MS, hour_name
from tests.fakes.page import PATHS, STAMP, STREAM, Page, filled, url
from tests.fakes.sketches import sketch

NOW = 1_800_001_800_000 - 1_800_001_800_000 % HOUR_MS + 42 * MINUTE_MS
TAGS, HOURS, A_MINUTE = 10_000, 24, 1_000
COLD_S, WARM_S = 2.0, 0.3
#: By then an answer is held against the tables' versions.
LATER_MS = 3_000
ASKS: dict[str, Callable[[Reading], dict[str, Any]]] = {
    "now": lambda page: page.now(STREAM, "10m", "count"), "now, a day": lambda page: page.now(STREAM, "1d", "count"),
    "emerging": lambda page: page.now(STREAM, "10m", "trend"), "search": lambda page: page.search(STREAM, "tag77"),
    "tag": lambda page: page.tag(STREAM, "tag1", HOURS), "health": lambda page: page.health(STREAM, HOURS),
    "hours": lambda page: page.hours(STREAM, 7), "history": lambda page: page.history(STREAM),
    "summary": lambda page: page.summary(STREAM), "checkpoints": lambda page: page.checkpoints(STREAM),
    "cost": lambda page: page.cost(STREAM)}


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Page:
    made = filled(tmp_path_factory.mktemp("page"), lambda: NOW, hours=HOURS, tags=0, names=())
    rows = table()
    sealed = np.array(rows["hour"].cast(pa.int64())) < (NOW - NOW % HOUR_MS - HOUR_MS) * 1_000
    for name, which, more in (("counts", sealed, {"revision": (pa.int32(), 1)}),
                              ("counts_live", ~sealed, {"generation": (pa.int32(), 1), "batch_id": (pa.int64(), 0)})):
        part = rows.filter(pa.array(which))
        for column, (kind, value) in more.items():
            part = part.append_column(column, pa.array(np.full(part.num_rows, value), kind))
        write_deltalake(url(made, name), part, mode="append", partition_by=["hour"])
    return made


def table() -> pa.Table:
    """Of each minute so many tags, those of low number more often, and the row of all."""
    pick = np.random.default_rng(5)
    newest = NOW - NOW % MINUTE_MS - MINUTE_MS
    minutes = np.arange(newest - HOURS * HOUR_MS, newest + 1, MINUTE_MS, dtype=np.int64)
    often = 1 / np.arange(1, TAGS + 1) ** 0.6
    part = A_MINUTE / often.sum()
    for _ in range(20):   # nobody is there more than once
        part *= A_MINUTE / np.minimum(1, part * often).sum()
    at, number = np.nonzero(pick.random((len(minutes), TAGS)) < np.minimum(1, part * often))
    tweets = pick.integers(1, 8, len(at))
    everything = np.bincount(at, weights=tweets).astype(np.int64)
    names = pa.array(["", *(f"tag{n}" for n in range(TAGS))])
    numbers = np.concatenate([number + 1, np.zeros(len(minutes), np.int64)])
    instants = minutes[np.concatenate([at, np.arange(len(minutes))])]
    counts = np.concatenate([tweets, everything])
    few = pa.array([sketch(range(n)) for n in range(8)], pa.binary())
    tag = names.take(pa.array(numbers))
    return pa.table({
        "window_start": pa.array(instants * 1_000).cast(STAMP), "tag": tag, "form": tag, "tweets": pa.array(counts),
        "originals": pa.array(counts - counts // 3), "retweets": pa.array(counts // 3),
        **{name: pa.array(np.zeros(len(counts), np.int64)) for name in MEASURES[3:]},
        "authors": few.take(pa.array(np.minimum(counts, 7))),
        "hour": pa.array((instants - instants % HOUR_MS) * 1_000).cast(STAMP)})


def seconds(ask: Callable[[], dict[str, Any]]) -> float:
    began = time.process_time()
    found = ask()
    assert found["data"] and not found["fault"]
    return time.process_time() - began


def test_30_days_of_batches_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long = filled(tmp_path, lambda: NOW, hours=2, tags=1)
    for hour in range(NOW - NOW % HOUR_MS - 30 * 24 * HOUR_MS, NOW - 9 * HOUR_MS, HOUR_MS):
        told = (f'{{"batch_id": {at // 10_000}, "commit_ms": {at}, "lines": 500, "batch_s": 2.2, "arrival_ms": {at}}}'
                for at in range(hour, hour + HOUR_MS, 10_000))
        long.hdfs.replace(f"{PATHS.batches}/g0001-000001.a1-{hour_name(hour)}.jsonl", "\n".join(told).encode())
    monkeypatch.setattr(tools, "launcher", long.launcher)
    page = Reading()
    assert seconds(lambda: page.history(STREAM)) < COLD_S * 2   # of a stream that is kept for the first time
    again = []
    for later in (30_000, 60_000):
        long.clock = lambda later=later: NOW + later
        again.append(seconds(lambda: page.history(STREAM)))
    assert min(again) < WARM_S, again


def test_an_answer_takes_two_seconds_at_first_and_300_ms_again(day: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "launcher", day.launcher)
    seconds(lambda: ASKS["now"](Reading()))   # libraries are loaded once, when Airflow starts
    took = {}
    for name, ask in ASKS.items():
        tries = []
        for _ in range(2):
            page = Reading()
            day.clock = lambda: NOW
            cold = seconds(lambda ask=ask, page=page: ask(page))
            day.clock = lambda: NOW + LATER_MS
            tries.append((cold, seconds(lambda ask=ask, page=page: ask(page))))
        took[name] = tuple(map(min, zip(*tries, strict=True)))
    print({name: f"{cold * 1000:.0f} ms, {warm * 1000:.0f} ms" for name, (cold, warm) in took.items()})
    assert not {name: each for name, each in took.items() if each[0] > COLD_S or each[1] > WARM_S}
