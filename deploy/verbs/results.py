"""`top`: what is being tweeted, from the tables in HDFS, read without a JVM."""
from __future__ import annotations

import argparse
import unicodedata
from dataclasses import asdict
from typing import Any

from deploy.tables import Tables, Top
from deploy.verbs.common import add_verb, dump, iso, now_ms, open_cluster, positive


def add_to(verbs: Any) -> None:
    verb = add_verb(verbs, "top", top, "The most frequent tags of the last counted minutes.",
                    example="top --minutes 5 --json")
    verb.add_argument("--minutes", type=positive, default=10, help="length of the window (default: %(default)s)")
    verb.add_argument("-n", type=positive, default=10, help="how many tags (default: %(default)s)")


def top(args: argparse.Namespace) -> int:
    cluster, files = open_cluster(args)
    found = Tables(cluster, args.stream, files).top(now_ms(), args.minutes, args.n)
    if args.json:
        dump({"stream": args.stream, **(asdict(found) if found else {"tags": []})})
    elif found:
        print(text(found, args.stream))
    else:
        print(f"No counts yet for stream {args.stream}; `deploy/hashtide status` shows how far it is.")
    return 0 if found else 1


def text(found: Top, stream: str) -> str:
    width = max((columns(safe(t.display)) for t in found.tags), default=1)
    lines = [f"Top tags of {stream}, {iso(found.from_ms, '%H:%M')} to {iso(found.to_ms, '%H:%M')} UTC "
             f"({found.all_tweets:,} tweets)"]
    lines += [f"{t.rank:>3}. #{safe(t.display)}{' ' * (width - columns(safe(t.display)))}  {t.tweets:>8,}"
              for t in found.tags]
    return "\n".join(lines)


def safe(form: str) -> str:
    """A tag is anybody's text: what could steer a terminal is not printed. Joiners inside words stay."""
    return "".join(c for c in form if c in "\u200c\u200d" or unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co"))


def columns(form: str) -> int:
    """Cells a terminal needs for it."""
    return sum(0 if unicodedata.category(c) in ("Mn", "Me", "Cf") else
               2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in form)
