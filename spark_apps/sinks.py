"""What a batch of the stream does: gate, fence, one keyed commit of increments to counts_live."""
from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from spark_apps.causes import reason
from spark_apps.contract import StreamPaths, txn_app_id
from spark_apps.fence import Fenced
from spark_apps.shutdown import StopRequested
from spark_apps.transforms.counts import minute_counts
from spark_apps.unreadable import part_of_error

#: Characters of a failure and of its cause that Spark is told; the log has the whole.
_FEW = 400


class BatchFailed(Exception):
    """What a batch met, without the pages of a stack."""


def in_few_words(sink: Callable[[DataFrame, int], None]) -> Callable[[DataFrame, int], None]:
    """The same for foreachBatch, whose exceptions are short.

    Spark searches the text of each for an interruption by an expression that overflows the stack on some thousand
    characters, as those have that pyspark knows no class for: its thread then dies, and the query ends without reason.
    """
    def take(tweets: DataFrame, batch_id: int) -> None:
        try:
            sink(tweets, batch_id)
        except (Fenced, StopRequested):
            raise
        except Exception as error:
            traceback.print_exception(error)
            name, said = reason(error)
            part = part_of_error(error)
            # The first line as it was: by its beginning Spark knows an interruption that is a stop.
            text = "".join(traceback.format_exception_only(error))[:_FEW]
            raise BatchFailed(f"{f'[{part}] ' if part else ''}{text}\n"
                              f"Caused by: {name}: {' '.join(said.split())[:_FEW]}") from None

    return take


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
        counted = self.increments(tweets, batch_id)
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

    def increments(self, tweets: DataFrame, batch_id: int) -> DataFrame:
        """Rows of counts_live."""
        return tweets.transform(minute_counts).select(
            "*", F.lit(self.generation).cast("int").alias("generation"), F.lit(batch_id).cast("long").alias("batch_id"))

    def commit(self, counted: DataFrame, batch_id: int) -> None:
        (counted.coalesce(1).write.format("delta").mode("append").partitionBy("hour")
         .option("txnAppId", txn_app_id(self.paths.stream, self.generation)).option("txnVersion", batch_id)
         .save(self.paths.table("counts_live")))
