"""What Spark's tasks have done, by its own status store: the same on an idle machine and on a busy one."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pyspark.sql import SparkSession


@dataclass(frozen=True)
class Work:
    """`read`: bytes that tasks took from the cache, from shuffles and from checkpoints."""

    tasks: int
    read: int


def last_job(spark: SparkSession) -> int:
    """Its number; -1 before the first one."""
    return max((job.jobId() for job in _jobs(spark)), default=-1)


def since(spark: SparkSession, job: int) -> Work:
    """Of all jobs after that one."""
    store: Any = spark.sparkContext._jsc.sc().statusStore()
    stages = {stage for one in _jobs(spark) if one.jobId() > job for stage in _each(one.stageIds())}
    done = [store.lastStageAttempt(stage) for stage in sorted(stages)]
    # A stage whose output an earlier job has left is told of too, with no task.
    return Work(sum(stage.numCompleteTasks() for stage in done),
                sum(stage.inputBytes() + stage.shuffleReadBytes() for stage in done))


def _jobs(spark: SparkSession) -> list[Any]:
    context: Any = spark.sparkContext._jsc.sc()
    context.listenerBus().waitUntilEmpty()
    return _each(context.statusStore().jobsList(None))


def _each(found: Any) -> list[Any]:
    return [found.apply(n) for n in range(found.size())]
