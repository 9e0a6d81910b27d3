"""The launch protocol, one situation a test; test_launch_interleaved.py has all of them at once."""
from __future__ import annotations

from typing import Any

import pytest

from deploy import config, restart_policy, yarn
from deploy.config import Airflow, Cluster, Hdfs, Spark, Yarn
from deploy.errors import BadUse, Refused, TimedOut, Unreachable
from deploy.launch import INTENT_TIMEOUT_MS, STOP_TIMEOUT_MS, Launcher, StreamSpec, intent_ms, newest_epoch
from deploy.submit import SubmitFailed
from tests.fakes.resourcemanager import serving
from tests.fakes.world import PATHS, RELEASE, SPEC, START_MS, STREAM, World


@pytest.fixture
def world() -> World:
    return World()


def test_the_first_launch_is_epoch_one_of_generation_one(world: World) -> None:
    app = world.tools.launch(SPEC, who="me", why="test")
    assert app.epoch(STREAM) == 1
    assert world.epochs() == ["000001.json"]
    intent = world.hdfs.read_json(PATHS.epoch(1))
    assert intent and (intent["release"], intent["generation"], intent["who"]) == (RELEASE, 1, "me")
    generation = world.hdfs.read_json(PATHS.generation(1))
    assert generation and generation["shuffle_partitions"] == 2


def test_the_application_carries_stream_epoch_and_launch_in_its_tags(world: World) -> None:
    world.tools.launch(SPEC)
    assert world.jobs[0].tags == ("hashtide-a", "hashtide-a-e1", f"hashtide-launch-{0:032x}")


def test_a_driver_that_runs_is_adopted(world: World) -> None:
    world.intent(3)
    running = world.rm.add(3)
    assert world.tools.launch(SPEC).id == running.id
    assert not world.jobs


def test_any_release_that_runs_is_adopted_where_none_is_asked_for(world: World) -> None:
    world.intent(3, release="0.0.9-ffffffff")
    running = world.rm.add(3)
    assert world.tools.launch(StreamSpec(STREAM)).id == running.id


def test_another_release_that_runs_is_refused_and_left_alone(world: World) -> None:
    world.intent(3, release="0.0.9-ffffffff")
    world.rm.add(3)
    with pytest.raises(Refused, match="runs release 0.0.9-ffffffff.*stop it first"):
        world.tools.launch(SPEC)
    assert not world.rm.killed and not world.jobs


def test_a_release_that_is_not_there_is_bad_use_and_no_intent_is_written(world: World) -> None:
    with pytest.raises(BadUse, match=r"0\.0\.1 is not in /hashtide/releases"):
        world.tools.launch(StreamSpec(STREAM, release="0.0.1"))
    assert world.epochs() == []


def test_a_driver_that_is_dying_is_waited_for_and_then_replaced(world: World) -> None:
    world.intent(3)
    world.rm.add(3, final_status="SUCCEEDED", to_ms=START_MS + 20_000)
    app = world.tools.launch(SPEC)
    assert app.epoch(STREAM) == 4
    assert app.started_ms >= START_MS + 20_000
    assert any("waiting for the end of" in text for text in world.said)


def test_a_driver_that_was_asked_to_stop_is_waited_for_and_then_replaced(world: World) -> None:
    world.intent(3)
    old = world.rm.add(3, to_ms=START_MS + 30_000)
    world.hdfs.write_json(PATHS.stop(3), {})
    assert world.tools.launch(SPEC).epoch(STREAM) == 4
    assert old.id not in world.rm.killed


def test_a_driver_that_does_not_heed_its_stop_is_killed(world: World) -> None:
    world.intent(3)
    old = world.rm.add(3)
    world.hdfs.write_json(PATHS.stop(3), {})
    assert world.tools.launch(SPEC).epoch(STREAM) == 4
    assert old.id in world.rm.killed
    assert STOP_TIMEOUT_MS < old.to_ms - START_MS < STOP_TIMEOUT_MS + 10_000


def test_a_kill_that_was_announced_and_never_done_is_done(world: World) -> None:
    world.intent(3)
    old = world.rm.add(3)
    world.hdfs.write_json(PATHS.kill(3), {"why": "test"})
    assert world.tools.launch(SPEC).epoch(STREAM) == 4
    assert old.id in world.rm.killed


def test_of_two_live_drivers_the_older_epoch_is_killed_and_the_newer_adopted(world: World) -> None:
    world.intent(2)
    world.intent(3)
    old, new = world.rm.add(2), world.rm.add(3)
    world.rm.dies_in_ms = 5_000
    assert world.tools.launch(SPEC).id == new.id
    assert set(world.rm.killed) == {old.id}
    said = world.hdfs.read_json(PATHS.kill(2))
    assert said and said["why"] == "superseded by epoch 3"


def test_a_driver_whose_epoch_is_not_the_newest_is_killed_and_not_adopted(world: World) -> None:
    world.intent(2)
    world.intent(3)
    late = world.rm.add(2)
    assert world.tools.launch(SPEC).epoch(STREAM) == 4
    assert world.rm.killed == [late.id]


def test_a_young_intent_without_an_application_is_waited_out_and_its_driver_adopted(world: World) -> None:
    world.intent(3, age_s=10)
    late = world.rm.add(3, from_ms=START_MS + 60_000)
    assert world.tools.launch(SPEC).id == late.id
    assert world.epochs() == ["000003.json"]
    assert any("spark-submit may still be on its way" in text for text in world.said)


def test_an_intent_that_timed_out_gives_way_to_the_next_epoch(world: World) -> None:
    world.intent(3, age_s=10)
    app = world.tools.launch(SPEC)
    assert app.epoch(STREAM) == 4
    assert app.started_ms - START_MS >= INTENT_TIMEOUT_MS - 10_000


def test_an_intent_whose_writer_was_cut_off_is_as_old_as_its_file(world: World) -> None:
    world.hdfs.replace(PATHS.epoch(3), b"")
    assert intent_ms(world.hdfs, PATHS, 3) == START_MS
    assert world.tools.launch(SPEC).started_ms - START_MS >= INTENT_TIMEOUT_MS


def test_a_driver_that_yarn_forgot_but_whose_heart_beats_is_not_replaced(world: World) -> None:
    world.intent(3)
    last = START_MS + 40_000

    def sleep(seconds: float) -> None:
        world.sleep(seconds)
        if world.ms < last:
            world.hdfs.write_json(PATHS.heartbeat, {"epoch": 3, "time_ms": world.now_ms()})

    world.hdfs.write_json(PATHS.heartbeat, {"epoch": 3, "time_ms": world.now_ms()})
    world.tools.sleep = sleep
    assert world.tools.launch(SPEC).started_ms > last


@pytest.mark.parametrize("state", ["FAILED", "FINISHED", "KILLED"])
def test_a_driver_that_ended_is_replaced_at_once(world: World, state: str) -> None:
    world.intent(3, age_s=20)
    world.rm.add(3, from_ms=START_MS - 20_000, to_ms=START_MS - 1, state=state)
    assert world.tools.launch(SPEC).epoch(STREAM) == 4
    assert world.ms - START_MS < 10_000


def test_an_application_that_comes_between_two_questions_is_adopted(world: World) -> None:
    world.intent(3, age_s=10)
    late = world.rm.add(3, from_ms=float("inf"))
    ask = world.rm.apps

    def apps(tag: str | None = None, states: Any = ()) -> Any:
        if tag == "hashtide-a-e3":
            late.from_ms = world.ms
        return ask(tag, states)

    world.rm.apps = apps  # type: ignore[method-assign]
    assert world.tools.launch(SPEC).id == late.id


def test_whoever_loses_the_exclusive_create_starts_again_and_adopts(world: World) -> None:
    create = world.hdfs.create_exclusive

    def lose(path: str, obj: Any) -> bool:
        if path == PATHS.epoch(1) and PATHS.epoch(1) not in world.hdfs.data:
            world.intent(1, age_s=0)
            world.rm.add(1, from_ms=world.ms + 5_000)
        return create(path, obj)

    world.hdfs.create_exclusive = lose  # type: ignore[method-assign]
    assert world.tools.launch(SPEC).epoch(STREAM) == 1
    assert not world.jobs


def test_an_intent_written_after_the_look_is_not_jumped_over(world: World) -> None:
    look = world.rm.apps

    def apps(tag: str | None = None, states: Any = ()) -> Any:
        found = look(tag, states)
        if not world.epochs():
            world.intent(1, age_s=0)
            world.rm.add(1, from_ms=world.ms + 5_000)
        return found

    world.rm.apps = apps  # type: ignore[method-assign]
    assert world.tools.launch(SPEC).epoch(STREAM) == 1
    assert not world.jobs


def test_a_spark_submit_that_fails_leaves_word_and_the_next_launch_need_not_wait(world: World) -> None:
    world.fails = "Exception: ClassNotFoundException: org.example.Missing"
    with pytest.raises(SubmitFailed, match="ClassNotFoundException"):
        world.tools.launch(SPEC)
    record = world.hdfs.read_json(PATHS.restart(1))
    assert record and record["class"] == "missing_class"
    failed_at, world.fails = world.ms, ""
    assert world.tools.launch(SPEC).epoch(STREAM) == 2
    assert world.ms - failed_at < 10_000


def test_a_spark_submit_that_cannot_even_start_leaves_word_too(world: World) -> None:
    def start(*_: Any) -> Any:
        raise BadUse("[spark] submit = /nowhere: no such program on this machine")

    world.tools.start = start
    with pytest.raises(BadUse, match="/nowhere"):
        world.tools.launch(SPEC)
    assert world.hdfs.read_json(PATHS.restart(1)) is not None


def test_a_spark_submit_that_hangs_is_ended_and_leaves_word(world: World) -> None:
    world.takes_ms = 10_000_000
    with pytest.raises(TimedOut, match="hashtide-launch"):
        world.tools.launch(SPEC)
    assert world.rm.all == []
    record = world.hdfs.read_json(PATHS.restart(1))
    assert record and record["class"] == "submit_failed"


def test_an_application_that_the_resourcemanager_lost_right_after_its_submission_spends_nothing(world: World) -> None:
    start = world.start

    def starting(*args: Any) -> Any:
        client = start(*args)
        world.rm.all.clear()   # it came back without its memory
        return client

    world.tools.start = starting
    with pytest.raises(TimedOut):
        world.tools.launch(SPEC)
    record = world.hdfs.read_json(PATHS.restart(1))
    assert record and record["class"] in restart_policy.FREE


def test_an_application_that_comes_through_just_before_its_client_is_ended_is_taken(world: World) -> None:
    world.takes_ms = 10_000_000
    start = world.start

    def starting(*args: Any) -> Any:
        client = start(*args)
        end = client.end

        def last_moment() -> None:
            world.rm.all[0].from_ms = world.ms
            end()

        client.end = last_moment  # type: ignore[method-assign]
        return client

    world.tools.start = starting
    assert world.tools.launch(SPEC).epoch(STREAM) == 1
    assert world.hdfs.read_json(PATHS.restart(1)) is None


def test_without_a_resourcemanager_nothing_is_written(world: World) -> None:
    world.intent(1)
    before = dict(world.hdfs.data)
    world.rm.down = True
    with pytest.raises(Unreachable):
        world.tools.launch(SPEC)
    assert world.hdfs.data == before and not world.jobs


def test_a_resourcemanager_that_goes_away_after_the_submission_leaves_the_intent_to_wait_for(world: World) -> None:
    start = world.start

    def starting(*args: Any) -> Any:
        world.rm.down = True
        return start(*args)

    world.tools.start = starting
    with pytest.raises(Unreachable):
        world.tools.launch(SPEC)
    assert world.hdfs.read_json(PATHS.restart(1)) is None
    world.rm.down, world.tools.start = False, world.start
    assert world.tools.launch(SPEC).epoch(STREAM) == 1


def test_a_launch_that_waits_too_long_says_what_for(world: World) -> None:
    world.intent(3)
    world.rm.add(3, final_status="SUCCEEDED")
    with pytest.raises(TimedOut, match="waited 60 s to launch it: waiting for the end of application_1_0001"):
        world.tools.launch(SPEC, timeout_s=60)


def test_claims_of_attempts_and_unfinished_files_are_no_epochs(world: World) -> None:
    world.intent(7)
    for name in ("000009.a2", ".000010.json.1a2b", "notes.json"):
        world.hdfs.replace(f"{PATHS.epochs}/{name}", b"{}")
    assert newest_epoch(world.hdfs, PATHS) == 7


def test_a_streams_newest_generation_goes_on_with_its_own_partitions(world: World) -> None:
    world.hdfs.write_json(PATHS.generation(1), {"shuffle_partitions": 2})
    world.hdfs.write_json(PATHS.generation(2), {"parent": "g0001", "shuffle_partitions": 7})
    world.tools.launch(SPEC)
    args = world.jobs[0].args
    assert args[args.index("--generation") + 1] == "2"
    assert args[args.index("--shuffle-partitions") + 1] == "7"


@pytest.mark.parametrize("wrong,named", [
    ({"stream": "A-b"}, "stream name 'A-b'"), ({"trigger_seconds": 0}, "trigger_seconds = 0"),
    ({"max_files": "many"}, "max_files = 'many'"), ({"watermark_minutes": True}, "watermark_minutes = True")])
def test_a_parameter_out_of_range_is_named_with_its_range(wrong: dict[str, Any], named: str) -> None:
    with pytest.raises(BadUse) as fault:
        StreamSpec(**{"stream": "a", **wrong})
    assert named in str(fault.value) and "expected" in str(fault.value)


def test_over_http_a_launch_adopts_what_a_resourcemanager_reports(world: World) -> None:
    world.intent(1)
    with serving() as manager:
        cluster = Cluster("http", Hdfs(user="hashtide"), Yarn((manager.url,)), Spark(), Airflow())
        running = manager.add(1, ["hashtide-a", "hashtide-a-e1"])
        tools = Launcher(cluster, world.hdfs, yarn.Client(cluster), world.start, world.now_ms, world.monotonic,
                         world.sleep)
        assert tools.launch(SPEC).id == running
        manager.end(running, state="FAILED")

        def start(cluster: config.Cluster, job: Any, log_name: str) -> Any:
            manager.add(2, list(job.tags), state="ACCEPTED")
            return world.start(cluster, job, log_name)

        tools.start = start
        assert tools.launch(SPEC).epoch(STREAM) == 2
        manager.mode = "broken"
        with pytest.raises(Unreachable):
            tools.launch(SPEC)
        assert world.epochs() == ["000001.json", "000002.json"]
