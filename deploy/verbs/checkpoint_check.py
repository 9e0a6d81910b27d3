"""`checkpoint check`: whether a stream's checkpoint may go on with a release, before anything is launched."""
from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Any

from deploy import desired
from deploy.checkpoints import checking, preflight
from deploy.errors import BadUse
from deploy.lines import screen
from deploy.spec import StreamSpec
from deploy.verbs.common import add_verb, dump, open_cluster, positive, progress
from deploy.verbs.stream import tools_of
from spark_apps import generations
from spark_apps.contract import StreamPaths
from spark_apps.verdict import Verdict


def add_to(of: Any) -> None:
    verb = add_verb(of, "check", run, "Whether the checkpoint may go on with a release: compares what it was made "
                    "with, then tries one synthetic batch on a clone. Changes nothing; exits 0 where it is compatible.",
                    example="checkpoint check --release 0.1.0-1a2b3c4d")
    verb.add_argument("--release", default="", help="a release in HDFS (default: this checkout)")
    verb.add_argument("--watermark-minutes", type=positive, metavar="N",
                      help="with this watermark (default: as the stream was last asked for)")
    verb.add_argument("--no-clone", action="store_true", help="only compare; nothing is copied")


def run(args: argparse.Namespace) -> int:
    cluster, files = open_cluster(args)
    tools = tools_of(cluster, files, progress(args))
    paths = StreamPaths(args.stream, cluster.root)
    newest = generations.newest(files, paths)
    if newest is None:
        raise BadUse(f"stream {args.stream} was never launched: it has no checkpoint that could be compared")
    asked = {**(desired.read(files, paths).get("parameters") or {}), "stream": args.stream, "release": args.release}
    spec = StreamSpec.of({**asked, **({"watermark_minutes": args.watermark_minutes} if args.watermark_minutes else {})})
    generation = replace(newest, shuffle_partitions=newest.shuffle_partitions or tools.cores(spec))
    app = preflight.application(tools, args.release)
    tools.say(f"release {app.version}: what it makes a checkpoint with, in a local Spark")
    found = checking.check(tools, spec, generation, app, on_clone=not args.no_clone)
    dump(found.as_json()) if args.json else print(screen(found.text()))
    return 0 if found.judgement.verdict == Verdict.COMPATIBLE else 1
