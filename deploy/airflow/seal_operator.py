"""The tasks that seal hours: one waits for landing and occupies nothing, one runs the batch and has a slot of its pool.

    landing: deferred until each hour is landed, or its limit is past
    seal:    submit --> deferred until terminal --> read what it wrote --> other hours? --yes--> submit
                                                                                 \\--no--> XCom
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NoReturn

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowFailException

from deploy import backfill, landed
from deploy.airflow import links, tools
from deploy.airflow.seal_trigger import SealTrigger
from deploy.errors import BadUse, HashtideError
from deploy.launch import Launcher
from deploy.retention import gone
from spark_apps.contract import StreamPaths


class LandingOperator(BaseOperator):
    """Waits until all that belongs to the hours is landed; BadUse in one line for a range that no seal takes."""

    template_fields: Sequence[str] = ("stream", "first", "last")

    def __init__(self, *, stream: str, first: str = "", last: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.stream, self.first, self.last = stream, first, last

    def execute(self, context: Context, event: dict[str, Any] | None = None) -> None:
        if not self.first:   # a seal of late lines takes what there is
            return
        made = tools.launcher(say=self.log.info)
        found = marks_of(made, self.stream)
        todo = hours_of(made, self.stream, self.first, self.last, found)
        ready, waiting = landed.ripe(todo, found, made.now_ms())
        if len(ready) < len(todo):
            self.log.info("waiting: %s", waiting)
            left = [hour for hour in todo if hour not in ready]
            self.defer(trigger=SealTrigger(self.stream, left), method_name="execute")
        self.log.info("landed")


class SealOperator(BaseOperator):
    """Seals the hours `first` to `last` as they are landed, or with `late_within_hours` those that later lines touched.

    With `then_verify` the application goes on and verifies them: VerifyOperator then needs none of its own.
    The XCom is a list of what the seals wrote, an object an hour: deploy.backfill.results.
    """

    template_fields: Sequence[str] = ("stream", "first", "last", "late_within_hours", "release")
    operator_extra_links = (links.YarnLink(),)
    ui_color = "#e3f2d9"

    def __init__(self, *, stream: str, first: str = "", last: str = "", late_within_hours: int = 0, release: str = "",
                 then_verify: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.stream, self.first, self.last = stream, first, last
        self.late_within_hours, self.release, self.then_verify = late_within_hours, release, then_verify
        self._application = ""

    def execute(self, context: Context) -> list[dict[str, Any]]:
        made = tools.launcher(say=self.log.info)
        if late := int(self.late_within_hours or 0):
            self.submit(made, backfill.Seal(self.stream, late_within_hours=late, by=asker(context)), context)
        found = marks_of(made, self.stream)
        self.go_on(made, hours_of(made, self.stream, self.first, self.last, found), found, context)

    def go_on(self, made: Launcher, todo: list[int], found: dict[str, int], context: Context, **kept: Any) -> NoReturn:
        """The complete hours first, in one application; then those with a gap."""
        seal = replace(backfill.seals(self.stream, todo, found, asker(context))[0], then_verify=self.then_verify)
        sealing = {hour for hour, _ in seal.hours}
        self.submit(made, seal, context, todo=[hour for hour in todo if hour not in sealing], **kept)

    def submit(self, made: Launcher, seal: backfill.Seal, context: Context, todo: Sequence[int] = (),
               done: Sequence[int] = (), since_ms: int = 0) -> NoReturn:
        """`todo`, `done`: the hours that are left for another application, and those that one has sealed."""
        since_ms = since_ms or made.now_ms()
        try:
            app = backfill.submit_seal(made, seal, self.release)
        except BadUse as error:
            raise AirflowFailException(str(error)) from None
        self._application = app.id
        link(made, context, app.id)
        hours = [hour for hour, _ in seal.hours]
        self.defer(method_name="resume", trigger=SealTrigger(
            self.stream, hours, app.id, todo=list(todo), done=list(done), since_ms=since_ms))
        raise AssertionError("defer raises")

    def resume(self, context: Context, event: dict[str, Any]) -> list[dict[str, Any]]:
        """The application is terminal. YARN's word for it is not enough: each hour has to have left its result."""
        made = tools.launcher(say=self.log.info)
        paths, app_id, since_ms = StreamPaths(self.stream, made.cluster.root), event["application"], event["since_ms"]
        if app := backfill.application(made, app_id):   # one that YARN has forgotten is judged by what it wrote
            backfill.check_end(app_id, app)
        hours, done = event["hours"], event["done"]
        written = (backfill.results(made.hdfs, paths, hours, since_ms, app_id) if hours
                   else backfill.late_results(made.hdfs, paths, since_ms, app_id))
        for one in written:
            self.log.info("%s", backfill.describe(one))
        if event["todo"]:
            self.go_on(made, event["todo"], marks_of(made, self.stream), context, done=done + hours, since_ms=since_ms)
        return backfill.results(made.hdfs, paths, done, since_ms) + written

    def on_kill(self) -> None:
        end(self._application, self.log)


def link(made: Launcher, context: Context, app_id: str) -> None:
    rm = made.cluster.yarn.resourcemanagers[0]
    context["ti"].xcom_push(key=links.KEY, value={"application": app_id, "page": f"{rm}/cluster/app/{app_id}"})


def end(app_id: str, log: Any) -> None:
    """A person ended the task before it was deferred; afterwards its trigger does this."""
    if not app_id:
        return
    try:
        tools.launcher().yarn.kill(app_id)
    except HashtideError as error:
        log.warning("%s may still run: %s", app_id, error)


def marks_of(made: Launcher, stream: str) -> dict[str, int]:
    return landed.marks(made.hdfs, StreamPaths(stream, made.cluster.root))


def hours_of(made: Launcher, stream: str, first: str, last: str, found: dict[str, int]) -> list[int]:
    """The hours, all of them over and none without its landing; the task fails in one line otherwise."""
    try:
        hours = list(backfill.hour_range(first, last or first))
        backfill.check_range(hours, found, made.now_ms())
        gone.check(made.hdfs, StreamPaths(stream, made.cluster.root), hours, made.now_ms())
    except BadUse as error:
        raise AirflowFailException(str(error)) from None
    return hours


def asker(context: Context) -> str:
    ti = context["ti"]
    return f"{ti.dag_id}/{ti.run_id}"
