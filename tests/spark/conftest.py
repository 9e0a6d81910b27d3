"""One local Spark session for the layer, set up as production sets it up."""
from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from spark_apps import session
from spark_apps.contract import StreamPaths

#: Modules of a minute and more. First, so that where processes share the layer none is left with one at its end.
LONG = frozenset(f"test_{name}" for name in (
    "bench", "check", "classic_engines", "classic_killed", "corpus", "doctor", "purged", "real_changes", "restore",
    "s3", "shell", "tidy", "verify", "verify_random"))

HOME = Path(os.environ.get("HASHTIDE_HOME") or "~/.hashtide").expanduser()


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config.option, "loadscopereorder"):
        # pytest-xdist would go by how many tests a module has.
        config.option.loadscopereorder = False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.stem not in LONG)


def local_session(scratch: Path) -> SparkSession:
    # Otherwise the python3 of the PATH runs the Python functions.
    os.environ["PYSPARK_PYTHON"] = sys.executable
    jars = sorted((HOME / "jars" / "delta").glob("*.jar"))
    # Two cores, and as many partitions: with the 200 that are the default most of the time goes into empty tasks.
    return session.build("hashtide tests", {
        "spark.master": "local[2]",
        "spark.driver.memory": "1g",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.jars": ",".join(map(str, jars)),
        "spark.jars.ivy": str(scratch / "ivy"),
        "spark.local.dir": str(scratch / "local"),
        "spark.sql.warehouse.dir": str(scratch / "warehouse"),
        # What one test compiles is soon over: the first compiler does.
        "spark.driver.extraJavaOptions": f"-Dderby.system.home={scratch / 'derby'} -XX:+UseSerialGC "
                                         "-XX:TieredStopAtLevel=1",
        "spark.sql.shuffle.partitions": "2",
        "spark.default.parallelism": "2",
        "spark.sql.adaptive.enabled": "false",
    })


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    built = local_session(tmp_path_factory.mktemp("spark"))
    yield built
    built.stop()


@pytest.fixture(scope="session")
def two_hours(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> StreamPaths:
    """A stream with two sealed hours."""
    from tests.spark.sealing import sealed_stream

    return sealed_stream(spark, tmp_path_factory.mktemp("two_hours"))
