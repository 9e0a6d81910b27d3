"""Many small files of a table into few, by Delta's OPTIMIZE: the same rows, in one commit for two days of hours.

A commit that only puts rows into other files is in nobody's way who appends: the stream's next commit goes on with the
version after it, and keeps its key.
"""
from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from spark_apps import session, tables
from spark_apps.causes import reason
from spark_apps.contract import CLASSIC_TABLES, TABLES, StreamPaths, parse_hour

#: Hours of one commit: some 17,000 files of a stream with a batch each ten seconds.
AT_ONCE = 48


def optimise(spark: SparkSession, path: str, hours: Sequence[int]) -> dict[str, int]:
    """Of these hours (ms), or of a table without any; {"removed", "added"}: files."""
    total = {"removed": 0, "added": 0}
    for at in range(0, max(1, len(hours)), AT_ONCE):
        some = hours[at:at + AT_ONCE]
        wanted = ", ".join(f"TIMESTAMP '{tables.instant(hour):%Y-%m-%d %H:%M:%S}Z'" for hour in some)
        done = spark.sql(f"OPTIMIZE delta.`{path}`" + (f" WHERE hour IN ({wanted})" if some else "")).head()
        assert done
        total["removed"] += done["metrics"]["numFilesRemoved"]
        total["added"] += done["metrics"]["numFilesAdded"]
    return total


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="ops.py optimise", allow_abbrev=False)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--root", required=True)
    parser.add_argument("--stream", required=True)
    parser.add_argument("tables", nargs="+", type=_table, metavar="TABLE=HOUR,...")
    found = parser.parse_args(argv)
    paths, told = StreamPaths(found.stream, found.root), dict[str, Any]()
    spark = session.build(f"hashtide optimise {paths.stream}", {})
    for name, hours in found.tables:
        try:
            told[name] = optimise(spark, paths.table(name), hours)
        except Exception as error:
            # Another one's commit came first; nothing is changed, and the other tables are not concerned.
            told[name] = {"error": ": ".join(reason(error))[:600]}
    found.out.write_text(json.dumps(told), encoding="utf-8")
    spark.stop()
    return 0


def _table(text: str) -> tuple[str, list[int]]:
    name, _, hours = text.partition("=")
    if name not in (known := (*TABLES, *CLASSIC_TABLES)):
        raise argparse.ArgumentTypeError(f"{name!r}: expected one of {', '.join(known)}")
    return name, [parse_hour(hour) for hour in hours.split(",") if hour]
