"""Waits for what a seal waits for: its landing, then the end of its application. No worker is occupied meanwhile."""
from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from deploy import backfill, landed
from deploy.airflow import tools
from deploy.airflow.trigger import POLL_S, QUIET_S
from deploy.errors import HashtideError
from deploy.launch import Launcher
from spark_apps.contract import StreamPaths


class SealTrigger(BaseTrigger):
    """With `application` until it is terminal, without until one of `hours` (ms) need not wait any longer.

    What it is given besides comes back in its event.
    """

    def __init__(self, stream: str, hours: list[int], application: str = "", poll_s: float = POLL_S,
                 **kept: Any) -> None:
        super().__init__()
        self.stream, self.hours, self.application, self.poll_s, self.kept = stream, hours, application, poll_s, kept
        self._tools: Launcher | None = None
        self._said = ""

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return "deploy.airflow.seal_trigger.SealTrigger", {
            "stream": self.stream, "hours": self.hours, "application": self.application, "poll_s": self.poll_s,
            **self.kept}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        began = tools.monotonic()
        while True:
            waiting = "an outage"
            try:
                waiting = await asyncio.to_thread(self.waiting_for)
            except HashtideError as error:
                self.log.warning("waiting: %s", error)
            if not waiting:
                await tools.sleep(max(0.0, QUIET_S - (tools.monotonic() - began)))
                yield TriggerEvent({"application": self.application, "hours": self.hours, **self.kept})
                return
            await tools.sleep(self.poll_s)

    def waiting_for(self) -> str:
        made = self._tools = self._tools or tools.launcher(say=self.log.info)
        if self.application:
            app = backfill.application(made, self.application)
            waiting = f"{app.id}, {app.state}" if app and app.live else ""
        else:
            found = landed.marks(made.hdfs, StreamPaths(self.stream, made.cluster.root))
            ready, waiting = landed.ripe(self.hours, found, made.now_ms())
            waiting = "" if ready else waiting
        if waiting and waiting != self._said:
            self._said = waiting
            self.log.info("waiting for %s", waiting)
        return waiting

    async def on_kill(self) -> None:
        """A person cleared the task or ended it; the next try submits its own."""
        if self.application:
            await asyncio.to_thread(self._kill)

    def _kill(self) -> None:
        made = self._tools or tools.launcher(say=self.log.info)
        made.yarn.kill(self.application)
        self.log.warning("killed %s: its task was ended by a person", self.application)
