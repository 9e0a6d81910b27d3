"""Options that verbs share, and how they print."""
from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from deploy import config, elsewhere, engines, hdfs
from deploy.config import Cluster
from deploy.errors import BadUse
from spark_apps.contract import HOUR_MS, StreamPaths, check_stream


def add_verb(verbs: Any, name: str, run: Any, text: str, *, cluster: bool = True, stream: bool = True,
             as_json: bool = True, example: str = "") -> argparse.ArgumentParser:
    verb: argparse.ArgumentParser = verbs.add_parser(name, help=text, description=text, example=example)
    verb.set_defaults(run=run)
    if cluster:
        verb.add_argument("--cluster", metavar="FILE",
                          help="cluster file or a name in deploy/conf (default: the local one)")
    if stream:
        verb.add_argument("--stream", type=stream_name, default="hashtags", help="stream (default: %(default)s)")
    if as_json:
        verb.add_argument("--json", action="store_true", help="print JSON")
    return verb


def stream_name(text: str) -> str:
    try:
        return check_stream(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a whole number from 1 on")
    return int(text)


def hour(text: str) -> int:
    """`2026-03-01T10` (UTC) as ms."""
    try:
        at = datetime.strptime(text, "%Y-%m-%dT%H").replace(tzinfo=timezone.utc)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: expected an hour of UTC such as 2026-03-01T10") from None
    return int(at.timestamp()) * 1000


def hours(from_ms: int, to_ms: int) -> list[int]:
    """The hours from and to, both included."""
    if to_ms < from_ms:
        raise BadUse(f"--to {iso(to_ms)} is before --from {iso(from_ms)}")
    return list(range(from_ms, to_ms + 1, HOUR_MS))


def add_range(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--from", dest="first", type=hour, required=True, metavar="HOUR",
                      help="such as 2026-03-01T10, UTC")
    verb.add_argument("--to", dest="last", type=hour, metavar="HOUR", help="included (default: the same hour)")


def hours_of(args: argparse.Namespace) -> list[int]:
    """The hours of `add_range`'s options."""
    return hours(args.first, args.first if args.last is None else args.last)


def open_cluster(args: argparse.Namespace) -> tuple[Cluster, hdfs.Client]:
    cluster = config.load(args.cluster)
    files = hdfs.Client(cluster)
    if verb := getattr(args, "checkpoint_verb", ""):
        paths = StreamPaths(args.stream, cluster.root)
        if verb != "retire":   # it goes by landing and tables too, which both engines have
            engines.only_structured(files, paths, f"checkpoint {verb}")
        if verb in elsewhere.NEED_IT:
            elsewhere.only_hdfs(files, paths, f"checkpoint {verb}", getattr(args, "point", ""))
    return cluster, files


def whole(most: int) -> Callable[[str], int]:
    def parsed(text: str) -> int:
        if not text.isdecimal() or int(text) > most:
            raise argparse.ArgumentTypeError(f"{text!r}: expected a whole number from 0 to {most}")
        return int(text)
    return parsed


def iso(ms: int | None, spec: str = "%Y-%m-%dT%H:%M:%SZ") -> str:
    return datetime.fromtimestamp(ms / 1000, timezone.utc).strftime(spec) if ms is not None else "-"


def dump(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Steps:
    """Says each step with the seconds since the start."""

    def __init__(self) -> None:
        began_ns = os.environ.get("HASHTIDE_BEGAN_NS", "")
        waited = (time.time_ns() - int(began_ns)) / 1e9 if began_ns.isdecimal() else 0.0
        self.began = time.monotonic() - waited

    def __call__(self, text: str) -> None:
        print(f"[{time.monotonic() - self.began:5.1f} s] {text}", flush=True)


def progress(args: argparse.Namespace) -> Callable[[str], None]:
    """Where steps are said; nowhere with --json, which has standard output for itself."""
    return (lambda text: None) if args.json else Steps()
