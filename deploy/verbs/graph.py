"""`graph`: the top tags and communities of a day, and a picture of them, read without a JVM."""
from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from deploy import graph
from deploy.errors import BadUse
from deploy.graph import Graph
from deploy.lines import safe
from deploy.picture import FORMATS, draw
from deploy.tables import Tables
from deploy.verbs.common import add_verb, dump, open_cluster, positive
from deploy.verbs.results import aligned
from spark_apps.contract import day_name, parse_day

_NAMED = 8


def add_to(verbs: Any) -> None:
    verb = add_verb(verbs, "graph", run, "The graph of a day's hashtags, as hashtag_graph has made it by GraphX: two "
                    "tags are linked that stand together in enough tweets, more often than chance has it. PageRank is "
                    "a share of all rank; communities are by label propagation.",
                    example="graph -k 20\n  deploy/hashtide graph --day 2026-03-01 --out graph.svg\n"
                    "  deploy/hashtide graph --json")
    verb.add_argument("--day", type=_day, metavar="DAY", help="such as 2026-03-01, UTC (default: the newest)")
    verb.add_argument("-k", "-n", type=positive, default=10, help="how many tags (default: %(default)s)")
    verb.add_argument("--communities", type=positive, default=9, metavar="N",
                      help="how many of the largest communities (default: %(default)s)")
    verb.add_argument("--out", type=_picture, metavar="FILE",
                      help="draw them, as .svg, .png or .pdf; an SVG has letters of every script")


def _day(text: str) -> str:
    try:
        return day_name(parse_day(text))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a day of UTC such as 2026-03-01") from None


def _picture(text: str) -> Path:
    path = Path(text)
    if path.suffix.lower() not in FORMATS:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a file such as graph.svg; {', '.join(FORMATS)} are known")
    return path


def run(args: argparse.Namespace) -> int:
    cluster, files = open_cluster(args)
    tables = Tables(cluster, args.stream, files)
    days = graph.days(tables)
    if not days and args.day is None:
        print(f"No graph of stream {args.stream} yet: `deploy/hashtide analyse graph` makes that of a day with sealed "
              "hours, the DAG hashtag_graph one of each.")
        return 1
    day = args.day or days[-1]
    if day not in days:
        told = (files.read_json(tables.paths.graph_result(day)) or {}).get("refused")
        raise BadUse(f"no graph of {day}: {told}" if told else
                     f"no graph of {day}; there are those of {', '.join(days[-5:]) or 'no day'}")
    found = graph.read(tables, day)
    has_all = draw(found, args.out, f"Stream {args.stream}, {day}", args.communities) if args.out else True
    if args.json:
        dump(as_json(found, args.stream, args.k, args.communities))
    else:
        print(text(found, args.stream, args.k, args.communities))
        if args.out:
            boxes = "" if has_all else "; boxes in it are letters of which no font is here: an .svg has them"
            print(f"Drawn: {args.out}{boxes}")
    return 0


def as_json(found: Graph, stream: str, k: int, communities: int) -> dict[str, Any]:
    return {"stream": stream, "day": found.day, "graph": found.told, "tags": [asdict(tag) for tag in found.tags[:k]],
            "communities": [{"number": one.number, "size": len(one.tags), "tags": [tag.tag for tag in one.tags]}
                            for one in found.communities[:communities]]}


def text(found: Graph, stream: str, k: int, communities: int) -> str:
    parts, told = found.communities, found.told
    said = f" of modularity {told['modularity']:.3f}" if "modularity" in told else ""
    head = (f"Hashtags of {stream}, {found.day}: {len(found.tags):,} tags, {len(found.links):,} links, "
            f"{max(tag.component for tag in found.tags):,} components, {len(parts):,} communities{said}")
    header = ["", "", "PageRank", "links", "tweets", "community"]
    rows = [[f"{n}.", "#" + safe(tag.tag), f"{tag.pagerank:.4f}", f"{tag.degree:,}", f"{tag.tweets:,}",
             str(tag.community)] for n, tag in enumerate(found.tags[:k], 1)]
    named = [f"{one.number:>4}. {len(one.tags):,} tags: " + ", ".join("#" + safe(tag.tag) for tag in one.tags[:_NAMED])
             + (", ..." if len(one.tags) > _NAMED else "") for one in parts[:communities]]
    return "\n".join([head, *aligned([header, *rows]), "Communities, the largest first:", *named])
