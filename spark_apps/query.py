"""One statement over a stream's tables by Spark: `deploy/hashtide sql --engine spark` starts it, and shows the rows.

It only reads: what would change a table, a file or the catalogue is refused before it runs.
"""
from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from py4j.java_gateway import is_instance_of
from pyspark.errors import AnalysisException, ParseException, PySparkException
from pyspark.sql import SparkSession

from spark_apps import catalogue, shell
from spark_apps.contract import StreamPaths
from spark_apps.files import Files

_LOGICAL = "org.apache.spark.sql.catalyst.plans.logical"
_CHANGING = (f"{_LOGICAL}.Command", f"{_LOGICAL}.ParsedStatement", f"{_LOGICAL}.CompoundPlanStatement",
             f"{_LOGICAL}.InsertIntoDir")
_TELLING = ("Show", "Describe", "Explain")


class Refused(Exception):
    """It is no single statement that reads."""


def run(spark: SparkSession, paths: StreamPaths, statement: str, limit: int) -> pa.Table:
    """At most `limit` rows."""
    if not catalogue.register(spark, Files(spark, paths.base), paths):
        raise Refused(f"stream {paths.stream} has no tables yet")
    check(spark, statement)
    return spark.sql(statement).limit(limit).toArrow()


def check(spark: SparkSession, statement: str) -> None:
    """Refused where it would change anything; ParseException where it is no SQL, or more than one statement."""
    session: Any = spark._jsparkSession
    root = session.sessionState().sqlParser().parsePlan(statement)
    name = root.getClass().getSimpleName()
    if name.startswith(_TELLING):
        return
    gateway = spark.sparkContext._gateway
    for node in _nodes(root):
        if any(is_instance_of(gateway, node, kind) for kind in _CHANGING):
            raise Refused(f"{node.getClass().getSimpleName()} is not for reading: expected SELECT, EXPLAIN, DESCRIBE "
                          "or SHOW TABLES")


def _nodes(plan: Any) -> Iterator[Any]:
    yield plan
    children = plan.children()
    for n in range(children.size()):
        yield from _nodes(children.apply(n))


def options(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="query")
    parser.add_argument("--stream", required=True)
    parser.add_argument("--root", required=True, help="with its scheme, such as hdfs://host:8020/hashtide")
    parser.add_argument("--conf", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--limit", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True, help="where the rows go, as an Arrow stream")
    return parser.parse_args(argv)


def main(argv: Sequence[str]) -> int:
    """0, or 2 with what is wrong with the statement in one line."""
    args = options(argv)
    with shell.opened(args.conf, "hashtide sql") as spark:
        try:
            found = run(spark, StreamPaths(args.stream, args.root), sys.stdin.read(), args.limit)
        except (AnalysisException, ParseException, Refused) as error:
            print(said(error), file=sys.stderr)
            return 2
        except PySparkException as error:
            print(said(error), file=sys.stderr)
            return 1
        with pa.OSFile(str(args.out), "wb") as sink, pa.ipc.new_stream(sink, found.schema) as writer:
            writer.write_table(found)
    return 0


def said(error: Exception) -> str:
    """Spark's message without its class, the place in the statement and the plan."""
    text = str(error).split("== SQL")[0].split(";\n")[0].split("JVM stacktrace:")[0]
    return " ".join(text.split())[:600]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
