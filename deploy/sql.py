"""SQL over a stream's tables without a JVM: DuckDB over Delta.

The database is shut in before it sees a statement: it reads these tables, and no file, address or Python object beside.

Needs the `duckdb`, `deltalake` and `datasketches` packages; imported when a database is opened.
"""
from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deploy.errors import BadUse, HashtideError, Unreachable
from deploy.tables import Tables, counting
from spark_apps.contract import MEASURES, TABLES

if TYPE_CHECKING:
    import duckdb

_COUNTS = ("window_start TIMESTAMPTZ, tag VARCHAR, form VARCHAR, "
           + "".join(f"{name} BIGINT, " for name in MEASURES) + "authors BLOB, hour TIMESTAMPTZ, ")
#: What stands in for a table that nothing was written to yet.
COLUMNS = {
    "counts": _COUNTS + "revision INTEGER",
    "counts_live": _COUNTS + "generation INTEGER, batch_id BIGINT",
    "fates": "kind VARCHAR, hour TIMESTAMPTZ, landing_hour TIMESTAMPTZ, event_hour TIMESTAMPTZ, arrival TIMESTAMPTZ, "
             "fate VARCHAR, lines BIGINT",
    "ledger": "hour TIMESTAMPTZ, revision INTEGER, through_ms BIGINT, counts_version BIGINT, complete BOOLEAN, "
              "gap VARCHAR, lines BIGINT, counted BIGINT, duplicate BIGINT, late BIGINT, control BIGINT, "
              "pending BIGINT, quarantined MAP(VARCHAR, BIGINT), sealed_at TIMESTAMPTZ, digest VARCHAR",
    "related": "tag VARCHAR, related VARCHAR, tweets BIGINT, support DOUBLE, confidence DOUBLE, lift DOUBLE, "
               "from_hour TIMESTAMPTZ, to_hour TIMESTAMPTZ",
    "graph_tags": "day DATE, tag VARCHAR, tweets BIGINT, degree BIGINT, pagerank DOUBLE, component BIGINT, "
                  "community BIGINT",
    "graph_links": "day DATE, tag VARCHAR, other VARCHAR, tweets BIGINT, lift DOUBLE",
}
EXAMPLE = "SELECT * FROM current_counts"
VIEWS = ("current_counts", "current_rows")

#: More than an hour of a busy stream takes; the machine may have a cluster to run beside.
MEMORY = "1GB"
_ROWS_AT_ONCE = 2048

_ROW = f"hour, window_start, tag, form, {', '.join(MEASURES)}, authors"
# A sealed hour is final, so its rows carry its revision; those of any other hour have none.
_CURRENT_ROWS = f"""
CREATE VIEW current_rows AS
SELECT {_ROW}, revision FROM counts SEMI JOIN ledger USING (hour)
UNION ALL
SELECT {_ROW}, NULL FROM counts_live ANTI JOIN ledger USING (hour)
"""  # noqa: S608
_CURRENT_COUNTS = f"""
CREATE VIEW current_counts AS
SELECT hour, window_start, tag, form, {', '.join(f'sum({name})::BIGINT AS {name}' for name in MEASURES)},
       distinct_authors(authors) AS authors, any_value(revision) AS revision
FROM current_rows GROUP BY hour, window_start, tag, form
"""  # noqa: S608


@dataclass(frozen=True)
class Database:
    """One stream's tables, each at the version that was newest when it was opened."""

    connection: duckdb.DuckDBPyConnection

    def ask(self, statement: str) -> Answer:
        """BadUse where it is no single statement that reads, or no SQL; HashtideError where it takes too much."""
        with _errors():
            found = self.connection.extract_statements(statement)
            if len(found) != 1:
                raise BadUse(f"found {len(found)} statements: expected one, such as {EXAMPLE}")
            kind = found[0].type.name
            if kind not in ("SELECT", "EXPLAIN"):
                raise BadUse(f"{kind} is not for reading: expected SELECT, EXPLAIN, DESCRIBE or SHOW TABLES")
            relation = self.connection.sql(found[0].query)
            if relation is None:
                raise BadUse("this has no rows to show: expected SELECT, EXPLAIN, DESCRIBE or SHOW TABLES")
            return Answer(list(relation.columns), relation)


@dataclass(frozen=True)
class Answer:
    """`columns` may hold a name twice."""

    columns: list[str]
    relation: Any

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Timestamps are UTC. Read as they are asked for; the errors of Database.ask."""
        with _errors():
            reader = self.relation.to_arrow_reader(_ROWS_AT_ONCE)
            try:
                for batch in reader:
                    columns = [column.to_pylist(maps_as_pydicts="lossy") for column in batch.columns]
                    yield from zip(*columns, strict=True)
            finally:
                reader.close()


def open_database(tables: Tables) -> Database:
    """HashtideError where the stream has no table at all, Unreachable where HDFS does not answer."""
    import duckdb

    # Increments of a batch that a restore has undone are left out everywhere.
    # A generation that is opened after this has no rows here; an hour that is sealed after this is still read live.
    kept = tables.lineage()
    opened = {name: tables.open_table(name) for name in reversed(TABLES)}
    if not any(opened.values()):
        raise HashtideError(f"stream {tables.paths.stream} has no tables at {tables.cluster.hdfs.default_fs} yet; "
                            "`deploy/hashtide stream status` shows how far it is")
    connection = duckdb.connect(":memory:")
    for setting in ("TimeZone = 'UTC'", f"memory_limit = '{MEMORY}'", "temp_directory = ''"):
        connection.execute(f"SET {setting}")
    for name, table in opened.items():
        if table is None:
            connection.execute(f"CREATE TABLE {name} ({COLUMNS[name]})")
        else:
            rows = table.to_pyarrow_dataset()
            connection.register(name, rows.filter(counting(kept)) if name == "counts_live" else rows)
    _add_views(connection)
    _shut_in(connection)
    return Database(connection)


def _add_views(connection: duckdb.DuckDBPyConnection) -> None:
    from duckdb.func import ARROW

    connection.create_function("estimate_authors", _estimate_authors, ["BLOB[]"], "bigint", type=ARROW)
    connection.execute("CREATE MACRO distinct_authors(sketches) AS estimate_authors(list(sketches))")
    connection.execute(_CURRENT_ROWS)
    connection.execute(_CURRENT_COUNTS)


def _shut_in(connection: duckdb.DuckDBPyConnection) -> None:
    for setting in ("enable_external_access = false", "autoinstall_known_extensions = false",
                    "autoload_known_extensions = false", "allow_community_extensions = false",
                    "python_enable_replacements = false", "lock_configuration = true"):
        connection.execute(f"SET {setting}")


def _estimate_authors(groups: Any) -> Any:
    """How many authors each list of theta sketches has together, rounded; for DuckDB, chunk by chunk."""
    import pyarrow as pa

    return pa.array([_authors(group) for group in groups.to_pylist()], pa.int64())


def _authors(sketches: list[bytes | None] | None) -> int:
    from datasketches import compact_theta_sketch, theta_union

    found = [compact_theta_sketch.deserialize(one) for one in sketches or [] if one]
    if len(found) == 1:
        return round(float(found[0].get_estimate()))
    union = theta_union()
    for sketch in found:
        union.update(sketch)
    return round(float(union.get_result().get_estimate()))


@contextmanager
def _errors() -> Iterator[None]:
    """DuckDB's errors in ours, one line each."""
    import duckdb

    try:
        yield
    except duckdb.OutOfMemoryException:
        raise HashtideError(f"this takes more than {MEMORY} of memory: ask for fewer hours, such as "
                            "WHERE hour >= now() - INTERVAL 3 HOURS") from None
    except duckdb.InterruptException:
        raise KeyboardInterrupt from None
    except duckdb.Error as error:
        text = _in_one_line(str(error))
        if "reading the stream registered as" in text:
            raise Unreachable(f"a table could not be read: {text}; see `deploy/hashtide status`") from None
        if isinstance(error, (duckdb.InternalError, duckdb.IOException)):
            raise HashtideError(text) from None
        raise BadUse(text) from None
    except (ArithmeticError, ValueError) as error:
        if isinstance(error, HashtideError):
            raise
        raise BadUse(f"a value cannot be shown ({_in_one_line(str(error))}): cast its column to VARCHAR") from None


def _in_one_line(text: str) -> str:
    """What DuckDB says before it shows the place. It guesses at tables of its own: ours are told instead."""
    told = re.split(r"\n\s*LINE \d+:", text)[0]
    if re.search(r"Table with name .+ does not exist", told):
        told = f"{told.splitlines()[0].rstrip('!')}; there are {', '.join((*VIEWS, *TABLES))}"
    return " ".join(told.split())
