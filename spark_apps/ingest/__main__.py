"""`python -m spark_apps.ingest run|rules|replay`: tweets of the filtered stream, or of archives, into landing."""
from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import sys
from dataclasses import asdict
from typing import Any

from spark_apps import kerberos
from spark_apps.clock import Clock
from spark_apps.contract import StreamPaths
from spark_apps.ingest import landing, options, rules, spool
from spark_apps.ingest.client import FilteredStream
from spark_apps.ingest.errors import IngestError
from spark_apps.ingest.inbox import Inbox
from spark_apps.ingest.policy import Policy
from spark_apps.ingest.replay import THREADS, replay
from spark_apps.ingest.service import Service, Settings
from spark_apps.ingest.volume import Band


class _Stopped(Exception):
    pass


def _landing(args: argparse.Namespace, clock: Clock, threads: int = 1) -> landing.Landing:
    ticket = kerberos.Negotiate(args.keytab, args.principal) if args.kerberos else None
    client = landing.connect(args.webhdfs, args.user, threads, ticket)
    return landing.Landing(client, StreamPaths(args.stream, args.root), clock, spool.writer(args.spool))


def _run(args: argparse.Namespace) -> None:
    clock = Clock(args.clock_offset_ms)
    wanted = rules.read(args.rule, args.rules_file)
    settings = Settings(
        args.spool, args.source, args.url, options.token(args), int(args.max_seconds * 1000), args.max_mb << 20, clock,
        Policy().hurried(args.hurry), args.backfill, args.search, args.max_spool_mb << 20, options.limits(args),
        Band().hurried(args.hurry))
    with spool.lock(args.spool):
        service = Service(settings, _landing(args, clock))
        if wanted:
            rules.ensure(service.client, wanted, args.stream)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: service.stop())
        service.run()


def _rules(args: argparse.Namespace) -> None:
    wanted = rules.read(args.rule, args.rules_file)
    client = FilteredStream(options.token(args), args.url, Inbox(Clock()))
    change = rules.preview(client, wanted, args.stream)
    if args.yes:
        rules.ensure(client, wanted, args.stream)
    if args.json:
        print(json.dumps({**asdict(change), "done": args.yes}, ensure_ascii=False))
        return
    lines = [f"add     {value}" for value in change.add] + [f"delete  {value}  ({number})" for number, value in
                                                            change.delete]
    changed = len(change.add) + len(change.delete)
    ending = "" if not changed else ": done" if args.yes else "; nothing is changed yet: give --yes"
    print("\n".join([*lines, f"{len(change.add)} to add, {len(change.delete)} to delete, {change.kept} as wanted, "
                     f"{change.others} of others{ending}"]))


def _replay(args: argparse.Namespace) -> None:
    clock = Clock(args.clock_offset_ms)
    with spool.lock(args.spool):
        target = _landing(args, clock, THREADS)
        target.check()
        done = replay(args.files, target, args.spool, args.source, clock.now_ms())
    if args.json:
        print(json.dumps(done.as_json()))
    else:
        print(f"{done.lines:,} lines ({done.untimed:,} without a time of their own) in {done.files:,} files, "
              f"{done.landed:,} of them new; {len(done.hours)} hour(s) to seal")


def _stop(number: int, _: Any) -> None:
    raise _Stopped(number)


def main(argv: list[str] | None = None) -> int:
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    # They tell of every request, and at length of what our own log has in a line.
    for name, level in (("hdfs", logging.ERROR), ("urllib3", logging.ERROR), ("tweepy", logging.CRITICAL)):
        logging.getLogger(name).setLevel(level)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)
    verb = ""
    try:
        args = options.parser().parse_args(argv)
        verb = args.verb
        options.check(args)
        {"run": _run, "rules": _rules, "replay": _replay}[verb](args)
    except _Stopped as stopped:
        return 0 if verb == "run" else 128 + int(stopped.args[0])
    except IngestError as error:
        print(f"ingest: {error}", file=sys.stderr)
        return error.exit_code
    except OSError as error:   # the spool's own: unreadable, full
        print(f"ingest: {error.filename or 'the spool'}: {error.strerror or error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # The interpreter's own end would wait for what threads are at: a stop has its seconds.
    os._exit(code)
