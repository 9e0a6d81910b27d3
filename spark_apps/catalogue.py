"""A stream's tables in Spark's catalogue: a database of the stream's name, made anew by each session.

Delta's own log is what keeps a table's schema, so a catalogue that outlived sessions would only be a second word on it.
"""
from __future__ import annotations

from pyspark.sql import SparkSession

from spark_apps import tables
from spark_apps.contract import MEASURES, TABLES, StreamPaths
from spark_apps.files import Files
from spark_apps.generations import lineage

_KEY = "hour, window_start, tag, form"
_SUMS = ", ".join(f"sum({name}) AS {name}" for name in MEASURES)
_ROWS = f"SELECT {_KEY}, {', '.join(MEASURES)}, authors"
CURRENT_COUNTS = f"""
    SELECT {_KEY}, {_SUMS}, theta_sketch_estimate(theta_union_agg(authors)) AS authors, any_value(revision) AS revision
    FROM current_rows GROUP BY {_KEY}"""  # noqa: S608


def register(spark: SparkSession, files: Files, paths: StreamPaths) -> list[str]:
    """The names of the tables that there are; the database is then the current one. The views read those.

    `counts_live` is a view of `counts_live_all`, without the increments that a restore has undone.
    """
    spark.sql(f"CREATE DATABASE IF NOT EXISTS `{paths.stream}`")
    spark.catalog.setCurrentDatabase(paths.stream)
    found = [name for name in TABLES if tables.exists(spark, paths.table(name))]
    for name in found:
        table = f"{name}_all" if name == "counts_live" else name
        spark.sql(f"CREATE TABLE IF NOT EXISTS {table} USING delta LOCATION '{paths.table(name)}'")
    if "counts_live" in found:
        spark.sql(f"CREATE OR REPLACE VIEW counts_live AS SELECT * FROM counts_live_all "  # noqa: S608
                  f"WHERE {_counting(lineage(files, paths))}")
    if rows := _current_rows(found):
        spark.sql(f"CREATE OR REPLACE VIEW current_rows AS {rows}")
        spark.sql(f"CREATE OR REPLACE VIEW current_counts AS {CURRENT_COUNTS}")
    return found


def _current_rows(found: list[str]) -> str:
    """The counts that hold now: final where the hour is sealed, else live. As deploy.sql has them for DuckDB."""
    sealed = {"counts", "ledger"} <= set(found)
    parts = [f"{_ROWS}, revision FROM counts LEFT SEMI JOIN ledger USING (hour)"] if sealed else []
    if "counts_live" in found:
        unsealed = " LEFT ANTI JOIN ledger USING (hour)" if sealed else ""
        parts.append(f"{_ROWS}, CAST(NULL AS INT) AS revision FROM counts_live{unsealed}")
    return " UNION ALL ".join(parts)


def _counting(kept: dict[int, int | None]) -> str:
    """The rows of the generations that count, each through its last batch."""
    return " OR ".join(f"generation = {number}" + ("" if last is None else f" AND batch_id <= {last}")
                       for number, last in kept.items()) or "false"
