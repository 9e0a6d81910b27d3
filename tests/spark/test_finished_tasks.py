"""What a running stage has done so far, as Spark tells it."""
from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pyspark.sql import SparkSession

from spark_apps.driving import finished_tasks


def test_tasks_are_counted_while_their_stage_runs(spark: SparkSession, tmp_path: Path) -> None:
    """The last task waits, so that the stage cannot end before it was looked at."""
    context, go_on = spark.sparkContext, tmp_path / "go-on"
    path = str(go_on)

    def work(number: int) -> int:
        end = time.monotonic() + 60
        while number == 3 and not Path(path).exists() and time.monotonic() < end:
            time.sleep(0.02)
        return number

    def counted() -> int:
        return context.parallelize(range(4), 4).map(work).sum()

    with ThreadPoolExecutor(1) as lane:
        sums = lane.submit(counted)
        try:
            end = time.monotonic() + 60
            while list((seen := finished_tasks(context)).values()) != [3] and time.monotonic() < end:
                time.sleep(0.02)
        finally:
            go_on.touch()
        assert sums.result(60) == 6
    assert list(seen.values()) == [3]
    # Spark's store hears of a stage's end by its bus.
    context._jsc.sc().listenerBus().waitUntilEmpty()
    assert finished_tasks(context) == {}
