"""What an examination finds: each damage of a checkpoint that Spark wrote, and nothing where there is none."""
from __future__ import annotations

import os
import random
import re
from typing import Any

import pytest

from deploy.checkpoints.doctor import Level, Report, examine, gate, look, reading
from deploy.errors import Damaged, Unreachable
from spark_apps.generations import Generation
from tests.fakes import damage
from tests.fakes.damage import FILES, Patient
from tests.fakes.files import Files
from tests.fakes.real import PATHS, real

SEED = int(os.environ.get("HASHTIDE_SEED") or random.SystemRandom().randrange(10**6))
CASES = {name: (do, kinds) for name, do, kinds in (*damage.cases(), *damage.SILENT)}
_AS_MADE = real()


@pytest.fixture
def patient() -> Patient:
    files = Files()
    files.data, files.times = dict(_AS_MADE.data), dict(_AS_MADE.times)
    return Patient(files, PATHS)


def examined(patient: Patient, level: Level = Level.LAUNCH, generation: Generation | None = None) -> Report:
    made = generation or Generation(patient.generation, shuffle_partitions=2)
    return examine(look(patient.hdfs, patient.paths, made, level))


@pytest.mark.parametrize("level", Level, ids=lambda level: level.name.lower())
def test_nothing_is_found_where_nothing_is_wrong(patient: Patient, level: Level) -> None:
    report = examined(patient, level)
    assert report.findings == () and report.good == report.seen.committed >= 25


def test_the_checkpoint_has_what_makes_it_hard(patient: Patient) -> None:
    seen = examined(patient).seen
    assert [path for path in seen.source_log()][0] == "sources/0/19.compact"
    assert patient.state("zip") and patient.table() in seen.sizes
    assert {one.epoch for one in seen.around.told} == {1, 2} and seen.around.published is not None


@pytest.mark.parametrize("name", CASES)
def test_damage_is_found_before_a_launch(patient: Patient, name: str) -> None:
    do, kinds = CASES[name]
    do(patient)
    report = examined(patient)
    assert {one.kind for one in report.damage} & set(kinds), report.findings
    if not name.startswith("old "):
        with pytest.raises(Damaged, match=r"checkpoint g0001 is damaged.*nothing was started.*checkpoint doctor"):
            gate.check(patient.hdfs, PATHS)
    if report.good is not None:
        assert not report.kept(report.good) & report.spoiled


@pytest.mark.parametrize("level", Level, ids=lambda level: level.name.lower())
def test_a_snapshot_whose_driver_was_ended_before_its_checksum_is_no_damage(patient: Patient, level: Level) -> None:
    """Found on a real cluster, after a stop: a restart's look, which does not read it, has no more against it."""
    snapshot = patient.state("zip")
    patient.delete(f"{snapshot}.crc")
    report = examined(patient, level)
    assert [(one.kind, one.file) for one in report.findings] == [("snapshot_unchecked", snapshot)]
    assert not report.damage and report.good == report.seen.committed
    gate.check(patient.hdfs, PATHS)
    if level != Level.RESTART:
        damage.flipped(lambda p: p.state("zip"), 0.5)(patient)
        assert "state_damaged" in {one.kind for one in examined(patient, level).damage}


@pytest.mark.parametrize("where,back", [
    (lambda p: p.state("changelog"), 1), (lambda p: p.state("changelog") + ".crc", 1), (lambda p: p.newest(), 1),
    (lambda p: p.newest("offsets"), 1), (lambda p: p.newest("offsets", 1), 2), (lambda p: p.newest("commits", 1), 2),
    (lambda p: p.newest("offsets", 9), 0), (lambda p: "metadata", 0), (lambda p: p.source(), 1)])
def test_the_newest_batch_that_reads_nothing_damaged_is_the_whole_one(patient: Patient, where: damage.Where,
                                                                      back: int) -> None:
    newest = examined(patient).seen.committed
    damage.flipped(where, 0.25)(patient)
    assert examined(patient).good == newest - back


@pytest.mark.parametrize("name", FILES)
def test_a_flipped_bit_is_found_wherever_it_is(patient: Patient, name: str) -> None:
    """Each file at many places; a file that was written again is also newer than what followed it."""
    rng, where = random.Random(SEED), FILES[name][0]
    before = patient.read(path := where(patient))
    for _ in range(25):
        at, bit = rng.random(), rng.randrange(8)
        patient.write(path, before)
        damage.flipped(where, at, bit)(patient)
        patient.late_ms = 60_000
        patient.write(path, patient.read(path))
        patient.late_ms = 0
        assert examined(patient).damage, f"{path}: bit {bit} at {at:.3f}, HASHTIDE_SEED={SEED}"
        patient.hdfs.times[f"{patient.root}/{path}"] -= 60_000


def test_a_launch_costs_so_many_requests(patient: Patient) -> None:
    """Two for each batch that is kept, and what does not grow."""
    asked = Counted(patient.hdfs)
    gate.check(asked, PATHS)
    batches = len(patient.hdfs.list(f"{patient.root}/commits"))
    assert 2 * batches < asked.count < 2 * batches + 110, asked.count


class Counted:
    def __init__(self, inner: Files) -> None:
        self.inner, self.count = inner, 0

    def __getattr__(self, name: str) -> Any:
        self.count += 1
        return getattr(self.inner, name)


@pytest.mark.parametrize("gives", [lambda data: data[:-7], None], ids=["cut off", "broken"])
def test_a_file_that_hdfs_cannot_give_is_named(patient: Patient, gives: Any) -> None:
    path, read = f"{patient.root}/{patient.state('changelog')}", patient.hdfs.read

    def only(asked: str) -> bytes | None:
        if asked == path and gives is None:
            raise Unreachable("HDFS at http://127.0.0.1:1 does not answer (ChunkedEncodingError)")
        data: bytes | None = read(asked)
        return gives(data) if asked == path else data
    patient.hdfs.read = only
    assert {one.kind for one in examined(patient).damage} == {"unreadable"}
    with pytest.raises(Unreachable, match="HDFS cannot give state/0/0/.*are all DataNodes up.*checkpoint doctor"):
        gate.check(patient.hdfs, PATHS)   # is tried again, and parks nobody


def test_where_nothing_can_be_read_it_is_an_outage_and_no_damage(patient: Patient) -> None:
    read = patient.hdfs.read

    def only(asked: str) -> bytes | None:
        if asked.startswith(patient.root):
            raise Unreachable("no DataNode")
        data: bytes | None = read(asked)
        return data
    patient.hdfs.read = only
    with pytest.raises(Unreachable):
        examined(patient)


def test_of_a_large_source_log_the_end_is_read(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "LOG_BYTES", 1000)
    monkeypatch.setattr(reading, "_END_BYTES", 700)
    assert examined(patient).findings == ()
    damage.truncated(lambda p: p.compact())(patient)
    assert {one.kind for one in examined(patient).damage} & {"source_log_damaged", "source_log_contradicted"}


def test_what_a_task_of_an_older_driver_leaves_late_is_no_damage(patient: Patient) -> None:
    path = patient.state("changelog", 1).replace("_", "_0")
    own = f"{patient.root}/{path[:path.rindex('.') - 1]}.changelog"   # another id, without its checksum
    patient.hdfs.data[own] = b"half"
    patient.hdfs.times[own] = max(patient.hdfs.times.values()) + 600_000
    assert all(examined(patient, level).findings == () for level in Level)


def test_another_spark_may_add_and_drop_settings(patient: Patient) -> None:
    data = patient.read(path := patient.newest("offsets"))
    dropped = re.sub(rb'"[^"]+(rowChecksum.enabled|protobufExtensions.enabled)":"false",', b"", data)
    patient.write(path, dropped.replace(b'"conf":{', b'"conf":{"spark.sql.streaming.new":"true",'))
    assert len(dropped) < len(data) - 50 and examined(patient).findings == ()


def test_a_checkpoint_that_was_copied_as_a_whole_is_said_and_no_damage(patient: Patient) -> None:
    for path in [path for path in patient.hdfs.times if path.startswith(patient.root)]:
        patient.hdfs.times[path] += 10 ** 9
    assert [one.kind for one in examined(patient).findings] == ["copied"]


def test_before_the_first_batch_nothing_is_missing(patient: Patient) -> None:
    files = Files()
    for path in ("parent", "generation"):
        files.write_json(f"{PATHS.control}/{path}", {})
    assert examine(look(files, PATHS, Generation(1), Level.LAUNCH)).findings == ()


def test_a_batch_that_was_begun_is_no_damage_and_is_said(patient: Patient) -> None:
    newest = int(patient.newest().rpartition("/")[2])
    patient.delete(f"commits/{newest}")
    forget(patient, newest)
    report = examined(patient, Level.DEEP)
    assert [one.kind for one in report.findings] == ["unfinished_batch"] and report.good == newest - 1


def forget(patient: Patient, batch: int) -> None:
    """Its driver was killed before it told of this batch."""
    for path in [path for path in patient.hdfs.data if path.startswith(PATHS.batches)]:
        lines = patient.hdfs.data[path].splitlines(keepends=True)
        patient.hdfs.data[path] = b"".join(line for line in lines if f'"batch_id": {batch},'.encode() not in line)


@pytest.mark.parametrize("cut", range(26))
def test_no_moment_of_a_running_driver_is_damage(patient: Patient, cut: int) -> None:
    """As it stood when each of its last 26 files was the newest."""
    files: Files = patient.hdfs
    mine = sorted((at, path) for path, at in files.times.items() if path.startswith((patient.root, PATHS.landing)))
    last_told = max(at for path, at in files.times.items() if path.startswith(PATHS.batches))
    order = [path for at, path in mine if at <= last_told]
    for path in order[len(order) - cut:]:
        del files.data[path], files.times[path]
    for batch in range(28, -1, -1):
        if f"{patient.root}/commits/{batch}" not in files.data:
            forget(patient, batch)
    log = f"{PATHS.table('counts_live')}/_delta_log"
    begun = examined(patient).seen.begun
    for path in [path for path in files.data if path.startswith(log)]:
        if any(f'"version":{batch},'.encode() in files.data[path] and b'"txn"' in files.data[path]
               for batch in range(begun + 1, 40)):
            del files.data[path]
    assert not examined(patient).damage, order[-3:]




def test_what_was_published_is_found_where_delta_does_not_say_where_its_log_ends(patient: Patient) -> None:
    log = f"{PATHS.table('counts_live')}/_delta_log"
    before = examined(patient).seen.around.published
    last = max(name for name in patient.hdfs.list(log) if name.endswith(".json"))
    for number in range(int(last[:20]) + 1, 60):   # what others commit: vacuum, optimise
        patient.hdfs.replace(f"{log}/{number:020d}.json", b'{"commitInfo":{"operation":"OPTIMIZE"}}\n')
    patient.hdfs.delete(f"{log}/_last_checkpoint")
    assert before == examined(patient, Level.DEEP).seen.around.published
