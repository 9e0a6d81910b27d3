"""`sql`: a SELECT over a stream's tables by name, read without a JVM."""
from __future__ import annotations

import argparse
import base64
import csv
import json
import math
import sys
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from itertools import islice
from typing import Any

from deploy.errors import BadUse, HashtideError
from deploy.lines import columns, safe
from deploy.spark_sql import ask
from deploy.sql import EXAMPLE, open_database
from deploy.tables import Tables
from deploy.verbs import shell
from deploy.verbs.common import add_verb, dump, open_cluster, positive

Rows = Sequence[Sequence[Any]]

_TEXT = ("A SELECT over the tables counts, counts_live, fates, ledger, related, graph_tags, graph_links and the view "
         "current_counts: the counts of each minute, final where its hour is sealed, else live. Authors of several "
         "rows do not add up: of a window they are distinct_authors(authors) of the view current_rows.")


def add_to(verbs: Any) -> None:
    verb = add_verb(verbs, "sql", run, _TEXT, example='sql "SELECT tag, sum(tweets) AS n FROM current_counts '
                    "WHERE hour = '2026-03-01 10:00' GROUP BY tag ORDER BY n DESC\"\n"
                    '  deploy/hashtide sql --engine spark "SELECT * FROM graph_tags ORDER BY pagerank DESC"')
    verb.add_argument("statement", help="one SELECT, DESCRIBE or SHOW TABLES; - reads it from standard input")
    verb.add_argument("--engine", choices=["duckdb", "spark"], default="duckdb",
                      help="duckdb: here, without a JVM (default); spark: on the cluster, in its batch queue, in "
                      "Spark's SQL; for what is too large for one machine")
    verb.add_argument("--local", action="store_true", help="with --engine spark: in one process here, not on YARN")
    verb.add_argument("--format", choices=["table", "csv", "json"], help="how rows are printed (default: table)")
    verb.add_argument("--limit", type=positive, default=1000, metavar="N", help="at most N rows (default: %(default)s)")


def run(args: argparse.Namespace) -> int:
    if args.json and args.format not in (None, "json"):
        raise BadUse(f"--json and --format {args.format} exclude each other: give one of them")
    statement = sys.stdin.read() if args.statement == "-" else args.statement
    if not statement.strip():
        raise BadUse(f"no statement: expected one, such as {EXAMPLE}")
    if args.local and args.engine != "spark":
        raise BadUse("--local goes with --engine spark; DuckDB is always here")
    try:
        names, rows = (by_spark if args.engine == "spark" else by_duckdb)(args, statement)
    except HashtideError as error:
        # Both engines quote values out of the tables.
        raise type(error)(safe(str(error))) from None
    show(args.format or ("json" if args.json else "table"), names, rows[:args.limit])
    if len(rows) > args.limit:
        print(f"Only the first {args.limit:,} rows; --limit N shows more.", file=sys.stderr)
    return 0


def by_duckdb(args: argparse.Namespace, statement: str) -> tuple[list[str], Rows]:
    """Names of the columns, and one row more than are to be shown where there are more."""
    cluster, files = open_cluster(args)
    answer = open_database(Tables(cluster, args.stream, files)).ask(statement)
    return answer.columns, list(islice(answer.rows(), args.limit + 1))


def by_spark(args: argparse.Namespace, statement: str) -> tuple[list[str], Rows]:
    """The same, by a session of Spark that begins and ends with the statement."""
    cluster = shell.cluster_of(args)
    return ask(shell.session_of(cluster, args.stream, on_yarn=not args.local), statement, args.limit + 1)


def show(how: str, names: list[str], rows: Rows) -> None:
    if how == "json":
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise BadUse(f"two columns are called {', '.join(map(safe, twice))}: name them apart by AS")
        dump([dict(zip(names, map(plain, row), strict=True)) for row in rows])
    elif how == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(names)
        writer.writerows([text(value) for value in row] for row in rows)
    elif names == ["explain_key", "explain_value"]:
        print("\n".join(safe(line) for _, plan in rows for line in plan.splitlines()))
    else:
        print(table(names, rows))


def plain(value: Any) -> Any:
    """As JSON has it: timestamps in ISO 8601, bytes in base64, a decimal without a fraction whole."""
    if isinstance(value, dict):
        return {str(plain(key)): plain(below) for key, below in value.items()}
    if isinstance(value, list | tuple):
        return [plain(below) for below in value]
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, str | int) else str(value)


def text(value: Any) -> str:
    """In one cell; nothing for NULL."""
    value = plain(value)
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def table(names: list[str], rows: Rows) -> str:
    """For a terminal: what could steer it is escaped, numbers stand right. Bytes are told by their number."""
    cells = [[f"{len(value):,} bytes" if isinstance(value, bytes) else safe(text(value)) for value in row]
             for row in rows]
    right = [all(value is None or isinstance(value, int | float | Decimal) for value in column) and bool(rows)
             for column in (zip(*rows, strict=True) if rows else ([] for _ in names))]
    lines = [[safe(name) for name in names], *cells]
    widths = [max(columns(line[i]) for line in lines) for i in range(len(names))]
    padded = ([(pad + cell if right[i] else cell + pad) for i, cell in enumerate(line)
               for pad in [" " * (widths[i] - columns(cell))]] for line in lines)
    return "\n".join("  ".join(line).rstrip() for line in padded)
