"""`checkpoint check`: whether a stream's checkpoint may go on with a release, before anything is launched.

With --accept one may, on a person's word, of which nobody wrote down what it was made with.
"""
from __future__ import annotations

import argparse
import getpass
import os
from dataclasses import replace
from typing import Any

from deploy import desired
from deploy.checkpoints import accepting, checking, preflight
from deploy.checkpoints.checking import Checked
from deploy.errors import BadUse
from deploy.launch import Launcher
from deploy.lines import screen
from deploy.spec import StreamSpec
from deploy.verbs.common import add_verb, dump, open_cluster, positive, progress
from deploy.verbs.stream import tools_of
from spark_apps import generations
from spark_apps.contract import StreamPaths, generation_name
from spark_apps.generations import Generation
from spark_apps.verdict import Verdict


def add_to(of: Any) -> None:
    verb = add_verb(of, "check", run, "Whether the checkpoint may go on with a release: compares what it was made "
                    "with, then tries one synthetic batch on a clone. Changes nothing without --accept; exits 0 where "
                    "it is compatible.",
                    example="checkpoint check --release 0.1.0-1a2b3c4d")
    verb.add_argument("--release", default="", help="a release in HDFS (default: this checkout)")
    verb.add_argument("--watermark-minutes", type=positive, metavar="N",
                      help="with this watermark (default: as the stream was last asked for)")
    what = verb.add_mutually_exclusive_group()
    what.add_argument("--no-clone", action="store_true", help="only compare; nothing is copied")
    what.add_argument("--accept", action="store_true", help="where nobody wrote down what it was made with: let it go "
                      "on on your word, where neither what is known nor the trial speaks against it")
    verb.add_argument("--why", default="", help="kept with what is accepted")
    verb.add_argument("--yes", action="store_true", help="accept; without, only say whether that is possible")


def run(args: argparse.Namespace) -> int:
    if (args.why or args.yes) and not args.accept:
        raise BadUse("--why and --yes go with --accept only; without it nothing is changed")
    if args.accept and not args.why.strip():
        raise BadUse("--accept needs --why: what do you know of this checkpoint that nobody wrote down?")
    cluster, files = open_cluster(args)
    tools = tools_of(cluster, files, progress(args))
    paths = StreamPaths(args.stream, cluster.root)
    newest = generations.newest(files, paths)
    if newest is None:
        raise BadUse(f"stream {args.stream} was never launched: it has no checkpoint that could be compared")
    asked = {**(desired.read(files, paths).get("parameters") or {}), "stream": args.stream, "release": args.release}
    spec = StreamSpec.of({**asked, **({"watermark_minutes": args.watermark_minutes} if args.watermark_minutes else {})})
    generation = replace(newest, shuffle_partitions=newest.shuffle_partitions or tools.cores(spec))
    if args.accept:
        accepting.check_needed(tools, paths, generation)
    app = preflight.application(tools, args.release)
    tools.say(f"release {app.version}: what it makes a checkpoint with, in a local Spark")
    found = checking.check(tools, spec, generation, app, on_clone=not args.no_clone, any_size=args.accept)
    if args.accept:
        return _accept(args, tools, spec, generation, found)
    dump(found.as_json()) if args.json else print(screen(found.text()))
    return 0 if found.judgement.verdict == Verdict.COMPATIBLE else 1


def _accept(args: argparse.Namespace, tools: Launcher, spec: StreamSpec, generation: Generation, found: Checked) -> int:
    name, known = generation_name(generation.number), replace(found, judgement=found.judgement.answered_for())
    if not args.json:
        print(screen(f"By what is known of it:\n{known.text()}"))
    accepting.check_may(found)
    if not args.yes:
        dump({"would": known.as_json()}) if args.json else print(
            f"Would write down that {name} was made as release {found.release} makes one; --yes does it.")
        return 1
    made = accepting.accept(tools, spec, generation, found, _person(), args.why.strip())
    if args.json:
        dump({"accepted": {"who": made.who, "why": made.why, "time_ms": made.time_ms}, **known.as_json()})
    else:
        print(f"{name} goes on with the next `deploy/hashtide stream submit --stream {args.stream}`")
    return 0


def _person() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):   # a user id that has no name here
        return f"user {os.getuid()}"
