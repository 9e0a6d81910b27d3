"""Simulator, ingest and a stream held by Airflow, on a clock that stands two minutes before a full hour of the past."""
from __future__ import annotations

import bisect
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError

from deploy.local import cluster, feed
from deploy.local.service import start_all
from deploy.tables import Counts
from spark_apps.contract import HOUR_MS, MINUTE_MS, StreamPaths, stream_tag
from tests import oracle
from tests.cluster.laptop import Laptop
from tests.cluster.waiting import until


@dataclass
class Load:
    machine: Laptop
    stream: str
    run_id: str
    offset_ms: int                       # of the simulator's and ingest's clock
    hours: tuple[int, int]               # before and after the full hour
    began: float                         # monotonic
    earlier: frozenset[str]              # ledgers of what was sent to other streams before, in the same minutes
    visible: dict[int, int] = field(default_factory=dict)   # our clock (ms) when a reader first saw a batch

    @property
    def paths(self) -> StreamPaths:
        return StreamPaths(self.stream)

    def await_second(self, second: float) -> None:
        until(lambda: time.monotonic() - self.began >= second, second + 1, f"second {second:.0f} of the load", 0.2)

    def heartbeat(self) -> dict[str, object]:
        return self.machine.hdfs.read_json(self.paths.heartbeat) or {}

    def live_applications(self) -> list[str]:
        return [app.id for app in self.machine.yarn.apps(tag=stream_tag(self.stream)) if app.live]

    def expected(self, order: oracle.Order = "first") -> Counts:
        """The ledger of all that was sent, worked out in plain Python."""
        sent = oracle.records_of_ledger(feed.ledger(self.machine.instance), self.earlier)
        found = oracle.counts((oracle.Line(record, at) for at, record in sent), order)
        return {key: row for key, row in found.items() if key[0] < self.hours[1] + HOUR_MS}

    def counted(self) -> Counts:
        return self.machine.tables(self.stream).counts(self.hours[0], self.hours[1] + HOUR_MS)

    def await_counts(self, expected: Counts, seconds: float = 240) -> None:
        deadline = time.monotonic() + seconds
        while (differs := difference(self.counted(), expected)) and time.monotonic() < deadline:
            time.sleep(2)
        assert not differs, differs

    def end_feeding(self) -> None:
        """The simulator first: what it has sent is then all received."""
        cluster.stop(self.machine.instance, ["simulator"])
        cluster.stop(self.machine.instance, [f"ingest-{self.stream}"])

    def batches(self) -> list[dict[str, object]]:
        """What the drivers noted of each batch, in order."""
        hdfs, found = self.machine.hdfs, []
        for name in hdfs.list(self.paths.batches):
            found += [json.loads(line) for line in (hdfs.read(f"{self.paths.batches}/{name}") or b"").splitlines()]
        return sorted(found, key=lambda batch: int(batch["batch_id"]))

    def latencies(self, from_second: float, to_second: float, started_ms: int) -> list[float]:
        """Seconds from the sending of each tweet of these seconds of the load until its batch was visible."""
        seen = [b for b in self.batches() if b["arrival_ms"] and b["batch_id"] in self.visible]
        arrivals = [int(str(b["arrival_ms"])) for b in seen]
        found = []
        for sent_ms, _ in oracle.records_of_ledger(feed.ledger(self.machine.instance), self.earlier):
            second = (sent_ms - self.offset_ms - started_ms) / 1000
            at = bisect.bisect_left(arrivals, sent_ms)
            if from_second <= second < to_second and at < len(seen):
                visible = self.visible[int(str(seen[at]["batch_id"]))]
                found.append((visible - (sent_ms - self.offset_ms)) / 1000)
        return found


def difference(found: Counts, expected: Counts) -> str:
    """The first rows that differ; empty where none does."""
    rows = [f"{key}: counted {found.get(key)}, sent {expected.get(key)}"
            for key in sorted({*found, *expected}) if found.get(key) != expected.get(key)]
    return "\n".join([f"{len(rows)} of {len(expected)} rows differ", *rows[:10]]) if rows else ""


@contextmanager
def loaded(machine: Laptop, stream: str, rate: int, trigger_seconds: int = 10, **more: object) -> Iterator[Load]:
    """`more`: of the form of hashtag_stream."""
    now = time.time_ns() // 1_000_000
    full = now - now % HOUR_MS - 3 * HOUR_MS
    cluster.stop(machine.instance, ["simulator", "ingest-hashtags"])
    earlier = frozenset(path.name for path in feed.ledger(machine.instance).glob("ledger-*.jsonl"))
    provisioned = machine.airflow.trigger("hashtag_provision", {"stream": stream})
    assert machine.await_run("hashtag_provision", provisioned)["state"] == "success"
    run_id = machine.airflow.trigger("hashtag_stream", {"stream": stream, "trigger_seconds": trigger_seconds, **more})
    until(lambda: machine.hdfs.read_json(StreamPaths(stream).heartbeat), 240, "the driver's first heartbeat")
    offset = full - 2 * MINUTE_MS - time.time_ns() // 1_000_000
    ended = threading.Event()
    load = Load(machine, stream, run_id, offset, (full - HOUR_MS, full), time.monotonic(), earlier)
    feeding(load, rate, offset)
    watcher = threading.Thread(target=_watch, args=(load, ended), daemon=True)
    watcher.start()
    try:
        yield load
    finally:
        ended.set()
        watcher.join(30)
        cluster.stop(machine.instance, [f"ingest-{stream}", "simulator"])


def feeding(load: Load, rate: int, offset_ms: int) -> None:
    instance = load.machine.instance
    services = feed.services(instance, load.stream, rate=rate, clock_offset_ms=offset_ms)
    with instance.locked():
        start_all(instance, services, lambda text: None)


def _watch(load: Load, ended: threading.Event) -> None:
    """As any reader of the table sees it."""
    url, version = load.machine.cluster.hdfs.default_fs + load.paths.table("counts_live"), -1
    while not ended.wait(0.5):
        try:
            table = DeltaTable(url)
        except (TableNotFoundError, OSError):
            continue
        if table.version() != version:
            version, at = table.version(), time.time_ns() // 1_000_000
            for batch in set(table.to_pyarrow_table(columns=["batch_id"])["batch_id"].to_pylist()):
                load.visible.setdefault(batch, at)
