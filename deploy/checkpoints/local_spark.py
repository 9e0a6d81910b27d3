"""An action of spark_apps/ops.py of some release, in one local process of Spark on the machine that asks.

By the cluster file's spark-submit, as any submission; the answer comes back through a file.
"""
from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy import artifact, submit
from deploy.config import Cluster
from deploy.errors import BadUse, HashtideError, TimedOut
from deploy.launch import Files, Launcher

TIMEOUT_S = 300.0
LOOPBACK = "127.0.0.1"
_LOG4J = "rootLogger.level = warn\nrootLogger.appenderRef.stderr.ref = stderr\nappender.stderr.type = Console\n" \
         "appender.stderr.name = stderr\nappender.stderr.target = SYSTEM_ERR\nappender.stderr.layout.type = " \
         "PatternLayout\nappender.stderr.layout.pattern = %p %c{1}: %m%n%ex\n"


@dataclass(frozen=True)
class Application:
    """A release by its files: of this checkout, or as they are in HDFS."""

    version: str
    files: dict[str, bytes]


def of_checkout() -> Application:
    return Application(*artifact.build())


def of_release(hdfs: Files, version: str, root: str) -> Application:
    """BadUse where it is not there, HashtideError where it is older than this."""
    release = artifact.find(hdfs, version, root)
    found = {name: hdfs.read(f"{release.base}/{name}") for name in ("app.zip", artifact.MAINS["ops"])}
    if missing := [name for name, data in found.items() if data is None]:
        raise HashtideError(f"release {version} has no {', '.join(missing)}: it is older than checks are, and cannot "
                            "say what it would do to a checkpoint")
    return Application(version, {name: data for name, data in found.items() if data is not None})


def run(tools: Launcher, app: Application, action: str, words: Sequence[str],
        timeout_s: float = TIMEOUT_S) -> dict[str, Any]:
    """The answer; HashtideError with Spark's last words where there is none."""
    with tempfile.TemporaryDirectory(prefix="hashtide-ops-", ignore_cleanup_errors=True) as scratch:
        where = Path(scratch)
        for name, data in app.files.items():
            (where / name).write_bytes(data)
        (where / "log4j2.properties").write_text(_LOG4J)
        log = where / "log"
        with log.open("wb") as out:
            environment = {**submit.environment(tools.cluster, where), "SPARK_LOCAL_IP": LOOPBACK,
                           "PYTHONDONTWRITEBYTECODE": "1"}
            with _started(command(tools.cluster, where, action, words), environment, out) as process:
                code = _wait(tools, process, action, timeout_s)
        answer = where / "answer.json"
        if code or not answer.is_file():
            said = submit.last_meaningful_line(log.read_text(encoding="utf-8", errors="replace"))
            raise HashtideError(f"Spark on this machine ended with {code} and no answer: {said}")
        return dict(json.loads(answer.read_text(encoding="utf-8")))


def command(cluster: Cluster, where: Path, action: str, words: Sequence[str]) -> list[str]:
    spark = cluster.spark
    conf = {
        "spark.driver.memory": "768m", "spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false",
        "spark.driver.extraJavaOptions": "-XX:+UseSerialGC", **submit.libraries(cluster), **spark.conf,
        "spark.hadoop.fs.defaultFS": cluster.hdfs.default_fs, "spark.local.dir": f"{where}/local",
        "spark.sql.warehouse.dir": f"file:{where}/warehouse", "spark.driver.host": LOOPBACK,
        "spark.driver.bindAddress": LOOPBACK}
    # The path is that of the nodes; a machine that has none there has to do with its own python3.
    if shutil.which(spark.python):
        conf["spark.pyspark.python"] = spark.python
    if spark.keytab:
        conf |= {"spark.kerberos.keytab": spark.keytab, "spark.kerberos.principal": spark.principal}
    given = [word for key in sorted(conf) for word in ("--conf", f"{key}={conf[key]}")]
    return [spark.submit, "--master", "local[1]", *given, "--py-files", f"{where}/app.zip",
            f"{where}/{artifact.MAINS['ops']}", action, "--out", f"{where}/answer.json", *words]


@contextmanager
def _started(words: list[str], environment: dict[str, str], out: Any) -> Iterator[subprocess.Popen[bytes]]:
    try:
        process = subprocess.Popen(words, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                   start_new_session=True)
    except OSError as error:
        why = "no such program on this machine" if isinstance(error, FileNotFoundError) else error.strerror
        raise BadUse(f"[spark] submit = {words[0]}: {why}") from None
    try:
        yield process
    finally:
        # The JVM is in the same session as the Python that it started.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=10)


def _wait(tools: Launcher, process: subprocess.Popen[bytes], action: str, timeout_s: float) -> int:
    """By the tools' sleep, which keeps a lease meanwhile."""
    deadline = tools.monotonic() + timeout_s
    while (code := process.poll()) is None:
        if tools.monotonic() >= deadline:
            raise TimedOut(f"waited {timeout_s:.0f} s for ops.py {action} in a local Spark")
        tools.sleep(0.5)
    return code
