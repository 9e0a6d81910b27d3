"""`bench ingest`: how much the ingest service takes, with what memory, and whether it loses anything."""
from __future__ import annotations

import argparse
from typing import Any

from deploy.bench import ingest, ingest_report
from deploy.bench.ingest import Load
from deploy.bench.place import say, scratch
from deploy.verbs.common import add_verb, dump, positive, whole

#: More than any process of one core sends.
_ALL = 100_000


def add_to(of: Any) -> None:
    verb = add_verb(of, "ingest", run, "The real ingest service, tweepy and spool under load: the simulator and a "
                    "WebHDFS on this machine's disk are processes beside it. What landed is compared with what was "
                    "sent, by a checksum; then, with --most, how much it takes where the simulator sends all it can. "
                    "Nothing else has to run. Takes 3 KB of disk a tweet while it runs.", cluster=False, stream=False,
                    example="bench ingest --seconds 60 --burst-seconds 10 --json")
    verb.add_argument("--rate", type=positive, default=1_000, metavar="N", help="tweets a second (default: 1000)")
    verb.add_argument("--seconds", type=positive, default=300, metavar="N", help="of sending (default: %(default)s)")
    verb.add_argument("--burst-rate", type=positive, default=10_000, metavar="N",
                      help="tweets a second in the middle (default: 10000)")
    verb.add_argument("--burst-seconds", type=whole(600), default=30, metavar="N",
                      help="so long, 0 for none (default: %(default)s)")
    verb.add_argument("--most", type=whole(3_600), default=30, metavar="SECONDS",
                      help="then send all that the simulator can, so long; 0 for not (default: %(default)s)")
    verb.add_argument("--seed", type=positive, default=1, help="of the tweets (default: %(default)s)")
    verb.add_argument("--check", action="store_true", help="exit 1 where an aim is not met")


def run(args: argparse.Namespace) -> int:
    burst_s = min(args.burst_seconds, args.seconds)
    found = one(Load(args.rate, args.seconds, args.burst_rate, burst_s, args.seed))
    most = None
    if args.most:
        most = one(Load(_ALL, args.most, seed=args.seed))
        most["limited_by"] = ingest_report.limit(most, _ALL)
    if args.json:
        dump({**found, "most": most})
    else:
        print(ingest_report.text(found, most))
    return 1 if args.check and ingest_report.missed(found, most) else 0


def one(load: Load) -> dict[str, Any]:
    with scratch() as place:
        return ingest_report.report(ingest.run(load, place, say))
