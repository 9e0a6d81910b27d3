"""What a stream's Delta tables have and what a vacuum of them would delete, told by the package `deltalake`.

In a process of its own: `python -m deploy.retention.delta HOURS URL...` writes JSON. Where this Python has no such
package (Airflow's has none), the cluster file's has. It only reads: its own commits would name an hour without its
zone, and a Spark that is in another one would read another hour; so what writes to a table is Spark alone.
"""
from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from deploy import tickets
from deploy.config import Cluster
from deploy.errors import HashtideError, TimedOut
from deploy.retention.tables import Old, Part, Table

TIMEOUT_S = 600
_SOURCE = Path(__file__).parents[2]
_LOG = "_delta_log"


def look(cluster: Cluster, paths: dict[str, str], retain_hours: int) -> tuple[Table, ...]:
    """Tables by name and path; HashtideError where nothing can be said of any."""
    urls = [cluster.hdfs.default_fs.rstrip("/") + path for path in paths.values()]
    own = importlib.util.find_spec("deltalake") is not None
    python = sys.executable if own else shutil.which(cluster.spark.python) or "python3"
    words = [python, "-P", "-m", "deploy.retention.delta", str(retain_hours), *urls]
    try:
        done = subprocess.run(words, env={**os.environ, **environment(cluster), "PYTHONPATH": str(_SOURCE)},
                              check=False, capture_output=True, text=True, timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise TimedOut(f"waited {TIMEOUT_S} s for what the tables have") from None
    except OSError as error:
        raise HashtideError(f"[spark] python = {python}: {error.strerror}") from None
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["no word"])[-1]
        raise HashtideError(f"{python} says nothing of the tables: {said[:300]}")
    told = json.loads(done.stdout)
    return tuple(_table(name, path, told[url]) for (name, path), url in zip(paths.items(), urls, strict=True))


def environment(cluster: Cluster) -> dict[str, str]:
    """By which the package finds HDFS, and as whom."""
    found = {"HADOOP_CONF_DIR": cluster.spark.hadoop_conf_dir, "HADOOP_USER_NAME": cluster.hdfs.user,
             **tickets.environment(cluster)}
    return {name: value for name, value in found.items() if value}


def _table(name: str, path: str, told: dict[str, Any]) -> Table:
    return Table(name, path, tuple(Part(*one) for one in told.get("live", ())),
                 tuple(Old(*one) for one in told.get("old", ())), told.get("fault", ""))


# in the process of its own

def state(url: str, retain_hours: int) -> dict[str, Any]:
    """{"live": of Part, "old": of Old}. Paths as in the directory; the log escapes them once more."""
    import pyarrow as pa
    from deltalake import DeltaTable

    table = DeltaTable(url)
    live = [(unquote(one["path"]), one["size_bytes"], _ms(one.get("partition.hour")), one["modification_time"])
            for one in pa.table(table.get_add_actions(flatten=True)).to_pylist()]
    # The library's word on what may go: by the log's age of what the log names, by its own of what it does not.
    candidates = set(table.vacuum(retention_hours=retain_hours, dry_run=True, full=True)) - {one[0] for one in live}
    if not candidates:
        return {"live": live, "old": []}
    there, removed = _files(table), _removed(table)
    return {"live": live, "old": [(path, there[path][0], removed.get(path, there[path][1]))
                                  for path in sorted(candidates & set(there))]}


def _files(table: Any) -> dict[str, tuple[int, int]]:
    """Bytes and time of writing (ms) of all below the table's directory."""
    from pyarrow.fs import FileSelector

    return {one.path: (one.size, one.mtime_ns // 1_000_000)
            for one in _filesystem(table).get_file_info(FileSelector("", recursive=True)) if one.is_file}


def _removed(table: Any) -> dict[str, int]:
    """Since when (ms) a file is in no version, where the log still says so; the package has no call for it.

    https://github.com/delta-io/delta/blob/master/PROTOCOL.md#add-file-and-remove-file
    """
    import pyarrow.parquet as pq
    from pyarrow.fs import FileSelector

    filesystem, found = _filesystem(table), list[dict[str, Any]]()
    names = sorted(one.base_name for one in filesystem.get_file_info(FileSelector(_LOG)) if one.is_file)
    checkpoints = [name for name in names if ".checkpoint." in name and name.endswith(".parquet")]
    newest = checkpoints[-1][:20] if checkpoints else ""
    for name in (name for name in checkpoints if name.startswith(newest)):
        with filesystem.open_input_file(f"{_LOG}/{name}") as file:
            read = pq.ParquetFile(file).read(columns=["remove.path", "remove.deletionTimestamp"])
            found += read.column("remove").drop_null().to_pylist()
    for name in (name for name in names if name[20:] == ".json" and name[:20] > newest):
        with filesystem.open_input_file(f"{_LOG}/{name}") as file:
            found += [one["remove"] for one in map(json.loads, file.read().splitlines()) if "remove" in one]
    return {unquote(one["path"]): int(one["deletionTimestamp"] or 0) for one in found if one["path"]}


def _filesystem(table: Any) -> Any:
    from deltalake.fs import DeltaStorageHandler
    from pyarrow.fs import PyFileSystem

    return PyFileSystem(DeltaStorageHandler.from_table(table._table))


def _ms(at: datetime | None) -> int | None:
    return None if at is None else (at - datetime(1970, 1, 1, tzinfo=timezone.utc)) // timedelta(milliseconds=1)


def main(argv: Sequence[str]) -> int:
    told = {}
    for url in argv[1:]:
        try:
            told[url] = state(url, int(argv[0]))
        except ImportError:
            raise
        except Exception as error:
            told[url] = {"fault": " ".join(str(error).split())[:300] or type(error).__name__}
    print(json.dumps(told))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
