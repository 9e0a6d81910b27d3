"""`stream history`: what became of a stream, a line an event, and what its ends cost."""
from __future__ import annotations

import argparse
from typing import Any

from deploy import restart_ledger, yarn
from deploy.errors import BadUse
from deploy.history import Report, report
from deploy.launch import Launcher
from deploy.saying import summary, told
from deploy.verbs.common import add_verb, dump, iso, now_ms, open_cluster
from deploy.verbs.results import of
from spark_apps.contract import HOUR_MS, StreamPaths
from spark_apps.windows import span_ms


def add_to(verbs: Any) -> None:
    verb = add_verb(verbs, "history", run, "What became of the stream: launches, ends, stops, parks, outages; then how "
                    "long ends kept it from counting, the minutes that were missed and why, and its availability.",
                    example="stream history --since 7d")
    verb.add_argument("--since", type=of(span_ms), default=7 * 24 * HOUR_MS, metavar="SPAN",
                      help="how far back, such as 12h or 30d (default: 7d)")


def run(args: argparse.Namespace) -> int:
    cluster, files = open_cluster(args)
    paths = StreamPaths(args.stream, cluster.root)
    if files.status(paths.control) is None:
        raise BadUse(f"stream {args.stream} is not provisioned: "
                     f"`deploy/hashtide stream provision --stream {args.stream}`")
    until = now_ms()
    since = until - args.since
    records = restart_ledger.read(Launcher(cluster, files, yarn.Client(cluster)), args.stream, since)
    found = report(records, since, until, restart_ledger.arrivals(files, paths))
    if args.json:
        dump({"stream": args.stream, **found.as_json()})
    else:
        print(text(found, args.stream))
    return 0


def text(found: Report, stream: str) -> str:
    head = f"stream {stream}, {iso(found.from_ms)} to {iso(found.to_ms)}"
    return "\n".join([head, *(f"{iso(one.time_ms)}  {one.what:<11}  {told(one)}".rstrip() for one in found.events), "",
                      *summary(found)])
