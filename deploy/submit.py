"""How a job gets onto YARN: the command (pure), its run in a session of its own, confirmation by tag at the RM."""
from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from deploy import config
from deploy.artifact import Release
from deploy.config import Cluster
from deploy.errors import BadUse, HashtideError, TimedOut, Unreachable
from deploy.yarn import Application

#: spark-submit takes 6 s on an idle machine; a busy one with a slow NameNode needs patience, a dead one an end.
SUBMIT_TIMEOUT_S = 180.0
_KEPT_LOGS = 50
# What spark-submit may see of its parent's environment; Airflow's own holds secrets, and PYSPARK_* or SPARK_* would
# change the job without a trace in its command.
_PASSED = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TMPDIR", "TZ", "JAVA_HOME", "KRB5_CONFIG",
           "KRB5CCNAME")

#: Drivers and executors outlast a NameNode that is away or in safe mode: 60 tries a second apart, then 120 of 5 s, so
#: 11 minutes. Without, the client gives up after 10 s and takes the driver along, and safe mode is not waited for.
#: https://hadoop.apache.org/docs/stable/hadoop-project-dist/hadoop-hdfs/hdfs-default.xml
_PATIENCE = {"spark.hadoop.dfs.client.retry.policy.enabled": "true",
             "spark.hadoop.dfs.client.retry.policy.spec": "1000,60,5000,120"}
#: The same where there are two NameNodes. The policy above would try the one whose host is gone for those 11 minutes
#: before it asks the other: with it a driver and its spark-submit stood still after a power cut. So each failure goes
#: to the other at once, for at least as long.
_PATIENCE_OF_TWO = {"spark.hadoop.dfs.client.failover.max.attempts": "150",
                    "spark.hadoop.dfs.client.failover.sleep.max.millis": "5000"}


class SubmitFailed(HashtideError):
    """spark-submit did not start, or ended before YARN had an application."""


@dataclass(frozen=True)
class Job:
    """What one spark-submit submits; `kind`: of artifact.MAINS. 0 and "" leave its executors to the cluster file."""

    kind: str
    name: str
    queue: str
    tags: tuple[str, ...]
    args: tuple[str, ...]
    release: Release
    executors: int = 0
    executor_memory: str = ""


def build_command(cluster: Cluster, job: Job) -> list[str]:
    """spark-submit's argument list. The cluster file's [spark.conf] wins over all but what this job itself asks for."""
    spark, fs = cluster.spark, cluster.hdfs.default_fs.rstrip("/")
    executor_memory = job.executor_memory or spark.executor_memory
    conf = {
        "spark.driver.memory": spark.driver_memory,
        "spark.executor.memory": executor_memory,
        "spark.executor.instances": str(job.executors or spark.executors),
        "spark.executor.cores": str(spark.executor_cores),
        # A stream that gives its executors back loses its state's place, and a small batch would wait for its own.
        "spark.dynamicAllocation.enabled": "false",
        "spark.pyspark.python": spark.python,
        "spark.yarn.appMasterEnv.PYSPARK_PYTHON": spark.python,
        "spark.executorEnv.PYTHONHASHSEED": "0",
        **patience(cluster), **libraries(cluster), **_attempts(cluster, job.kind),
        **_jvm(spark.driver_memory, executor_memory),
        **spark.conf, **_of_job(job),
    }
    command = [spark.submit, "--master", "yarn", "--deploy-mode", "cluster"]
    if spark.keytab:
        command += ["--keytab", spark.keytab, "--principal", spark.principal]
    for key in sorted(conf):
        command += ["--conf", f"{key}={conf[key]}"]
    return [*command, "--py-files", fs + job.release.app, fs + job.release.main(job.kind), *job.args]


def _of_job(job: Job) -> dict[str, str]:
    """By name and tags it is found again, and its queue was looked up before."""
    asked = {"spark.executor.instances": str(job.executors or ""), "spark.executor.memory": job.executor_memory}
    return {"spark.app.name": job.name, "spark.yarn.queue": job.queue, "spark.yarn.tags": ",".join(job.tags),
            "spark.yarn.submit.waitAppCompletion": "false", **{key: value for key, value in asked.items() if value}}


def patience(cluster: Cluster) -> dict[str, str]:
    return _PATIENCE if len(cluster.hdfs.webhdfs) < 2 else _PATIENCE_OF_TWO


def libraries(cluster: Cluster) -> dict[str, str]:
    jars = cluster.spark.yarn_jars
    conf = {"spark.jars": cluster.spark.jars} if cluster.spark.jars else {}
    if jars:
        conf["spark.yarn.archive" if jars.endswith(".zip") else "spark.yarn.jars"] = jars
    return conf


def _attempts(cluster: Cluster, kind: str) -> dict[str, str]:
    """A stream's driver is started again by YARN first; a batch is repeated by its DAG, which reads its result."""
    if kind not in ("stream", "classic"):
        return {"spark.yarn.maxAppAttempts": "1"}
    return {
        "spark.yarn.maxAppAttempts": str(cluster.yarn.max_app_attempts),
        # Without these a stream that lost an executor or a driver a week is ended by the count.
        "spark.yarn.am.attemptFailuresValidityInterval": "1h",
        "spark.executor.failuresValidityInterval": "1h",
    }


def _jvm(driver_memory: str, executor_memory: str) -> dict[str, str]:
    """A serial collector for heaps below 2 GB: on few cores the parallel one's threads only get in the way."""
    small = {"driver": _mb(driver_memory) < 2048, "executor": _mb(executor_memory) < 2048}
    return {f"spark.{role}.extraJavaOptions": "-XX:+UseSerialGC" for role, is_small in small.items() if is_small}


def _mb(size: str) -> int:
    return int(size[:-1]) * (1024 if size.endswith("g") else 1)


def environment(cluster: Cluster, conf_dir: Path, base: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of spark-submit: an allow-list, the cluster's Hadoop settings, an empty SPARK_CONF_DIR."""
    base = os.environ if base is None else base
    env = {key: base[key] for key in _PASSED if key in base}
    program = Path(cluster.spark.submit)
    if program.is_absolute():
        # pip's spark-submit asks the first python3 of PATH where Spark is.
        env["PATH"] = f"{program.parent}{os.pathsep}{env.get('PATH', os.defpath)}"
    env["SPARK_CONF_DIR"] = str(conf_dir)
    if cluster.spark.hadoop_conf_dir:
        env["HADOOP_CONF_DIR"] = env["YARN_CONF_DIR"] = cluster.spark.hadoop_conf_dir
    if cluster.hdfs.user and not cluster.spark.keytab:
        env["HADOOP_USER_NAME"] = cluster.hdfs.user
    return env


class Client(Protocol):
    """A running spark-submit."""

    def poll(self) -> int | None: ...

    def last_words(self) -> str: ...

    def end(self) -> None: ...


@dataclass
class Process:
    """spark-submit in a session of its own, so that the end of its parent is not its end."""

    process: subprocess.Popen[bytes]
    log: Path

    def poll(self) -> int | None:
        return self.process.poll()

    def last_words(self) -> str:
        return last_meaningful_line(self.log.read_text(encoding="utf-8", errors="replace"))

    def end(self) -> None:
        """So that it cannot submit after its caller has given it up."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=10)


def start(cluster: Cluster, job: Job, log_name: str) -> Process:
    """Starts it and returns at once; its output goes to $HASHTIDE_HOME/submit/<log_name>.log."""
    where = config.home() / "submit"
    conf_dir = where / "conf"
    log = where / f"{log_name}.log"
    try:
        conf_dir.mkdir(parents=True, exist_ok=True)
        _drop_old_logs(where)
        out = log.open("wb")
    except OSError as error:
        raise SubmitFailed(f"{error.filename or where}: {error.strerror}; a submission needs it for its log") from None
    with out:
        try:
            process = subprocess.Popen(build_command(cluster, job), env=environment(cluster, conf_dir), stdout=out,
                                       stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True)
        except OSError as error:
            why = "no such program on this machine" if isinstance(error, FileNotFoundError) else error.strerror
            raise BadUse(f"[spark] submit = {cluster.spark.submit}: {why}") from None
    return Process(process, log)


def _drop_old_logs(where: Path) -> None:
    logs: list[tuple[float, Path]] = []
    for path in where.glob("*.log"):
        with suppress(FileNotFoundError):   # another submission may be at it too
            logs.append((path.stat().st_mtime, path))
    for _, path in sorted(logs)[:-_KEPT_LOGS]:
        path.unlink(missing_ok=True)


class Applications(Protocol):
    def apps(self, tag: str | None = None, states: Sequence[str] = ()) -> list[Application]: ...


def confirm(yarn: Applications, client: Client, tag: str, timeout_s: float = SUBMIT_TIMEOUT_S,
            monotonic: Callable[[], float] = time.monotonic,
            sleep: Callable[[float], None] = time.sleep) -> Application:
    """The application that carries the tag, as soon as the RM knows it.

    SubmitFailed where spark-submit ends with an error and no application; TimedOut past `timeout_s`, Unreachable where
    no RM answers by then: it may have the application. In both spark-submit is ended.
    """
    deadline = monotonic() + timeout_s
    unknown = ""
    while True:
        code = client.poll()   # before the question: an application made before the end is then seen
        try:
            found, unknown = yarn.apps(tag=tag), ""
        except Unreachable as error:
            found, unknown = [], str(error)
        if found:
            return found[-1]
        if code and not unknown:
            raise SubmitFailed(f"spark-submit ended with {code} and no application: {client.last_words()}")
        if monotonic() >= deadline:
            client.end()
            if unknown:
                raise Unreachable(unknown)
            if found := yarn.apps(tag=tag):   # it may have come through just before its end
                return found[-1]
            raise TimedOut(f"waited {timeout_s:.0f} s for an application tagged {tag}: "
                           f"{client.last_words()}")
        sleep(1.0)


_NOISE = re.compile(r"^\s*(at |\.\.\. \d+ more|Suppressed|$)|^\s*(INFO|DEBUG)\b|(?<!\S)(INFO|DEBUG)(?!\S)"
                    r"|ShutdownHookManager|NativeCodeLoader|WARNING: (Using incubator|package)|^log4j:")
_TELLING = re.compile(r"(Exception|Error|error:|denied|refused|ERROR|Caused by|No such|not found)")


def last_meaningful_line(text: str) -> str:
    """What a person would quote from spark-submit's output: its last exception or error, else its last line."""
    lines = [line.strip() for line in text.splitlines() if not _NOISE.search(line)]
    telling = [line for line in lines if _TELLING.search(line)]
    return (telling or lines or ["no output"])[-1][:400]
