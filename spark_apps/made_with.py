"""All that a checkpoint is made with, as this driver would go on: plans, settings, functions in Python, versions."""
from __future__ import annotations

import ast
import hashlib
import importlib
import inspect
import pkgutil
import textwrap
import unicodedata
from collections.abc import Callable
from types import CodeType, FunctionType
from typing import Any

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession

from spark_apps import plan, session, transforms

_PACKAGE = __name__.partition(".")[0]
#: Beside those of spark_apps.session: what Spark writes state by, or computes by, if nobody says otherwise.
SETTINGS = ("spark.sql.shuffle.partitions", "spark.sql.ansi.enabled", "spark.sql.caseSensitive",
            "spark.sql.streaming.multipleWatermarkPolicy", "spark.sql.streaming.stateStore.encodingFormat",
            "spark.sql.streaming.stateStore.compression.codec", "spark.sql.streaming.stateStore.rocksdb.formatVersion",
            "spark.sql.streaming.stateStore.rowChecksum.enabled")


def items(spark: SparkSession, stream: DataFrame, count: Callable[[DataFrame], DataFrame],
          output_mode: str) -> dict[str, str]:
    """`stream`: the frame that is written; `count`: what a batch makes of its rows."""
    return {**plan.of_stream(spark, stream), **plan.of_batch(spark, stream, count), "output mode": output_mode,
            "spark": spark.version, "unicode": unicodedata.unidata_version, **settings(spark), **functions()}


def settings(spark: SparkSession) -> dict[str, str]:
    # Where tables without a path would lie: each application has a directory of its own for them, and nothing in it.
    apart = "spark.sql.warehouse.dir"
    known = sorted({*SETTINGS, *session.SQL, *session.STREAM})
    given = {name: value for name, value in spark.sparkContext.getConf().getAll()
             if name.startswith("spark.sql.") and name not in (apart, *known)}
    return {**{f"setting {name}": _setting(spark, name) for name in known},
            **{f"conf {name}": value for name, value in given.items()}}


def _setting(spark: SparkSession, name: str) -> str:
    try:
        return str(spark.conf.get(name))
    except PySparkException:
        return ""   # this Spark has no such setting


def functions() -> dict[str, str]:
    """Checksums of the Python functions that Spark's plans only have the names of; comments do not count."""
    modules = [importlib.import_module(f"{transforms.__name__}.{found.name}")
               for found in pkgutil.iter_modules(transforms.__path__)]
    found = {name: value.func for module in modules for name, value in vars(module).items()
             if hasattr(value, "evalType") and value.__module__ == module.__name__}
    return {f"function {name}": f"#{hashlib.sha256(source(function).encode()).hexdigest()[:12]}"
            for name, function in found.items()}


def source(function: Any) -> str:
    """Of a function and of all in our package that it uses; constants by their value."""
    told: dict[str, str] = {}
    left = [function]
    while left:
        one = left.pop()
        tree = ast.parse(textwrap.dedent(inspect.getsource(one)))
        for part in ast.walk(tree):
            if isinstance(part, ast.FunctionDef) and ast.get_docstring(part):
                part.body = part.body[1:] or [ast.Pass()]
        told[one.__qualname__] = ast.unparse(tree)
        for name in _names(one.__code__):
            used = one.__globals__.get(name)
            if isinstance(used, FunctionType) and used.__module__.startswith(_PACKAGE):
                left += [used] if used.__qualname__ not in told else []
            elif isinstance(used, str | int | float | tuple | frozenset):
                told[name] = repr(sorted(used, key=repr) if isinstance(used, frozenset) else used)
    return "\n".join(f"{name}: {text}" for name, text in sorted(told.items()))


def _names(code: CodeType) -> set[str]:
    """Of functions inside of it, too."""
    inner = [one for one in code.co_consts if isinstance(one, CodeType)]
    return set(code.co_names).union(*map(_names, inner))
