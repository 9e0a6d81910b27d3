"""`shell`: a PySpark session over a stream's tables, to try things out; or a script in one."""
from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from deploy import config, hdfs, submit
from deploy.config import Cluster
from deploy.errors import BadUse
from deploy.spark_sql import Session
from deploy.verbs.common import add_verb
from spark_apps.contract import StreamPaths

ROOT = Path(__file__).parents[2]
LOOPBACK = "127.0.0.1"
#: What a terminal's programs want to know.
_TERMINAL = ("TERM", "COLUMNS", "LINES", "INPUTRC", "HASHTIDE_HOME", "HASHTIDE_INSTANCE")
# Spark tells how it starts; whoever types wants to know only what went wrong. Without the second logger Spark would set
# the first one's level itself, and say so.
LOG4J = """\
rootLogger.level = error
logger.gateway.name = org.apache.spark.api.python.PythonGatewayServer
logger.gateway.level = error
rootLogger.appenderRef.stderr.ref = stderr
appender.stderr.type = Console
appender.stderr.name = stderr
appender.stderr.target = SYSTEM_ERR
appender.stderr.layout.type = PatternLayout
appender.stderr.layout.pattern = %p %c{1}: %m%n%ex
"""


def add_to(verbs: Any) -> None:
    verb = add_verb(verbs, "shell", run, "A Python prompt with a Spark session, the stream's tables and landing as "
                    "DataFrames, and the transforms; or, by -c, --file or standard input, a script in one.",
                    as_json=False, example='shell -c "counts_live.groupBy(\'tag\').sum(\'tweets\').show()"')
    where = verb.add_mutually_exclusive_group()
    where.add_argument("--local", action="store_true", help="in one process of two threads (default)")
    where.add_argument("--yarn", action="store_true", help="executors on the cluster, in its batch queue")
    what = verb.add_mutually_exclusive_group()
    what.add_argument("-c", dest="code", metavar="CODE", help="run this and end; its exit code")
    what.add_argument("--file", type=Path, help="run this script and end; its exit code")


def run(args: argparse.Namespace) -> int:
    if args.file is not None and not args.file.is_file():
        raise BadUse(f"--file {args.file}: no such file")
    cluster = cluster_of(args)
    conf_dir = write_conf()
    sys.stdout.flush()
    # In our place: what a terminal sends, and the exit code, are then the session's own.
    os.execve(sys.executable, command(cluster, args), environment(cluster, conf_dir, args.yarn))  # noqa: S606


def cluster_of(args: argparse.Namespace) -> Cluster:
    """BadUse where it has no such stream."""
    cluster = config.load(args.cluster)
    paths = StreamPaths(args.stream, cluster.root)
    # Spark would wait for minutes before it says that nobody answers.
    if not cluster.hdfs.default_fs.startswith("file:") and not hdfs.Client(cluster).exists(paths.base):
        raise BadUse(f"no stream {args.stream} at {cluster.hdfs.default_fs}{paths.base}; "
                     f"`deploy/hashtide stream provision --stream {args.stream}` makes one")
    return cluster


def write_conf() -> Path:
    """Of Spark's logs; the directory."""
    conf_dir = config.home() / "shell" / "conf"
    conf_dir.mkdir(parents=True, exist_ok=True)
    (conf_dir / "log4j2.properties").write_text(LOG4J)
    return conf_dir


def session_of(cluster: Cluster, stream: str, on_yarn: bool) -> Session:
    return Session(tuple(start_of("spark_apps.query", cluster, stream, on_yarn, has_ui=False)),
                   environment(cluster, write_conf(), on_yarn))


def start_of(module: str, cluster: Cluster, stream: str, on_yarn: bool, has_ui: bool) -> list[str]:
    # Nobody looks at a script's UI; and YARN's filter for it may come while it is half attached: it ends the session.
    conf = {**({} if has_ui else {"spark.ui.enabled": "false"}), **settings(cluster, on_yarn)}
    return [sys.executable, "-P", "-m", module, "--stream", stream,
            "--root", cluster.hdfs.default_fs.rstrip("/") + cluster.root,
            *(word for key, value in sorted(conf.items()) for word in ("--conf", f"{key}={value}"))]


def command(cluster: Cluster, args: argparse.Namespace) -> list[str]:
    is_script = args.code is not None or args.file is not None
    words = start_of("spark_apps.shell", cluster, args.stream, args.yarn, has_ui=not is_script)
    if args.code is not None:
        words += [f"--code={args.code}"]
    return words + ([f"--file={args.file}"] if args.file is not None else [])


def settings(cluster: Cluster, on_yarn: bool) -> dict[str, str]:
    """Beside those of spark_apps.session; the cluster file's [spark.conf] wins."""
    spark, host = cluster.spark, address(cluster, on_yarn)
    conf = {"spark.ui.showConsoleProgress": "false", "spark.log.level": "ERROR", **submit.libraries(cluster)}
    if host:
        conf |= {"spark.driver.host": host, "spark.driver.bindAddress": host}
    if spark.keytab:
        conf |= {"spark.kerberos.keytab": spark.keytab, "spark.kerberos.principal": spark.principal}
    if not on_yarn:
        return {**conf, **spark.conf, "spark.master": "local[2]", "spark.driver.memory": "1g",
                "spark.ui.enabled": "false", "spark.sql.shuffle.partitions": "2", "spark.default.parallelism": "2"}
    return {**conf, "spark.yarn.queue": cluster.yarn.batch_queue,
            "spark.driver.memory": spark.driver_memory, "spark.executor.memory": spark.executor_memory,
            "spark.executor.instances": str(spark.executors), "spark.executor.cores": str(spark.executor_cores),
            "spark.dynamicAllocation.enabled": "false",
            "spark.sql.shuffle.partitions": str(2 * spark.executors * spark.executor_cores),
            "spark.executorEnv.PYTHONHASHSEED": "0", **spark.conf,
            "spark.master": "yarn", "spark.submit.deployMode": "client"}


def address(cluster: Cluster, on_yarn: bool) -> str:
    """What the driver listens on: nothing but loopback where nobody from elsewhere has to reach it."""
    return cluster.spark.conf.get("spark.yarn.appMasterEnv.SPARK_LOCAL_IP", "") if on_yarn else LOOPBACK


def environment(cluster: Cluster, conf_dir: Path, on_yarn: bool) -> dict[str, str]:
    mine = {key: os.environ[key] for key in _TERMINAL if key in os.environ}
    # A session that no spark-submit has started takes the executors' Python from here alone.
    return {**submit.environment(cluster, conf_dir), **mine, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1",
            "PYSPARK_PYTHON": cluster.spark.python if on_yarn else sys.executable}
