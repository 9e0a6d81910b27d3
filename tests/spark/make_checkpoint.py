"""A small stream that Spark itself has counted, as a tar for tests without Spark.

python -m tests.spark.make_checkpoint JARS OUT.tar.gz: 28 batches by two drivers, two compactions of the source's log,
snapshots of the state; below /hashtide, which must not exist and is gone afterwards.
"""
from __future__ import annotations

import shutil
import sys
import tarfile
import time
from pathlib import Path

from deploy.local.simulator.generator import Generator
from spark_apps import session
from spark_apps.contract import LandingFile
from tests.spark.generations import Restorable
from tests.spark.landing import NOW

ROOT = Path("/hashtide")
#: What no test reads.
_LEFT_OUT = (".crc", ".parquet")


def main(jars: str, out: str) -> None:
    ROOT.mkdir()
    try:
        spark = session.build("checkpoint", {
            **session.STREAM, "spark.master": "local[2]", "spark.jars": jars, "spark.ui.enabled": "false",
            "spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1", "spark.driver.memory": "1g",
            "spark.sql.streaming.stateStore.maintenanceInterval": "500ms", "spark.sql.shuffle.partitions": "2"})
        stream, at_ms, generator = Restorable(ROOT, spark), NOW, Generator(1)
        for count in (16, 12):
            for _ in range(count):
                records = [generator.next(at_ms + i * 8_000) for i in range(4)]
                stream.land(records, at_ms, at_ms + 4_999, LandingFile(at_ms, at_ms, "x", f"{at_ms:x}").unique)
                at_ms += 60_000
            stream.catch_up()
            time.sleep(2)
        spark.stop()
        with tarfile.open(out, "w:gz") as tar:
            for path in sorted(ROOT.rglob("*")):
                hadoop_crc = path.name.startswith(".") and path.name.endswith(".crc")
                if path.is_file() and not hadoop_crc and not (path.suffix in _LEFT_OUT and "tables" in path.parts):
                    with path.open("rb") as data:
                        tar.addfile(_named(tar, path), data)
    finally:
        shutil.rmtree(ROOT)


def _named(tar: tarfile.TarFile, path: Path) -> tarfile.TarInfo:
    """Nobody's, with its time to the millisecond, as HDFS keeps it."""
    one = tar.gettarinfo(path, str(path.relative_to(ROOT)))
    one.mtime = path.stat().st_mtime_ns // 1_000_000 / 1000
    one.uid = one.gid = 0
    one.uname = one.gname = ""
    return one


if __name__ == "__main__":
    main(*sys.argv[1:])
