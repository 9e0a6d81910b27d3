"""`ledger`: what became of each hour's lines, and with --quarantine the lines that were put aside."""
from __future__ import annotations

import argparse
import base64
from collections.abc import Iterator, Sequence
from typing import Any

from deploy import gaps, quarantine
from deploy.ledger import FATES, read
from deploy.lines import safe, table
from deploy.quarantine import Line
from deploy.tables import Tables
from deploy.verbs.common import add_range, add_verb, dump, hours_of, iso, now_ms, open_cluster
from spark_apps.contract import HOUR_MS, StreamPaths, hour_name

#: Characters of a line that a terminal shows.
_SHOWN = 80


def add_to(verbs: Any) -> None:
    verb = add_verb(verbs, "ledger", run, "What became of the lines of each hour; 1 where an hour does not add up.",
                    example="ledger --from 2026-03-01T10 --quarantine")
    add_range(verb)
    verb.add_argument("--quarantine", action="store_true",
                      help="instead the lines that were put aside: reason, file, line number, body (whole with --json)")


def run(args: argparse.Namespace) -> int:
    return put_aside(args) if args.quarantine else ledger(args)


def ledger(args: argparse.Namespace) -> int:
    wanted = hours_of(args)
    cluster, files = open_cluster(args)
    found = read(Tables(cluster, args.stream, files), (wanted[0], wanted[-1] + HOUR_MS), now_ms())
    if args.json:
        dump(found)
    elif found:
        print(ledger_text(found))
    else:
        print(f"No hour of stream {args.stream} is sealed there.")
    return 0 if found and all(row["adds_up"] for row in found) else 1


def ledger_text(found: Sequence[dict[str, Any]]) -> str:
    cells = [[f"{row['hour']:%Y-%m-%dT%H}", str(row["revision"]), f"{row['lines']:,}",
              *(f"{row[fate] or 0:,}" for fate in FATES), f"{sum(row['quarantined'].values()):,}",
              iso(row["through_ms"]), "; ".join(remarks(row))] for row in found]
    return table(cells, ["hour", "rev", "lines", *FATES, "quarantined", "through", ""])


def remarks(row: dict[str, Any]) -> Iterator[str]:
    if not row["complete"]:
        yield f"incomplete: {row['gap']}"
    if row["incomplete_minutes"]:
        yield gaps.said(len(row["incomplete_minutes"])).removeprefix(", ")
    if not row["adds_up"]:
        yield "DOES NOT ADD UP"


def put_aside(args: argparse.Namespace) -> int:
    wanted = hours_of(args)
    cluster, files = open_cluster(args)
    found = quarantine.lines(files, StreamPaths(args.stream, cluster.root), wanted)
    if args.json:
        dump([whole(line) for line in found])
        return 0
    rows = [[hour_name(line.hour), line.reason, line.file, str(line.line), f"{len(line.body):,}", shown(line.body)]
            for line in found]
    print(table(rows, ["hour", "reason", "file", "line", "bytes", "body"]) if rows else
          f"No line of stream {args.stream} was put aside there.")
    return 0


def whole(line: Line) -> dict[str, Any]:
    """As JSON; bytes that are no UTF-8 as body_base64 instead of body."""
    said = {"hour": hour_name(line.hour), "reason": line.reason, "file": line.file, "line": line.line,
            "bytes": len(line.body)}
    try:
        return {**said, "body": line.body.decode()}
    except UnicodeDecodeError:
        return {**said, "body_base64": base64.b64encode(line.body).decode()}


def shown(body: bytes) -> str:
    """The beginning of a line. What could steer a terminal, and what is no UTF-8, is written as its number."""
    text = body[:8 * _SHOWN].decode(errors="backslashreplace")
    return safe(text[:_SHOWN]) + ("…" if len(text) > _SHOWN or len(body) > 8 * _SHOWN else "")
