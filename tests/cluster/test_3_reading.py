"""SQL and a PySpark session over the tables in HDFS; the stream is the one that test_2_counts.py has sealed."""
from __future__ import annotations

import pytest

from spark_apps.contract import HOUR_MS
from tests.cluster.laptop import Laptop, Said
from tests.cluster.test_2_counts import STREAM


@pytest.fixture(scope="module")
def tweets(machine: Laptop, up: Said) -> int:
    """All that current counts have."""
    tables = machine.tables(STREAM)
    hours = tables.sealed()
    assert len(hours) == 2, "test_2_counts.py comes first"
    counts = tables.counts(min(hours), max(hours) + HOUR_MS)
    return sum(row[0] for (_, tag, _), row in counts.items() if tag == "")


def test_sql_reads_hdfs_without_a_jvm(machine: Laptop, tweets: int) -> None:
    said = machine.hashtide("sql", "--stream", STREAM, "--json",
                            "SELECT sum(tweets) AS n, min(revision) AS r FROM counts WHERE tag = ''")
    assert said.code == 0, said.text
    assert said.json() == [{"n": tweets, "r": 1}]   # sealed again, an hour that is the same keeps its revision
    current = machine.hashtide("sql", "--stream", STREAM, "--json", "SELECT sum(tweets) AS n FROM current_counts "
                               "WHERE tag = ''")
    assert current.json() == [{"n": tweets}]


@pytest.mark.parametrize("where", ["--local", "--yarn"])
def test_a_shell_reads_the_tables_here_and_on_the_cluster(machine: Laptop, tweets: int, where: str) -> None:
    script = ("from pyspark.sql import functions as F\n"
              "print(spark.sparkContext.master, counts.where('tag = \\'\\'').agg(F.sum('tweets')).first()[0],\n"
              "      landing.transform(read_lines).transform(tag).where('size(tags) > 0').limit(5).count())\n")
    said = machine.hashtide("shell", "--stream", STREAM, where, "-c", script)
    assert said.code == 0, said.text
    assert said.out.split() == ["local[2]" if where == "--local" else "yarn", str(tweets), "5"]
    assert not [app for app in machine.yarn.apps() if app.live and STREAM in " ".join(app.tags)]
