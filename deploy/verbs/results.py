"""`top`: what is being tweeted, from the tables in HDFS, read without a JVM."""
from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from deploy.errors import BadUse
from deploy.lines import columns, safe
from deploy.tables import Tables
from deploy.top import Asked, Top, TopTag, minute
from deploy.trending import Trending
from deploy.verbs import screens, watching
from deploy.verbs.common import add_verb, dump, iso, now_ms, open_cluster, positive
from deploy.views.kept import KeptTables
from deploy.views.now import shown
from spark_apps.contract import MINUTE_MS, hour_name
from spark_apps.windows import LONGEST_MS, Trend, Windows, span_ms, span_name


def add_to(verbs: Any) -> None:
    verb = add_verb(verbs, "top", top, "The most frequent or the trending tags of a window: of the newest one that has "
                    "counts, or of the last one that ended by --at.", example="top --window 15m -k 20 --by trend")
    length = verb.add_mutually_exclusive_group()
    length.add_argument("--window", type=of(span_ms), default=10 * MINUTE_MS, metavar="SPAN",
                        help="its length, such as 15m, 2h or 1d (default: 10m)")
    length.add_argument("--minutes", dest="window", type=minutes, metavar="N", help="the same in minutes")
    verb.add_argument("--slide", type=of(span_ms), default=MINUTE_MS, metavar="SPAN",
                      help="windows end at whole multiples of it (default: 1m)")
    verb.add_argument("-k", "-n", type=positive, default=10, help="how many tags (default: %(default)s)")
    verb.add_argument("--by", choices=("count", "trend"), default="count",
                      help="what ranks them (default: %(default)s)")
    verb.add_argument("--before", type=positive, metavar="K",
                      help="windows that a trend is measured against (default: 24; 7 with --daily)")
    verb.add_argument("--daily", action="store_true", help="measure a trend against the same time of the days before")
    verb.add_argument("--at", type=of(minute, "expected a minute of UTC such as 2026-03-01T10:15"), metavar="MINUTE",
                      help="the last window that ended by then, such as 2026-03-01T10:15, UTC")
    verb.add_argument("--live", action="store_true", help="on the whole screen, read anew every 5 s; q ends")


def of(parse: Callable[[str], int], instead: str = "") -> Callable[[str], int]:
    """For argparse, which says nothing of a ValueError but that there was one."""
    def parsed(text: str) -> int:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"{text!r}: {instead}" if instead else str(error)) from None
    return parsed


def minutes(text: str) -> int:
    if positive(text) * MINUTE_MS > LONGEST_MS:
        raise argparse.ArgumentTypeError(f"{text!r}: at most {LONGEST_MS // MINUTE_MS}")
    return positive(text) * MINUTE_MS


def asked(args: argparse.Namespace) -> Asked:
    if args.by == "count" and (args.daily or args.before):
        raise BadUse(f"{'--daily' if args.daily else '--before'} is for trends; add --by trend")
    try:
        windows = Windows(args.window, args.slide)
        trend = None
        if args.by == "trend":
            trend = Trend.daily(windows, args.before or 7) if args.daily else Trend(windows, args.before or 24)
    except ValueError as error:
        raise BadUse(f"{error}; `deploy/hashtide top --help` shows how") from None
    return Asked(windows, args.k, trend, args.at)


def top(args: argparse.Namespace) -> int:
    what = asked(args)
    if args.live:
        return live(args, what)
    cluster, files = open_cluster(args)
    found = Tables(cluster, args.stream, files).top(now_ms(), what)
    if args.json:
        dump({"stream": args.stream, "by": args.by, **(as_json(found) if found else {"tags": []})})
    elif found:
        print(text(found, args.stream))
    else:
        print(f"No counts yet for stream {args.stream}; `deploy/hashtide status` shows how far it is.")
    return 0 if found else 1


def live(args: argparse.Namespace, what: Asked) -> int:
    if what.at_ms is not None:
        raise BadUse("--at is one window, --live follows the newest: leave out one of them")
    watching.check("--live", "deploy/hashtide top", args.json)
    cluster, files = open_cluster(args)
    tables = KeptTables(cluster, args.stream, files)

    def read() -> dict[str, Any]:
        tables.refresh()
        return shown(tables, now_ms(), what)
    return watching.watch(read, lambda found: screens.top(args.stream, found))


def as_json(found: Top) -> dict[str, Any]:
    revision = max(found.revisions.values(), default=None) if found.state == "sealed" else None
    revisions = {hour_name(at): number for at, number in found.revisions.items()}
    return {**asdict(found), "revision": revision, "revisions": revisions}


def text(found: Top, stream: str) -> str:
    long = found.to_ms - found.from_ms
    day = "%Y-%m-%d %H:%M"
    until = "%H:%M" if iso(found.from_ms, "%j") == iso(found.to_ms - 1, "%j") else day
    head = (f"Top tags of {stream}, {iso(found.from_ms, day)} to {iso(found.to_ms, until)} UTC, {span_name(long)} "
            f"({found.all_tweets:,} tweets): {found.said}")
    rows = [[f"{tag.rank}.", "#" + safe(tag.display), *cells(tag)] for tag in found.tags]
    if not rows:
        return f"{head}\nNo tag to list."
    header = ["", "", "tweets", "authors"]
    if isinstance(found.tags[0], Trending):
        header += ["score", "lift", "delta", "rank was"]
    return "\n".join([head, *aligned([header, *rows])])


def cells(tag: TopTag | Trending) -> list[str]:
    counts = [f"{tag.tweets:,}", f"{tag.authors:,}"]
    if isinstance(tag, TopTag):
        return counts
    return [*counts, "-" if tag.score is None else f"{tag.score:.2f}", "-" if tag.lift is None else f"{tag.lift:.2f}",
            f"{tag.delta:+,}", "new" if tag.rank_change is None else str(tag.rank + tag.rank_change)]


def aligned(rows: list[list[str]]) -> list[str]:
    """Right, but for the tag, which is padded by the cells that a terminal needs for it."""
    widths = [max(columns(row[i]) for row in rows) for i in range(len(rows[0]))]

    def padded(i: int, cell: str) -> str:
        pad = " " * (widths[i] - columns(cell))
        return cell + pad if i == 1 else pad + cell
    return ["  ".join(padded(i, cell) for i, cell in enumerate(row)).rstrip() for row in rows]
