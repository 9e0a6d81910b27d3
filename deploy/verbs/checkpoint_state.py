"""`checkpoint inspect POINT --state`: rows of the state by partition, minute of expiry and key."""
from __future__ import annotations

import argparse

from deploy.checkpoints import state
from deploy.checkpoints.copying import size_text
from deploy.checkpoints.state import State
from deploy.errors import BadUse
from deploy.lines import screen, table
from deploy.verbs.common import dump, iso, open_cluster, positive, progress
from deploy.verbs.stream import tools_of
from spark_apps.contract import generation_name

DESCRIPTION = ("All that is known of one point. With --state its state is opened by Spark: operators, rows, bytes and "
               "skew of the partitions, when rows expire, and keys. A key is the identity of a tweet and has one row, "
               "so there is no hottest key: what fills up is a partition, or a minute of expiry. Nothing is changed.")
K = 10


def add_to(inspect: argparse.ArgumentParser) -> None:
    inspect.add_argument("--state", action="store_true", help="open its state, by a local Spark")
    inspect.add_argument("--batch", type=batch, metavar="N",
                         help="with --state: after this batch (default: the newest that is committed)")
    inspect.add_argument("-k", type=positive, metavar="N",
                         help="with --state: how many keys by expiry from either end, and how many of the fullest "
                         f"minutes (default: {K})")


def batch(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r}: expected a batch id such as 412")
    return int(text)


def check(args: argparse.Namespace) -> None:
    """BadUse for options of --state without it."""
    for option, value in (("--batch", args.batch), ("-k", args.k)):
        if value is not None and not args.state:
            raise BadUse(f"{option} is of the state: add --state")


def run(args: argparse.Namespace) -> int:
    cluster, files = open_cluster(args)
    k = args.k or K
    found = state.look(tools_of(cluster, files, progress(args)), args.stream, args.point, args.batch, k)
    dump(found.as_json(k)) if args.json else print(screen(text(found, k)))
    return 0


def text(found: State, k: int) -> str:
    lines = [f"state of {found.point} after batch {found.batch} of {generation_name(found.generation)}, watermark "
             f"{iso(found.watermark_ms)}, by Spark {found.spark}"]
    lines += [f"  operator  {one['id']} {one['name']}, store {one['store']}, {one['partitions']} partitions, batches "
              f"{one['first_batch']} to {one['last_batch']}" for one in found.operators]
    said = "nobody said how many" if found.told_rows is None else f"{found.told_rows:,} said its driver"
    lines += [f"  rows      {found.rows:,} identities of tweets, one each ({said})",
              f"  bytes     {size_text(found.bytes)} in HDFS, with older versions"]
    if found.skew is not None:
        lines += [f"  skew      {found.skew:.2f}: partition {found.largest.partition} has {found.largest.rows:,} rows, "
                  f"the mean is {found.rows / len(found.partitions):,.1f}",
                  f"  expiry    {iso(found.oldest_ms)} to {iso(found.newest_ms)}: a row goes when the watermark passes"]
    lines += ["", table([[str(one.partition), f"{one.rows:,}", size_text(one.bytes)] for one in found.partitions],
                        ["partition", "rows", "bytes"])]
    if found.rows:
        minutes = [[iso(minute, "%Y-%m-%dT%H:%MZ"), f"{rows:,}", f"{rows / found.rows:.1%}"]
                   for minute, rows in found.fullest(k)]
        keys = [[which, str(one.identity), iso(one.expires_ms), str(one.partition)]
                for which, some in (("first", found.oldest), ("last", found.newest)) for one in some]
        lines += ["", f"minutes of expiry with most rows, of {len(found.minutes)}:",
                  table(minutes, ["minute", "rows", "share"]),
                  "", "keys by expiry:", table(keys, ["expires", "identity", "at", "partition"])]
    return "\n".join(lines)
