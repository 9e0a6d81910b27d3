"""`checkpoint retire`: what may go or be put together, listed; done where the checksum of the list is repeated."""
from __future__ import annotations

import argparse
from typing import Any

from deploy.errors import BadUse
from deploy.retention import doing
from deploy.retention.doing import Listed
from deploy.retention.horizons import RANGES, TELLING, Horizons
from deploy.retention.words import all_told, text
from deploy.verbs.common import add_verb, dump, open_cluster, positive, progress
from deploy.verbs.stream import tools_of

WHO = "command line"


def add_to(verbs: Any) -> None:
    verb = add_verb(verbs, "retire", run, "What is past its time and may go: checkpoints of generations that another "
                    "one replaced, savepoints that nobody named, landing files that no point needs, files that no "
                    "version of a table has; and the hours whose many small files may be put together. Lists it; does "
                    "it where --yes comes with the checksum of the list.", example="checkpoint retire")
    defaults = Horizons()
    for name, words in TELLING.items():
        verb.add_argument(_option(name), type=positive, default=getattr(defaults, name), metavar="N",
                          help=f"{words[0].lower()}{words[1:]} (default: %(default)s, at least {RANGES[name][0]})")
    verb.add_argument("--yes", action="store_true", help="do what the list with this checksum has")
    verb.add_argument("--checksum", default="", metavar="SUM", help="of a list, as it was printed")


def run(args: argparse.Namespace) -> int:
    horizons = Horizons.of(vars(args))
    if args.yes != bool(args.checksum):
        raise BadUse("--yes and --checksum go together: without them the list is printed, with its checksum")
    cluster, files = open_cluster(args)
    tools = tools_of(cluster, files, progress(args))
    if args.yes:
        gone = doing.retire(tools, args.stream, horizons, args.checksum, WHO)
        dump({"deleted": gone.as_json()}) if args.json else print(f"Deleted: {all_told(gone)}.")
        return 0
    found = doing.listed(tools, args.stream, horizons)
    if args.json:
        dump(found.as_json())
    else:
        print("\n".join([*text(found), *way_on(found, horizons)]))
    return 0


def way_on(found: Listed, horizons: Horizons) -> list[str]:
    if not found.found.items:
        return []
    changed = "".join(f" {_option(name)} {value}" for name, value in vars(horizons).items()
                      if value != getattr(Horizons(), name))
    return [f"Nothing is done yet; `deploy/hashtide checkpoint retire --stream {found.stream}{changed} --yes "
            f"--checksum {found.checksum}` does exactly that."]


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"
