"""A checkpoint that Spark wrote, and what stands around it: tests/data/checkpoints/counted.tar.gz."""
from __future__ import annotations

import tarfile
from pathlib import Path

from spark_apps.contract import StreamPaths
from tests.fakes.files import Files

TAR = Path(__file__).parents[1] / "data" / "checkpoints" / "counted.tar.gz"
PATHS = StreamPaths("hashtags")
ROOT = PATHS.checkpoint(1)


def real(files: Files | None = None) -> Files:
    """28 batches by two drivers, as tests.spark.make_checkpoint made them."""
    found = files or Files()
    with tarfile.open(TAR) as tar:
        for one in tar:
            if (content := tar.extractfile(one)) is not None:
                path = f"{PATHS.root}/{one.name}"
                found.data[path], found.times[path] = content.read(), round(one.mtime * 1000)
    return found
