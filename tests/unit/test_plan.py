"""What a restore or a fresh start says that it will do."""
from __future__ import annotations

import pytest

from deploy import checkpoints, supervisor
from deploy.checkpoints.copying import size_text
from deploy.errors import BadUse
from deploy.launch import StreamSpec
from spark_apps.contract import HOUR_MS, hour_name
from tests.fakes.checkpoints import BATCH_MS, BYTES, TEN, checkpoint, commit, land, lived
from tests.fakes.world import PATHS, STREAM, World


@pytest.fixture
def world() -> World:
    """A savepoint at the third batch, five minutes before a full hour; the sixth is the first of the next hour."""
    made = World()
    first = TEN + HOUR_MS - 300_000
    lived(made, 3, first)
    made.hdfs.create_snapshot(PATHS.base, "savepoint-before")
    for batch, at in ((3, first + 3 * BATCH_MS), (4, first + 4 * BATCH_MS), (5, TEN + HOUR_MS + BATCH_MS)):
        commit(made, 1, batch, at)
    land(made, TEN + HOUR_MS + 2 * BATCH_MS)
    made.ms = TEN + HOUR_MS + 30_000
    supervisor.ask(made.tools, StreamSpec(STREAM, max_files=2, trigger_seconds=30))
    return made


def seal(world: World, hour: int) -> None:
    world.hdfs.write_json(PATHS.seal_result(hour), {"revision": 1})


def test_a_restore_says_from_where_what_changes_and_how_much_is_taken_again(world: World) -> None:
    found = checkpoints.plan(world.tools, STREAM, "restore", "before")
    watermark = TEN + HOUR_MS - 300_000 + 2 * BATCH_MS - 600_000
    assert (found.opens.parent, found.opens.through_batch, found.watermark_ms) == (1, 2, watermark)
    assert found.hours == (TEN, TEN + HOUR_MS) and found.sealed == ()
    # Three that had been counted and one that waits, two a batch of 30 s.
    assert (found.files, found.tweets) == (4, 4 * BYTES // 1_200)
    assert found.seconds == 60 + 2 * 30
    inside = f"{PATHS.base}/.snapshot/savepoint-before/checkpoint/g0001/"
    assert (found.copy_files, found.copy_bytes) == (
        len(saved := [data for path, data in world.hdfs.data.items() if path.startswith(inside)]), sum(map(len, saved)))
    assert found.command == "" and found.running == ()
    assert found.text() == f"""\
Restore of stream a from savepoint before: a new generation from batch 2 of g0001, watermark {iso(watermark)}; what \
was counted after it is dropped and counted again
  copies    {found.copy_files} files of its checkpoint, {size_text(found.copy_bytes)}; what they are copied from \
stays as it is
  changes   {hour_name(TEN)}, {hour_name(TEN + HOUR_MS)}, until they are counted again
  takes     4 landed files, about 400 tweets, in about 2 min
  backfill  none is needed"""


def test_sealed_hours_stay(world: World) -> None:
    seal(world, TEN)
    found = checkpoints.plan(world.tools, STREAM, "restore", "before")
    assert (found.hours, found.sealed) == ((TEN + HOUR_MS,), (TEN,))
    assert f"{hour_name(TEN + HOUR_MS)}, until they are counted again; sealed hours stay: {hour_name(TEN)}" in \
        found.text()


def test_a_slow_stream_takes_as_long_as_its_best_rate_says(world: World) -> None:
    supervisor.ask(world.tools, StreamSpec(STREAM, max_files=60, trigger_seconds=1))
    found = checkpoints.plan(world.tools, STREAM, "restore", "before")
    assert found.seconds == 60 + 400 // 50, "50 tweets/s"


def test_what_runs_is_named(world: World) -> None:
    app = world.rm.add(1)
    found = checkpoints.plan(world.tools, STREAM, "restore", "before")
    assert found.running == (app.id,) and f"  stops     {app.id}, after its batch" in found.text()


def test_a_fresh_start_says_which_hours_only_a_seal_makes_whole(world: World) -> None:
    found = checkpoints.plan(world.tools, STREAM, "fresh")
    assert (found.opens.through_batch, found.opens.from_hour, found.files) == (4, TEN + HOUR_MS, 2)
    assert found.hours == (TEN, TEN + HOUR_MS)
    assert found.command == f"deploy/hashtide backfill --stream a --from {hour_name(TEN)}"
    assert f"takes what arrives from {hour_name(TEN + HOUR_MS)} on; before it count" in found.text()
    seal(world, TEN)
    assert checkpoints.plan(world.tools, STREAM, "fresh").command == ""


def test_a_stream_that_was_far_behind_leaves_all_hours_since_to_the_seal(world: World) -> None:
    hour = TEN + 4 * HOUR_MS
    later = f"-{hour_name(TEN + HOUR_MS)}"
    world.hdfs.data = {path: data for path, data in world.hdfs.data.items() if later not in path}
    land(world, hour)
    found = checkpoints.plan(world.tools, STREAM, "fresh")
    assert found.command.endswith(f"--from {hour_name(TEN)} --to {hour_name(TEN + 3 * HOUR_MS)}")
    assert found.hours == tuple(TEN + n * HOUR_MS for n in range(5))


def test_a_plan_changes_nothing(world: World) -> None:
    before = dict(world.hdfs.data)
    checkpoints.plan(world.tools, STREAM, "restore", "before")
    checkpoints.plan(world.tools, STREAM, "fresh")
    assert world.hdfs.data == before and checkpoint(world, 2) == {}


def test_an_hour_that_has_not_begun_is_bad_use(world: World) -> None:
    with pytest.raises(BadUse, match="has not begun: the newest of landing is"):
        checkpoints.plan(world.tools, STREAM, "fresh", from_hour=TEN + 2 * HOUR_MS)
    assert checkpoints.plan(world.tools, STREAM, "fresh", from_hour=TEN + HOUR_MS).opens.from_hour == TEN + HOUR_MS


def test_an_unknown_mode_or_a_stream_without_history_is_bad_use(world: World) -> None:
    with pytest.raises(BadUse, match="mode 'undo': expected one of restore, fresh"):
        checkpoints.plan(world.tools, STREAM, "undo")
    with pytest.raises(BadUse, match="was never launched"):
        checkpoints.plan(World().tools, STREAM, "fresh")


def iso(ms: int) -> str:
    from deploy.verbs.common import iso

    return iso(ms)
