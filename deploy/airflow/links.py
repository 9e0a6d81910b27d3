"""Buttons of a task: its application in YARN and its Spark UI, live while the task is deferred."""
from __future__ import annotations

from typing import Any

from airflow.sdk import BaseOperator, BaseOperatorLink
from airflow.sdk.execution_time.xcom import XCom

#: The XCom that the operator pushes before it defers: {"application", "page", "spark_ui", "epoch"}.
KEY = "application"


def _address(ti_key: Any, part: str) -> str:
    found = XCom.get_value(ti_key=ti_key, key=KEY)
    return str(found.get(part) or "") if isinstance(found, dict) else ""


class YarnLink(BaseOperatorLink):
    name = "YARN application"

    def get_link(self, operator: BaseOperator, *, ti_key: Any) -> str:
        return _address(ti_key, "page")


class SparkLink(BaseOperatorLink):
    name = "Spark UI"

    def get_link(self, operator: BaseOperator, *, ti_key: Any) -> str:
        return _address(ti_key, "spark_ui")
