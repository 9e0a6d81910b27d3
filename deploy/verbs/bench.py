"""`bench`: how fast the engine is, beside other ways to answer the same question on the same files."""
from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from deploy import config
from deploy.bench import data, table
from deploy.bench.feed import Feed
from deploy.bench.place import say, scratch
from deploy.bench.report import missed, report
from deploy.errors import BadUse, HashtideError
from deploy.verbs import bench_classic, bench_ingest
from deploy.verbs.common import add_verb, dump, positive, whole
from deploy.verbs.shell import LOG4J, LOOPBACK

ROOT = Path(__file__).parents[2]


def add_to(verbs: Any) -> None:
    family = verbs.add_parser("bench", help="measure the engine, or ingest",
                              description="Measure the engine, or the ingest service.",
                              example="bench engine --tweets 100000")
    of = family.add_subparsers(dest="bench_verb", metavar="VERB", required=True)
    verb = add_verb(of, "engine", engine, "The stream, Spark's own batch, a loop over orjson and DuckDB on the same "
                    "seeded tweets, on two cores of this machine; their counts have to be the same. Nothing else has "
                    "to run; what does shows as a gap between the ratios by the clock and by processor seconds.",
                    cluster=False, stream=False, example="bench engine --tweets 100000 --repeats 1 --json")
    verb.add_argument("--tweets", type=positive, default=1_000_000, metavar="N", help="how many (default: 1000000)")
    verb.add_argument("--repeats", type=positive, default=3, metavar="N", help="of each side (default: %(default)s)")
    verb.add_argument("--warm-up", type=whole(100), default=2, metavar="N",
                      help="rounds before them that do not count: the JVM compiles (default: %(default)s)")
    verb.add_argument("--seed", type=positive, default=1, help="of the tweets (default: %(default)s)")
    verb.add_argument("--day-hours", type=whole(data.HOURS), default=data.HOURS, metavar="N",
                      help="hours that are sealed in one application, 0 to leave it out (default: %(default)s)")
    verb.add_argument("--soak", type=positive, default=0, metavar="MINUTES",
                      help="then let a stream run so long, and look at its memory; state grows for the first 15")
    verb.add_argument("--check", action="store_true", help="exit 1 where an aim is not met")
    bench_classic.add_to(of)
    bench_ingest.add_to(of)


def engine(args: argparse.Namespace) -> int:
    jars = delta_jars()
    made = data.ensure(args.tweets, args.seed, say)
    with scratch() as place:
        words = ["--data", made.directory, "--tweets", str(made.tweets), "--odd-lines", str(made.odd_lines),
                 "--repeats", str(args.repeats), "--warm-up", str(args.warm_up), "--day-hours", str(args.day_hours)]
        measured = child(["spark_apps.bench", *words, "--scratch", str(place), "--jars", jars], place)
    samples = soak(args, jars) if args.soak else None
    found = report(made, measured, samples)
    if args.json:
        dump(found)
    else:
        print(table.text(found))
    if not found["counts"]["equal"]:
        raise HashtideError("the counts are not the same: " + "; ".join(found["counts"]["differences"]))
    return 1 if args.check and missed(found) else 0


def soak(args: argparse.Namespace, jars: str) -> Any:
    """In a process of its own, whose memory knows nothing of what was measured before."""
    with scratch() as place:
        root = place / "root"
        (root / "landing" / "hashtags").mkdir(parents=True)
        (root / "streams" / "hashtags").mkdir(parents=True)
        feed = Feed(root / "landing", args.seed + 2)
        feed.start()
        try:
            samples = child(["spark_apps.bench.soak", "--root", str(root), "--scratch", str(place), "--minutes",
                             str(args.soak), "--jars", jars], place)
        finally:
            feed.end()
        if feed.error:
            raise HashtideError(f"soak: {feed.error}")
        return samples


def delta_jars() -> str:
    found = sorted((config.home() / "jars" / "delta").glob("*.jar"))
    if not found:
        raise BadUse(f"no jars of Delta in {config.home() / 'jars'}: `deploy/hashtide bench engine` installs them")
    return ",".join(map(str, found))


def child(words: Sequence[str], place: Path) -> Any:
    """Runs a module of spark_apps, which may not be imported from here; its progress goes to our stderr."""
    (place / "log4j2.properties").write_text(LOG4J)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0",
                   "SPARK_CONF_DIR": str(place), "SPARK_LOCAL_IP": LOOPBACK}
    process = subprocess.Popen([sys.executable, "-P", "-m", *words], env=environment, stdout=subprocess.PIPE,
                               stdin=subprocess.DEVNULL, text=True, start_new_session=True)
    try:
        out, _ = process.communicate()
    finally:
        # It and its JVM and workers: none of them may outlive us.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if process.returncode:
        raise HashtideError(f"{words[0]} ended with {process.returncode}; what it said is above")
    return json.loads(out.splitlines()[-1])
