"""Savepoints: taken, kept, dropped, whatever is in the way; and the list of what a stream can go back to."""
from __future__ import annotations

from typing import Any

import pytest

from deploy import checkpoints
from deploy.checkpoints import catalogue, savepoint
from deploy.checkpoints.savepoint import Savepoint, drop, expired, standing, take
from deploy.errors import BadUse, HashtideError, Refused, Unreachable
from deploy.launch import StreamSpec
from spark_apps.contract import HOUR_MS, generation_name
from spark_apps.generations import newest
from tests.fakes.actors import CutOff
from tests.fakes.checkpoints import BATCH_MS, TEN, checkpoint, commit, cut, lived, offsets
from tests.fakes.world import PATHS, RELEASE, STREAM, World

OTHER = "0.2.0-00000001"


@pytest.fixture
def world() -> World:
    """Three batches committed, the fourth runs."""
    made = World()
    lived(made, 3)
    offsets(made, 1, 3, made.now_ms())
    made.intent(1, generation=1)
    made.hdfs.create_exclusive(PATHS.claim(1, 1), {"spark": "4.2.0"})
    return made


def goes_on(world: World) -> None:
    for batch in (3, 4):
        commit(world, 1, batch, world.now_ms())
        world.ms += BATCH_MS


def test_a_savepoint_says_what_it_holds(world: World) -> None:
    made = take(world.tools, STREAM, "before", "me", "a test")
    assert world.hdfs.read_json(PATHS.savepoint("before")) == made
    at = TEN + 3 * BATCH_MS
    assert made == {
        "name": "before", "way": "snapshot", "generation": "g0001", "batch_id": 2, "watermark_ms": at - 600_000,
        "source_offset": 2, "arrival_ms": at, "state_rows": None, "shuffle_partitions": 3, "from_hour": None,
        "release": RELEASE, "epoch": 1, "spark": "4.2.0", "who": "me", "why": "a test", "pinned": True,
        "time_ms": world.now_ms(), "files": len(files := checkpoint(world, 1)), "bytes": sum(map(len, files.values()))}


def test_one_can_be_taken_while_the_stream_runs(world: World) -> None:
    world.rm.add(1)
    assert take(world.tools, STREAM, "now")["batch_id"] == 2


def test_without_a_name_it_is_called_by_the_time(world: World) -> None:
    assert take(world.tools, STREAM)["name"] == "20270115T080040Z"


@pytest.mark.parametrize("name", ["a b", "a/b", "..", "-x", "a" * 61, "ä", "g0001", "a\n"])
def test_a_name_that_cannot_be_is_bad_use(world: World, name: str) -> None:
    with pytest.raises(BadUse, match="expected up to 60 letters|how generations are called"):
        take(world.tools, STREAM, name)
    assert not world.hdfs.list(PATHS.snapshots)


def test_a_name_is_taken_once(world: World) -> None:
    first = take(world.tools, STREAM, "before")
    goes_on(world)
    with pytest.raises(Refused, match="has a savepoint before already.*checkpoint drop before --stream a --yes"):
        take(world.tools, STREAM, "before")
    assert world.hdfs.read_json(PATHS.savepoint("before")) == first


def test_a_stream_without_a_checkpoint_has_nothing_to_keep() -> None:
    with pytest.raises(BadUse, match="no checkpoint yet"):
        take(World().tools, STREAM, "before")


# rights

def test_where_snapshots_are_not_allowed_the_right_and_the_other_way_are_named(world: World) -> None:
    world.hdfs.snapshottable.clear()
    with pytest.raises(Refused, match=rf"snapshots of {PATHS.base} are not allowed.*-allowSnapshot {PATHS.base}"
                                      r".*checkpoint savepoint before --stream a --copy` copies.*\d kB in \d+ files"):
        take(world.tools, STREAM, "before")
    assert not world.hdfs.list(PATHS.savepoints)


def test_where_the_directory_is_another_users_its_owner_is_asked_for(world: World) -> None:
    def refusing(path: str, name: str) -> None:
        raise HashtideError(f"HDFS {path}: AccessControlException: Permission denied. user=x is not the owner")

    world.hdfs.create_snapshot = refusing  # type: ignore[method-assign]
    with pytest.raises(Refused, match="needs its owner, and hashtide is not.*--copy"):
        take(world.tools, STREAM, "before")


def test_a_copy_holds_what_a_restart_from_its_batch_reads(world: World) -> None:
    world.hdfs.snapshottable.clear()
    before = checkpoint(world, 1)
    made = take(world.tools, STREAM, "before", by_copy=True)
    assert (made["way"], made["batch_id"]) == ("copy", 2)
    root = PATHS.savepoint_copy(made["directory"]) + "/"
    copied = {path.removeprefix(root): data for path, data in world.hdfs.data.items() if path.startswith(root)}
    assert copied == {path: data for path, data in before.items() if path != "offsets/3"}
    goes_on(world)
    assert checkpoints.plan(world.tools, STREAM, "restore", "before").opens.through_batch == 2
    world.ms += HOUR_MS
    assert checkpoints.restore(world.tools, STREAM, "before").through_batch == 2
    assert checkpoint(world, 2) == copied


def test_a_copy_beside_a_driver_that_deletes_what_it_needs_no_more_begins_again(world: World) -> None:
    copy, tried = world.hdfs.copy, []

    def copying(source: str, target: str) -> None:
        if source.endswith("/offsets/0") and not tried:
            tried.append(world.hdfs.delete(source))
        copy(source, target)

    world.hdfs.copy = copying  # type: ignore[method-assign]
    made = take(world.tools, STREAM, "before", by_copy=True)
    assert tried and not world.hdfs.exists(f"{PATHS.savepoint_copy(made['directory'])}/offsets/0")
    assert world.hdfs.list(f"{PATHS.base}/savepoint") == [made["directory"]]


def test_what_belongs_to_no_version_of_the_state_is_copied_whatever_its_number() -> None:
    of = [f"state/0/1/{name}" for name in ("3_ab.changelog", "3_ab.zip.crc", "4_ab.zip", "SSTs/000099.sst",
                                           "logs/000099-ab.log", "_metadata/schema/0_ab", "left/4_ab.zip")]
    assert [name for name in of if not savepoint.is_of(2, name)] == ["state/0/1/4_ab.zip", "state/0/1/left/4_ab.zip"]


# dropped, kept

@pytest.mark.parametrize("by_copy", [False, True])
def test_a_savepoint_that_is_dropped_leaves_nothing_and_its_name_is_free(world: World, by_copy: bool) -> None:
    before = dict(world.hdfs.data)
    take(world.tools, STREAM, "before", by_copy=by_copy)
    drop(world.tools, STREAM, "before")
    assert world.hdfs.data == before
    goes_on(world)
    assert take(world.tools, STREAM, "before")["batch_id"] == 4


def test_what_was_restored_from_it_stays(world: World) -> None:
    take(world.tools, STREAM, "before")
    world.ms += HOUR_MS
    checkpoints.restore(world.tools, STREAM, "before")
    had = checkpoint(world, 2)
    drop(world.tools, STREAM, "before")
    assert had and checkpoint(world, 2) == had


def test_dropping_what_is_not_there_is_bad_use(world: World) -> None:
    with pytest.raises(BadUse, match="has no savepoint before; there are g0001"):
        drop(world.tools, STREAM, "before")


def test_a_record_cannot_lead_a_drop_astray(world: World) -> None:
    world.hdfs.write_json(PATHS.savepoint("before"), {"way": "copy", "directory": "../tables", "generation": "g0001"})
    with pytest.raises(HashtideError, match=r"directory '\.\./tables', expected before\.<id>"):
        drop(world.tools, STREAM, "before")


def at(days_ago: int, name: str, pinned: bool = False, good: bool = True) -> Savepoint:
    return Savepoint(name, -days_ago * 24 * HOUR_MS, pinned, good)


def test_the_oldest_that_nobody_pinned_go_by_count_and_by_age() -> None:
    assert expired([at(n, f"s{n}") for n in range(4)], 0, keep=2, keep_ms=24 * HOUR_MS * 30) == ["s2", "s3"]
    assert expired([at(n * 10, f"s{n}") for n in range(5)], 0, keep=9, keep_ms=24 * HOUR_MS * 30) == ["s4"]


def test_what_is_pinned_stays_and_is_not_counted() -> None:
    found = [at(1, "mine", pinned=True), at(2, "s1"), at(99, "old", pinned=True), at(100, "s2")]
    assert expired(found, 0, keep=1, keep_ms=24 * HOUR_MS * 30) == ["s2"]


def test_the_last_good_one_stays_however_old_it_is() -> None:
    found = [at(1, "bad", good=False), at(400, "good"), at(401, "older")]
    assert expired(found, 0, keep=1, keep_ms=24 * HOUR_MS * 30) == ["older"]
    assert expired([at(400, "good")], 0) == []


# cut off

@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("by_copy", [False, True])
@pytest.mark.parametrize("minutes", [0, 10])
def test_cut_off_anywhere_the_same_call_goes_on(after: bool, by_copy: bool, minutes: int) -> None:
    for n in range(1, 100):
        world = World()
        lived(world, 3)
        tools, _ = cut(world, n, after)
        try:
            take(tools, STREAM, "before", by_copy=by_copy)
            break
        except CutOff:
            pass
        goes_on(world)
        world.ms += minutes * 60_000
        try:
            made = take(world.tools, STREAM, "before", by_copy=by_copy)
        except Refused:
            assert after, "the record is there only where the last call took effect"
            continue
        # Within a minute the instant of the first call is the one that was meant.
        was_begun = not by_copy and not minutes and (after or n > 1)
        assert made["batch_id"] == (2 if was_begun else 4)
        assert [one.good for one in standing(world.hdfs, PATHS)] == [True]
    assert n > (10 if by_copy else 2)


def test_a_copy_that_was_cut_off_goes_after_a_day_and_no_other_does(world: World) -> None:
    kept = take(world.tools, STREAM, "kept", by_copy=True)["directory"]
    tools, _ = cut(world, 5, after=True)
    with pytest.raises(CutOff):
        take(tools, STREAM, "before", by_copy=True)
    [half] = set(world.hdfs.list(f"{PATHS.base}/savepoint")) - {kept}
    for hours, goes in ((23, False), (2, True)):
        world.ms += hours * HOUR_MS
        for path in (kept, half):
            world.hdfs.directory_times.setdefault(PATHS.savepoint_copy(path), world.now_ms() - hours * HOUR_MS)
        take(world.tools, STREAM, f"later-{hours}", by_copy=True)
        assert (half in world.hdfs.list(f"{PATHS.base}/savepoint")) is not goes
    assert kept in world.hdfs.list(f"{PATHS.base}/savepoint")


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("by_copy", [False, True])
def test_a_drop_that_was_cut_off_is_finished_by_the_next(after: bool, by_copy: bool) -> None:
    for n in range(1, 100):
        world = World()
        lived(world, 3)
        before = dict(world.hdfs.data)
        take(world.tools, STREAM, "before", by_copy=by_copy)
        tools, _ = cut(world, n, after)
        try:
            drop(tools, STREAM, "before")
            break
        except CutOff:
            pass
        listed = [one.name for one in catalogue.entries(world.hdfs, PATHS)]
        if "before" in listed:
            drop(world.tools, STREAM, "before")
        assert world.hdfs.data == before
    assert n == 3


# before an upgrade

def release(world: World, version: str) -> StreamSpec:
    world.hdfs.replace(f"/hashtide/releases/{version}/SHA256SUMS", b"")
    return StreamSpec(STREAM, release=version)


def launch(world: World, version: str) -> None:
    world.tools.launch(release(world, version))
    world.rm.all[-1].to_ms = world.ms
    world.ms += HOUR_MS


def test_before_another_release_goes_on_a_savepoint_is_taken(world: World) -> None:
    world.ms += HOUR_MS
    launch(world, RELEASE)
    assert not world.hdfs.list(PATHS.savepoints)
    launch(world, OTHER)
    told = world.hdfs.read_json(PATHS.savepoint("upgrade-0_2_0-00000001")) or {}
    assert (told["pinned"], told["release"], told["why"]) == (False, RELEASE, f"before release {OTHER}")
    launch(world, RELEASE)
    launch(world, OTHER)
    assert world.hdfs.list(PATHS.savepoints) == [
        "upgrade-0_1_0-00000000.json", "upgrade-0_2_0-00000001-e5.json", "upgrade-0_2_0-00000001.json"]


def test_the_oldest_of_many_upgrades_are_dropped(world: World) -> None:
    take(world.tools, STREAM, "mine")
    for n in range(savepoint.KEEP + 3):
        world.ms += HOUR_MS
        launch(world, f"0.3.{n}-00000000")
    assert [one.name for one in standing(world.hdfs, PATHS)] == [
        *(f"upgrade-0_3_{n}-00000000" for n in range(savepoint.KEEP + 2, 2, -1)), "mine"]


def test_an_upgrade_goes_on_where_none_can_be_taken(world: World) -> None:
    world.hdfs.snapshottable.clear()
    world.ms += HOUR_MS
    launch(world, OTHER)
    assert world.jobs and "no savepoint before release 0.2.0-00000001: snapshots of" in "\n".join(world.said)


def test_an_upgrade_waits_for_hdfs(world: World) -> None:
    def down(path: str, name: str) -> None:
        raise Unreachable("HDFS at http://127.0.0.1:1 does not answer")

    world.hdfs.create_snapshot = down  # type: ignore[method-assign]
    world.ms += HOUR_MS
    with pytest.raises(Unreachable):
        launch(world, OTHER)
    assert not world.jobs


# the list

def listed(world: World) -> dict[str, dict[str, Any]]:
    return {one.name: one.as_json() for one in catalogue.entries(world.hdfs, PATHS)}


def test_the_list_has_generations_and_savepoints(world: World) -> None:
    take(world.tools, STREAM, "before", "me", "a test")
    goes_on(world)
    world.ms += HOUR_MS
    checkpoints.restore(world.tools, STREAM, "before", "you", "because")
    found = listed(world)
    assert list(found) == ["g0002", "g0001", "before"]
    assert (found["g0002"]["current"], found["g0002"]["parent"], found["g0002"]["savepoint"]) == (
        True, "g0001:2", "before")
    assert (found["g0002"]["who"], found["g0002"]["why"]) == ("you", "because")
    assert (found["g0001"]["current"], found["g0001"]["batch_id"], found["g0001"]["release"]) == (False, 4, RELEASE)
    assert (found["before"]["kind"], found["before"]["batch_id"], found["before"]["fault"]) == ("snapshot", 2, "")


def test_a_snapshot_whose_record_was_never_written_is_listed_and_can_be_restored(world: World) -> None:
    world.hdfs.create_snapshot(PATHS.base, "savepoint-cut")
    world.hdfs.replace(PATHS.savepoint("empty"), b"")
    world.hdfs.create_snapshot(PATHS.base, "savepoint-empty")
    world.hdfs.create_snapshot(PATHS.base, "somebody_elses")
    goes_on(world)
    found = listed(world)
    assert list(found) == ["g0001", "cut", "empty"]
    assert {found[name]["batch_id"] for name in ("cut", "empty")} == {2}
    world.ms += HOUR_MS
    assert checkpoints.restore(world.tools, STREAM, "cut").through_batch == 2


def test_what_cannot_be_restored_says_why(world: World) -> None:
    take(world.tools, STREAM, "before")
    world.hdfs.delete_snapshot(PATHS.base, "savepoint-before")
    assert "checkpoint drop before --stream a --yes` forgets it" in listed(world)["before"]["fault"]
    assert not standing(world.hdfs, PATHS)[0].good
    with pytest.raises(HashtideError, match="HDFS has no .*savepoint-before"):
        checkpoints.restore(world.tools, STREAM, "before")
    made = newest(world.hdfs, PATHS)
    assert made and generation_name(made.number) == "g0001"
