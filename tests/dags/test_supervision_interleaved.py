"""The whole supervision at once, as the unit layer has it under the same name, by the real operator and trigger.

HASHTIDE_SEED=<n> plays one run again; HASHTIDE_RUNS plays more than usual.
"""
from __future__ import annotations

import logging
import os
import random
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, TaskDeferred

from deploy.airflow import tools
from deploy.airflow.operator import HashtagStreamOperator
from deploy.airflow.trigger import StreamTrigger
from deploy.errors import Unreachable
from deploy.launch import Launcher
from tests.fakes.airflow_tasks import Held, Run
from tests.fakes.world import RELEASE, STREAM
from tests.unit.test_supervision_interleaved import Scene, play

RUNS = int(os.environ.get("HASHTIDE_RUNS") or 150)


class RealTask:
    """HashtagStreamOperator and StreamTrigger, made anew for each step as Airflow does."""

    def __init__(self, ti: Any) -> None:
        self.ti, self.deferrals = ti, 0

    def step(self, run: Run, made: Launcher, event: dict[str, Any] | None) -> Held | tuple[str, str]:
        operator = HashtagStreamOperator(task_id="hold", stream=STREAM, release=RELEASE)
        dag_id, _, run_id = run.name.partition("/")
        context: Any = {"ti": self.ti(dag_id=dag_id, run_id=run_id, try_number=run.try_number)}
        try:
            if event is None:
                operator.execute(context)
            elif event["what"] == "begin":
                operator.begin_again(context, event)
            else:
                operator.resume(context, event)
        except TaskDeferred as deferred:
            self.deferrals += 1
            said = deferred.trigger.serialize()[1]
            if deferred.method_name != ("resume" if said["begun"] else "begin_again"):
                raise AssertionError(deferred.method_name) from None
            return Held(**{name: said[name] for name in Held.__dataclass_fields__})
        except AirflowSkipException as skipped:
            return "skipped", str(skipped)
        except AirflowFailException as failed:
            return "failed", str(failed)
        return "success", "done"

    def poll(self, held: Held, made: Launcher) -> dict[str, Any] | None:
        trigger = self._trigger(held)
        try:
            event = trigger.poll()
        except Unreachable:
            return None
        return {"what": event.what, "reason": event.reason, "put_off": trigger.put_off} if event else None

    def abandon(self, held: Held, made: Launcher) -> str:
        return self._trigger(held).abandon() if held.begun else ""

    @staticmethod
    def _trigger(held: Held) -> StreamTrigger:
        return StreamTrigger(STREAM, **vars(held))


def test_whatever_happens_the_real_task_brings_the_stream_to_where_it_should_be(
        ti: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    replay = os.environ.get("HASHTIDE_SEED")
    first = int(replay) if replay else random.SystemRandom().randrange(10**9)
    task, scenes = RealTask(ti), list[Scene]()
    logging.disable(logging.ERROR)
    monkeypatch.setattr(Scene, "__init__", _noted(Scene.__init__, scenes))
    monkeypatch.setattr(tools, "launcher", lambda say=None: scenes[-1].launcher())
    try:
        for seed in range(first, first + (1 if replay else RUNS)):
            play(task, seed)
    finally:
        logging.disable(logging.NOTSET)
    assert replay or task.deferrals > RUNS


def _noted(init: Any, scenes: list[Scene]) -> Any:
    def noting(self: Scene, *args: Any) -> None:
        init(self, *args)
        scenes.append(self)
    return noting
