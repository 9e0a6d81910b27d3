"""SQL over a stream's tables by Spark, on the cluster or here: a session for one statement, in a process of its own."""
from __future__ import annotations

import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy import submit
from deploy.errors import BadUse, HashtideError


@dataclass(frozen=True)
class Session:
    """How `python -m spark_apps.query` is started; its last options and the statement are added."""

    command: tuple[str, ...]
    environment: dict[str, str]


def ask(session: Session, statement: str, limit: int) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Names of the columns and at most `limit` rows. BadUse where it is no statement that reads; HashtideError where
    Spark fails. Interrupted, Spark ends, too."""
    import pyarrow as pa

    with tempfile.TemporaryDirectory(prefix="hashtide-sql-") as directory:
        out = Path(directory) / "rows"
        done = subprocess.run([*session.command, "--limit", str(limit), "--out", str(out)], input=statement, text=True,
                              capture_output=True, env=session.environment, check=False)
        if done.returncode == 2:
            raise BadUse((done.stderr.strip().splitlines() or ["refused"])[-1])
        if done.returncode:
            raise HashtideError(f"Spark: {submit.last_meaningful_line(done.stderr)}")
        with pa.OSFile(str(out), "rb") as source, pa.ipc.open_stream(source) as reader:
            found = reader.read_all()
    columns = [column.to_pylist(maps_as_pydicts="lossy") for column in found.columns]
    return list(found.column_names), list(zip(*columns, strict=True))
