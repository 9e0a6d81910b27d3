"""A server of S3 on this machine, by moto in an environment of its own, until a test ends."""
from __future__ import annotations

import re
import subprocess
import time
import urllib.request
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from pyspark.sql import SparkSession

from tests.fakes.sockets import free_port
from tests.spark.conftest import HOME
from tests.spark.drivers import Drivers

BUCKET, SECRET = "checkpoints", "not-to-be-seen-7c1f"
_MOTO = HOME / "envs" / "moto" / "bin" / "moto_server"


@dataclass
class S3:
    url: str
    log: Path
    provider: str = ""      # where Hadoop finds the keys

    def serve(self, stream: Drivers) -> None:
        """Checkpoints of this stream's drivers are kept here."""
        stream.jars, stream.checkpoint_root = ("delta", "s3"), f"s3a://{BUCKET}/some/prefix"
        stream.settings = (f"spark.hadoop.fs.s3a.endpoint={self.url}", "spark.hadoop.fs.s3a.path.style.access=true",
                           "spark.hadoop.fs.s3a.endpoint.region=us-east-1",
                           f"spark.hadoop.fs.s3a.security.credential.provider.path={self.provider}")

    def names(self, directory: str) -> list[str]:
        """Of the files right below it, as by s3a://."""
        prefix = directory.removeprefix(f"s3a://{BUCKET}/").rstrip("/") + "/"
        with urllib.request.urlopen(f"{self.url}/{BUCKET}?list-type=2&max-keys=1000&delimiter=/&prefix={quote(prefix)}",
                                    timeout=30) as answer:
            found = ET.fromstring(answer.read())  # noqa: S314
        keys = [one.text or "" for one in found.iter() if one.tag.endswith("}Key")]
        return sorted(key.removeprefix(prefix) for key in keys if key != prefix)

    def requests(self) -> Counter[str]:
        """How many of each kind there were."""
        plain = re.sub(r"\x1b\[[0-9;]*m", "", self.log.read_text())   # it colours what is deleted or not found
        found = re.findall(r'"([A-Z]+) (\S+) HTTP/1.1" \d+', plain)
        return Counter("LIST" if "list-type" in path else method for method, path in found)


@contextmanager
def serving(directory: Path) -> Iterator[S3]:
    """With an empty bucket. Skips where the server is not there."""
    missing = [str(path) for path in (_MOTO, HOME / "jars" / "s3") if not path.exists()]
    if missing:
        pytest.skip(f"{' and '.join(missing)}: not there; `deploy/hashtide test spark` brings them")
    port = free_port()
    found = S3(f"http://127.0.0.1:{port}", directory / "moto.log")
    with found.log.open("wb") as log:
        server = subprocess.Popen([_MOTO, "-H", "127.0.0.1", "-p", str(port)], stdout=log, stderr=log)
    try:
        _make_bucket(found, server)
        yield found
    finally:
        server.kill()
        server.wait(30)


def _make_bucket(found: S3, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while server.poll() is None and time.monotonic() < deadline:
        try:
            urllib.request.urlopen(urllib.request.Request(f"{found.url}/{BUCKET}", method="PUT"), timeout=10).close()
            return
        except OSError:
            time.sleep(0.1)
    pytest.fail(f"no answer of {found.url}\n{found.log.read_text()[-2000:]}")


def keys(spark: SparkSession, directory: Path) -> str:
    """A credential provider of Hadoop with the keys, which the driver is only told the path of."""
    jvm, gateway = spark.sparkContext._jvm, spark.sparkContext._gateway
    assert jvm and gateway
    where = f"localjceks://file{directory}/s3.jceks"
    for name, value in (("fs.s3a.access.key", "a-key"), ("fs.s3a.secret.key", SECRET)):
        words = ["create", name, "-value", value, "-provider", where]
        args: Any = gateway.new_array(jvm.java.lang.String, len(words))
        for at, word in enumerate(words):
            args[at] = word
        shell = jvm.org.apache.hadoop.security.alias.CredentialShell()
        assert jvm.org.apache.hadoop.util.ToolRunner.run(jvm.org.apache.hadoop.conf.Configuration(), shell, args) == 0
    return where
