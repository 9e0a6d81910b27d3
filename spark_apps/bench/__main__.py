"""`python -m spark_apps.bench`: measures, says on stderr what it is at, and prints one line of JSON."""
from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from spark_apps.bench.rounds import Rounds
from spark_apps.bench.sides import Sides
from spark_apps.bench.spark import CORES, say, spark_session


def day(sides: Sides, hours: int) -> dict[str, Any] | None:
    if not hours:
        return None
    done = sides.day(hours)
    wrong = [sealed.hour for sealed, _ in done if not sealed.account.adds_up]
    seconds = [took for _, took in done]
    tweets = sum(sealed.account.lines for sealed, _ in done)
    say(f"day: {hours} hours in {sum(seconds):.1f} s, {tweets / sum(seconds):,.0f} tweets/s")
    return {"hours": hours, "tweets": tweets, "seconds": sum(seconds), "hour_s": seconds, "wrong": wrong}


def summary(counts: Counter[tuple[int, str]], sides: list[str]) -> dict[str, Any]:
    return {"rows": len(counts), "sides": sides, "tweets": sum(n for (_, tag), n in counts.items() if not tag)}


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="bench", allow_abbrev=False)
    for name in ("data", "scratch"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    for name in ("tweets", "odd-lines", "repeats", "warm-up", "day-hours"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--jars", required=True)
    args = parser.parse_args(argv)
    began = time.monotonic()
    spark = spark_session(args.jars, args.scratch)
    say(f"Spark {spark.version} on local[{CORES}] is up after {time.monotonic() - began:.1f} s")
    rounds = Rounds(Sides(spark, args.data, args.tweets, args.scratch),
                    sorted(map(str, (args.data / "hour").rglob("*.jsonl"))), args.odd_lines)
    rounds.measure(args.repeats, args.warm_up)
    differences = rounds.differences()
    sealed = day(rounds.sides, args.day_hours)
    if sealed and sealed["wrong"]:
        differences.append(f"day: the account of {len(sealed['wrong'])} hour(s) does not add up")
    print(json.dumps({"runs": rounds.runs, "day": sealed, "differences": differences, "spark": spark.version,
                      "cores": CORES, "counts": summary(rounds.counted["orjson"], sorted(rounds.counted))}))
    spark.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
