"""`ingest replay`: an archive of tweets as a stream of its own, ending with its hours sealed."""
from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from deploy import config, provision, tickets
from deploy.config import Cluster
from deploy.errors import BadUse, HashtideError
from deploy.local import feed
from deploy.local.instance import Instance
from deploy.verbs.backfill import print_sealed, seal
from deploy.verbs.common import add_verb, dump, open_cluster, progress

ROOT = Path(__file__).parents[2]


def add_to(verbs: Any) -> None:
    family = verbs.add_parser("ingest", help="replay an archive of tweets, change the rules of the filtered stream",
                              description="Ingest beside the live service.",
                              example="ingest replay tweets.jsonl.gz --stream archive")
    of = family.add_subparsers(dest="ingest_verb", metavar="VERB", required=True)
    verb = add_verb(of, "replay", replay, "Land an archive of tweets (v2 records or pages, v1.1 statuses; plain or "
                    "gzip) by its created_at, and seal its hours.",
                    example="ingest replay tweets.jsonl.gz --stream archive")
    verb.add_argument("files", nargs="+", metavar="FILE")
    verb.add_argument("--no-seal", action="store_true", help="only land")
    verb.set_defaults(stream="replay")
    verb = add_verb(of, "rules", rules, "Compare the rules of a file with those that the stream has at the platform, "
                    "and say what would be added and deleted; rules that others made are left alone.", cluster=False,
                    example="ingest rules --file rules.txt")
    verb.add_argument("--file", type=Path, required=True,
                      help="rules, one a line; lines that begin with `# ` are comments")
    verb.add_argument("--source", choices=("x", "simulator"), default="x", help="x takes the bearer token from "
                      "X_BEARER_TOKEN; simulator is that of `up` (default: %(default)s)")
    verb.add_argument("--yes", action="store_true", help="change them")


def replay(args: argparse.Namespace) -> int:
    for name in args.files:
        if name != "-" and not Path(name).is_file():
            raise BadUse(f"{name}: no such file")
    cluster, files = open_cluster(args)
    say = progress(args)
    provision.provision(files, cluster, args.stream)
    landed = land(cluster, args.stream, args.files, say)
    say(f"landed {landed['lines']:,} lines in {landed['files']:,} files, {len(landed['hours'])} hour(s)")
    sealed = [] if args.no_seal or not landed["hours"] else seal(
        cluster, files, args.stream, landed["hours"], through_ms=landed["through_ms"], by="ingest replay", say=say)
    if args.json:
        dump({**landed, "sealed": sealed})
    else:
        print_sealed(sealed)
    return 0


def rules(args: argparse.Namespace) -> int:
    """Runs the ingest package with the terminal of this process; the token stays in the environment or in its file."""
    command = [sys.executable, "-P", "-m", "spark_apps.ingest", "rules", "--stream", args.stream, "--rules-file",
               str(args.file), "--source", args.source]
    if args.source == "simulator":
        instance = Instance.standard()
        command += ["--url", instance.url("simulator"), "--token-file", str(feed.token_file(instance))]
    command += [f"--{name}" for name in ("yes", "json") if getattr(args, name)]
    return subprocess.run(command, check=False).returncode


def _ticket(cluster: Cluster) -> list[str]:
    if not tickets.wanted(cluster):
        return []
    given = {"--keytab": cluster.spark.keytab, "--principal": cluster.spark.principal}
    return ["--kerberos", *(word for name, value in given.items() if value for word in (name, value))]


def land(cluster: Cluster, stream: str, names: list[str], say: Callable[[str], None]) -> dict[str, Any]:
    """Runs the ingest package, which may not be imported from here."""
    spool = config.home() / "spool" / f"replay-{stream}"
    command = [sys.executable, "-P", "-m", "spark_apps.ingest", "replay", "--stream", stream, "--root", cluster.root,
               "--webhdfs", ",".join(cluster.hdfs.webhdfs), "--user", cluster.hdfs.user, "--spool", str(spool),
               *_ticket(cluster), "--json", "--", *names]
    # Its answer is one line, so that reading its progress first cannot block it.
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stderr
        last = "no output"
        for line in process.stderr:
            last = line.strip() or last
            if not last.startswith("ingest: "):
                say(last)
        answer = process.stdout.read()
    if process.returncode:
        error = HashtideError(f"ingest replay: {last.removeprefix('ingest: ')}")
        error.exit_code = process.returncode if process.returncode in (1, 2, 3) else 1
        raise error
    return dict(json.loads(answer))
