"""local.ini: the local cluster as one more cluster file."""
from __future__ import annotations

import configparser
from pathlib import Path

from deploy.errors import BadUse
from deploy.local import hadoop_conf
from deploy.local.instance import Instance
from deploy.local.ports import HOST


def write(instance: Instance) -> None:
    """Readable by deploy.config.load."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]  # Spark's settings are case sensitive
    parser.read_dict(sections(instance))
    part = instance.ini.with_suffix(".part")
    with open(part, "w", encoding="utf-8") as file:
        file.write("; Written by `deploy/hashtide up`.\n")
        parser.write(file)
    part.replace(instance.ini)


def sections(instance: Instance) -> dict[str, dict[str, str]]:
    pyspark = _pyspark(instance.home / "envs" / "spark")
    delta = sorted((instance.home / "jars" / "delta").glob("*.jar"))
    return {
        "hdfs": {"default_fs": f"hdfs://{HOST}:{instance.ports.namenode}", "webhdfs": instance.url("namenode_web"),
                 "user": instance.user},
        "yarn": {"resourcemanagers": instance.url("resourcemanager_web"),
                 "max_app_attempts": str(hadoop_conf.MAX_ATTEMPTS)},
        # Not the one in the environment's bin: that asks the python3 of the PATH where Spark is.
        "spark": {"submit": str(pyspark / "bin" / "spark-submit"), "hadoop_conf_dir": str(instance.conf),
                  "python": str(instance.python("spark")), "yarn_jars": f"local:{pyspark}/jars/*",
                  "jars": ",".join(f"local:{jar}" for jar in delta)},
        "spark.conf": {
            # Drivers and executors listen on loopback too, whatever the machine's name resolves to.
            "spark.yarn.appMasterEnv.SPARK_LOCAL_IP": HOST,
            "spark.executorEnv.SPARK_LOCAL_IP": HOST,
            # Most of what runs here is over before the second compiler has paid; a query took 21 s instead of 29.
            **{f"spark.{role}.extraJavaOptions": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1"
               for role in ("driver", "executor")},
            "spark.yarn.submit.file.replication": "1",
            "spark.yarn.scheduler.heartbeat.interval-ms": "1000",
            "spark.yarn.scheduler.initial-allocation.interval": "200ms",
        },
        "airflow": {"url": instance.url("airflow"), "user": "admin",
                    "password_file": str(instance.dir / "airflow" / "admin.password"),
                    "metrics_token_file": str(instance.dir / "airflow" / "metrics.token")},
    }


def _pyspark(env: Path) -> Path:
    found = sorted(env.glob("lib/python3.*/site-packages/pyspark"))
    if not found:
        raise BadUse(f"no pyspark in {env}: run `deploy/hashtide up`")
    return found[0]
