"""`gaps`: when nothing was received, why, and what came of it later."""
from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

from deploy import gaps
from deploy.lines import line, table
from deploy.verbs.common import add_verb, dump, hour, iso, now_ms, open_cluster
from spark_apps.contract import HOUR_MS, StreamPaths
from spark_apps.gap import Gap

#: Characters of a detail that a line shows; all with --json.
_SHOWN = 90


def add_to(verbs: Any) -> None:
    verb = add_verb(verbs, "gaps", run, "When the ingest service received nothing: from when until when, why, and "
                    "what a backfill or a search brought again; 1 where posts may be missing.",
                    example="gaps --from 2026-03-01T10 --to 2026-03-01T12")
    verb.add_argument("--from", dest="first", type=hour, metavar="HOUR",
                      help="such as 2026-03-01T10, UTC (default: 24 hours ago)")
    verb.add_argument("--to", dest="last", type=hour, metavar="HOUR", help="included (default: now)")


def run(args: argparse.Namespace) -> int:
    now = now_ms()
    to_ms = now + 1 if args.last is None else args.last + HOUR_MS
    from_ms = min(now, to_ms) - 24 * HOUR_MS if args.first is None else args.first
    cluster, files = open_cluster(args)
    found = gaps.read(files, StreamPaths(args.stream, cluster.root), (from_ms, to_ms), now)
    if args.json:
        dump([as_json(gap, now) for gap in found])
    elif found:
        print(text(found, now))
    else:
        print(f"No gap of stream {args.stream} from {iso(from_ms)} to {iso(min(to_ms, now))}.")
    return 1 if any(gap.missing(now) for gap in found) else 0


def as_json(gap: Gap, now: int) -> dict[str, Any]:
    """`missing`: from when until when posts may be missing, or null; `seconds` of the gap until now or its end."""
    missing = gap.missing(now)
    return {**asdict(gap), "start": iso(gap.start_ms), "end": iso(gap.end_ms) if gap.end_ms else None,
            "seconds": _seconds(gap, now), "missing": [iso(ms) for ms in missing] if missing else None}


def text(found: list[Gap], now: int) -> str:
    rows = [[iso(gap.start_ms), iso(gap.end_ms) if gap.end_ms else "lasts", f"{_seconds(gap, now):,.1f}", gap.source,
             gap.cause, gaps.recovery(gap), gap.state, line(gap.detail, _SHOWN)] for gap in found]
    return table(rows, ["from", "to", "seconds", "source", "cause", "recovery", "state", ""])


def _seconds(gap: Gap, now: int) -> float:
    return max(0, (now if gap.end_ms is None else gap.end_ms) - gap.start_ms) / 1000
