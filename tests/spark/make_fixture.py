"""Keeps a checkpoint of this release for those to come: once a release, right before its tag.

PYTHONPATH=. $HASHTIDE_HOME/envs/spark/bin/python -P -m tests.spark.make_fixture 0.1.0
"""
from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from deploy.local.simulator.generator import Generator
from tests.spark.conftest import local_session
from tests.spark.kept_checkpoints import DIRECTORY, drive, pack
from tests.spark.landing import NOW
from tests.spark.streams import LocalStream

SEED, FILES, TAKEN, PER_FILE = 11, 6, 4, 40


def main(version: str) -> int:
    with tempfile.TemporaryDirectory(prefix="hashtide-fixture-") as scratch:
        root = Path(scratch) / "root"
        stream, generator = LocalStream(root), Generator(SEED)
        spark = local_session(Path(scratch) / "spark")
        for n in range(FILES):
            if n == TAKEN:
                drive(spark, stream.paths, 1)
            first_ms = NOW + n * 5_000
            records = [generator.next(first_ms + i * 100) for i in range(PER_FILE)]
            stream.land(records, first_ms, first_ms + 4_999, f"{n}")
        spark.stop()
        archive = DIRECTORY / f"{version}.tar.gz"
        pack(root, archive)
        shutil.rmtree(root)
        print(f"{archive}: {archive.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
