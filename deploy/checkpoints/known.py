"""What a checkpoint that nobody wrote down the making of says of it all the same: a part, to compare by.

Its own files have Spark's settings and where its source read; the newest launch on it had a watermark, and its driver
said which Spark it was.
"""
from __future__ import annotations

from contextlib import suppress
from pathlib import PurePosixPath

from deploy.checkpoints import about
from deploy.checkpoints.doctor import logs
from deploy.checkpoints.doctor.finding import Bad
from deploy.launch import Files
from spark_apps.contract import StreamPaths
from spark_apps.generations import Generation

_END_BYTES = 8_000


def items(hdfs: Files, paths: StreamPaths, generation: Generation, batch: int) -> dict[str, str]:
    """As spark_apps.plan names them, after this batch; what cannot be read is left out."""
    checkpoint, found = paths.checkpoint(generation.number), dict[str, str]()
    with suppress(Bad):
        offsets = logs.offsets(hdfs.read(f"{checkpoint}/offsets/{batch}") or b"")
        found |= {f"setting {name}": value for name, value in offsets.conf}
        if generation.from_hour is None:   # else it reads by a pattern, which none of its files tells
            found |= _source(hdfs, f"{checkpoint}/sources/0", offsets.end)
    return found | _driver(hdfs, paths, generation.number)


def _source(hdfs: Files, directory: str, entry: int) -> dict[str, str]:
    for name in (str(entry), f"{entry}.compact"):
        if data := hdfs.read_end(f"{directory}/{name}", _END_BYTES):
            # <landing>/dt=/hr=/<file>
            last = PurePosixPath(logs.entries(name, data, cut=True)[-1].path)
            return {"source 0 path": str(last.parents[2])} if len(last.parents) > 3 else {}
    return {}


def _driver(hdfs: Files, paths: StreamPaths, generation: int) -> dict[str, str]:
    made = about.maker(hdfs, paths, generation)
    if not made["spark"]:
        return {}   # that launch had no driver
    asked = (hdfs.read_json(paths.epoch(made["epoch"])) or {}).get("parameters") or {}
    minutes = asked.get("watermark_minutes")
    delay = {"watermark 0 delay_ms": str(int(minutes) * 60_000)} if minutes else {}
    return {"spark": made["spark"], **delay}
