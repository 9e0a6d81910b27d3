"""Two engines under one supervision: what each may be asked, how it is launched, and that neither takes the other's."""
from __future__ import annotations

from dataclasses import replace

import pytest

from deploy import engines, supervisor
from deploy.errors import BadUse, Refused
from deploy.observation import observe
from deploy.restart_policy import Submit
from deploy.spec import CLASSIC, Request, StreamSpec
from spark_apps.classic.args import classic_args
from spark_apps.contract import HOUR_MS, LandingFile, StreamPaths
from spark_apps.generations import Generation, newest
from tests.fakes.world import PATHS, SPEC, STREAM, World

SPEC_CLASSIC = replace(SPEC, engine=CLASSIC, window_seconds=60, slide_seconds=20, landing="other")


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.parametrize("more,said", [
    ({"engine": "flink"}, "engine = 'flink': expected one of structured, classic"),
    ({"engine": "classic", "window_seconds": 65},
     "window_seconds 65: expected a whole multiple of trigger_seconds 10; nearest: 60 or 70"),
    ({"engine": "classic", "slide_seconds": 400}, "window_seconds 300 is shorter than slide_seconds 400"),
    ({"window_seconds": 60}, "window_seconds = 60: only engine classic takes it"),
    ({"engine": "classic", "window_seconds": 86_401}, "expected a whole number from 1 to 86400"),
    ({"landing": "b"}, "landing = 'b': only engine classic takes it"),
    ({"engine": "classic", "landing": "../b"}, "landing = '../b': expected the name of a stream"),
    ({"engine": "classic", "mode": "fresh"}, "mode = fresh: engine classic has mode resume alone"),
])
def test_what_may_not_be_asked_is_named_with_what_may(more: dict[str, object], said: str) -> None:
    with pytest.raises(BadUse) as refused:
        Request.of({"stream": "a", **more})
    assert said in str(refused.value) and "\n" not in str(refused.value)


def test_what_is_asked_comes_to_the_driver_and_back_from_what_should_be(world: World) -> None:
    assert StreamSpec.of(SPEC_CLASSIC.conf()) == SPEC_CLASSIC
    assert "window_seconds" not in SPEC.conf(), "of a form that has no such field"
    args = classic_args([*SPEC_CLASSIC.args("/hashtide", Generation(1, from_hour=HOUR_MS), 7)])
    assert (args.epoch, args.intervals.batch, args.intervals.window, args.intervals.slide) == (7, 10, 60, 20)
    assert args.landing == StreamPaths("other") and args.from_hour == HOUR_MS
    supervisor.ask(world.tools, SPEC_CLASSIC)
    found = observe(world.tools, STREAM).desired
    assert found["engine"] == CLASSIC and StreamSpec.of(found["parameters"]) == SPEC_CLASSIC


def test_a_classic_driver_is_launched_with_its_own_main_and_restarted_as_any_other(world: World) -> None:
    supervisor.ask(world.tools, SPEC_CLASSIC)
    app = world.tools.launch(SPEC_CLASSIC)
    assert world.jobs[-1].kind == "classic" and world.jobs[-1].release.main("classic").endswith("/hashtag_classic.py")
    assert newest(world.hdfs, PATHS).engine == CLASSIC   # type: ignore[union-attr]
    world.rm.all[-1].to_ms, world.rm.all[-1].state = world.now_ms(), "FAILED"
    world.ms += 1_000
    assert isinstance(supervisor.settle(world.tools, observe(world.tools, STREAM)), Submit)
    again = world.tools.launch(StreamSpec.of(observe(world.tools, STREAM).desired["parameters"]))
    assert again.id != app.id and len(world.jobs) == 2
    assert not world.checks, "no checkpoint of the other engine is looked at"


def test_a_stream_keeps_its_engine_and_says_how_the_other_counts_beside_it(world: World) -> None:
    world.tools.launch(SPEC)
    world.rm.all[-1].to_ms, world.rm.all[-1].state = world.now_ms(), "FINISHED"
    world.ms += 1_000
    with pytest.raises(Refused) as refused:
        world.tools.launch(SPEC_CLASSIC)
    assert f"--engine classic --landing {STREAM}" in str(refused.value) and len(world.jobs) == 1
    engines.only_structured(world.hdfs, PATHS, "checkpoint list")
    world.hdfs.write_json(PATHS.generation(2), {"engine": CLASSIC, "parent": None, "time_ms": 1})
    with pytest.raises(BadUse, match="checkpoint list knows no checkpoint of engine classic.*submit --stream a"):
        engines.only_structured(world.hdfs, PATHS, "checkpoint list")


def test_a_driver_that_leaves_the_landing_of_another_stream_waiting_is_stalled(world: World) -> None:
    supervisor.ask(world.tools, SPEC_CLASSIC)
    app = world.tools.launch(SPEC_CLASSIC)
    last = world.now_ms()
    other = StreamPaths("other")
    world.hdfs.write_json(f"{other.landing_hour(last)}/{LandingFile(last, last + 1, 'x', 'u').name}", {})
    world.ms += 400_000
    world.hdfs.write_json(PATHS.heartbeat, {"epoch": 1, "time_ms": world.now_ms(), "commit_ms": 0})
    assert "1 landed files wait" in observe(world.tools, STREAM).stalled, app.id
