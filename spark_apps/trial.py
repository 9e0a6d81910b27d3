"""Before an upgrade: what the code here would make a checkpoint with, and one synthetic batch of it on a clone.

The clone stands in a root of its own, with a landing directory that has the batch; nothing that it counts is kept.
"""
from __future__ import annotations

import argparse
import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from spark_apps import hashtag_stream, session
from spark_apps.args import StreamArgs, stream_args
from spark_apps.causes import reason, spark_class
from spark_apps.clock import Clock
from spark_apps.contract import LandingFile, StreamPaths
from spark_apps.files import Files
from spark_apps.sinks import CountsLive
from spark_apps.snowflake import SNOWFLAKE_MS


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
