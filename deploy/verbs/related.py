"""`related`: the hashtags that go together with one, read without a JVM."""
from __future__ import annotations

import argparse
from typing import Any

from deploy.errors import BadUse
from deploy.lines import safe, tag_key
from deploy.tables import Tables
from deploy.verbs.common import add_verb, dump, open_cluster, positive
from deploy.verbs.results import aligned

BY = ("confidence", "lift", "support")
_COLUMNS = ["related", "tweets", "support", "confidence", "lift"]


def add_to(verbs: Any) -> None:
    verb = add_verb(verbs, "related", run, "The hashtags that stand in one tweet with this one, as hashtag_related has "
                    "learnt from sealed hours. support: share of all tweets with tags that have both; confidence: of "
                    "those with TAG, how many have the other, too; lift: how many times as often as chance has it.",
                    example="related KPOP -k 5\n  deploy/hashtide related '#KPOP' --by lift --json")
    verb.add_argument("tag", metavar="TAG", help="in any spelling, with or without #")
    verb.add_argument("-k", "-n", type=positive, default=10, help="how many tags (default: %(default)s)")
    verb.add_argument("--by", choices=BY, default=BY[0], help="what ranks them (default: %(default)s)")


def run(args: argparse.Namespace) -> int:
    tag = tag_key(args.tag.strip())
    if not tag:
        raise BadUse(f"TAG {args.tag!r}: expected a hashtag, such as KPOP")
    cluster, files = open_cluster(args)
    tables = Tables(cluster, args.stream, files)
    opened = tables.open_table("related")
    told = files.read_json(tables.paths.related_result) or {}
    found = rows(opened, tag, args.by)[:args.k] if opened is not None else []
    if args.json:
        dump({"stream": args.stream, "tag": tag, "by": args.by, "learnt": told, "related": found})
    else:
        print(text(args.stream, tag, found, told, opened is not None))
    return 0 if found else 1


def rows(opened: Any, tag: str, by: str) -> list[dict[str, Any]]:
    found = opened.to_pyarrow_table(columns=_COLUMNS, filters=[("tag", "=", tag)]).to_pylist()
    return sorted(found, key=lambda row: (-row[by], row["related"]))


def text(stream: str, tag: str, found: list[dict[str, Any]], told: dict[str, Any], is_learnt: bool) -> str:
    if not is_learnt:
        why = told.get("refused") or "`deploy/hashtide analyse related` does it, as the DAG hashtag_related"
        return (f"Nothing learnt of stream {stream} yet: {why}. "
                "It needs two sealed hours; `deploy/hashtide ledger` lists them.")
    hours = f"the {told['hours']} hours from {told['from']} to {told['to']}" if "hours" in told else "what it knows"
    if not found:
        return (f"#{safe(tag)} goes with no tag in {hours}: fewer than {told.get('min_tweets', 5)} tweets have it "
                "beside another one. `deploy/hashtide top` lists tags.")
    header = ["", "", "tweets", "support", "confidence", "lift"]
    lines = [[f"{n}.", "#" + safe(row["related"]), f"{row['tweets']:,}", f"{row['support']:.4f}",
              f"{row['confidence']:.3f}", f"{row['lift']:.2f}"] for n, row in enumerate(found, 1)]
    return "\n".join([f"Tags with #{safe(tag)} in {hours} of {stream}{_judged(told)}", *aligned([header, *lines])])


def _judged(told: dict[str, Any]) -> str:
    if not told.get("cases"):
        return ""
    rates = f"{told['hit_rate_at_10']:.3f}, of the most popular tags {told['popularity_at_10']:.3f}"
    return f" (hit rate at 10: {rates}{'' if told['beats_popularity'] else ', so these foretell NOTHING more'})"
