"""What a batch of the stream does: gate, fence, one keyed commit of increments to counts_live."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from spark_apps.contract import StreamPaths, txn_app_id
from spark_apps.transforms.counts import minute_counts


@dataclass(frozen=True)
class CountsLive:
    """For foreachBatch. Runs at least once a batch; a second commit of the same batch changes nothing.

    `before` is asked first, and before the commit again: it raises where this driver is to end.
    """

    paths: StreamPaths
    generation: int
    before: Callable[[], None]

    def __call__(self, tweets: DataFrame, batch_id: int) -> None:
        self.before()
        counted = tweets.transform(minute_counts).select(
            "*", F.lit(self.generation).cast("int").alias("generation"), F.lit(batch_id).cast("long").alias("batch_id"))
        counted.persist()
        try:
            # Delta returns on a known key before it evaluates the frame; the state of a batch that is replayed would
            # then never be committed, and the checkpoint could not be used again. So it is evaluated first.
            rows = counted.count()
            self.before()
            if rows:
                self.commit(counted, batch_id)
        finally:
            counted.unpersist()

    def commit(self, counted: DataFrame, batch_id: int) -> None:
        (counted.coalesce(1).write.format("delta").mode("append").partitionBy("hour")
         .option("txnAppId", txn_app_id(self.paths.stream, self.generation)).option("txnVersion", batch_id)
         .save(self.paths.table("counts_live")))
