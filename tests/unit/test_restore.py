"""Going back to a point and starting fresh: what is opened, what stays, and what a cut leaves."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from deploy import checkpoints
from deploy.errors import BadUse, HashtideError, Refused
from deploy.launch import INTENT_TIMEOUT_MS, Launcher
from spark_apps.contract import HOUR_MS, hour_name
from spark_apps.generations import Generation, lineage, newest
from tests.fakes.actors import CutOff
from tests.fakes.checkpoints import BATCH_MS, TEN, checkpoint, commit, cut, lived, offsets
from tests.fakes.world import PATHS, SPEC, STREAM, World


@pytest.fixture
def world() -> World:
    """Five batches committed; of them the third was the last when the savepoint was taken."""
    made = World()
    lived(made, 3)
    offsets(made, 1, 3, made.now_ms())
    made.hdfs.create_snapshot(PATHS.base, "savepoint-before")
    for batch in (3, 4):
        commit(made, 1, batch, made.now_ms())
        made.ms += BATCH_MS
    made.ms += INTENT_TIMEOUT_MS
    return made


def opened(world: World) -> Generation:
    found = newest(world.hdfs, PATHS)
    assert found
    return found


def test_a_restore_opens_a_generation_from_the_newest_batch_that_the_savepoint_has_committed(world: World) -> None:
    made = checkpoints.restore(world.tools, STREAM, "before", "me", "a test")
    assert made == opened(world) == Generation(2, 1, 2, "before", 3, who="me", why="a test", time_ms=world.now_ms())
    assert lineage(world.hdfs, PATHS) == {2: None, 1: 2}
    inside = f"{PATHS.base}/.snapshot/savepoint-before/checkpoint/g0001/"
    saved = {path.removeprefix(inside): data for path, data in world.hdfs.data.items() if path.startswith(inside)}
    assert checkpoint(world, 2) == saved and "offsets/3" in saved and "commits/3" not in saved


def test_the_launch_goes_on_with_it(world: World) -> None:
    checkpoints.restore(world.tools, STREAM, "before")
    world.tools.launch(SPEC)
    args = world.jobs[-1].args
    assert (args[args.index("--generation") + 1], args[args.index("--shuffle-partitions") + 1]) == ("2", "3")


def test_nothing_that_was_there_is_changed(world: World) -> None:
    before = dict(world.hdfs.data)
    checkpoints.restore(world.tools, STREAM, "before")
    checkpoints.fresh(world.tools, STREAM)
    assert {path: world.hdfs.data.get(path) for path in before} == before


def test_restored_twice_the_first_restore_counts_no_more(world: World) -> None:
    checkpoints.restore(world.tools, STREAM, "before")
    commit(world, 2, 3, world.now_ms())
    checkpoints.restore(world.tools, STREAM, "before")
    assert lineage(world.hdfs, PATHS) == {3: None, 1: 2}
    assert checkpoint(world, 3).keys() == checkpoint(world, 2).keys() - {"commits/3", *(
        name for name in checkpoint(world, 2) if "/4_" in name)}


def test_a_generation_can_be_gone_back_to_where_it_stands(world: World) -> None:
    checkpoints.restore(world.tools, STREAM, "before")
    assert checkpoints.restore(world.tools, STREAM, "g0001").savepoint == "g0001"
    assert lineage(world.hdfs, PATHS) == {3: None, 1: 4}


def test_going_back_to_the_generation_that_goes_on_anyway_is_bad_use(world: World) -> None:
    with pytest.raises(BadUse, match="g0001 is the generation that stream a goes on with: there is nothing to restore"):
        checkpoints.restore(world.tools, STREAM, "g0001")


@pytest.mark.parametrize("point", ["nowhere", "g0007", "../../x", "", "a" * 61])
def test_a_point_that_there_is_not_is_bad_use(world: World, point: str) -> None:
    with pytest.raises(BadUse, match=r"expected up to 60|has no (savepoint|generation) \w+; there are before, g0001"):
        checkpoints.restore(world.tools, STREAM, point)


def test_a_stream_that_runs_is_refused_and_left_alone(world: World) -> None:
    app = world.rm.add(1)
    before = dict(world.hdfs.data)
    for do in (lambda: checkpoints.restore(world.tools, STREAM, "before"),
               lambda: checkpoints.fresh(world.tools, STREAM)):
        with pytest.raises(Refused, match=rf"not stopped.*{app.id}.*stream stop --stream a"):
            do()
    assert world.hdfs.data == before


def test_one_that_may_be_on_its_way_is_waited_for(world: World) -> None:
    world.intent(1, age_s=10)
    with pytest.raises(Refused, match="spark-submit may still be on its way"):
        checkpoints.restore(world.tools, STREAM, "before")


def test_a_driver_that_comes_while_the_checkpoint_is_copied_keeps_its_generation(world: World) -> None:
    copy = world.hdfs.copy

    def copying(source: str, target: str) -> None:
        copy(source, target)
        if not world.rm.all:
            world.rm.add(1)

    world.hdfs.copy = copying  # type: ignore[method-assign]
    with pytest.raises(Refused, match="not stopped"):
        checkpoints.restore(world.tools, STREAM, "before")
    assert opened(world).number == 1


@pytest.mark.parametrize("name,text", [("offsets/2", b""), ("offsets/2", b"v1\n{"), ("metadata", b""),
                                       ("commits/2", b"")])
def test_a_point_that_no_driver_could_start_from_is_named(world: World, name: str, text: bytes) -> None:
    world.hdfs.data[f"{PATHS.base}/.snapshot/savepoint-before/checkpoint/g0001/{name}"] = text
    with pytest.raises(HashtideError, match=f"savepoint before is damaged: .*/{name}: (it is empty|1 of 2 lines)"):
        checkpoints.restore(world.tools, STREAM, "before")
    assert opened(world).number == 1


def test_a_copy_that_came_out_otherwise_is_not_opened(world: World) -> None:
    copy = world.hdfs.copy

    def short(source: str, target: str) -> None:
        copy(source, target)
        if target.endswith("offsets/1"):
            world.hdfs.data[target] = b"v1"

    world.hdfs.copy = short  # type: ignore[method-assign]
    with pytest.raises(HashtideError, match=r"g0002/offsets/1: 2 bytes after the copy, expected \d+"):
        checkpoints.restore(world.tools, STREAM, "before")
    assert opened(world).number == 1


# fresh

def test_a_fresh_start_takes_what_arrives_from_the_newest_hour_of_landing_on(world: World) -> None:
    commit(world, 1, 5, TEN + HOUR_MS + BATCH_MS)
    made = checkpoints.fresh(world.tools, STREAM, "me", "a test")
    assert (made.parent, made.through_batch, made.from_hour, made.fresh) == (1, 4, TEN + HOUR_MS, True)
    assert lineage(world.hdfs, PATHS) == {2: None, 1: 4}
    assert world.hdfs.list(f"{PATHS.base}/checkpoint") == ["g0001", "g0002"] and not checkpoint(world, 2)
    world.tools.launch(SPEC)
    assert world.jobs[-1].args[-2:] == ("--from-hour", hour_name(TEN + HOUR_MS))


def test_a_batch_with_lines_of_that_hour_does_not_count_whatever_came_after_it(world: World) -> None:
    commit(world, 1, 5, TEN + HOUR_MS + BATCH_MS)
    commit(world, 1, 6, TEN + HOUR_MS - BATCH_MS)     # a file that was landed late
    assert checkpoints.fresh(world.tools, STREAM).through_batch == 4


def test_where_all_lines_are_of_that_hour_nothing_of_the_past_counts(world: World) -> None:
    assert checkpoints.fresh(world.tools, STREAM).through_batch == -1


def test_a_fresh_start_after_a_restore_that_counted_nothing_before_the_hour_goes_back_to_the_parent(
        world: World) -> None:
    checkpoints.restore(world.tools, STREAM, "before")
    commit(world, 2, 3, TEN + HOUR_MS + BATCH_MS)
    made = checkpoints.fresh(world.tools, STREAM)
    assert lineage(world.hdfs, PATHS) == {3: None, 1: 2} and made.from_hour == TEN + HOUR_MS


def test_what_is_restored_after_a_fresh_start_begins_at_its_hour(world: World) -> None:
    commit(world, 1, 5, TEN + HOUR_MS + BATCH_MS)
    checkpoints.fresh(world.tools, STREAM)
    commit(world, 2, 0, TEN + HOUR_MS + 2 * BATCH_MS)
    world.hdfs.create_snapshot(PATHS.base, "savepoint-after")
    made = checkpoints.restore(world.tools, STREAM, "after")
    assert (made.parent, made.through_batch, made.from_hour, made.fresh) == (2, 0, TEN + HOUR_MS, False)
    assert lineage(world.hdfs, PATHS) == {3: None, 2: 0, 1: 4}
    assert checkpoints.restore(world.tools, STREAM, "before").from_hour is None


# cut off

def restored(tools: Launcher) -> Any:
    return checkpoints.restore(tools, STREAM, "before", "me")


def began_fresh(tools: Launcher) -> Any:
    return checkpoints.fresh(tools, STREAM, "me")


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("do,batch,steps", [(restored, 2, 15), (began_fresh, 4, 3)])
def test_cut_off_anywhere_the_old_generation_goes_on_and_the_next_run_comes_through(
        do: Callable[[Launcher], Any], batch: int, steps: int, after: bool) -> None:
    for at in range(1, 200):
        world = World()
        lived(world, 3)
        world.hdfs.create_snapshot(PATHS.base, "savepoint-before")
        for number in (3, 4):
            commit(world, 1, number, TEN + (number + 1) * BATCH_MS)
        commit(world, 1, 5, TEN + HOUR_MS + BATCH_MS)
        world.ms = TEN + 2 * HOUR_MS
        tools, calls = cut(world, at, after)
        try:
            do(tools)
            break
        except CutOff:
            pass
        was = opened(world)
        # It was opened only where the last call of all took effect.
        assert was.number == 1 or after and checkpoint(world, 2) == checkpoint(world, was.number)
        world.ms += 120_000
        made = do(world.tools)
        assert opened(world) == made and made.through_batch == batch
        assert lineage(world.hdfs, PATHS)[1] == batch
        kept = {f"g{n:04d}" for n in (1, made.number, *([was.number] if was.number > 1 else []))}
        assert set(world.hdfs.list(f"{PATHS.base}/checkpoint")) == kept, f"cut at call {at}"
    assert calls.calls == at - 1 or calls.calls < at
    assert at > steps, "the calls are not all tried"


def test_of_two_at_once_the_one_that_is_overtaken_is_told_and_changes_nothing(world: World) -> None:
    copy, began = world.hdfs.copy, []

    def copying(source: str, target: str) -> None:
        copy(source, target)
        if not began:
            began.append(target)
            checkpoints.restore(world.tools, STREAM, "before", "the other")

    world.hdfs.copy = copying  # type: ignore[method-assign]
    with pytest.raises(Refused, match="somebody else opened a generation meanwhile.*checkpoint list --stream a"):
        checkpoints.restore(world.tools, STREAM, "before", "me")
    assert opened(world).who == "the other"


def test_of_two_that_were_begun_apart_the_later_to_end_is_told(world: World) -> None:
    copy = world.hdfs.copy

    def copying(source: str, target: str) -> None:
        copy(source, target)
        world.hdfs.write_json(PATHS.generation(3), {"parent": "g0001", "through_batch": 4, "who": "the other"})

    world.hdfs.copy = copying  # type: ignore[method-assign]
    with pytest.raises(Refused, match="somebody else opened a generation meanwhile"):
        checkpoints.restore(world.tools, STREAM, "before", "me")
    assert opened(world).who == "the other" and not world.hdfs.exists(PATHS.generation(2))


def test_a_generation_that_was_given_up_when_the_savepoint_was_taken_is_not_the_savepoints(world: World) -> None:
    world.hdfs.write_json(PATHS.generation(2), {"abandoned": True})
    world.hdfs.create_snapshot(PATHS.base, "savepoint-given_up")
    assert checkpoints.restore(world.tools, STREAM, "given_up").parent == 1
