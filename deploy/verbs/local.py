"""`up`, `down`, `status`: the one-machine cluster."""
from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from deploy import config, hdfs, sources
from deploy.airflow_api import AirflowApi
from deploy.alerts import conf
from deploy.config import Cluster
from deploy.errors import BadUse, HashtideError, TimedOut, Unreachable
from deploy.health import health
from deploy.launch import StreamSpec
from deploy.lines import screen, table
from deploy.local import cluster as machine
from deploy.local import feed
from deploy.local.instance import Instance
from deploy.local.simulator import script
from deploy.tables import Tables
from deploy.verbs import results, screens, watching
from deploy.verbs.common import Steps, add_verb, dump, iso, now_ms, positive
from deploy.verbs.stream import by_airflow, tools_of
from spark_apps.contract import StreamPaths

DAGS = ("hashtag_stream", "hashtag_watchdog", "hashtag_hourly", "hashtag_backfill", "hashtag_retention",
        "hashtag_purge", "hashtag_provision", "hashtag_related", "hashtag_graph")
FIRST_COUNTS_S = 300


def add_to(verbs: Any) -> None:
    verb = add_verb(verbs, "up", up, "Start HDFS, YARN, Airflow, the simulator and ingest on this machine, start the "
                    "stream through Airflow, and print the top tags. Again: bring back what is dead.", cluster=False,
                    as_json=False, example="up --rate 200")
    verb.add_argument("--source", choices=("simulator", "x"), default="simulator",
                      help="where tweets come from; x needs X_BEARER_TOKEN (default: %(default)s)")
    verb.add_argument("--rate", type=positive, default=50, help="tweets/s of the simulator (default: %(default)s)")
    verb.add_argument("--faults", type=Path, metavar="FILE", help="script of what goes wrong with the simulator, such "
                      "as deploy/conf/faults.json")
    verb.add_argument("--rule", action="append", default=[], metavar="RULE",
                      help="rule of the filtered stream; repeatable")
    verb.add_argument("--max-posts-day", type=positive, metavar="N", help="ingest ends where so many posts were read "
                      "on a day of UTC, and says so; warns at four fifths")
    verb.add_argument("--max-posts-month", type=positive, metavar="N", help="the same for the month")
    verb.add_argument("--backfill", action="store_true", help="after a gap ask the platform for what was missed, where "
                      "the token is entitled to it")
    verb.add_argument("--search", action="store_true", help="what no backfill brings of a gap is found by recent "
                      "search, by the rules of the stream")
    verb.add_argument("--no-stream", action="store_true", help="only the daemons")
    verb.add_argument("--no-install", action="store_true", help="only list what is missing on this machine")
    down_verb = add_verb(verbs, "down", down, "End every process that `up` started; data stays.", cluster=False,
                         stream=False, as_json=False, example="down")
    down_verb.add_argument("--delete-data", action="store_true", help="and forget HDFS, Airflow's history, everything")
    down_verb.add_argument("--yes", action="store_true", help="do delete; without, only say what would be")
    status_verb = add_verb(verbs, "status", status, "Every process, the stream, and how fresh its counts are.",
                           cluster=False, example="status --watch")
    status_verb.add_argument("--watch", action="store_true", help="on the whole screen, read anew every 5 s; q ends")


def ingest_options(args: argparse.Namespace) -> list[str]:
    limits = [("--max-posts-day", args.max_posts_day), ("--max-posts-month", args.max_posts_month)]
    given = [text for name, most in limits if most is not None for text in (name, str(most))]
    return [*given, *(f"--{name}" for name in ("backfill", "search") if getattr(args, name))]


def up(args: argparse.Namespace) -> int:
    say = Steps()
    if args.source == "x" and not os.environ.get("X_BEARER_TOKEN"):
        raise BadUse("--source x needs the bearer token in X_BEARER_TOKEN")
    if args.rate > 5000:
        raise BadUse(f"--rate {args.rate}: the simulator sends at most 5000 tweets/s")
    if args.search and args.source == "simulator" and not args.rule:
        raise BadUse("--search: the simulator begins without rules, and a search goes by them; give --rule, such as "
                     "--rule has:hashtags")
    instance = Instance.standard()
    if args.faults:
        check_faults(args, instance)
    instance.make()
    extra = feed.services(instance, args.stream, source=args.source, rate=args.rate, rules=args.rule,
                          options=ingest_options(args), faults=args.faults)
    machine.start(instance, machine.GROUPS["all"], extra=() if args.no_stream else extra, say=say)
    cluster = config.load(instance.ini)
    api = AirflowApi(cluster.airflow)
    await_dags(api, say)
    if args.no_stream:
        print(addresses(cluster))
        return 0
    files = hdfs.Client(cluster)
    if health(tools_of(cluster, files), args.stream).ok:
        say(f"stream {args.stream} runs already")
    else:
        say(f"DAG run {by_airflow(cluster, StreamSpec(args.stream), {})} of hashtag_stream holds stream {args.stream}")
    tables, tools = Tables(cluster, args.stream, files), tools_of(cluster, files)
    found = until(lambda: tables.top(now_ms()), FIRST_COUNTS_S,
                  lambda: f"first counts of stream {args.stream}: {health(tools, args.stream).verdict}")
    say("counts are in HDFS")
    print()
    print(results.text(found, args.stream))
    print()
    print(addresses(cluster))
    return 0


def check_faults(args: argparse.Namespace, instance: Instance) -> None:
    """What would otherwise be found out by a simulator that does not start, or by nobody."""
    if args.source == "x":
        raise BadUse("--faults is for the simulator; --source x has faults of its own")
    script.load(args.faults)
    if any(row.name == "simulator" and row.state == "running" for row in machine.status(instance)):
        raise BadUse("--faults: the simulator runs already, and takes its script at its start; "
                     "end it by `deploy/hashtide down`")


def await_dags(api: AirflowApi, say: Callable[[str], None]) -> None:
    """Until the dag-processor has stored all five; then they are switched on."""
    until(lambda: all(api.has_dag(dag) for dag in DAGS), 120, lambda: "Airflow to load the DAGs")
    for dag in DAGS:
        api.unpause(dag)
    say(f"{len(DAGS)} DAGs are on")


def until(condition: Callable[[], Any], seconds: float, what: Callable[[], str]) -> Any:
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise TimedOut(f"waited {seconds:.0f} s for {what()}; see `deploy/hashtide status`")
        time.sleep(0.5)
    return value


def addresses(cluster: Cluster) -> str:
    return "\n".join([
        f"Airflow  {cluster.airflow.url}  login {cluster.airflow.user}, password in {cluster.airflow.password_file}",
        *(f"YARN     {url}" for url in cluster.yarn.resourcemanagers),
        *(f"HDFS     {url}" for url in cluster.hdfs.webhdfs)])


def down(args: argparse.Namespace) -> int:
    instance = Instance.standard()
    if args.delete_data and not args.yes:
        started = [row.name for row in machine.status(instance) if row.state != "stopped"]
        print(f"Would end {', '.join(started) or 'nothing'} and delete {instance.dir} "
              "with HDFS, its checkpoints and Airflow's history; --yes does it.")
        return 1
    ended = machine.stop(instance, say=Steps())
    if args.delete_data:
        machine.delete_data(instance)
        print(f"Deleted {instance.dir}.")
    elif not ended:
        print("Nothing ran.")
    return 0


def status(args: argparse.Namespace) -> int:
    if args.watch:
        watching.check("--watch", "deploy/hashtide status", args.json)
        return watching.watch(lambda: _status(args.stream),
                              lambda found: screens.status(found[0], found[1], time.time()))
    rows, stream = _status(args.stream)
    fine = bool(rows) and all(row.state == "running" for row in rows) and bool(stream and stream["ok"])
    if args.json:
        dump({"processes": [asdict(row) for row in rows], "stream": stream})
        return 0 if fine else 1
    if not rows:
        print("Nothing runs; `deploy/hashtide up` starts it.")
        return 1
    cells = [[row.name, row.state, str(row.pid or "-"), f"{row.rss_mb} MB" if row.rss_mb is not None else "-",
              iso(int(row.since * 1000)) if row.since else "-", row.url] for row in rows]
    print(table(cells, ["process", "state", "pid", "memory", "since", "address"]))
    if missing := [f"{row.name} is {row.state}" for row in rows if row.state != "running"]:
        print(f"\n{', '.join(missing)}; `deploy/hashtide up` brings back what is missing.")
    print()
    print(screen(stream["text"]) if stream else "")
    return 0 if fine else 1


def _status(stream: str) -> tuple[list[Any], dict[str, Any] | None]:
    """Processes, none where all are stopped, and the stream."""
    rows = machine.status(Instance.standard())
    if all(row.state == "stopped" for row in rows):
        rows = []
    return rows, _stream_status(stream) if rows else None


def _stream_status(stream: str) -> dict[str, Any]:
    """Health and freshness. What does not answer is said, not raised: one opens this page when things are down."""
    try:
        cluster = config.load(Instance.standard().ini)
        files = hdfs.Client(cluster)
        found = health(tools_of(cluster, files), stream)
        feeding = sources.read(files, StreamPaths(stream, cluster.root), now_ms())
    except HashtideError as error:
        return {"ok": False, "verdict": "unknown", "text": f"stream {stream}: {error}"}
    counted: int | None = None
    try:
        counted = Tables(cluster, stream, files).newest_minute(now_ms())
        fresh = f"newest minute {iso(counted, '%H:%M')} UTC" if counted is not None else "none yet"
    except Unreachable as error:
        fresh = str(error)
    return {**found.as_json(), "newest_minute": iso(counted), "sources": feeding,
            "text": f"{found.text()}\n  counts       {fresh}{sources.text(feeding)}\n  alerts       {told(cluster)}"}


def told(cluster: Cluster) -> str:
    """Who hears of what goes wrong."""
    try:
        config = conf.load(conf.find(cluster))
    except BadUse as error:
        return f"nobody is told: {error}"
    names = ", ".join(one.name for one in config.notify)
    return f"told to {names}" if names else f"nobody is told: {config.path} names nobody yet"
