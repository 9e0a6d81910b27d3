"""What a session offers: the catalogue's tables, statements that only read, and a line for each idea of the banner."""
from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from typing import Any

import pytest
from pyspark.errors import ParseException
from pyspark.sql import SparkSession

from spark_apps import query, shell
from spark_apps.contract import HOUR_MS, StreamPaths, generation_name
from spark_apps.examples import EXAMPLES
from tests.spark.landing import NOW


@pytest.fixture(scope="module")
def names(spark: SparkSession, two_hours: StreamPaths) -> Iterator[dict[str, Any]]:
    yield shell.names(spark, two_hours)
    spark.catalog.setCurrentDatabase("default")
    spark.sql(f"DROP DATABASE {two_hours.stream} CASCADE")


@pytest.fixture
def typed(names: dict[str, Any]) -> Any:
    def typed(line: str) -> tuple[Any, str]:
        """What it gives and prints."""
        with contextlib.redirect_stdout(io.StringIO()) as out:
            return eval(line, names), out.getvalue()  # noqa: S307 - as a person types it
    return typed


def column(table: str, number: int = 1) -> list[str]:
    return [line.split("|")[number].strip() for line in table.splitlines() if line.startswith("|")][1:]


def test_the_examples_of_streams_give_the_sums_that_anybody_can_add_up(typed: Any) -> None:
    assert typed(EXAMPLES["stateless"][1])[0] == [[4], [18], [10], [13]]
    assert typed(EXAMPLES["state"][1])[0] == [[("sum", 4)], [("sum", 22)], [("sum", 32)], [("sum", 45)]]
    assert typed(EXAMPLES["windows"][1])[0] == [[9], [11], [3]]


def test_the_example_of_lineage_shows_that_a_checkpoint_cuts_it(typed: Any) -> None:
    grown, cut = typed(EXAMPLES["lineage"][1])[0]
    assert grown > 20 > 5 > cut


def test_the_examples_of_sql_mllib_and_graphs_are_about_the_streams_own_tweets(typed: Any) -> None:
    found = typed(EXAMPLES["sql"][1])[1]
    assert len(column(found)) == 5 and column(found, 2) == sorted(column(found, 2), key=int, reverse=True)
    associated = typed(EXAMPLES["mllib"][1])[1]
    assert len(column(associated)) == 5 and float(column(associated, 5)[0]) > 0.1
    ranked = [float(rank) for rank in column(typed(EXAMPLES["graph"][1])[1], 3)]
    assert len(ranked) == 5 and ranked == sorted(ranked, reverse=True)


def test_the_banner_has_each_of_them(spark: SparkSession, two_hours: StreamPaths, names: dict[str, Any]) -> None:
    text = shell.banner(spark, two_hours, names)
    assert all(line in text for _, line in EXAMPLES.values()) and "minute_counts" in text


# the catalogue

def test_the_catalogue_has_the_tables_and_what_counts_now(spark: SparkSession, names: dict[str, Any]) -> None:
    listed = {row["tableName"] for row in spark.sql("SHOW TABLES").collect()}
    assert {"counts", "fates", "ledger"} <= listed
    assert spark.sql("DESCRIBE DETAIL counts").first()["format"] == "delta"  # type: ignore[index]


def test_live_increments_that_a_restore_has_undone_are_in_no_view(
        spark: SparkSession, two_hours: StreamPaths, names: dict[str, Any], tmp_path_factory: Any) -> None:
    from pyspark.sql import functions as F

    from spark_apps import catalogue
    from spark_apps.files import Files

    paths = StreamPaths("undone", str(tmp_path_factory.mktemp("undone")))
    counts = spark.read.format("delta").load(two_hours.table("counts"))
    live = counts.drop("revision").withColumn("generation", F.lit(1))
    batches = live.withColumn("batch_id", F.lit(0).cast("long")).unionByName(
        live.withColumn("batch_id", F.lit(1).cast("long")))
    batches.write.format("delta").save(paths.table("counts_live"))
    Files(spark, paths.base).write_json(paths.generation(2), {"parent": generation_name(1), "through_batch": 0})

    def current() -> dict[int, tuple[int, int | None]]:
        catalogue.register(spark, Files(spark, paths.base), paths)
        got = spark.sql("SELECT unix_millis(hour) AS hour, sum(tweets) AS tweets, any_value(revision) AS revision "
                        "FROM current_counts GROUP BY hour").collect()
        return {row["hour"]: (row["tweets"], row["revision"]) for row in got}
    try:
        expected = {row[0]: row[1] for row in counts.groupBy(F.unix_millis("hour")).agg(F.sum("tweets")).collect()}
        assert current() == {at: (expected[at], None) for at in (NOW, NOW + HOUR_MS)}, "before the first seal"
        for name in ("counts", "ledger"):
            first = spark.read.format("delta").load(two_hours.table(name)).where(F.unix_millis("hour") == NOW)
            first.write.format("delta").save(paths.table(name))
        assert current() == {NOW: (expected[NOW], 1), NOW + HOUR_MS: (expected[NOW + HOUR_MS], None)}
    finally:
        spark.catalog.setCurrentDatabase(two_hours.stream)
        spark.sql("DROP DATABASE undone CASCADE")


# nothing but reading

@pytest.mark.parametrize("statement", [
    "SELECT 1", "WITH a AS (SELECT 1 AS n) SELECT n FROM a UNION ALL SELECT 2", "VALUES (1)", "SHOW TABLES",
    "DESCRIBE counts", "EXPLAIN DELETE FROM counts", "FROM counts SELECT tag LIMIT 1"])
def test_what_reads_is_let_through(spark: SparkSession, names: dict[str, Any], statement: str) -> None:
    query.check(spark, statement)


@pytest.mark.parametrize("statement", [
    "DROP TABLE counts", "DELETE FROM counts", "INSERT INTO counts SELECT * FROM counts", "SET spark.x=1",
    "WITH a AS (SELECT * FROM counts) INSERT INTO counts SELECT * FROM a", "CREATE TABLE t AS SELECT 1",
    "FROM counts INSERT INTO fates SELECT * INSERT INTO ledger SELECT *", "OPTIMIZE counts", "VACUUM counts",
    "MERGE INTO counts USING ledger ON false WHEN MATCHED THEN DELETE", "UPDATE counts SET tweets = 0",
    "INSERT OVERWRITE DIRECTORY '/tmp/x' USING csv SELECT 1", "CACHE TABLE counts", "BEGIN SELECT 1; END"])
def test_what_would_change_anything_is_refused_before_it_runs(spark: SparkSession, names: dict[str, Any],
                                                              statement: str) -> None:
    with pytest.raises((query.Refused, ParseException)) as error:
        query.check(spark, statement)
    assert "not for reading" in str(error.value) or isinstance(error.value, ParseException)


def test_two_statements_are_no_statement(spark: SparkSession) -> None:
    with pytest.raises(ParseException):
        query.check(spark, "SELECT 1; SELECT 2")
