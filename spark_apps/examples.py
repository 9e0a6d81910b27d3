"""The ideas that a hashtag tracker on Spark is made of, each as a line to type in `deploy/hashtide shell`."""
from __future__ import annotations

import time
from collections.abc import Callable
from functools import reduce
from operator import add
from typing import Any

from pyspark import SparkContext
from pyspark.sql import DataFrame

from spark_apps.transforms.tweets import event_hour, read_lines, tag

#: Idea -> (what it shows, the line). The names in it are those of the session.
EXAMPLES: dict[str, tuple[str, str]] = {
    "stateless": ("a DStream's batches, each by itself",
                  "dstream([4], [7, 3, 8], [9, 0, 1], [6, 4, 3], then=lambda s: s.reduce(add))"),
    "state": ("a sum that goes on from batch to batch",
              "dstream([4], [7, 3, 8], [9, 0, 1], [6, 4, 3], then=lambda s: s.map(lambda n: ('sum', n))"
              ".updateStateByKey(lambda new, old: sum(new) + (old or 0)))"),
    "windows": ("two batches at each slide: what enters is added, what leaves subtracted",
                "dstream([9], [2], [1], then=lambda s: s.reduceByWindow(add, sub, 2, 1))"),
    "lineage": ("steps that a lost result would take again: as it grows, and cut by a checkpoint",
                "lineage(10), lineage(10, checkpoint=True)"),
    "sql": ("the catalogue's tables", "spark.sql('SELECT tag, sum(tweets) AS tweets FROM counts "
            "WHERE tag != \"\" GROUP BY tag ORDER BY tweets DESC, tag LIMIT 5').show()"),
    "mllib": ("tags that go together, by FP-Growth",
              "rules(baskets(tweets(landing)), 5).orderBy(F.desc('confidence'), 'tag').show(5)"),
    "graph": ("PageRank and communities by GraphX",
              "look(links(baskets(tweets(landing)), 5, 2.0), scratch)"
              ".orderBy(F.desc('pagerank'), 'tag').show(5)"),
}
#: Seconds that a batch of `dstream` spans.
_INTERVAL = 1
_TIMEOUT_S = 120


def tweets(landing: DataFrame) -> DataFrame:
    """The session's `landing` as tweets: (event_hour, identity, kind, author, tags, ...), duplicates among them."""
    return landing.transform(read_lines).transform(tag).transform(event_hour).where("tags IS NOT NULL")


def dstream_of(context: SparkContext, scratch: str) -> Callable[..., list[Any]]:
    """`dstream` of the session."""
    def dstream(*batches: list[Any], then: Callable[[Any], Any]) -> list[list[Any]]:
        """What `then` makes of a DStream of these batches, a list for each; windows slide by one."""
        from pyspark.streaming import StreamingContext

        streaming, found = StreamingContext(context, _INTERVAL), list[list[Any]]()
        streaming.checkpoint(f"{scratch}/dstream")   # state and inverse windows have to have one
        then(streaming.queueStream([context.parallelize(one, 2) for one in batches])).foreachRDD(
            lambda rdd: found.append(rdd.collect()))
        streaming.start()
        try:
            deadline = time.monotonic() + _TIMEOUT_S
            while len(found) < len(batches):
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{len(found)} of {len(batches)} batches after {_TIMEOUT_S} s")
                time.sleep(0.1)
        finally:
            streaming.stop(stopSparkContext=False)
        return found[:len(batches)]
    return dstream


def lineage_of(context: SparkContext, scratch: str) -> Callable[..., int]:
    """`lineage` of the session."""
    def lineage(steps: int, checkpoint: bool = False) -> int:
        """Lines of the lineage of a sum that took so many steps; with a checkpoint, after it."""
        context.setCheckpointDir(f"{scratch}/lineage")
        total = reduce(lambda rdd, n: rdd.union(context.parallelize([("sum", n)], 1)).reduceByKey(add, 1), range(steps),
                       context.parallelize([("sum", 0)], 1))
        if checkpoint:
            total.checkpoint()
        total.count()
        return (total.toDebugString() or b"").count(b"\n") + 1
    return lineage


def banner() -> str:
    return "\n".join(f"  {idea:<12} {what}\n               {line}" for idea, (what, line) in EXAMPLES.items())
