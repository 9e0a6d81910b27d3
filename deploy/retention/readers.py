"""Streams of the classic engine, and what each of them still needs of the landing files that it counts."""
from __future__ import annotations

from collections.abc import Iterator

from deploy import desired
from deploy.launch import Files
from deploy.retention.listing import Held
from deploy.spec import CLASSIC
from spark_apps import generations
from spark_apps.classic import landing
from spark_apps.contract import HOUR_MS, STREAM_NAME, StreamPaths


def held(hdfs: Files, paths: StreamPaths) -> Iterator[tuple[str, Held]]:
    """By a name that no point of the stream has. A reader that is stopped goes on some day, and holds as one that runs;
    whoever lets it count another landing lets go."""
    for name in hdfs.list(paths.base.rpartition("/")[0]):
        if name == paths.stream or not STREAM_NAME.fullmatch(name):
            continue
        reader = StreamPaths(name, paths.root)
        asked = desired.read(hdfs, reader).get("parameters") or {}
        if asked.get("engine") == CLASSIC and asked.get("landing") == paths.stream:
            yield f"reader {name}", of(hdfs, reader)


def of(hdfs: Files, reader: StreamPaths) -> Held:
    """Its own line of checkpoints, the newest: what that has not settled a batch may ask for again."""
    label = f"stream {reader.stream} of engine {CLASSIC}"
    way_out = f"`deploy/hashtide stream status --stream {reader.stream}` tells how far it is"
    newest = generations.newest(hdfs, reader)
    base = reader.checkpoint(newest.number if newest else 1)
    if not (names := landing.lines_of(hdfs.list(base))):
        return Held(label, frozenset(), None, way_out)
    line = f"{base}/{names[-1]}"
    began_ms = int((hdfs.read_json(f"{line}/origin.json") or {}).get("arrival_ms") or 0)
    taken = frozenset(name for files in landing.settled(hdfs, line).values() for name in files)
    return Held(label, taken, began_ms - began_ms % HOUR_MS, way_out)
