"""Checkpoints that Spark keeps on S3: whatever here examines, copies or deletes one reads HDFS, and says so."""
from __future__ import annotations

from deploy.errors import Refused
from spark_apps import generations
from spark_apps.contract import StreamPaths, generation_name
from spark_apps.generations import Files, Generation

#: What of `deploy/hashtide checkpoint` needs the checkpoint that the stream goes on with.
NEED_IT = ("savepoint", "check", "doctor")


def where(generation: Generation) -> str:
    """As part of a sentence; empty where it is in HDFS."""
    root = generation.checkpoint_root
    return f"its checkpoint is on {root}, where Spark alone goes on from it" if root else ""


def refuse(paths: StreamPaths, generation: Generation | None, what: str) -> None:
    """Refused where the checkpoint of this generation is on S3."""
    if generation and (said := where(generation)):
        raise Refused(f"{what} reads HDFS, and of generation {generation_name(generation.number)} of stream "
                      f"{paths.stream} {said}; `deploy/hashtide stream submit --stream {paths.stream}` does that, and "
                      f"`deploy/hashtide checkpoint fresh --stream {paths.stream} --yes` begins an empty one where the "
                      "cluster file then says")


def only_hdfs(hdfs: Files, paths: StreamPaths, what: str, point: str = "") -> None:
    """Refused where the stream goes on from a checkpoint on S3, and this or no other point is meant."""
    newest = generations.newest(hdfs, paths)
    if newest and point in ("", generation_name(newest.number)):
        refuse(paths, newest, what)
