"""The classic driver on local files, in a process of its own that a test may kill.

python -m tests.spark.classic_driver ROOT EPOCH JARS N CHECKPOINTS [SETTING=VALUE ...]: kill -9 right after the Nth
commit of the totals; as tests.spark.driver for all else.
"""
from __future__ import annotations

import itertools
import sys
from typing import Any

from pyspark.sql import SparkSession

from spark_apps.classic import results
from spark_apps.classic.args import ClassicArgs
from spark_apps.classic.intervals import Intervals
from spark_apps.classic.run import run
from spark_apps.contract import StreamPaths
from tests.spark.driver import die, local_session


def main(root: str, epoch: str, jars: str, kill_after: str, checkpoints: str, *settings: str) -> int:
    spark = local_session(root, epoch, jars, settings)
    if kill_after:
        _kill_after(int(kill_after), spark)
    paths = StreamPaths("hashtags", root)
    # Five slides a window: Spark goes by the inverse from there on.
    return run(spark, ClassicArgs(paths, 1, int(epoch), Intervals(5, 25, 5), 2, paths, checkpoint_root=checkpoints))


def _kill_after(nth: int, spark: SparkSession) -> None:
    commit, count = results.Results.totals, itertools.count(1)

    def commit_and_die(self: results.Results, at_ms: int, pairs: Any) -> None:
        commit(self, at_ms, pairs)
        if next(count) == nth:
            die(spark)

    results.Results.totals = commit_and_die  # type: ignore[method-assign]


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
