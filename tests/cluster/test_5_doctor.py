"""A checkpoint on real HDFS, damaged in every way: found before a driver starts, and repaired, it counts exactly."""
from __future__ import annotations

import re
import shlex
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy import desired, landed
from deploy.checkpoints.doctor import Level, Report, examine, gate, look
from deploy.errors import Damaged
from spark_apps import generations
from spark_apps.contract import HOUR_MS, MINUTE_MS
from spark_apps.taken import log_files
from tests.cluster.laptop import Laptop, Said
from tests.cluster.load import Load, feeding, loaded
from tests.cluster.undone import undone
from tests.cluster.waiting import until
from tests.fakes.damage import SILENT, Damage, Patient, cases, truncated

Figure = Callable[[str], None]
STREAM = "sick"
RATE, SECONDS, TRIGGER_S = 50, 160, 5


@pytest.fixture(scope="module")
def load(machine: Laptop, up: Said) -> Iterator[Load]:
    """A stream that has run for some twenty batches, by two drivers, and is stopped."""
    assert up.code == 0
    with loaded(machine, STREAM, RATE, TRIGGER_S) as running:
        running.await_second(SECONDS / 2)
        assert machine.hashtide("stream", "stop", "--stream", STREAM).code == 0
        assert machine.hashtide("stream", "submit", "--stream", STREAM).code == 0
        running.await_second(SECONDS)
        assert machine.hashtide("checkpoint", "savepoint", "well", "--stream", STREAM).code == 0
        running.await_second(SECONDS + 30)
        assert machine.hashtide("stream", "stop", "--stream", STREAM).code == 0
        until(lambda: not running.live_applications(), 120, "the driver's end")
        running.end_feeding()
        yield running
        machine.hashtide("stream", "stop", "--stream", STREAM)


def examined(load: Load, level: Level) -> Report:
    made = generations.newest(load.machine.hdfs, load.paths)
    assert made
    return examine(look(load.machine.hdfs, load.paths, made, level))


@pytest.mark.parametrize("level", Level, ids=lambda level: level.name.lower())
def test_a_stream_that_has_run_is_whole(load: Load, level: Level, figure: Figure) -> None:
    began = time.monotonic()
    report = examined(load, level)
    figure(f"examination, {level.name.lower()}: {time.monotonic() - began:.2f} s, {report.seen.committed + 1} batches, "
           f"{len(report.seen.data)} files read")
    # More than the source log puts together at a time.
    assert report.damage == () and report.good == report.seen.committed >= 10
    if level == Level.LAUNCH:
        assert report.seen.around.published is not None and len({one.epoch for one in report.seen.around.told}) == 2


def possible(load: Load) -> list[tuple[str, Damage, tuple[str, ...]]]:
    """A small state may have no table of RocksDB's, or no snapshot yet, or one whose driver was stopped before its
    checksum; where each changelog from the first on is there, a start does as well without a snapshot; and just after
    the source's log was put together, there is nothing in its middle to lose."""
    there = examined(load, Level.LAUNCH).seen.sizes
    missing = [word for word, suffix in (("snapshot", ".zip"), ("RocksDB", ".sst"))
               if not any(path.startswith("state/0/0/") and path.endswith(suffix) for path in there)]
    if any(re.fullmatch(r"state/0/0/1_.+\.changelog", path) for path in there):
        missing.append("snapshot missing")
    if "snapshot" not in missing and Patient(load.machine.hdfs, load.paths).state("zip") + ".crc" not in there:
        missing.append("snapshot's checksum")
    logs = len(log_files([path.removeprefix("sources/0/") for path in there if path.startswith("sources/0/")]))
    missing += ["source log before"] * (logs < 3) + ["gap in the source's log"] * (logs < 4)
    return [case for case in (*cases(), *SILENT) if not any(case[0].startswith(word) for word in missing)]


def test_each_damage_is_found_before_a_launch(load: Load, figure: Figure) -> None:
    hdfs, found, missed, seconds = load.machine.hdfs, 0, list[str](), list[float]()
    chosen = possible(load)
    for name, damage, kinds in chosen:
        with undone(hdfs, f"{load.paths.root}/aside/{STREAM}") as client:
            damage(Patient(client, load.paths))
            began = time.monotonic()
            report = examined(load, Level.LAUNCH)
            seconds.append(time.monotonic() - began)
            try:
                gate.check(hdfs, load.paths)
                refused = not report.damaged   # what no driver reads any more is let pass
            except Damaged:
                refused = True
        if refused and {one.kind for one in report.damage} & set(kinds):
            found += 1
        else:
            missed.append(f"{name}: {[(one.kind, one.file) for one in report.findings]}")
    figure(f"damage: {found} of {len(chosen)} found before a launch, {sorted(seconds)[len(seconds) // 2]:.2f} s each")
    assert not missed and len(chosen) >= 40, missed
    assert examined(load, Level.DEEP).damage == (), "a test has left damage behind"


def test_a_bit_that_flips_on_the_disk_of_a_datanode_is_found(load: Load) -> None:
    """HDFS's own sums hold it back; the examination says which file cannot be had."""
    patient = Patient(load.machine.hdfs, load.paths)
    path = patient.state("changelog")
    block = block_of(load.machine, patient.read(path))
    data = block.read_bytes()
    block.write_bytes(data[:-9] + bytes([data[-9] ^ 1]) + data[-8:])
    try:
        report = examined(load, Level.LAUNCH)
        assert {one.kind for one in report.damage} <= {"unreadable", "state_damaged", "state_missing"}
        assert path in {one.file for one in report.damage}
    finally:
        block.write_bytes(data)


def block_of(machine: Laptop, data: bytes) -> Path:
    """The file of a DataNode that holds these bytes."""
    found = [path for path in (machine.home / "local").rglob("blk_*")
             if path.suffix != ".meta" and path.stat().st_size == len(data) and path.read_bytes() == data]
    assert found, "no block has these bytes"
    return found[0]


def test_a_launch_on_damage_is_refused_and_the_doctor_brings_the_stream_back(load: Load, figure: Figure) -> None:
    patient = Patient(load.machine.hdfs, load.paths)
    truncated(lambda p: p.newest())(patient)
    epochs = load.machine.hdfs.list(load.paths.epochs)
    said = load.machine.hashtide("stream", "submit", "--stream", STREAM, "--no-airflow")
    assert said.code == 1 and "checkpoint g0001 is damaged" in said.text and "checkpoint doctor" in said.text
    assert load.machine.hdfs.list(load.paths.epochs) == epochs
    assert desired.read(load.machine.hdfs, load.paths)["state"] == "parked"
    said = load.machine.hashtide("checkpoint", "doctor", "--stream", STREAM)
    assert said.code == 1 and "roll back" in said.out and "restore" in said.out and "fresh" in said.out
    comes_back(load, figure, 2, "roll back")


def test_without_a_checkpoint_the_savepoint_brings_it_back(load: Load, figure: Figure) -> None:
    assert load.machine.hashtide("stream", "stop", "--stream", STREAM).code == 0
    until(lambda: not load.live_applications(), 120, "the driver's end")
    load.machine.hdfs.delete(load.paths.checkpoint(2), recursive=True)
    comes_back(load, figure, 3, "restore")


def test_where_nothing_is_whole_a_fresh_start_and_the_backfill_that_it_names_bring_it_back(
        load: Load, figure: Figure) -> None:
    assert load.machine.hashtide("stream", "stop", "--stream", STREAM).code == 0
    until(lambda: not load.live_applications(), 120, "the driver's end")
    assert load.machine.hashtide("checkpoint", "drop", "well", "--yes", "--stream", STREAM).code == 0
    for generation in (1, 3):
        load.machine.hdfs.delete(load.paths.checkpoint(generation), recursive=True)
    [way] = load.machine.hashtide("checkpoint", "doctor", "--stream", STREAM, "--json").json()["ways"]
    resumes(load, 4, "fresh")
    # Ingest's clock goes on an hour and a quarter: only then are the hours over.
    feeding(load, 1, load.offset_ms + 75 * MINUTE_MS)
    until(lambda: min(landed.marks(load.machine.hdfs, load.paths).values()) >= landed.needed(load.hours[1]), 60,
          "ingest to say that both hours are landed")
    said = load.machine.hashtide(*shlex.split(way["backfill"])[1:])
    assert said.code == 0, said.text
    sealed, first, lowest = load.machine.tables(STREAM).sealed(), load.expected("first"), load.expected("lowest")
    expected = {key: row for of, which in ((first, False), (lowest, True)) for key, row in of.items()
                if (key[0] - key[0] % HOUR_MS in sealed) == which}
    load.await_counts(expected)
    figure(f"fresh start, and the seal of {len(sealed)} hours: the counts are whole")


def comes_back(load: Load, figure: Figure, generation: int, way: str) -> None:
    began = time.monotonic()
    resumes(load, generation, way)
    load.await_counts(load.expected())
    figure(f"doctor --yes, {way}: {time.monotonic() - began:.1f} s until the counts were whole")
    assert load.machine.hashtide("checkpoint", "doctor", "--stream", STREAM).code == 0


def resumes(load: Load, generation: int, way: str) -> None:
    found = load.machine.hashtide("checkpoint", "doctor", "--stream", STREAM, "--json").json()
    assert found["ways"][0]["way"] == way, found
    said = load.machine.hashtide("checkpoint", "doctor", "--yes", "--json", "--stream", STREAM)
    assert said.code == 0, said.text
    if "dag_run" not in said.json():
        assert load.machine.hashtide("stream", "submit", "--stream", STREAM).code == 0
    until(lambda: load.heartbeat().get("generation") == generation, 300, f"the driver of generation {generation}")
