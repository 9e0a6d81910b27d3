"""The stream's own driver on local files, in a process of its own that a test may kill.

python -m tests.spark.driver ROOT EPOCH JARS BATCH CHECKPOINTS [SETTING=VALUE ...]: kill -9 right after this batch's
commit to counts_live, before Spark's own; BATCH may be empty, and CHECKPOINTS is then where its checkpoint's root is.
"""
from __future__ import annotations

import logging
import os
import signal
import sys

from pyspark.sql import DataFrame, SparkSession

from spark_apps import hashtag_stream, session, sinks
from spark_apps.args import StreamArgs
from spark_apps.contract import StreamPaths


def local_session(root: str, epoch: str, jars: str, settings: tuple[str, ...]) -> SparkSession:
    logging.basicConfig(level=logging.INFO)
    return session.build(f"driver {epoch}", {
        **session.STREAM, "spark.master": "local[2]", "spark.jars": jars, "spark.ui.enabled": "false",
        "spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1", "spark.driver.memory": "1g",
        "spark.ui.showConsoleProgress": "false", "spark.local.dir": f"{root}/local",
        "spark.driver.extraJavaOptions": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1",
        **dict(one.split("=", 1) for one in settings)})


def main(root: str, epoch: str, jars: str, kill_after: str, checkpoints: str, *settings: str) -> int:
    spark = local_session(root, epoch, jars, settings)
    if kill_after:
        _kill_after(int(kill_after), spark)
    paths = StreamPaths("hashtags", root, checkpoints)
    return hashtag_stream.run(spark, StreamArgs(paths, 1, int(epoch), 1, 2, "10 minutes", 2))


def die(spark: SparkSession) -> None:
    os.kill(spark.sparkContext._gateway.proc.pid, signal.SIGKILL)  # type: ignore[union-attr]
    os.kill(os.getpid(), signal.SIGKILL)


def _kill_after(batch: int, spark: SparkSession) -> None:
    commit = sinks.CountsLive.commit

    def commit_and_die(self: sinks.CountsLive, counted: DataFrame, batch_id: int) -> None:
        commit(self, counted, batch_id)
        if batch_id == batch:
            die(spark)

    sinks.CountsLive.commit = commit_and_die  # type: ignore[method-assign]


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
