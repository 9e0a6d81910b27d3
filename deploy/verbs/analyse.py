"""`analyse`: learn from sealed hours what the DAGs hashtag_related and hashtag_graph learn, from here."""
from __future__ import annotations

import argparse
from typing import Any

from deploy import analysis, backfill
from deploy.analysis import GRAPH, RELATED, Analysis
from deploy.verbs.common import add_verb, dump, open_cluster, progress
from deploy.verbs.stream import tools_of
from spark_apps.contract import StreamPaths

TIMEOUT_S = 3600.0


def add_to(verbs: Any) -> None:
    family = verbs.add_parser("analyse", help="learn from sealed hours: which tags go together, a day's graph",
                              description="A batch on YARN over sealed hours, as the DAG of its name submits it; ends "
                              "when its result is there.", example="analyse related --newest 48")
    of = family.add_subparsers(dest="analysis", metavar="VERB", required=True)
    verb = add_verb(of, RELATED, run, "Which hashtags go together, by FP-Growth: replaces what `related` answers from.",
                    example="analyse related --from 2026-03-01T10 --to 2026-03-01T12")
    verb.add_argument("--from", metavar="HOUR", help="first sealed hour, such as 2026-03-01T10, UTC (default: the "
                      "newest ones)")
    verb.add_argument("--to", metavar="HOUR", help="last one, included (default: the same hour)")
    verb.add_argument("--newest", metavar="N", help="how many of the newest sealed hours (default: 24)")
    _common(verb)
    verb = add_verb(of, GRAPH, run, "The graph of a day's hashtags, by GraphX: replaces what `graph` has of that day.",
                    example="analyse graph --day 2026-03-01")
    verb.add_argument("--day", metavar="DAY", help="such as 2026-03-01, UTC (default: the newest with a sealed hour)")
    verb.add_argument("--min-lift", metavar="X", help="of tags that are linked: how many times as often as chance has "
                      "it they stand together (default: 2)")
    _common(verb)


def _common(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--min-tweets", metavar="N", help="that have both tags, at least (default: 5)")
    verb.add_argument("--release", default="", help="a release in HDFS (default: this checkout's)")


def run(args: argparse.Namespace) -> int:
    names = ("from", "to", "newest", "min_tweets") if args.analysis == RELATED else ("day", "min_tweets", "min_lift")
    options = {name: getattr(args, name) for name in names}
    if args.analysis == GRAPH and args.day is None:
        cluster, files = open_cluster(args)
        options["day"] = analysis.newest_day(files, StreamPaths(args.stream, cluster.root))
    job = Analysis(args.analysis, args.stream, options, "command line")   # what is out of range is told at once
    cluster, files = open_cluster(args)
    say = progress(args)
    tools = tools_of(cluster, files, say)
    since_ms = tools.now_ms()
    app = analysis.submit(tools, job, args.release)
    say(f"{app.id} is {app.state}")
    backfill.await_end(tools, app.id, TIMEOUT_S)
    found = analysis.result(files, job, cluster.root, since_ms, app.id)
    dump(found) if args.json else print(analysis.describe(job.kind, found))
    return 0
