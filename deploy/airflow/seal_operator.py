"""The task that seals hours: waits for landing, submits, waits for the end, reads what the seal wrote.

    execute --some hours need not wait--> submit --> deferred until terminal --> results, more hours? --> again
        \\--none--> deferred until one needs not-----^                                \\--no--> XCom
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowFailException

from deploy import backfill
from deploy.airflow import links, tools
from deploy.airflow.seal_trigger import SealTrigger
from deploy.errors import BadUse, HashtideError
from deploy.launch import Launcher
from spark_apps.contract import StreamPaths


class SealOperator(BaseOperator):
    """Seals the hours `first` to `last`, or with `late_within_hours` those that later lines have touched.

    The XCom is a list of what the seals wrote, an object an hour: deploy.backfill.results.
    """

    template_fields: Sequence[str] = ("stream", "first", "last", "late_within_hours", "release")
    operator_extra_links = (links.YarnLink(),)
    ui_color = "#e3f2d9"

    def __init__(self, *, stream: str, first: str = "", last: str = "", late_within_hours: int = 0, release: str = "",
                 **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.stream, self.first, self.last = stream, first, last
        self.late_within_hours, self.release = late_within_hours, release
        self._application = ""

    def execute(self, context: Context) -> list[dict[str, Any]]:
        made = tools.launcher(say=self.log.info)
        try:
            if self.late_within_hours:
                self.submit(made, backfill.Seal(self.stream, late_within_hours=int(self.late_within_hours),
                                                by=asker(context)), [], context)
            hours = list(backfill.hour_range(self.first, self.last or self.first))
            backfill.check_range(hours)
        except BadUse as error:
            raise AirflowFailException(str(error)) from None
        return self.go_on(made, hours, context)

    def go_on(self, made: Launcher, todo: list[int], context: Context) -> list[dict[str, Any]]:
        """Submits the hours that need not wait, or waits for one."""
        found = backfill.marks(made.hdfs, StreamPaths(self.stream, made.cluster.root))
        ready, waiting = backfill.ripe(todo, found, made.now_ms())
        if not ready:
            self.log.info("waiting: %s", waiting)
            self.wait(SealTrigger(self.stream, todo))
        seal = backfill.seals(self.stream, ready, found, asker(context))[0]
        sealing = {hour for hour, _ in seal.hours}
        self.submit(made, seal, [hour for hour in todo if hour not in sealing], context)

    def submit(self, made: Launcher, seal: backfill.Seal, todo: list[int], context: Context) -> NoReturn:
        """`todo`: the hours that are left after this one's."""
        since_ms = made.now_ms()
        app = backfill.submit_seal(made, seal, self.release)
        self._application = app.id
        rm = made.cluster.yarn.resourcemanagers[0]
        context["ti"].xcom_push(key=links.KEY, value={"application": app.id, "page": f"{rm}/cluster/app/{app.id}"})
        self.wait(SealTrigger(self.stream, [hour for hour, _ in seal.hours], app.id, todo=todo, since_ms=since_ms))

    def wait(self, trigger: SealTrigger) -> NoReturn:
        self.defer(trigger=trigger, method_name="resume")
        raise AssertionError("defer raises")

    def resume(self, context: Context, event: dict[str, Any]) -> list[dict[str, Any]]:
        made = tools.launcher(say=self.log.info)
        paths = StreamPaths(self.stream, made.cluster.root)
        app_id, hours, todo = str(event["application"]), list(event["hours"]), list(event.get("todo") or ())
        if not app_id:
            return self.go_on(made, hours, context)
        if app := made.yarn.app(app_id):   # one that YARN has forgotten is judged by what it wrote
            backfill.check_end(app_id, app)
        since_ms = int(event["since_ms"])
        written = (backfill.results(made.hdfs, paths, hours, since_ms, app_id) if hours
                   else backfill.late_results(made.hdfs, paths, since_ms, app_id))
        for one in written:
            self.log.info("%s", backfill.describe(one))
        if todo:
            return self.go_on(made, todo, context)
        return written

    def on_kill(self) -> None:
        if not self._application:
            return
        try:
            tools.launcher().yarn.kill(self._application)
        except HashtideError as error:
            self.log.warning("%s may still run: %s", self._application, error)


def asker(context: Context) -> str:
    ti = context["ti"]
    return f"{ti.dag_id}/{ti.run_id}"
