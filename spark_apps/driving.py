"""From a driver's claim to its last words, whatever it does between: the same for both engines."""
from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol, TypeVar

from pyspark import SparkContext
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from spark_apps import session
from spark_apps.causes import reason
from spark_apps.contract import StreamPaths
from spark_apps.fence import Fence, Fenced
from spark_apps.files import Files
from spark_apps.progress import Reporter
from spark_apps.shutdown import StopGate, StopRequested
from spark_apps.unreadable import part_of_error

log = logging.getLogger("hashtide")


class Args(Protocol):
    @property
    def paths(self) -> StreamPaths: ...

    @property
    def epoch(self) -> int: ...


Given = TypeVar("Given", bound=Args)


@dataclass
class Driving:
    """One YARN attempt of one epoch."""

    files: Files
    paths: StreamPaths
    fence: Fence
    gate: StopGate
    reporter: Reporter

    def before(self) -> None:
        """To be asked before anything is written: raises where this driver is to end."""
        self.gate.check()
        self.fence.check()

    def through(self, spark_version: str, work: Callable[[], None]) -> int:
        """The exit code. 0 where the end was asked for or a newer driver has taken over: YARN need not try again."""
        reporter, epoch = self.reporter, self.fence.epoch
        try:
            self.fence.claim({"application": reporter.application, "spark": spark_version,
                              "time_ms": reporter.clock.now_ms()})
            work()
            ended = reporter.result("ended", "the query ended by itself")
        except BaseException as error:
            ended = end_of(error, reporter)
        if ended["reason"] != "fenced":
            # A driver that is fenced has nothing to say any more: both files belong to its successor.
            with suppress(Fenced):
                patiently(lambda: reporter.beat(now=True))
            patiently(lambda: self.files.write_json(self.paths.result(epoch), reporter.with_tries(ended)))
        log.info("ended: %s %s", ended["reason"], ended["error"])
        return 1 if ended["error"] else 0


def main(argv: list[str], parse: Callable[[list[str]], Given], run: Callable[[SparkSession, Given], int]) -> int:
    """A driver's process, of either engine; the exit code is what `run` returns."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    args = parse(argv)
    spark = session.build(f"hashtide {args.paths.stream} e{args.epoch}", session.STREAM)
    code = run(spark, args)
    spark.stop()
    return code


def of(spark: SparkSession, paths: StreamPaths, generation: int, epoch: int, interval_s: int) -> Driving:
    context = spark.sparkContext
    files = Files(spark, paths.base)
    attempt = context._jsc.sc().applicationAttemptId()
    number = int(attempt.get()) if attempt.isDefined() else 1
    fence = Fence(files, paths, epoch, number, generation)
    return Driving(files, paths, fence, StopGate(files, paths.stop(epoch)),
                   Reporter(files, paths, generation, epoch, number, interval_s, context.applicationId,
                            check=fence.check, tasks=lambda: finished_tasks(context)))


def finished_tasks(context: SparkContext) -> dict[int, int]:
    """Of each running stage, how many tasks have succeeded in its present attempt."""
    tracker = context.statusTracker()
    found = ((stage, tracker.getStageInfo(stage)) for stage in tracker.getActiveStageIds())
    return {stage: info.numCompletedTasks for stage, info in found if info}


def patiently(do: Callable[[], object]) -> object:
    """A NameNode that does not answer for a while is no reason to end: the next batch will tell."""
    try:
        return do()
    except Exception as error:
        if isinstance(error, (Fenced, StopRequested)):
            raise
        log.warning("HDFS: %s: %s", *reason(error))
        return None


def end_of(error: BaseException, reporter: Reporter) -> dict[str, object]:
    """An exception of foreachBatch arrives as text inside Spark's own."""
    text = str(error)
    for kind, why in ((StopRequested, "stop"), (Fenced, "fenced")):
        if isinstance(error, kind) or f"{kind.__module__}.{kind.__name__}" in text:
            return reporter.result(why)
    if not isinstance(error, PySparkException):   # Spark has logged its own, with a plan of many pages
        traceback.print_exception(error)
    name, said = reason(error)
    condition = error.getCondition() if isinstance(error, PySparkException) else None
    # STREAM_FAILED says of every failure that it is one.
    said_by = part_of_error(error) or (name if condition in (None, "STREAM_FAILED") else condition)
    return reporter.result(name, " ".join(f"{said_by}: {said}".split())[:1000])
