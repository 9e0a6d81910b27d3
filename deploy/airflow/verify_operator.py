"""The task that verifies hours which a task before it has sealed.

    verified by the application that sealed? --yes--> conclude
                  \\--no--> submit --> deferred until terminal --> conclude
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowFailException

from deploy import backfill, verify
from deploy.airflow import links, tools
from deploy.airflow.seal_operator import asker, end, link
from deploy.airflow.seal_trigger import SealTrigger
from deploy.errors import BadUse
from deploy.launch import Launcher
from deploy.verify import Verify
from spark_apps.contract import StreamPaths, hour_name

#: Rows that the log shows of what nothing explains.
_LOGGED = 20


class VerifyOperator(BaseOperator):
    """Fails where a row of the hours `first` to `last` differs and nothing explains it; the seal stays.

    The XCom is a list, an object an hour: what the verification found, without the rows.
    """

    template_fields: Sequence[str] = ("stream", "first", "last")
    operator_extra_links = (links.YarnLink(),)
    ui_color = "#e3f2d9"

    def __init__(self, *, stream: str, first: str, last: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.stream, self.first, self.last = stream, first, last
        self._application = ""

    def execute(self, context: Context) -> list[dict[str, Any]]:
        made = tools.launcher(say=self.log.info)
        paths = StreamPaths(self.stream, made.cluster.root)
        hours = list(backfill.hour_range(self.first, self.last or self.first))
        found = verify.of_newest_seals(made.hdfs, paths, hours)
        # Whoever clears this task wants to know what is true now.
        if found is not None and context["ti"].try_number == 1:
            return self.conclude(found)
        self.submit(made, paths, hours, context)

    def submit(self, made: Launcher, paths: StreamPaths, hours: list[int], context: Context) -> NoReturn:
        sealed, since_ms = verify.sealed(made.hdfs, paths, hours), made.now_ms()
        if missing := [hour for hour in hours if hour not in sealed]:
            raise AirflowFailException(f"{backfill.span(missing)}: not sealed, so there is nothing to verify")
        try:
            app = verify.submit(made, Verify(self.stream, tuple(sorted(sealed.items())), asker(context)))
        except BadUse as error:
            raise AirflowFailException(str(error)) from None
        self._application = app.id
        link(made, context, app.id)
        self.defer(method_name="resume", trigger=SealTrigger(self.stream, hours, app.id, since_ms=since_ms))
        raise AssertionError("defer raises")

    def resume(self, context: Context, event: dict[str, Any]) -> list[dict[str, Any]]:
        made = tools.launcher(say=self.log.info)
        paths, app_id = StreamPaths(self.stream, made.cluster.root), event["application"]
        if app := backfill.application(made, app_id):   # one that YARN has forgotten is judged by what it wrote
            backfill.check_end(app_id, app)
        return self.conclude(verify.results(made.hdfs, paths, event["hours"], event["since_ms"], app_id))

    def conclude(self, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
        for said in found:
            self.log.info("%s", verify.describe(said))
        if not verify.is_explained(found):
            for row in verify.unexplained(found)[:_LOGGED]:
                self.log.error("unexplained: %s", row)
            unsaid = [said for said in found if said["unexplained"]]
            raise AirflowFailException("; ".join(map(verify.describe, unsaid)) + "; `deploy/hashtide verify --stream "
                                       f"{self.stream} --from {hour_name(unsaid[0]['hour_ms'])}` shows the rows")
        return [{name: told for name, told in said.items() if name != "differences"} for said in found]

    def on_kill(self) -> None:
        end(self._application, self.log)
