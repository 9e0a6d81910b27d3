"""`stream provision|submit|status|history|stop|kill`: one stream, by hand. Airflow holds it where there is one."""
from __future__ import annotations

import argparse
import time
from dataclasses import fields, replace
from typing import Any

from deploy import hdfs, health, provision, sources, supervisor, yarn
from deploy.airflow_api import AirflowApi
from deploy.config import Cluster
from deploy.errors import BadUse, HashtideError, TimedOut
from deploy.launch import Launcher, newest_epoch
from deploy.lines import screen
from deploy.spec import ENGINES, MODES, RESUME, Request, StreamSpec
from deploy.verbs import history
from deploy.verbs.common import add_verb, dump, now_ms, open_cluster, positive, progress
from spark_apps.contract import StreamPaths

PARAMETERS = ("trigger_seconds", "max_files", "watermark_minutes", "window_seconds", "slide_seconds")
WORDS = {"window_seconds": "window of engine classic", "slide_seconds": "its slide"}
TEXTS = ("engine", "landing")
RESOURCES = {"queue": "YARN queue", "executors": "executors", "executor_memory": "their memory, such as 640m or 2g"}


def add_to(verbs: Any) -> None:
    family = verbs.add_parser("stream", help="provision, submit, status, history, stop or kill",
                              description="One stream: its directories, its driver, its state.",
                              example="stream status")
    of = family.add_subparsers(dest="stream_verb", metavar="VERB", required=True)
    made = add_verb(of, "provision", provision_stream, "Make the stream's directories in HDFS; again changes nothing.",
                    example="stream provision --stream music")
    made.add_argument("--superuser", default="", metavar="USER", help="HDFS's own, who acts where the "
                      "cluster file's user may not make directories in / nor allow snapshots; what is made is still "
                      "that user's. With Kerberos it is whose ticket `kinit` has got")
    submit = add_verb(of, "submit", submit_stream, "Start the stream, or adopt the driver that runs already.",
                      example="stream submit --trigger-seconds 5")
    for name in PARAMETERS:
        default = next(f.default for f in fields(StreamSpec) if f.name == name)
        submit.add_argument(f"--{name.replace('_', '-')}", type=positive,
                            help=" ".join(filter(None, (WORDS.get(name), f"(default: {default})"))))
    submit.add_argument("--engine", choices=tuple(ENGINES), help="structured, or classic: DStreams, which Spark calls "
                        "legacy (default: structured)")
    submit.add_argument("--landing", metavar="STREAM", help="with --engine classic: count the tweets of this stream, "
                        "beside its own engine (default: its own)")
    for name, text in RESOURCES.items():
        submit.add_argument(f"--{name.replace('_', '-')}", type=positive if name == "executors" else str,
                            help=f"{text} (default: the cluster file's)")
    submit.add_argument("--mode", choices=tuple(MODES), default=RESUME, help="where it goes on from: all but resume "
                        "wait for approval in Airflow (default: %(default)s)")
    submit.add_argument("--savepoint", default="", metavar="NAME", help="for mode savepoint")
    submit.add_argument("--why", dest="reason", default="", metavar="TEXT",
                        help="kept with the launch; `stream status` shows it")
    submit.add_argument("--release", default="", help="a release in HDFS (default: this checkout's)")
    submit.add_argument("--no-airflow", action="store_true",
                        help="submit from here; nobody restarts it when YARN gives it up")
    add_verb(of, "status", status, "Verdict, application, batch, freshness of the stream.",
             example="stream status --json")
    history.add_to(of)
    stop = add_verb(of, "stop", stop_stream, "Let the driver finish its batch, then end it; the checkpoint stays.",
                    example="stream stop")
    stop.add_argument("--timeout", type=positive, default=300, metavar="S",
                      help="seconds to wait (default: %(default)s)")
    kill = add_verb(of, "kill", kill_stream, "Kill the driver at once; nothing committed is lost.",
                    example="stream kill --yes")
    kill.add_argument("--yes", action="store_true", help="do it; without, only say what would be done")


def tools_of(cluster: Cluster, files: hdfs.Client, say: Any = lambda text: None) -> Launcher:
    return Launcher(cluster, files, yarn.Client(cluster), say=say)


def provision_stream(args: argparse.Namespace) -> int:
    cluster, files = open_cluster(args)
    if args.superuser:
        # By a ticket nobody is who they say: then it is that of `kinit`, and not that of the cluster file's keytab.
        files = hdfs.Client(replace(cluster, hdfs=replace(cluster.hdfs, user=args.superuser),
                                    spark=replace(cluster.spark, keytab="", principal="")))
    made = provision.provision(files, cluster, args.stream)
    if args.json:
        dump(made)
    else:
        print(f"Stream {args.stream} is provisioned under {StreamPaths(args.stream, cluster.root).base}.")
    return 0


def submit_stream(args: argparse.Namespace) -> int:
    cluster, files = open_cluster(args)
    given = {name: value for name in (*PARAMETERS, *TEXTS, *RESOURCES) if (value := getattr(args, name)) is not None}
    wish = Request.of({**vars(args), **given})
    spec = wish.spec.within(cluster)
    say = progress(args)
    if files.status(StreamPaths(args.stream, cluster.root).control) is None:
        raise BadUse(f"stream {args.stream} is not provisioned: "
                     f"`deploy/hashtide stream provision --stream {args.stream}`")
    if args.no_airflow or not cluster.airflow.url:
        if wish.destructive:
            raise BadUse(f"mode {wish.mode} waits for approval in Airflow; without it: `deploy/hashtide checkpoint`")
        tools, why = tools_of(cluster, files, say), wish.reason or "stream submit"
        supervisor.ask(tools, spec, who="command line", why=why)
        done = {"application": tools.launch(spec, who="command line", why=why).id}
    else:
        done = {"dag_run": by_airflow(cluster, spec, given, wish)}
    if args.json:
        dump(done)
    else:
        say(f"submitted: {', '.join(f'{k} {v}' for k, v in done.items())}; `deploy/hashtide stream status` shows it")
    return 0


def by_airflow(cluster: Cluster, spec: StreamSpec, given: dict[str, Any], wish: Request | None = None) -> str:
    """The id of a run of hashtag_stream; what is not given, its form fills."""
    api = AirflowApi(cluster.airflow)
    api.unpause("hashtag_stream")
    conf = {"stream": spec.stream, **given, **({"release": spec.release} if spec.release else {})}
    if wish:
        conf |= {name: value for name, value in wish.conf().items() if name in ("mode", "savepoint", "reason")}
    return api.trigger("hashtag_stream", conf)


def status(args: argparse.Namespace) -> int:
    cluster, files = open_cluster(args)
    found = health.health(tools_of(cluster, files), args.stream)
    feeding = sources.read(files, StreamPaths(args.stream, cluster.root), now_ms())
    if args.json:
        dump({**found.as_json(), "sources": feeding})
    else:
        print(screen(found.text() + sources.text(feeding)))
    return 0 if found.ok else 1


def stop_stream(args: argparse.Namespace) -> int:
    cluster, files = open_cluster(args)
    tools = tools_of(cluster, files)
    epoch = supervisor.stop(tools, args.stream, who="command line", why="stream stop")
    ended = wait_until_over(tools, args.stream, args.timeout)
    result = files.read_json(StreamPaths(args.stream, cluster.root).result(epoch)) or {} if epoch else {}
    if args.json:
        dump({"stream": args.stream, "epoch": epoch, "applications": ended, "result": result})
    elif not ended:
        print(f"Stream {args.stream} was not running; it will not be started until somebody submits it.")
    else:
        print(f"Stream {args.stream} stopped ({', '.join(ended)}), last batch {result.get('batch_id', '-')}. "
              "`deploy/hashtide stream submit` goes on from its checkpoint.")
    return 0


def wait_until_over(tools: Launcher, stream: str, timeout_s: int) -> list[str]:
    """Ids of the live applications that ended meanwhile."""
    deadline = time.monotonic() + timeout_s
    seen = [app.id for app in tools.live(stream)]
    while live := tools.live(stream):
        if time.monotonic() > deadline:
            raise TimedOut(f"stream {stream}: {', '.join(a.id for a in live)} still runs {timeout_s} s after the stop; "
                           f"`deploy/hashtide stream kill --stream {stream} --yes` ends it")
        time.sleep(1.0)
    return seen


def kill_stream(args: argparse.Namespace) -> int:
    cluster, files = open_cluster(args)
    tools = tools_of(cluster, files)
    live = tools.live(args.stream)
    if not live:
        raise HashtideError(f"stream {args.stream} has no live application")
    names = ", ".join(app.id for app in live)
    if not args.yes:
        print(f"Would kill {names} and keep stream {args.stream} stopped; --yes does it.")
        return 1
    epoch = newest_epoch(files, StreamPaths(args.stream, cluster.root))
    supervisor.stop(tools, args.stream, who="command line", why=f"stream kill of epoch {epoch} at {now_ms()}")
    for app in live:
        tools.yarn.kill(app.id)
    wait_until_over(tools, args.stream, 60)
    print(f"Killed {names}.") if not args.json else dump({"killed": [app.id for app in live]})
    return 0
