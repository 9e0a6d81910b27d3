"""Checkpoints that a release has made, kept in tests/data/checkpoints: a stream's directories as a small archive.

Spark writes absolute paths into its source's log: they are kept with a word in the place of the stream's root.
"""
from __future__ import annotations

import gzip
import io
import os
import tarfile
from pathlib import Path

from pyspark.sql import SparkSession

from spark_apps import guard, hashtag_stream, session
from spark_apps.args import StreamArgs
from spark_apps.contract import LandingFile, StreamPaths
from spark_apps.files import Files
from spark_apps.sinks import CountsLive
from spark_apps.verdict import Judgement
from tests import oracle
from tests.spark.changes import set_to

DIRECTORY = Path(__file__).parents[1] / "data" / "checkpoints"
_ROOT = b"@ROOT@"
#: Of these only a part has paths, and they are text.
_TEXT = ("sources", "fingerprint")


def pack(root: Path, archive: Path) -> None:
    """The same files give the same bytes."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        for path in sorted(root.rglob("*")):
            name = path.relative_to(root).as_posix()
            if path.is_file() and not path.name.endswith(".crc"):
                content = path.read_bytes()
                if any(part in _TEXT for part in path.parts):
                    content = content.replace(str(root).encode(), _ROOT)
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
    archive.parent.mkdir(parents=True, exist_ok=True)
    archive.write_bytes(gzip.compress(data.getvalue(), 9, mtime=0))


def unpack(archive: Path, root: Path) -> StreamPaths:
    with tarfile.open(archive) as tar:
        tar.extractall(root, filter="data")
    for path in root.rglob("*"):
        os.utime(path)   # Spark's source passes over files that are a week older than the newest
        if path.is_file() and any(part in _TEXT for part in path.parts):
            path.write_bytes(path.read_bytes().replace(_ROOT, str(root).encode()))
    return StreamPaths("hashtags", str(root))


def drive(spark: SparkSession, paths: StreamPaths, epoch: int) -> Judgement:
    """A driver on generation 1, with its own look at the checkpoint, until all that is landed has been taken."""
    args = StreamArgs(paths, 1, epoch, 1, 1, "10 minutes", 2)
    with set_to(spark, {**session.STREAM, "spark.sql.shuffle.partitions": "2"}):
        counted = hashtag_stream.stream(spark, args)
        items = hashtag_stream.items(spark, counted, args)
        found = guard.check(Files(spark, paths.base), paths, (1, epoch, 1), items, 0)
        sink = CountsLive(paths, 1, lambda: None)
        hashtag_stream.start(spark, args, sink, available_now=True, counted=counted).awaitTermination()
    return found


def lines(paths: StreamPaths) -> list[oracle.Line]:
    """All that was ever landed."""
    files = sorted(Path(paths.landing).rglob("*.jsonl"), key=lambda path: LandingFile.parse(path.name).last_ms)
    return [oracle.Line.landed(path.name, n, record) for path in files
            for n, record in enumerate(path.read_bytes().removesuffix(b"\n").split(b"\n"), 1)]
