"""`verify`: sealed hours recomputed from landing, compared with the seal and with the stream, row by row."""
from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from deploy import backfill, verify
from deploy.lines import safe, table
from deploy.retention import gone
from deploy.tables import Tables
from deploy.verbs.common import add_range, add_verb, dump, hours_of, iso, open_cluster, positive, progress
from deploy.verbs.stream import tools_of
from deploy.verify import Verify
from spark_apps.contract import HOUR_MS, MEASURES, StreamPaths, hour_name

_SIDES = ("live", "sealed", "fresh")
#: Ids of a reason that a line shows.
_IDS = 3


def add_to(verbs: Any) -> None:
    verb = add_verb(verbs, "verify", run, "Compare what the stream counted with each sealed hour, and both with a "
                    "fresh run of the batch on YARN; the rows that differ, each with its reason (late, other_version, "
                    "purged, seam, incomplete). 1 where one has none.",
                    example="verify --from 2026-03-01T10 --to 2026-03-01T12")
    add_range(verb)
    verb.add_argument("--rows", type=positive, default=40, metavar="N",
                      help="how many rows of an hour are shown (default: %(default)s; more with --json)")
    verb.add_argument("--release", default="", help="a release in HDFS (default: this checkout's)")


def run(args: argparse.Namespace) -> int:
    wanted = hours_of(args)
    cluster, files = open_cluster(args)
    sealed = Tables(cluster, args.stream, files).sealed((wanted[0], wanted[-1] + HOUR_MS))
    if not sealed:
        print(f"No hour of stream {args.stream} is sealed there; `deploy/hashtide backfill` seals a range.",
              file=sys.stderr)
        return 1
    job = Verify(args.stream, tuple((at, int(sealed[at]["through_ms"])) for at in sorted(sealed)), "command line")
    say = progress(args)
    tools, paths = tools_of(cluster, files, say), StreamPaths(args.stream, cluster.root)
    since_ms = tools.now_ms()
    gone.check(files, paths, sorted(sealed), since_ms)
    app = verify.submit(tools, job, args.release)
    say(f"{app.id} is {app.state}")
    backfill.await_end(tools, app.id, timeout_s=3600.0 + 60.0 * len(sealed))
    found = verify.results(tools.hdfs, paths, sorted(sealed), since_ms, app.id)
    if args.json:
        dump(found)
    else:
        print("\n".join(text(said, args.rows) for said in found))
        print("\n".join([*(f"{hour_name(at)} is not sealed" for at in wanted if at not in sealed), verdict(found)]))
    return 0 if verify.is_explained(found) else 1


def verdict(found: Sequence[Mapping[str, Any]]) -> str:
    return "All is explained." if verify.is_explained(found) else "NOT EXPLAINED: see the rows above"


def text(said: Mapping[str, Any], most: int) -> str:
    """What was found of an hour: a line, and the rows that differ."""
    rows = said["differences"][:most]
    cells = [[iso(row["minute_ms"], "%H:%M"), tag_of(row), *(cell(row, side) for side in _SIDES), why(row["reasons"])]
             for row in rows]
    lines = [verify.describe(said)]
    lines += [f"  {line}" for line in table(cells, ["", "tag", *_SIDES, "why"]).splitlines()] if rows else []
    more = said["differing"] - len(rows)
    return "\n".join([*lines, *([f"  and {more:,} more rows; --rows and --json show more"] if more else [])])


def tag_of(row: Mapping[str, Any]) -> str:
    return f"#{safe(row['form'])}" if row["tag"] else "(all tweets)"


def cell(row: Mapping[str, Any], side: str) -> str:
    """Tweets, and the other measures that differ where tweets do not."""
    tweets = {row[one]["tweets"] for one in _SIDES}
    others = [f"{row[side][name]} {name}" for name in MEASURES[1:]
              if len(tweets) == 1 and len({row[one][name] for one in _SIDES}) > 1]
    return ", ".join([f"{row[side]['tweets']:,}", *others])


def why(reasons: Mapping[str, Any]) -> str:
    return "; ".join(f"{reason}{ids(told)}" for reason, told in reasons.items())


def ids(told: Mapping[str, Any]) -> str:
    if not told["tweets"]:
        return ""
    shown = told["ids"][:_IDS]
    more = told["tweets"] - len(shown)
    return ": " + ", ".join(shown) + (f" and {more:,} more" if more else "")
