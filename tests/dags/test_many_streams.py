"""Two hundred streams in one triggerer: how old what is known of them gets, and what that does to the event loop."""
from __future__ import annotations

import asyncio
import random
import threading
import time
from dataclasses import replace
from typing import Any

import psutil
import pytest

from deploy import lease, supervisor
from deploy.airflow import tools, trigger
from deploy.airflow.trigger import StreamTrigger
from deploy.launch import StreamSpec
from spark_apps.contract import StreamPaths, epoch_tag, stream_tag
from tests.fakes.world import RELEASE, App, World

STREAMS = 200
FOR_S = 16.0
HDFS = ("read_json", "write_json", "create_exclusive", "list", "status", "statuses")


class Slow:
    """Methods that take what a request over a network does: some of the interpreter, then 5 to 50 ms of waiting."""

    def __init__(self, inner: Any, names: tuple[str, ...], calls: list[int]) -> None:
        rng = random.Random(len(calls))
        for name in names:
            setattr(self, name, self._slow(getattr(inner, name), rng, calls))

    @staticmethod
    def _slow(method: Any, rng: random.Random, calls: list[int]) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            calls[0] += 1
            spent = time.thread_time() + 0.0007   # of the interpreter, as a request takes
            while time.thread_time() < spent:
                pass
            time.sleep(rng.uniform(0.005, 0.050))
            return method(*args, **kwargs)
        return call


def healthy(stream: str, calls: list[int]) -> Any:
    """Tools of a stream whose driver runs and commits."""
    world, paths = World(), StreamPaths(stream)
    world.ms = time.time() * 1000
    supervisor.ask(world.tools, StreamSpec(stream, release=RELEASE))
    world.hdfs.write_json(paths.epoch(1), {"release": RELEASE, "time_ms": world.now_ms() - 600_000})
    world.rm.all.append(App("application_1_0001", (stream_tag(stream), epoch_tag(stream, 1)), world.ms - 590_000))
    world.hdfs.write_json(paths.heartbeat, {"epoch": 1, "time_ms": world.now_ms(), "commit_ms": world.now_ms()})
    lease.take(world.tools, stream, "run#1", 1)
    return replace(world.tools, now_ms=lambda: time.time_ns() // 1_000_000, monotonic=time.monotonic,
                   hdfs=Slow(world.hdfs, HDFS, calls), yarn=Slow(world.rm, ("apps", "attempts", "kill"), calls))


class Watch:
    """When each stream was last seen, and by how much the loop was late."""

    def __init__(self) -> None:
        self.seen: dict[str, float] = {}
        self.ages: list[float] = []
        self.lags: list[float] = []
        self.took: list[float] = []
        self.at_once = self.most_at_once = 0

    async def sample(self) -> None:
        while True:
            due = time.monotonic() + 0.02
            await asyncio.sleep(0.02)
            now = time.monotonic()
            self.lags.append(now - due)
            self.ages += [now - at for at in self.seen.values()] if len(self.lags) % 25 == 0 else []


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> tuple[Watch, float]:
    watch, calls, process = Watch(), [0], psutil.Process()
    lock = threading.Lock()
    names = [f"s{n}" for n in range(STREAMS)]
    ready = {name: healthy(name, calls) for name in names}
    before, poll = process.memory_info().rss, StreamTrigger.poll

    def polled(self: StreamTrigger) -> Any:
        self._tools, began = ready[self.stream], time.monotonic()
        with lock:
            watch.at_once += 1
            watch.most_at_once = max(watch.most_at_once, watch.at_once)
        try:
            event = poll(self)
        finally:
            with lock:
                watch.at_once -= 1
        assert event is None, event
        watch.seen[self.stream] = time.monotonic()
        watch.took.append(watch.seen[self.stream] - began)
        return event

    monkeypatch.setattr(StreamTrigger, "poll", polled)
    monkeypatch.setattr(tools, "sleep", asyncio.sleep)

    async def hold(name: str) -> None:
        async for event in StreamTrigger(name, "run#1", 1).run():
            raise AssertionError(event)

    async def play() -> None:
        now = time.monotonic()
        watch.seen = dict.fromkeys(names, now)   # so old is what nobody has seen yet
        tasks = [asyncio.create_task(hold(name)) for name in names]
        tasks.append(asyncio.create_task(watch.sample()))
        await asyncio.sleep(FOR_S)
        for task in tasks:
            assert not task.done(), task
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(play())
    print(f"{len(watch.took)} polls of {calls[0] / len(watch.took):.1f} calls")
    return watch, (process.memory_info().rss - before) / 1e6


def test_two_hundred_streams_are_seen_in_time_by_one_triggerer(measured: tuple[Watch, float]) -> None:
    watch, megabytes = measured
    ages, lags = sorted(watch.ages), sorted(watch.lags)
    p99, worst = ages[int(len(ages) * 0.99)], lags[-1]
    print(f"state at p99 {p99:.1f} s old, at most {ages[-1]:.1f}; loop late by {lags[int(len(lags) * .99)] * 1000:.0f} "
          f"ms at p99, {worst * 1000:.0f} at most; {megabytes:.0f} MB more; poll every {trigger.POLL_S:.0f} s")
    poll_s = sum(watch.took) / len(watch.took)
    assert STREAMS * poll_s / watch.most_at_once <= trigger.POLL_S, (
        f"a round takes {STREAMS} x {poll_s:.2f} s / {watch.most_at_once} at once")
    assert p99 <= 30.0, f"state is {p99:.1f} s old at p99"
    # The very last one on a machine with more to do than this is not ours.
    assert lags[int(len(lags) * 0.995)] < 0.2 and worst < 1.0, f"the event loop was blocked for {worst:.3f} s"
    assert megabytes < 100
