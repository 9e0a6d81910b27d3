"""`deploy/hashtide shell` as a person runs a script in it, in local mode, over a stream on local files."""
from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from deploy import sql
from deploy.config import Hdfs, load
from deploy.tables import Tables
from spark_apps import tables
from spark_apps.contract import StreamPaths
from spark_apps.transforms.counts import minute_counts
from tests.fakes.files import Files
from tests.fakes.readme import snippet
from tests.spark.conftest import HOME
from tests.spark.landing import NOW, snowflake, tags, v2
from tests.spark.streams import LocalStream

ROOT = Path(__file__).parents[2]


class Shell:
    """A cluster whose file system is a directory, and a stream in it."""

    def __init__(self, root: Path) -> None:
        self.stream, self.root, self.ini = LocalStream(root / "hashtide"), root, root / "here.ini"
        jars = ",".join(f"local:{jar}" for jar in sorted((HOME / "jars" / "delta").glob("*.jar")))
        self.ini.write_text(f"[hdfs]\ndefault_fs = file://{root}\nwebhdfs = http://127.0.0.1:9\n"
                            f"[yarn]\nresourcemanagers = http://127.0.0.1:9\n[spark]\njars = {jars}\n")

    def __call__(self, *words: str, stdin: str = "", verb: str = "shell") -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "HASHTIDE_HOME": str(self.root / "home"),
                       "TMPDIR": str(self.root / "tmp")}
        (self.root / "tmp").mkdir(exist_ok=True)
        (self.root / "cwd").mkdir(exist_ok=True)
        return subprocess.run([sys.executable, "-P", "-m", "deploy.cli", verb, "--cluster", str(self.ini), *words],
                              input=stdin, text=True, capture_output=True, timeout=240, check=False,
                              env=environment, cwd=self.root / "cwd")


@pytest.fixture(scope="module")
def shell(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    made = Shell(tmp_path_factory.mktemp("shell"))
    paths = made.stream.paths
    tweets = spark.createDataFrame(
        [(NOW + n, "original", str(n % 3), {"spark": "Spark", "ü": "Ü"} if n < 5 else {"spark": "spark"})
         for n in range(7)], "event_ms long, kind string, author string, tags map<string,string>")
    counted = tweets.transform(minute_counts)
    tables.replace_hours(counted.withColumn("revision", F.lit(1)), paths.table("counts"), [NOW], "hour")
    live = counted.withColumns({"generation": F.lit(1), "batch_id": F.lit(0).cast("long")})
    undone = live.withColumn("batch_id", F.lit(1).cast("long"))
    tables.replace_hours(live.unionByName(undone), paths.table("counts_live"), [NOW], "hour")
    opened = Path(paths.generation(2))
    opened.parent.mkdir(parents=True)
    opened.write_text('{"parent": "g0001", "through_batch": 0}')
    made.stream.land([v2(id=snowflake(NOW, 1), entities=tags("Spark"))], NOW, NOW, "a")
    return made


def database_of(stream: str, root: Path) -> sql.Database:
    cluster = replace(load("example"), hdfs=Hdfs(f"file://{root}", ("http://127.0.0.1:9",)))
    return sql.open_database(Tables(cluster, stream, Files()))


def said(done: subprocess.CompletedProcess[str]) -> str:
    """Standard error but for what Java and the sketches' library warn of whenever Spark uses them."""
    return "".join(line for line in done.stderr.splitlines(keepends=True)
                   if not line.startswith(("WARNING: Using incubator modules", "Warning: Java versions > Java 11")))


def test_a_script_has_session_tables_landing_and_transforms_and_leaves_nothing(shell: Shell) -> None:
    done = shell("-c", "total = spark.sql('SELECT sum(tweets) FROM counts').first()[0]\n"
                 "print(counts.count(), counts_live.count(), total)\n"
                 "print([row.tags for row in landing.transform(read_lines).transform(tag).collect()], minute_counts)\n"
                 "print('ledger' in globals(), spark.sparkContext.master, F, T)\n"
                 "print(spark.sparkContext._gateway.proc.pid)\n"
                 "import sys; sys.exit(7)")
    assert done.returncode == 7, done.stderr
    assert done.stdout.splitlines()[0] == "4 4 19"
    assert done.stdout.splitlines()[1].startswith("[{'spark': 'Spark'}] <function minute_counts")
    assert done.stdout.splitlines()[2].startswith("False local[2] <module")
    assert not psutil.pid_exists(int(done.stdout.splitlines()[3]))
    assert not list((shell.root / "tmp").iterdir()) and not list((shell.root / "cwd").iterdir())


def test_the_snippet_of_readme_is_a_script_and_what_a_script_raises_is_its_end(shell: Shell) -> None:
    file = shell.root / "top.py"
    table = f"file://{shell.stream.paths.table('counts')}"
    file.write_text(snippet("spark", table) + "\nprint(top.collect()[0].asDict(), __file__)\nnot_there\n")
    done = shell("--file", str(file))
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == f"{{'tag': 'spark', 'tweets': 7, 'authors': 3}} {file}"
    assert said(done).startswith("Traceback") and f'File "{file}", line' in done.stderr
    assert "NameError" in done.stderr.splitlines()[-1] and "spark_apps" not in done.stderr


def test_standard_input_that_is_no_terminal_is_a_script(shell: Shell) -> None:
    done = shell(stdin="for one in counts.columns[:2]:\n    print(one)\n")
    assert (done.returncode, done.stdout, said(done)) == (0, "window_start\ntag\n", "")


def test_a_script_that_is_not_there_is_wrong_use(shell: Shell) -> None:
    done = shell("--file", "/no/such.py")
    assert (done.returncode, done.stderr) == (2, "hashtide: --file /no/such.py: no such file\n")


def test_sparks_sql_is_asked_over_the_catalogue_and_only_reads(shell: Shell) -> None:
    asked = ("--engine", "spark", "--local")
    done = shell("SELECT tag, sum(tweets) AS n FROM counts WHERE tag != '' GROUP BY tag ORDER BY n DESC", *asked,
                 "--json", "--limit", "1", verb="sql")
    assert (done.returncode, json.loads(done.stdout)) == (0, [{"tag": "spark", "n": 7}]), done.stderr
    assert said(done) == "Only the first 1 rows; --limit N shows more.\n"
    done = shell("DELETE FROM counts", *asked, verb="sql")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("hashtide: DeleteFromTable is not for reading") and done.stderr.count("\n") == 1
    assert not list((shell.root / "tmp").iterdir())


def test_what_stands_in_for_a_missing_table_has_the_columns_that_spark_writes(
        spark: SparkSession, shell: Shell, tmp_path: Path) -> None:
    paths = StreamPaths("empty", str(tmp_path / "hashtide"))
    for name, columns in (("fates", tables.FATES), ("ledger", tables.LEDGER)):
        spark.createDataFrame([], columns).write.format("delta").save(paths.table(name))
    for stream, root, names in (("hashtags", shell.root, ("counts", "counts_live")),
                                ("empty", tmp_path, ("fates", "ledger"))):
        database = database_of(stream, root)
        for name in names:
            database.connection.execute(f"CREATE TABLE stand_in_{name} ({sql.COLUMNS[name]})")
            written, stand_in = (database.connection.sql(f"DESCRIBE {table}").fetchall()
                                 for table in (name, f"stand_in_{name}"))
            assert {row[:2] for row in written} == {row[:2] for row in stand_in}


def test_many_authors_are_estimated_as_spark_estimates_them(spark: SparkSession, tmp_path: Path) -> None:
    paths = StreamPaths("many", str(tmp_path / "hashtide"))
    for batch, (first, last) in enumerate(((0, 20_000), (10_000, 40_000))):
        tweets = spark.range(first, last).select(
            F.lit(NOW).alias("event_ms"), F.lit("original").alias("kind"), F.col("id").cast("string").alias("author"),
            F.expr("map('a', 'A')").alias("tags"))
        counted = tweets.transform(minute_counts).withColumn("generation", F.lit(1))
        writer = counted.withColumn("batch_id", F.lit(batch).cast("long")).write.format("delta").mode("append")
        writer.partitionBy("hour").save(paths.table("counts_live"))
    live = spark.read.format("delta").load(paths.table("counts_live"))
    [(theirs,)] = live.where("tag = 'a'").agg(F.theta_sketch_estimate(F.theta_union_agg("authors"))).collect()
    [(ours,)] = database_of("many", tmp_path).ask("SELECT authors FROM current_counts WHERE tag = 'a'").rows()
    assert ours == theirs and 38_000 < ours < 42_000
