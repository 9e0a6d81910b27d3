"""What is to be said of a point: where it stands, how large it is, and which release and which Spark made it."""
from __future__ import annotations

from typing import Any, Protocol, cast

from deploy.checkpoints import points, told
from deploy.checkpoints.points import Point
from deploy.launch import Files
from spark_apps import generations
from spark_apps.contract import StreamPaths, generation_name, hour_name

_LOOKED_AT = 200


class Sizes(Protocol):
    def content(self, path: str) -> dict[str, Any] | None: ...


def record(hdfs: Files, paths: StreamPaths, point: Point) -> dict[str, Any]:
    """generation, batch_id, watermark_ms, source_offset, arrival_ms, state_rows, bytes, files, shuffle_partitions,
    from_hour, release, epoch, spark: None or empty where it is not known."""
    batch, told_of = points.batch_of(hdfs, point), _told(hdfs, paths, point)
    origin = point.generation
    return {
        "generation": generation_name(origin.number), "batch_id": point.batch if point.batch >= 0 else None,
        "watermark_ms": batch.watermark_ms if batch else None, "source_offset": batch.source_offset if batch else None,
        "arrival_ms": told_of.arrival_ms if told_of else None, "state_rows": told_of.state_rows if told_of else None,
        **size(hdfs, point.checkpoint), "shuffle_partitions": origin.shuffle_partitions,
        "from_hour": hour_name(origin.from_hour) if origin.from_hour is not None else None,
        **maker(hdfs, paths, origin.number)}


def _told(hdfs: Files, paths: StreamPaths, point: Point) -> told.Told | None:
    line = generations.line(hdfs, paths, point.generation)
    return next((one for one in told.of_all(hdfs, paths, line, point.batch) if one.arrival_ms), None)


def size(hdfs: Files, path: str) -> dict[str, int]:
    found = cast(Sizes, hdfs).content(path) or {}
    return {"bytes": int(found.get("length") or 0), "files": int(found.get("fileCount") or 0)}


def maker(hdfs: Files, paths: StreamPaths, generation: int) -> dict[str, Any]:
    """release, epoch and Spark's version of the newest launch on this generation."""
    names = hdfs.list(paths.epochs)
    epochs = [name for name in names if name.endswith(".json")]
    for name in epochs[::-1][:_LOOKED_AT]:
        intent = hdfs.read_json(f"{paths.epochs}/{name}") or {}
        if intent.get("generation") == generation:
            number = name.removesuffix(".json")
            claims = [one for one in names if one.startswith(f"{number}.a")]
            claim = hdfs.read_json(f"{paths.epochs}/{claims[-1]}") if claims else None
            return {"release": str(intent.get("release") or ""), "epoch": int(number),
                    "spark": str((claim or {}).get("spark") or "")}
    return {"release": "", "epoch": None, "spark": ""}
