"""The root of an error and Spark's name for it, of errors shaped as py4j and pyspark 4.2 hand them on."""
from __future__ import annotations

from typing import Any

import pytest

from spark_apps.causes import reason, spark_class


class Java:
    """A throwable. `condition`: of those that Spark throws; others have no such method."""

    def __init__(self, name: str, text: str | None, cause: Java | None = None, condition: str | None = None,
                 remote: str = "") -> None:
        self.name, self.text, self.cause, self.condition, self.remote = name, text, cause, condition, remote

    def getClass(self) -> Any:
        methods = ["getMessage", "getCause"] + ["getCondition"] * (self.condition is not None)
        return Named(self.name, [Named(name, []) for name in methods])

    def getMessage(self) -> str | None:
        return self.text

    def getCause(self) -> Java | None:
        return self.cause

    def getCondition(self) -> str | None:
        return self.condition

    def getClassName(self) -> str:
        return self.remote


class Named:
    def __init__(self, name: str, methods: list[Any]) -> None:
        self.name, self.methods = name, methods

    def getName(self) -> str:
        return self.name

    def getMethods(self) -> list[Any]:
        return self.methods


class Py4J(Exception):
    def __init__(self, java: Java) -> None:
        super().__init__("An error occurred while calling o1.start")
        self.java_exception = java


class Captured(Exception):
    def __init__(self, text: str, java: Java) -> None:
        super().__init__(text)
        self._origin = java


INNER = Java("org.apache.spark.sql.execution.streaming.state.InvalidKey", "keys differ",
             condition="STATE_STORE_KEY_SCHEMA_NOT_COMPATIBLE")
STREAM = Java("org.apache.spark.sql.streaming.StreamingQueryException", "it ended",
              Java("org.apache.spark.SparkException", "Job aborted", INNER, ""), "STREAM_FAILED")
TOLD = Java("py4j.Py4JException", "An exception was raised by the Python Proxy:\nTraceback (most recent call last):\n"
            "  File \"sinks.py\", line 44\nspark_apps.sinks.BatchFailed: no room\n"
            "Caused by: RemoteException: [DELTA_TABLE_NOT_FOUND] gone")


@pytest.mark.parametrize("error,root,name", [
    (ValueError("no"), ("ValueError", "no"), "ValueError"),
    (Py4J(Java("java.io.FileNotFoundException", "/a")), ("FileNotFoundException", "/a"), "FileNotFoundException"),
    (Py4J(Java("org.apache.hadoop.ipc.RemoteException", "x", remote="org.apache.hadoop.SafeModeException")),
     ("SafeModeException", "x"), "SafeModeException"),
    (Py4J(Java("java.lang.OutOfMemoryError", None)), ("OutOfMemoryError", "None"), "OutOfMemoryError"),
    (Captured("[STREAM_FAILED] it ended", STREAM), ("InvalidKey", "keys differ"),
     "STATE_STORE_KEY_SCHEMA_NOT_COMPATIBLE"),
    (Captured("[STREAM_FAILED] it ended", Java("a.B", "b", TOLD, "STREAM_FAILED")),
     ("RemoteException", "[DELTA_TABLE_NOT_FOUND] gone"), "DELTA_TABLE_NOT_FOUND"),
    (Captured("[STREAM_FAILED] it ended", Java("a.B", "b", condition="STREAM_FAILED")), ("B", "b"), "B"),
])
def test_an_error_is_known_by_its_root_and_by_sparks_innermost_name(error: Exception, root: tuple[str, str],
                                                                      name: str) -> None:
    assert reason(error) == root
    assert spark_class(error) == name
