"""The session of the bench: one process, as many threads as the aims are stated for."""
from __future__ import annotations

import os
import sys
from pathlib import Path

from pyspark.sql import SparkSession

from spark_apps import session

CORES = 2


def spark_session(jars: str, scratch: Path, memory: str = "2g", options: str = "") -> SparkSession:
    # Otherwise the python3 of the PATH runs the Python functions.
    os.environ["PYSPARK_PYTHON"] = sys.executable
    return session.build("hashtide bench", {
        **session.STREAM, "spark.master": f"local[{CORES}]", "spark.driver.memory": memory, "spark.jars": jars,
        "spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1",
        # A slide names the stages of every batch of its window, also those that need not run again.
        "spark.ui.retainedStages": "100000",
        "spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false", "spark.log.level": "ERROR",
        "spark.local.dir": str(scratch / "local"), "spark.sql.warehouse.dir": str(scratch / "warehouse"),
        "spark.jars.ivy": str(scratch / "ivy"), "spark.default.parallelism": str(CORES),
        "spark.driver.extraJavaOptions": f"-Dderby.system.home={scratch / 'derby'} {options}",
    })


def say(text: str) -> None:
    """Progress; standard output is for the result."""
    print(text, file=sys.stderr, flush=True)
