"""The task that runs an analysis of sealed hours on YARN, and believes what it wrote.

    submit --> deferred until terminal --> read what it wrote --> XCom
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from deploy import analysis, backfill
from deploy.airflow import links, tools
from deploy.airflow.seal_operator import asker, end, link
from deploy.airflow.seal_trigger import SealTrigger
from deploy.analysis import Analysis, Refused
from deploy.errors import BadUse


class AnalysisOperator(BaseOperator):
    """`kind` and `options` are those of deploy.analysis; skipped where there is nothing to learn from, and says why."""

    template_fields: Sequence[str] = ("stream", "options", "release")
    operator_extra_links = (links.YarnLink(),)
    ui_color = "#e3f2d9"

    def __init__(self, *, kind: str, stream: str, options: dict[str, Any], release: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.kind, self.stream, self.options, self.release = kind, stream, options, release
        self._application = ""

    def execute(self, context: Context) -> NoReturn:
        made = tools.launcher(say=self.log.info)
        since_ms = made.now_ms()
        try:
            app = analysis.submit(made, self.job(context), self.release)
        except BadUse as error:
            raise AirflowFailException(str(error)) from None
        self._application = app.id
        link(made, context, app.id)
        self.defer(method_name="resume", trigger=SealTrigger(self.stream, [], app.id, since_ms=since_ms))
        raise AssertionError("defer raises")

    def resume(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        made = tools.launcher(say=self.log.info)
        app_id = event["application"]
        if app := backfill.application(made, app_id):   # one that YARN has forgotten is judged by what it wrote
            backfill.check_end(app_id, app)
        try:
            found = analysis.result(made.hdfs, self.job(context), made.cluster.root, event["since_ms"], app_id)
        except Refused as error:
            raise AirflowSkipException(str(error)) from None
        self.log.info("%s", analysis.describe(self.kind, found))
        return found

    def job(self, context: Context) -> Analysis:
        return Analysis(self.kind, self.stream, self.options, asker(context))

    def on_kill(self) -> None:
        end(self._application, self.log)
