"""What may go and what stays, as the list says it."""
from __future__ import annotations

import pytest

from deploy import checkpoints
from deploy.checkpoints import points, savepoint
from deploy.errors import BadUse
from deploy.retention.doing import retire
from deploy.retention.horizons import RANGES, Horizons
from spark_apps.contract import HOUR_MS, StreamPaths, hour_name
from spark_apps.generations import lineage, newest
from tests.fakes.checkpoints import BYTES
from tests.fakes.retention import (
    BEGAN,
    USUAL,
    a_stream,
    begun,
    days,
    hours,
    landed_late,
    list_of,
    reasons,
    seal,
    whats,
)
from tests.fakes.world import PATHS, STREAM, World

DAY = 24 * HOUR_MS


# landing

def test_sealed_landing_that_the_stream_has_taken_goes_after_its_horizon() -> None:
    found = list_of(a_stream())
    assert whats(found, "archive") == hours(0, 2 * 24)
    assert [(one.files, one.bytes) for one in found.found.items] == [(1, BYTES)] * 48
    assert not found.found.stays


def test_the_horizon_is_by_the_form_and_never_under_the_floor() -> None:
    assert whats(list_of(a_stream(), Horizons(landing_hours=48)), "archive") == hours(0, 7 * 24)
    for name, (low, high) in RANGES.items():
        for value in (low - 1, high + 1, 0, -1, True, float(low)):
            with pytest.raises(BadUse, match=f"{name} = .*expected {low} to {high}"):
                Horizons(**{name: value})  # type: ignore[arg-type]


def test_what_the_stream_has_not_taken_stays_however_old_it_is() -> None:
    world = a_stream(1)
    behind = landed_late(world, BEGAN)
    for hour in range(BEGAN, BEGAN + DAY, HOUR_MS):
        seal(world, hour, time_ms=world.now_ms() + 2 * HOUR_MS)
    world.ms += 30 * DAY
    found = list_of(world)
    assert behind not in {name for item in found.found.items for name in item.names}
    assert whats(found, "archive") == hours(0, 24)
    assert "generation g0001 would take it" in reasons(found)


def test_what_a_batch_had_begun_with_and_not_committed_stays() -> None:
    world = a_stream()
    world.hdfs.delete(f"{PATHS.checkpoint(1)}/commits/{9 * 24 - 1}")
    for batch in range(9 * 24 - 1, 0, -1):
        world.hdfs.delete(f"{PATHS.checkpoint(1)}/commits/{batch}")
    found = list_of(world)
    assert whats(found, "archive") == hours(0, 1), "only the first batch is committed"


def test_a_savepoint_keeps_what_it_would_take_again_and_says_how_to_let_go() -> None:
    world = begun()
    days(world, 1)
    savepoint.take(world.tools, STREAM, "before")
    days(world, 8)
    found = list_of(world)
    assert whats(found, "archive") == hours(0, 24)
    assert "savepoint before would take it; `deploy/hashtide checkpoint drop before --stream a --yes`" in reasons(found)
    savepoint.drop(world.tools, STREAM, "before")
    assert whats(list_of(world), "archive") == hours(0, 48)


def test_a_copied_savepoint_keeps_the_same() -> None:
    world = begun()
    days(world, 1)
    savepoint.take(world.tools, STREAM, "before", by_copy=True)
    days(world, 8)
    assert whats(list_of(world), "archive") == hours(0, 24)


def test_a_point_that_cannot_be_read_keeps_all() -> None:
    world = begun()
    days(world, 1)
    savepoint.take(world.tools, STREAM, "before")
    days(world, 8)
    inside = f"{PATHS.snapshots}/savepoint-before/checkpoint/g0001"
    world.hdfs.data[f"{inside}/sources/0/21"] = b"v1\n{half"
    found = list_of(world)
    assert not found.found.items
    assert "what savepoint before has taken cannot be read; `deploy/hashtide checkpoint drop before" in reasons(found)


def test_a_classic_reader_beside_keeps_what_a_batch_of_it_may_ask_for_again() -> None:
    world, reader = a_stream(), StreamPaths("beside", PATHS.root)
    world.hdfs.create_exclusive(reader.desired_change(1), {
        "state": "stopped", "parameters": {"engine": "classic", "landing": STREAM}})
    found = list_of(world)
    assert not whats(found, "archive"), "its first driver takes all"
    assert "stream beside of engine classic would take it; `deploy/hashtide stream status --stream be" in reasons(found)
    line = f"{reader.checkpoint(1)}/000002-abc"
    world.hdfs.write_json(f"{line}/origin.json", {"arrival_ms": BEGAN + 2 * HOUR_MS + 5})
    for hour in range(BEGAN, BEGAN + 24 * HOUR_MS, HOUR_MS):
        taken = world.hdfs.list(PATHS.landing_hour(hour)) if hour > BEGAN + 4 * HOUR_MS else []
        world.hdfs.write_json(f"{line}/taken/{hour_name(hour)}.json", {"files": taken})
    world.hdfs.write_json(f"{line}/taken/through.json", {"at_ms": 1})
    assert whats(list_of(world), "archive") == [*hours(0, 2), *hours(5, 19)]


def test_of_a_stream_of_the_classic_engine_goes_what_it_has_settled() -> None:
    world, line = a_stream(), f"{PATHS.checkpoint(1)}/000002-abc"
    world.hdfs.write_json(PATHS.generation(1), {"parent": None, "time_ms": BEGAN, "engine": "classic"})
    found = list_of(world)
    assert not found.found.items, "its first driver has settled nothing"
    assert "stream a of engine classic would take it; `deploy/hashtide stream status --stream a`" in reasons(found)
    world.hdfs.write_json(f"{line}/origin.json", {"arrival_ms": BEGAN})
    for hour in range(BEGAN, BEGAN + 9 * DAY, HOUR_MS):
        taken = world.hdfs.list(PATHS.landing_hour(hour)) if hour < BEGAN + DAY else []
        world.hdfs.write_json(f"{line}/taken/{hour_name(hour)}.json", {"files": taken})
    assert whats(list_of(world), "archive") == hours(0, 24)


def test_a_fresh_start_needs_nothing_from_before_its_hour() -> None:
    world = begun()
    days(world, 1)
    checkpoints.fresh(world.tools, STREAM)
    made = newest(world.hdfs, PATHS)
    assert made and made.from_hour
    world.hdfs.delete(PATHS.checkpoint(1), recursive=True)
    world.hdfs.create_exclusive(points.retired(PATHS, 1), {})
    world.ms += 30 * DAY
    assert whats(list_of(world), "archive") == hours(0, 23), "the last hour is its own, and not taken yet"


def test_a_stream_that_was_never_launched_keeps_all() -> None:
    world = a_stream()
    world.hdfs.delete(PATHS.generation(1))
    found = list_of(world)
    assert not found.found.items and "was never launched" in reasons(found)


@pytest.mark.parametrize("said,why", [
    (None, "not sealed"), ({"complete": False}, "sealed, but incomplete"),
    ({"adds_up": False}, "its lines do not add up")])
def test_an_hour_without_a_last_word_keeps_all_that_its_seal_reads(said: dict[str, bool] | None, why: str) -> None:
    world, hour = a_stream(11), BEGAN + 30 * HOUR_MS
    if said is None:
        world.hdfs.delete(PATHS.seal_result(hour))
    else:
        seal(world, hour, time_ms=world.now_ms(), **said)
    found = list_of(world)
    # From the hour before it, since clocks may be ahead, to a day after it.
    assert whats(found, "archive") == hours(0, 29) + hours(55, 4 * 24 - 55)
    assert f"landing: {why}" in reasons(found)
    assert f"the seal of {hour_name(hour)} is still to come" in reasons(found)


def test_lines_of_an_hour_to_come_keep_theirs_until_that_is_sealed() -> None:
    world = begun()
    days(world, 1)
    seal(world, BEGAN + 23 * HOUR_MS, time_ms=world.now_ms() + HOUR_MS, pending=3)
    world.ms += 30 * DAY
    assert hours(23, 1)[0] not in whats(list_of(world), "archive")
    seal(world, BEGAN + 24 * HOUR_MS, time_ms=world.now_ms())
    assert hours(23, 1)[0] in whats(list_of(world), "archive")


def test_what_landed_after_its_hour_was_sealed_stays_until_it_is_sealed_again() -> None:
    world = a_stream(1)
    late = landed_late(world, BEGAN)
    source = f"{PATHS.checkpoint(1)}/sources/0/23"
    path = f"{PATHS.landing_hour(BEGAN)}/{late}"
    world.hdfs.data[source] += f'\n{{"path":"{path}","batchId":23}}'.encode()
    world.ms += 30 * DAY
    found = list_of(world)
    assert late not in {name for item in found.found.items for name in item.names}
    assert f"landed after its hour was sealed; `backfill --from {hour_name(BEGAN)}` takes it in" in reasons(found)
    seal(world, BEGAN)
    assert late in {name for item in list_of(world).found.items for name in item.names}


# generations and savepoints

def restored(world: World, point: str = "g0001", at_batch: int | None = None) -> int:
    if at_batch is not None:
        savepoint.take(world.tools, STREAM, point)
    return checkpoints.restore(world.tools, STREAM, point).number


def test_the_checkpoint_of_a_generation_goes_after_its_time_and_its_records_stay() -> None:
    world = a_stream(1)
    savepoint.take(world.tools, STREAM, "s", pinned=False)
    restored(world, "s")
    days(world, 13, generation=2)
    assert not whats(list_of(world), "checkpoint")
    assert "old checkpoints: 14 days after another generation went on" in reasons(list_of(world))
    days(world, 2, generation=2)
    found = list_of(world)
    assert whats(found, "checkpoint") == ["g0001"]
    before = lineage(world.hdfs, PATHS)
    retire(world.tools, STREAM, USUAL, found.checksum)
    assert lineage(world.hdfs, PATHS) == before, "readers know what of it counts"
    assert not world.hdfs.list(PATHS.checkpoint(1)) and world.hdfs.list(PATHS.checkpoint(2))
    with pytest.raises(BadUse, match="g0001: its checkpoint was retired, and what it counted stays; there are s, g"):
        points.find(world.hdfs, PATHS, "g0001")
    assert not whats(list_of(world), "checkpoint")


def test_the_generation_that_goes_on_never_goes() -> None:
    world = a_stream(1)
    world.ms += 1_000 * DAY
    assert not whats(list_of(world, Horizons(48, 2, 1, 1)), "checkpoint")


def test_a_generation_stays_as_long_as_landing_does() -> None:
    world = a_stream(1)
    checkpoints.fresh(world.tools, STREAM)
    days(world, 20, generation=2)
    assert not whats(list_of(world, Horizons(landing_hours=30 * 24, generation_days=2)), "checkpoint")
    assert whats(list_of(world, Horizons(landing_hours=48, generation_days=2)), "checkpoint") == ["g0001"]


def test_while_a_generation_is_opened_or_the_newest_is_damaged_no_point_goes() -> None:
    world = a_stream(1)
    savepoint.take(world.tools, STREAM, "old", pinned=False)
    checkpoints.fresh(world.tools, STREAM)
    days(world, 2, generation=2)
    savepoint.take(world.tools, STREAM, "new")
    world.ms += 40 * DAY
    assert {item.kind for item in list_of(world).found.items} == {"savepoint", "checkpoint", "archive"}
    world.hdfs.write_json(PATHS.generation_claim(3), {"time_ms": world.now_ms()})
    found = list_of(world)
    assert {item.kind for item in found.found.items} <= {"archive"}
    assert "generation g0003 is being opened" in reasons(found)
    world.ms += 2 * DAY
    assert whats(list_of(world), "checkpoint"), "its maker was cut off long ago"
    world.hdfs.data[f"{PATHS.checkpoint(2)}/metadata"] = b""
    found = list_of(world)
    assert not {item.kind for item in found.found.items} & {"savepoint", "checkpoint"}
    assert "the generation that goes on is damaged" in reasons(found)


def test_savepoints_go_by_the_policy_of_savepoints_and_named_ones_never() -> None:
    world = begun()
    for number in range(7):
        days(world, 0.1)
        savepoint.take(world.tools, STREAM, f"u{number}", pinned=False)
    savepoint.take(world.tools, STREAM, "mine")
    assert whats(list_of(world), "savepoint") == ["u0", "u1"]
    assert whats(list_of(world, Horizons(savepoints=1)), "savepoint") == [f"u{n}" for n in range(6)]
    world.ms += 400 * DAY
    assert whats(list_of(world), "savepoint") == [f"u{n}" for n in range(7)]
