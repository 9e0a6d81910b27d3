"""`purge`: tweets that were deleted or withheld leave everything that keeps them."""
from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from typing import Any

from deploy import backfill, config
from deploy.errors import BadUse
from deploy.local.instance import Instance
from deploy.purging import doing, ids
from deploy.purging.doing import Purged, Stream
from deploy.purging.looking import Found, events, look
from deploy.verbs.common import add_verb, dump, now_ms, open_cluster, positive, progress
from deploy.verbs.stream import tools_of
from spark_apps.contract import HOUR_MS, hour_name

BY = "command line"


def add_to(verbs: Any) -> None:
    verb = add_verb(verbs, "purge", run, "Take tweets that were deleted or withheld out of landing, archive, "
                    "quarantine and spool, and seal the hours again that had counted them. Says what it would do; does "
                    "it with --yes; exits with 1 while anything is left.", example="purge --ids deleted.jsonl --yes")
    verb.add_argument("--ids", type=Path, metavar="FILE", help="JSON lines with an id each, as the result of a batch "
                      "compliance job")
    verb.add_argument("--events", type=positive, metavar="HOURS", help="and the tweets of which the stream itself has "
                      "said in the last so many hours that they are deleted or withheld")
    verb.add_argument("--spool", type=Path, metavar="DIR", help="spool of ingest on this machine (default: that of "
                      "`up`, where there is one)")
    what = verb.add_mutually_exclusive_group()
    what.add_argument("--yes", action="store_true", help="do it")
    what.add_argument("--prove", action="store_true", help="look whether anything is left, by default of all tweets "
                      "that were ever purged; 1 where there is")


def run(args: argparse.Namespace) -> int:
    if not (args.ids or args.events or args.prove):
        raise BadUse("purge what? --ids FILE, --events HOURS, or both")
    given = ids.read(args.ids) if args.ids else frozenset()
    cluster, files = open_cluster(args)
    stream = doing.stream_of(tools_of(cluster, files, progress(args)), args.stream, _spool(args))
    if args.events:
        given |= events(files, stream.paths, now_ms() - args.events * HOUR_MS)
    elif not args.ids:
        given = doing.asked_for(stream)
    if args.yes:
        return _say_done(doing.purge(stream, given, BY), args.json)
    found = look(files, stream.paths, given, stream.say)
    return _say_found(stream, given, found, args)


def _spool(args: argparse.Namespace) -> Path | None:
    if args.spool:
        if not args.spool.is_dir():
            raise BadUse(f"--spool {args.spool}: no such directory")
        return Path(args.spool)
    usual = Instance.at(config.home() / "local").dir / "data" / f"spool-{args.stream}"
    return usual if usual.is_dir() and not args.cluster else None


def _say_found(stream: Stream, given: frozenset[str], found: Found, args: argparse.Namespace) -> int:
    ready, left = doing.ready_or_left(stream, found, given)
    lines = Counter[str]()
    for place in ready:
        lines[place.kind] += place.lines
    hours = sorted({hour for place in ready for hour in place.hours})
    if args.json:
        dump({"ids": len(given), "read_files": len(found.read), "read_bytes": found.bytes, "lines": lines,
              "hours": [hour_name(hour) for hour in hours], "left": [one.why for one in left]})
    else:
        print(f"{len(given):,} ids, {len(found.read):,} files read, {found.bytes / 1e6:,.1f} MB.")
        for place in ready:
            print(f"  {place.kind:10} {place.lines:6,} lines  {place.path}")
        for one in left:
            print(f"  waits: {one.why}")
        if not (ready or left):
            print("Nothing of these tweets is there.")
        elif ready and not args.prove:
            again = f", and {backfill.span(hours)} sealed again" if hours else ""
            print(f"Nothing is done yet; with --yes these files are rewritten{again}.")
    return int(args.prove and bool(ready or left))


def _say_done(done: Purged, as_json: bool) -> int:
    if as_json:
        dump(done.as_json())
    else:
        print(f"Purged {done.lines:,} lines of {done.files:,} files in {done.seconds:.1f} s; sealed again: "
              f"{', '.join(done.hours) or 'no hour'}.")
        if done.kept:
            print(f"Counts stay as they are, since landing that they would need was retired: {', '.join(done.kept)}.")
        print("\n".join(f"Left: {one.why}" for one in done.left) or "Nothing of these tweets is left.")
    return int(bool(done.left))
