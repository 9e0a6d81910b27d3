"""Buttons of a task: its application, logs and checkpoint, live while the task is deferred."""
from __future__ import annotations

from typing import Any

from airflow.sdk import BaseOperator, BaseOperatorLink
from airflow.sdk.execution_time.xcom import XCom

#: The XCom that an operator pushes before it defers: {"application", "epoch"} and addresses as deploy.pages gives them.
KEY = "application"


class _Link(BaseOperatorLink):
    part = ""

    def get_link(self, operator: BaseOperator, *, ti_key: Any) -> str:
        found = XCom.get_value(ti_key=ti_key, key=KEY)
        return str(found.get(self.part) or "") if isinstance(found, dict) else ""


class YarnLink(_Link):
    name, part = "YARN application", "page"


class SparkLink(_Link):
    name, part = "Spark UI", "spark_ui"


class LogsLink(_Link):
    """Of the newest attempt: the trigger replaces it when YARN has started another."""

    name, part = "Driver logs", "logs"


class CheckpointLink(_Link):
    name, part = "Checkpoint", "checkpoint"
