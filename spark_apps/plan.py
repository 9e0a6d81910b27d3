"""What a checkpoint is made with, taken from Spark's own analysed plans, so that nobody can forget to tell of a change.

Each column is told by a checksum of all that it is made of, through every step down to the source, so that a projection
that is only written otherwise changes nothing. Names and numbers that Spark makes up are left out.
"""
from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from pyspark.sql import DataFrame, SparkSession

_STATEFUL = ("Deduplicate", "DeduplicateWithinWatermark", "Aggregate", "Distinct", "Join", "GlobalLimit",
             "FlatMapGroupsWithState", "FlatMapGroupsInPandasWithState", "TransformWithState",
             "TransformWithStateInPySpark")
#: Neither what comes through nor what it is made of depends on them.
_PASSING = ("Project", "SubqueryAlias", "View", "CollectMetrics", "ResolvedHint")
_ID = re.compile(r"#(\d+)L?")
_LAMBDA = re.compile(r"lambda \w+#(\d+)L?")
_SHOWN = 100


def of_stream(spark: SparkSession, stream: DataFrame) -> dict[str, str]:
    """sources, steps, watermarks, stateful operators and columns of a streaming frame."""
    with _whole_texts(spark):
        plan = _Plan(spark)
        plan.walk(_analysed(stream))
        plan.items |= {"states": ", ".join(plan.states), "sources": str(plan.sources)}
        return {**plan.items, **plan.columns("column", _analysed(stream))}


def of_batch(spark: SparkSession, stream: DataFrame, count: Callable[[DataFrame], DataFrame]) -> dict[str, str]:
    """Keys, measures, steps and columns of what a batch makes of a stream's rows."""
    counted = count(spark.createDataFrame([], stream.schema))
    with _whole_texts(spark):
        plan = _Plan(spark, batch=True)
        plan.walk(_analysed(counted))
        found = plan.columns("counts", _analysed(counted))
        keys = [name for name in counted.columns if name in plan.keys]
        told = ", ".join(f"{name} {_last_two(found.pop(f'counts {name}'))}" for name in keys)
        table = ", ".join(f"{field.name} {field.dataType.simpleString()}" for field in counted.schema)
        return {**plan.items, **found, "counts keys": told, "table columns": table}


def _last_two(told: str) -> str:
    kind, *_, digest = told.split(" ")
    return f"{kind} {digest}"


class _Plan:
    """One walk from the sources up. `known`: name and checksum of each column so far, by Spark's number of it."""

    def __init__(self, spark: SparkSession, batch: bool = False) -> None:
        self._jvm: Any = spark.sparkContext._jvm
        self.batch, self.known = batch, dict[int, tuple[str, str]]()
        self.items: dict[str, str] = {}
        self.states: list[str] = []
        self.keys: list[str] = []       # of the last aggregation
        self.sources, self.watermarks = 0, 0
        # It stands in many expressions that do not go by it; the setting itself is told of.
        self._zone = f", Some({spark.conf.get('spark.sql.session.timeZone')})"

    def walk(self, node: Any) -> None:
        for child in _each(node.children()):
            self.walk(child)
        name = node.nodeName()
        if name.startswith("StreamingRelation"):
            self._source(node)
        elif name == "EventTimeWatermark":
            self._watermark(node)
        elif name in _STATEFUL and not self.batch:
            self._state(name, node)
        elif name == "Aggregate":
            self.keys = [key.name() for key in _each(node.groupingExpressions()) if _is_named(key)]
            self._step(name, [key.toString() for key in _each(node.groupingExpressions())])
        elif name not in _PASSING and _each(node.children()):
            self._step(name, [one.toString() for one in _each(node.expressions())])
        self._define(name, node)

    # what a node adds

    def _source(self, node: Any) -> None:
        at = f"source {self.sources}"
        self.sources += 1
        if node.nodeName() == "StreamingRelation":
            source = node.dataSource()
            kind, options = source.className(), {pair._1(): pair._2() for pair in _each(source.options().toSeq())}
        else:
            kind, options = node.sourceName(), dict(node.extraOptions().asCaseSensitiveMap())
        self.items |= {f"{at} format": kind, f"{at} path": options.pop("path", ""), f"{at} schema": ", ".join(
            f"{field.name()} {field.dataType().catalogString()}" for field in _each(node.schema().toSeq())
            if field.name() != "_metadata")}
        self.items |= {f"{at} option {name}": str(value) for name, value in options.items()}

    def _watermark(self, node: Any) -> None:
        at, column = f"watermark {self.watermarks}", node.eventTime()
        self.watermarks += 1
        made = self._jvm.org.apache.spark.sql.catalyst.plans.logical.EventTimeWatermark
        self.items |= {f"{at} delay_ms": str(made.getDelayMs(node.delay())), f"{at} column": self._named(column)}

    def _state(self, name: str, node: Any) -> None:
        at = f"state {len(self.states)}"
        self.states.append(name)
        keys = _each(node.groupingExpressions() if name == "Aggregate" else
                     node.keys() if name.startswith("Deduplicate") else node.expressions())
        self.items |= {f"{at} keys": ", ".join(map(self._named, keys)),
                       f"{at} key types": ", ".join(key.dataType().catalogString() for key in keys)}
        if name == "Aggregate":
            grouped = {key.toString() for key in keys}
            values = [one for one in _each(node.aggregateExpressions()) if one.toString() not in grouped]
            self.items |= {f"{at} values": ", ".join(map(self._named, values)),
                           f"{at} value types": ", ".join(one.dataType().catalogString() for one in values)}

    def _step(self, name: str, texts: list[str]) -> None:
        where = "batch" if self.batch else "after state" if self.states else "before state"
        shown = ", ".join(_ID.sub("", text) for text in texts)
        item = f"{where}: {name} {shown[:_SHOWN]}{'...' if shown[_SHOWN:] else ''}".strip()
        taken = sum(one == item or one.startswith(f"{item} (") for one in self.items)
        self.items[f"{item} ({taken + 1})" if taken else item] = _sum(" ".join(map(self._made_of, texts)))

    def _define(self, name: str, node: Any) -> None:
        """Checksums of the columns that begin here."""
        aliases = [one for one in _each(node.expressions()) if _is_alias(one)]
        for alias in aliases:
            # Another name alone makes nothing else of it.
            self.known[alias.exprId().id()] = alias.name(), self._digest(alias.child())
        if name in _PASSING or not _each(node.children()):
            return
        texts = " ".join(self._made_of(one.toString()) for one in _each(node.expressions()) if not _is_alias(one))
        below = {one.exprId().id() for child in _each(node.children()) for one in _each(child.output())}
        for at, column in enumerate(_each(node.output())):
            number = column.exprId().id()
            if number not in below and number not in self.known:
                self.known[number] = column.name(), _sum(f"{name} {texts} {at}")

    # how a column is told

    def columns(self, kind: str, node: Any) -> dict[str, str]:
        return {f"{kind} {one.name()}": f"{one.dataType().catalogString().replace(' ', '')} {self._digest(one)}"
                for one in _each(node.output())}

    def _named(self, expression: Any) -> str:
        name = expression.name() if _is_named(expression) else _ID.sub("", expression.toString())[:_SHOWN]
        return f"{name} {self._digest(expression)}"

    def _digest(self, expression: Any) -> str:
        if _is_named(expression) and (found := self.known.get(expression.exprId().id())):
            return found[1]
        text = expression.child().toString() if _is_alias(expression) else expression.toString()
        return _sum(self._made_of(text))

    def _made_of(self, text: str) -> str:
        """An expression with the checksum of each column instead of its name and number."""
        variables: dict[str, str] = {}
        text = _LAMBDA.sub(lambda found: variables.setdefault(found[1], f"lambda v{len(variables)}"), text)
        text = text.replace(self._zone, "")
        parts, at = [], 0
        for found in _ID.finditer(text):
            name, digest = self.known.get(int(found[1]), ("", ""))
            before = text[at:found.start()]
            parts.append(before.removesuffix(name) + digest if name and before.endswith(name) else before)
            at = found.end()
        return "".join([*parts, text[at:]])


def _analysed(frame: DataFrame) -> Any:
    return frame._jdf.queryExecution().analyzed()


@contextmanager
def _whole_texts(spark: SparkSession) -> Iterator[None]:
    """Spark shortens an expression with more than 25 parts: what changes beyond would not be seen."""
    setting = "spark.sql.debug.maxToStringFields"
    before = spark.conf.get(setting)
    spark.conf.set(setting, str(1 << 30))
    try:
        yield
    finally:
        spark.conf.set(setting, str(before))


def _each(sequence: Any) -> list[Any]:
    return [sequence.apply(at) for at in range(sequence.size())]


def _is_alias(expression: Any) -> bool:
    return bool(expression.getClass().getSimpleName() == "Alias")


def _is_named(expression: Any) -> bool:
    return expression.getClass().getSimpleName() in ("Alias", "AttributeReference")


def _sum(text: str) -> str:
    return f"#{hashlib.sha256(text.encode()).hexdigest()[:12]}"
