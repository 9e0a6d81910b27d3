"""What an error came from, on whichever side of py4j it lies, in Spark's own words for it."""
from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

#: What Spark calls any failure of a query, or of its batch function.
_AROUND = ("STREAM_FAILED", "FOREACH_BATCH_USER_FUNCTION_ERROR")
_CONDITION = re.compile(r"\[([A-Z][A-Z0-9]*_[A-Z0-9_.]+)\]")
_CAUSE = re.compile(r"^(?:Caused by: )?((?:[a-zA-Z_][\w$]*\.)*\w*(?:Exception|Error|Fault)\b.*)", re.MULTILINE)


def reason(error: BaseException) -> tuple[str, str]:
    """(class without package, message) of the root of what went wrong."""
    *_, cause = None, *_java(error)
    if cause is None:
        return type(error).__name__, str(error)
    name, text = cause.getClass().getName(), str(cause.getMessage())
    if name == "org.apache.hadoop.ipc.RemoteException":
        name = cause.getClassName()
    if "Traceback (most recent call last)" in text and (told := _CAUSE.findall(text)):
        # A function of ours that Spark called; what it met in Java is only text here, its root the last of all.
        name, _, text = told[-1].partition(": ")
    return name.rpartition(".")[2], text


def spark_class(error: BaseException) -> str:
    """Spark's name for what went wrong, of the innermost cause that has one; else the class of the root."""
    found = [name for cause in _java(error) if (name := _condition(cause)) and name not in _AROUND]
    if found:
        return found[-1]
    root, said = reason(error)
    # What a batch function met is only text by now.
    told = (name for name in _CONDITION.findall(f"{error} {said}") if name not in _AROUND)
    return next(told, root)


def _java(error: BaseException) -> Iterator[Any]:
    """Java's throwables, each followed by its cause; none where it was met in Python."""
    cause = getattr(error, "java_exception", None) or getattr(error, "_origin", None)
    while cause is not None:
        yield cause
        cause = cause.getCause()


def _condition(cause: Any) -> str:
    methods = {method.getName() for method in cause.getClass().getMethods()}
    return str(cause.getCondition() or "") if "getCondition" in methods else ""
