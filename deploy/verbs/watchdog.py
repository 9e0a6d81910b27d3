"""`watchdog`: what hashtag_watchdog does every five minutes, by hand."""
from __future__ import annotations

import argparse
from typing import Any

from deploy import watchdog
from deploy.airflow_api import AirflowApi
from deploy.config import Cluster
from deploy.errors import BadUse, HashtideError
from deploy.lines import line
from deploy.verbs.common import add_verb, dump, open_cluster, stream_name
from deploy.verbs.stream import tools_of
from deploy.watchdog import Plan


def add_to(verbs: Any) -> None:
    verb = add_verb(verbs, "watchdog", run, "Exactly one application for each stream that should run: kill older ones, "
                    "ask those to end that should not run, find a holder for a stream without one. 1 or 3 where "
                    "nothing could be concluded about a stream.", stream=False, example="watchdog --dry-run")
    verb.add_argument("--stream", type=stream_name, help="only this one (default: every provisioned stream)")
    verb.add_argument("--dry-run", action="store_true", help="only list what would be done; nothing is written")


def run(args: argparse.Namespace) -> int:
    cluster, files = open_cluster(args)
    tools = tools_of(cluster, files)
    there = watchdog.streams(tools)
    if args.stream and args.stream not in there:
        raise BadUse(f"stream {args.stream} is not provisioned: "
                     f"`deploy/hashtide stream provision --stream {args.stream}`")
    found, code, marked = [], 0, watchdog.marks(cluster)
    for stream in [args.stream] if args.stream else there:
        plan = watchdog.watch(tools, stream, args.dry_run, marked)
        held = {} if args.dry_run or not plan.conf else hand_over(cluster, plan)
        found.append({**plan.as_json(), **held})
        if not args.json:
            print(f"{stream}: {line(text(plan, args.dry_run, held))}")
        if plan.undecided or "fault" in held:
            code = max(code, 3 if plan.unreachable else 1)
    if args.json:
        dump({"dry_run": args.dry_run, "streams": found})
    elif not found:
        print("No stream is provisioned.")
    return code


def text(plan: Plan, dry_run: bool, held: dict[str, str]) -> str:
    said = f"held by run {held['dag_run']} of hashtag_stream now" if "dag_run" in held else held.get("fault", "")
    if plan.undecided:
        return "; ".join(part for part in (plan.says(), said) if part)
    return plan.says(dry_run, said) + ("; nothing to do" if plan.idle else "")


def hand_over(cluster: Cluster, plan: Plan) -> dict[str, str]:
    """The run of hashtag_stream that holds the stream from now on, or why there is none."""
    way = f"`deploy/hashtide stream submit --stream {plan.stream}`"
    if not cluster.airflow.url:
        return {"fault": f"no [airflow] in the cluster file, so nobody is found to hold it: {way}"}
    try:
        api = AirflowApi(cluster.airflow)
        if api.paused("hashtag_stream"):
            return {"fault": f"hashtag_stream is paused, so nobody is found to hold it: {way} switches it on"}
        return {"dag_run": api.trigger("hashtag_stream", plan.conf or {}, "watchdog by hand")}
    except HashtideError as error:
        return {"fault": f"nobody is found to hold it: {error}"}
