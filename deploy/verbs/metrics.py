"""`metrics`: what Prometheus reads, as text, where no Airflow of ours serves it."""
from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from deploy.metrics import reading
from deploy.metrics.exposition import text
from deploy.verbs.common import add_verb, open_cluster
from deploy.verbs.stream import tools_of


def add_to(verbs: Any) -> None:
    verb = add_verb(verbs, "metrics", run, "Metrics of every stream as Prometheus reads them, which Airflow serves at "
                    "/hashtide/metrics; or a file of them for the node exporter. 3 where HDFS does not answer.",
                    stream=False, as_json=False, example="metrics --out hashtide.prom")
    verb.add_argument("--out", type=Path, metavar="FILE", help="replace this file at once (default: print)")


def run(args: argparse.Namespace) -> int:
    found = reading.read(tools_of(*open_cluster(args)))
    if args.out:
        part = args.out.with_suffix(".part")
        part.write_text(text(found), encoding="utf-8")
        part.replace(args.out)
    else:
        print(text(found), end="")
    return 0 if found.hdfs else 3
