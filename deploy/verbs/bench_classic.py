"""`bench classic`: DStreams beside the stream, in one run, as a ratio."""
from __future__ import annotations

import argparse
import statistics
from collections.abc import Mapping
from typing import Any

from deploy.bench import data
from deploy.bench.place import say, scratch
from deploy.lines import table
from deploy.verbs.common import add_verb, dump, positive


def add_to(of: Any) -> None:
    verb = add_verb(of, "classic", classic, "The classic engine's whole job beside the stream on the same seeded "
                    "tweets and two cores, and slides of a window with the inverse function beside those without and "
                    "those of PySpark's own inverse.",
                    cluster=False, stream=False, example="bench classic --tweets 50000 --repeats 1 --json")
    verb.add_argument("--tweets", type=positive, default=100_000, metavar="N", help="how many (default: 100000)")
    verb.add_argument("--repeats", type=positive, default=3, metavar="N",
                      help="of each side, after one that does not count (default: %(default)s)")
    verb.add_argument("--seed", type=positive, default=1, help="of the tweets (default: %(default)s)")


def classic(args: argparse.Namespace) -> int:
    from deploy.verbs.bench import child, delta_jars  # which adds this verb

    jars, made = delta_jars(), data.ensure(args.tweets, args.seed, say)
    with scratch() as place:
        measured = child(["spark_apps.bench.classic", "--data", str(made.directory), "--tweets", str(made.tweets),
                          "--repeats", str(args.repeats), "--scratch", str(place), "--jars", jars], place)
    found = report(measured)
    dump(found) if args.json else print(text(found))
    return 0


def report(measured: Mapping[str, Any]) -> dict[str, Any]:
    """Ratios of the runs of one repeat, by their median; `times`: how often the cost of a slide with the inverse is in
    that of the same window added up anew, and in that of PySpark's own inverse."""
    by = {(run["side"], run["repeat"]): run for run in measured["runs"]}
    repeats = sorted({repeat for _, repeat in by})
    ratio = {how: statistics.median(by["stream", n][key] / by["classic", n][key] for n in repeats)
             for how, key in (("clock", "seconds"), ("cpu", "cpu_s"))}
    speed = {side: statistics.median(by[side, n]["tweets"] / by[side, n]["seconds"] for n in repeats)
             for side in ("stream", "classic")}
    windows = [{**one, "times": {way: {how: one[way][key] / one["inverse"][key] for how, key in
                                       (("clock", "seconds"), ("cpu", "cpu_s"), ("read", "read"))}
                                 for way in ("anew", "spark")}} for one in measured["windows"]]
    return {"tweets_per_s": speed, "classic_of_structured": ratio, "windows": windows, "counted": measured["counted"],
            "repeats": len(repeats), "spark": measured["spark"], "cores": measured["cores"]}


def text(found: Mapping[str, Any]) -> str:
    speed, ratio, counted = found["tweets_per_s"], found["classic_of_structured"], found["counted"]
    rows = [[str(one["batches"]), f"{one['tags']:,}", *(_slide(one[way]) for way in ("inverse", "anew", "spark")),
             *(f"{one['times'][way]['cpu']:.2f}" for way in ("anew", "spark"))] for one in found["windows"]]
    return "\n".join([
        f"structured {speed['stream']:,.0f} tweets/s, classic {speed['classic']:,.0f}: {ratio['clock']:.2f} of it, "
        f"{ratio['cpu']:.2f} by processor seconds; medians of {found['repeats']}",
        f"counted: structured {counted['structured']:,} tweets, classic {counted['classic']:,}, every copy of one",
        "", f"a slide, medians of {found['windows'][0]['slides']}: processor seconds, seconds, tasks, MB they read; "
        "at the end the first, in those with the inverse:",
        table(rows, ["batches", "tags", "with inverse", "anew", "PySpark's inverse", "anew", "PySpark's"])])


def _slide(one: Mapping[str, Any]) -> str:
    return f"{one['cpu_s']:.2f} s, {one['seconds']:.2f} s, {one['tasks']}, {one['read'] / 1e6:.1f}"
