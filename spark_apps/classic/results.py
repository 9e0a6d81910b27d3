"""What a batch commits: tables of the classic engine's own, keyed by batch time."""
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pyspark import RDD
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from spark_apps.contract import StreamPaths

PAIRS = "tag string, tweets long"


@dataclass(frozen=True)
class Results:
    """classic_batches: tweets of each tag by batch; classic_totals: those since the start, of the newest batch alone;
    classic_windows: those of the window that ends with the batch. The tag `` is all tweets. Each row has `batch_ms` and
    `line`, the line of checkpoints that it is of.

    A second commit for the same batch changes nothing: Delta knows each table's newest batch of the line.
    """

    spark: SparkSession
    paths: StreamPaths
    line: str

    def batch(self, at_ms: int, pairs: RDD[tuple[str, int]]) -> None:
        self._commit("classic_batches", at_ms, self._frame(pairs), "append")

    def totals(self, at_ms: int, pairs: RDD[tuple[str, int]]) -> None:
        self._commit("classic_totals", at_ms, self._frame(pairs), "overwrite")

    def window(self, at_ms: int, pairs: RDD[tuple[str, int]], seconds: int) -> None:
        frame = self._frame(pairs).withColumn("window_s", F.lit(seconds))
        self._commit("classic_windows", at_ms, frame, "append")

    def window_size(self, at_ms: int, sizes: Iterable[int], seconds: int) -> None:
        """Of all tweets, which countByWindow has as a number."""
        rows = [("", size) for size in sizes]
        frame = self.spark.createDataFrame(rows, PAIRS).withColumn("window_s", F.lit(seconds))
        self._commit("classic_windows", at_ms, frame, "append", "all")

    def _frame(self, pairs: RDD[Any]) -> DataFrame:
        return self.spark.createDataFrame(pairs, PAIRS)

    def _commit(self, table: str, at_ms: int, frame: DataFrame, mode: str, part: str = "") -> None:
        keyed = frame.select(F.lit(at_ms).cast("long").alias("batch_ms"), "*", F.lit(self.line).alias("line"))
        # Without overwriteSchema or the like: a table of another schema is an error, not another table.
        (keyed.coalesce(1).write.format("delta").mode(mode)
         .option("txnAppId", f"{self.paths.stream}-classic-{self.line}-{table}{part}").option("txnVersion", at_ms)
         .save(self.paths.table(table)))
