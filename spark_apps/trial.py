"""Before an upgrade: what the code here would make a checkpoint with, and one synthetic batch of it on a clone.

The clone stands in a root of its own, with a landing directory that has the batch; nothing that it counts is kept.
"""
from __future__ import annotations

import argparse
import json
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from spark_apps import hashtag_stream, session
from spark_apps.args import StreamArgs, stream_args
from spark_apps.clock import Clock
from spark_apps.contract import LandingFile, StreamPaths
from spark_apps.files import Files, reason
from spark_apps.sinks import CountsLive
from spark_apps.transforms.identify import SNOWFLAKE_MS

#: What Spark calls any failure of a query, or of its batch function.
_AROUND = ("STREAM_FAILED", "FOREACH_BATCH_USER_FUNCTION_ERROR")
_CONDITION = re.compile(r"\[([A-Z][A-Z0-9]*_[A-Z0-9_.]+)\]")


@dataclass
class KeepsNothing:
    """Counts each batch as the stream does, and forgets it."""

    sink: CountsLive
    batches: list[int] = field(default_factory=list)

    def __call__(self, tweets: DataFrame, batch_id: int) -> None:
        self.sink.increments(tweets, batch_id).write.format("noop").mode("overwrite").save()
        self.batches.append(batch_id)


def land(files: Files, paths: StreamPaths, now_ms: int) -> None:
    """The synthetic batch: a tweet with tags of both kinds, the same again, and a line that is none."""
    tweet = {"data": {"id": str((now_ms - 1_000 - SNOWFLAKE_MS) << 22), "author_id": "7", "text": "#Plain #Äther"}}
    lines = [json.dumps(tweet, ensure_ascii=False), json.dumps(tweet, ensure_ascii=False), "no JSON"]
    name = LandingFile(now_ms - 1_000, now_ms, "trial", "1").name
    files.replace(f"{paths.landing_hour(now_ms)}/{name}", "".join(f"{line}\n" for line in lines).encode())


def run(spark: SparkSession, args: StreamArgs, root: str) -> dict[str, Any]:
    """{"batches": ids, "error_class", "error"}: Spark's own words, empty where it came through. `root`: the clone's."""
    there = replace(args, paths=StreamPaths(args.paths.stream, root))
    sink = KeepsNothing(CountsLive(there.paths, args.generation, lambda: None))
    land(Files(spark, root), there.paths, Clock().now_ms())
    error_class = said = ""
    try:
        query = hashtag_stream.start(spark, there, sink, available_now=True)
        query.awaitTermination()
    except Exception as error:
        error_class, said = spark_class(error), " ".join(reason(error)[1].split())[:1000]
    return {"batches": sink.batches, "error_class": error_class, "error": said}


def spark_class(error: BaseException) -> str:
    """Spark's name for what went wrong, of the innermost cause that has one; else the class of the root."""
    cause: Any = getattr(error, "java_exception", None) or getattr(error, "_origin", None)
    found = ""
    while cause is not None:
        if (condition := _condition(cause)) and condition not in _AROUND:
            found = condition
        cause = cause.getCause()
    # What a batch function met is only text by now.
    told = [name for name in _CONDITION.findall(f"{error} {reason(error)[1]}") if name not in _AROUND]
    return found or next(iter(told), "") or reason(error)[0]


def _condition(cause: Any) -> str:
    methods = {method.getName() for method in cause.getClass().getMethods()}
    return str(cause.getCondition() or "") if "getCondition" in methods else ""


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="ops.py check", allow_abbrev=False)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--clone", default="", help="root of a clone to try it on")
    found, words = parser.parse_known_args(argv)
    args = stream_args(words)
    spark = session.build(f"hashtide check {args.paths.stream}", session.STREAM)
    told: dict[str, Any] = {"spark": spark.version}
    try:
        told["items"] = hashtag_stream.items(spark, hashtag_stream.stream(spark, args), args)
        if found.clone:
            told["trial"] = run(spark, args, found.clone)
    except Exception as error:
        told |= {"error_class": spark_class(error), "error": " ".join(reason(error)[1].split())[:1000]}
    found.out.write_text(json.dumps(told), encoding="utf-8")
    spark.stop()
    return 0
