"""The trigger remembers an outage over its polls and writes it down when it is over."""
from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from deploy import holding, supervisor
from deploy.airflow import tools
from deploy.airflow.trigger import StreamTrigger
from deploy.outages import Noticed
from tests.fakes.batches import PATHS, STREAM, Batches
from tests.fakes.world import SPEC

HOLDER = "hashtag_stream/run1#1"


@pytest.mark.parametrize("who,what", [("rm", "ResourceManager"), ("hdfs", "HDFS")])
def test_an_outage_is_one_event_of_its_length(
        world: Batches, monkeypatch: pytest.MonkeyPatch, who: str, what: str) -> None:
    # Whoever asks for tools gets new ones, as from the real factory.
    monkeypatch.setattr(tools, "launcher", lambda say=print: replace(world.tools, say=say, noticed=Noticed()))
    world.provision()
    holding.begin(world.tools, SPEC, HOLDER)
    epoch = holding.launch(world.tools, SPEC, HOLDER).epoch
    out = getattr(world, who)
    world.after(60, lambda: setattr(out, "down", True))
    world.after(160, lambda: setattr(out, "down", False))
    world.after(200, lambda: supervisor.stop(world.tools, STREAM, "someone"))
    world.after(210, lambda: setattr(world.rm.all[0], "to_ms", world.ms))

    async def until_it_ends() -> Any:
        async for event in StreamTrigger(STREAM, HOLDER, epoch).run():
            return event.payload

    assert asyncio.run(until_it_ends())["what"] == "done"
    [name] = world.hdfs.list(PATHS.outages)
    told = world.hdfs.read_json(f"{PATHS.outages}/{name}") or {}
    assert (told["what"], told["time_ms"] - told["since_ms"]) == (what, 100_000)
