"""The trigger that holds a stream: polls, renews the lease, wakes its task where there is something to submit or end.

All that must outlast it is in HDFS or in its arguments: Airflow may make it anew on another triggerer at any time.
deploy.holding has the states, deploy.handover what `on_kill` means.
"""
from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from deploy import handover, health, holding, reopening
from deploy.airflow import tools
from deploy.airflow.state import Published
from deploy.errors import HashtideError, Unreachable
from deploy.health import Health
from deploy.holding import Event
from deploy.launch import Launcher
from deploy.observation import Observation

POLL_S = 5.0
#: An event so soon after the deferral can meet a scheduler that has not yet seen the task's process end, and fails the
#: task: "executor finished with state success, but the state is queued".
QUIET_S = 15.0
#: Polls that fail by something else than an outage; then the task fails, and the watchdog finds another holder.
MAX_FAULTS = 24
#: A poll is a dozen calls of 5 to 50 ms: of 200 streams, 32 at once take 2 s a round. The loop's own executor has 6
#: threads on 2 cores, and an on_kill would queue behind every poll.
_THREADS = ThreadPoolExecutor(32, "hashtide-poll")
#: Airflow gives on_kill 30 s.
KILL_TIMEOUT_S = 25.0


class StreamTrigger(BaseTrigger):
    """Holds `stream` for the task `holder`, whose application is that of `epoch`.

    `put_off`: how often its submission was put off; `retry_ms`: when it may be tried again; `begun`: whether the stream
    was taken, without it the trigger only waits for `retry_ms`; `opening`: the driver is to end, so that the task can
    open the next generation, as deploy.reopening has it; `approved_by`: who did, where that is not written down yet.
    Unknown arguments are a later release's, and kept.
    """

    def __init__(self, stream: str, holder: str, epoch: int = 0, retry_ms: int = 0, put_off: int = 0,
                 begun: bool = True, opening: bool = False, approved_by: str = "", poll_s: float = POLL_S,
                 **later: Any) -> None:
        super().__init__()
        self.opening, self.approved_by = opening, approved_by
        self.stream, self.holder, self.epoch, self.begun = stream, holder, epoch, begun
        self.retry_ms, self.put_off, self.poll_s, self.later = retry_ms, put_off, poll_s, later
        self._tools: Launcher | None = None
        self._recovered, self._said = False, ""
        self._seen: tuple[Health, Observation] | None = None
        self._published = Published()

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return "deploy.airflow.trigger.StreamTrigger", {
            "stream": self.stream, "holder": self.holder, "epoch": self.epoch, "retry_ms": self.retry_ms,
            "put_off": self.put_off, "begun": self.begun, "opening": self.opening,
            "approved_by": self.approved_by, "poll_s": self.poll_s, **self.later}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        began, faults = tools.monotonic(), 0
        while True:
            event: Event | None = None
            try:
                event, faults = await self._in_thread(self.poll), 0
                await self.publish()
            except Unreachable as error:
                self._tell(f"waiting: {error}", logging.WARNING)
                self._judge(Observation(self.stream, self._now_ms(), unknown=str(error)))
                await self.publish()
            except Exception as error:
                faults += 1
                self.log.exception("stream %s: poll failed, %s of %s in a row", self.stream, faults, MAX_FAULTS)
                if faults >= MAX_FAULTS:
                    event = Event("fault", f"{type(error).__name__}: {error}")
            if event:
                await tools.sleep(max(0.0, QUIET_S - (tools.monotonic() - began)))
                yield TriggerEvent({"what": event.what, "reason": event.reason, "put_off": self.put_off,
                                    **({"approved_by": self.approved_by} if self.approved_by else {})})
                return
            await tools.sleep(self.poll_s)

    @staticmethod
    async def _in_thread(poll: Callable[[], Event | None]) -> Event | None:
        # With its context, as asyncio.to_thread does: by it Airflow knows whose log a line belongs to.
        run = contextvars.copy_context().run
        return await asyncio.get_running_loop().run_in_executor(_THREADS, run, poll)

    def poll(self) -> Event | None:
        made = self._tools = self._tools or tools.launcher(say=self.log.info)
        if not self.begun:
            return Event("begin") if made.now_ms() >= self.retry_ms else None
        if self.opening:
            return reopening.poll(made, self.stream, self.holder, self.retry_ms)
        event, seen = holding.poll(made, self.stream, self.holder, self.epoch, self.retry_ms)
        self._judge(seen)
        self._say(seen)
        self._say_recovery(made, seen)
        return event

    def _judge(self, seen: Observation) -> None:
        """For those who look on; what is decided does not depend on it."""
        if seen.desired or seen.unknown:
            self._seen = health.judge(seen), seen

    async def publish(self) -> None:
        """What was seen, where Airflow shows it."""
        if self._seen and self._tools:
            await self._published.publish(self.task_instance, *self._seen, self._tools.cluster)

    def _now_ms(self) -> int:
        return self._tools.now_ms() if self._tools else 0

    def _say(self, seen: Observation) -> None:
        if seen.unknown:
            self._tell(f"nothing concluded: {seen.unknown}", logging.WARNING)
        elif seen.epoch:
            app = f"{seen.app.id} is {seen.app.state}" if seen.app else "no application"
            self._tell(f"epoch {seen.epoch}, {app}", logging.INFO)

    def _tell(self, text: str, level: int) -> None:
        """Where it differs from the last time."""
        if text != self._said:
            self._said = text
            self.log.log(level, "stream %s: %s", self.stream, text)

    def _say_recovery(self, made: Launcher, seen: Observation) -> None:
        """Once the first batch of a restarted epoch is committed."""
        if self._recovered or not seen.heartbeat.get("commit_ms"):
            return
        why = holding.restart_before(made, seen)
        if why:
            self.log.warning("stream %s, epoch %s: commits again after: %s; last batch %s", self.stream, seen.epoch,
                             why, seen.heartbeat.get("batch_id"))
        self._recovered = True

    async def on_kill(self) -> None:
        """A person cleared the task, or marked it failed, success or skipped: see deploy.handover."""
        if not self.begun:
            return
        deadline = tools.monotonic() + KILL_TIMEOUT_S
        while True:
            try:
                done = await asyncio.wait_for(asyncio.to_thread(self.abandon), max(0.1, deadline - tools.monotonic()))
                self.log.warning("task ended by a person: %s", done)
                return
            except (HashtideError, TimeoutError) as error:
                if tools.monotonic() + 2.0 > deadline:
                    self.log.error("stream %s may still run: %s. The watchdog sees to it; "
                                   "`deploy/hashtide stream status` shows it", self.stream, error)
                    return
                await tools.sleep(2.0)

    def abandon(self) -> str:
        made = self._tools or tools.launcher(say=self.log.info)
        return handover.abandon(made, self.stream, self.holder, self.epoch, "its task was ended by a person in Airflow")
