"""The four Hadoop daemons as services: one JVM each, ready when they serve."""
from __future__ import annotations

import subprocess
from typing import Any

import requests

from deploy.errors import BadUse, HashtideError
from deploy.local.instance import Instance, java_home
from deploy.local.service import Service

SERVER = "org.apache.hadoop"
NAMENODE = f"{SERVER}.hdfs.server.namenode.NameNode"
MAINS = {
    "namenode": NAMENODE,
    "datanode": f"{SERVER}.hdfs.server.datanode.DataNode",
    "resourcemanager": f"{SERVER}.yarn.server.resourcemanager.ResourceManager",
    "nodemanager": f"{SERVER}.yarn.server.nodemanager.NodeManager",
}
# Hadoop reaches into these; Java 17 opens them only when told.
_OPENED = ("java.io", "java.lang", "java.lang.reflect", "java.math", "java.net", "java.text", "java.util",
           "java.util.concurrent", "java.util.zip", "sun.security.util", "sun.security.x509")
# The first-tier compiler alone and one collector thread: four JVMs on two cores start sooner and stay smaller.
_JVM = ("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:+ExitOnOutOfMemoryError",
        "-Djava.net.preferIPv4Stack=true")


def services(instance: Instance) -> list[Service]:
    """In start order; what needs a daemon keeps asking until it is there, so all four start at once."""
    if not any((instance.home / "jars" / "hadoop").glob("hadoop-hdfs-*.jar")):
        raise BadUse(f"no Hadoop jars in {instance.home}/jars/hadoop: run `deploy/hashtide up`")
    return [
        _service(instance, "resourcemanager", ready=lambda record: resourcemanager_ready(instance),
                 ports=("resourcemanager", "resourcemanager_scheduler", "resourcemanager_tracker",
                        "resourcemanager_admin", "resourcemanager_web")),
        _service(instance, "nodemanager", ready=lambda record: nodemanager_ready(instance),
                 ports=("nodemanager", "nodemanager_localizer", "nodemanager_web")),
        _service(instance, "namenode", ready=lambda record: namenode_ready(instance),
                 ports=("namenode", "namenode_web"), prepare=lambda: format_once(instance)),
        _service(instance, "datanode", ready=lambda record: datanode_ready(instance),
                 ports=("datanode", "datanode_ipc", "datanode_web")),
    ]


def _service(instance: Instance, name: str, **more: Any) -> Service:
    return Service(name, java(instance, name, MAINS[name]), instance.environment(HADOOP_CONF_DIR=str(instance.conf)),
                   url=instance.url(f"{name}_web"), log=instance.logs / f"{name}.log", deadline=120, **more)


def java(instance: Instance, name: str, main: str, *args: str) -> list[str]:
    opened = [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in _OPENED]
    return [str(java_home() / "bin" / "java"), *_JVM, *opened, f"-Dhashtide.log={instance.logs / name}.log",
            f"-Dhadoop.log.dir={instance.logs}", "-cp", f"{instance.conf}:{instance.home}/jars/hadoop/*", main, *args]


def format_once(instance: Instance) -> None:
    """An empty name directory is formatted; one that holds a file system is never touched."""
    if (instance.dir / "hdfs" / "name" / "current" / "VERSION").exists():
        return
    done = subprocess.run(java(instance, "namenode", NAMENODE, "-format", "-nonInteractive"), check=False,
                          env=instance.environment(HADOOP_CONF_DIR=str(instance.conf)), cwd=instance.dir,
                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if done.returncode:
        raise HashtideError(f"formatting the NameNode failed: see {instance.logs}/namenode.log")


# Readiness: an empty string, or what is still missing.

def namenode_ready(instance: Instance) -> str:
    if "NumLiveDataNodes" not in (state := _bean(instance, "FSNamesystemState")):
        return "NameNode to answer"
    if not state["NumLiveDataNodes"]:
        return "a live DataNode"
    return "NameNode to leave safe mode" if _bean(instance, "NameNodeInfo").get("Safemode", "?") else ""


def datanode_ready(instance: Instance) -> str:
    return "" if _get(f"{instance.url('datanode_web')}/jmx?qry=java.lang:type=Runtime") else "DataNode to answer"


def resourcemanager_ready(instance: Instance) -> str:
    metrics = _get(f"{instance.url('resourcemanager_web')}/ws/v1/cluster/metrics").get("clusterMetrics")
    if not metrics:
        return "ResourceManager to answer"
    return "" if metrics.get("activeNodes") else "a NodeManager to register"


def nodemanager_ready(instance: Instance) -> str:
    info = _get(f"{instance.url('nodemanager_web')}/ws/v1/node/info").get("nodeInfo") or {}
    return "" if info.get("nodeHealthy") else f"a healthy NodeManager {info.get('healthReport') or ''}".strip()


def _bean(instance: Instance, name: str) -> dict[str, Any]:
    beans = _get(f"{instance.url('namenode_web')}/jmx?qry=Hadoop:service=NameNode,name={name}").get("beans")
    return beans[0] if beans else {}


def _get(url: str) -> dict[str, Any]:
    """The JSON object there; {} while nothing of the kind answers."""
    try:
        with requests.Session() as http:
            http.trust_env = False
            answer = http.get(url, timeout=5, headers={"Accept": "application/json"})
            return dict(answer.json()) if answer.ok else {}
    except (requests.RequestException, ValueError):
        return {}


