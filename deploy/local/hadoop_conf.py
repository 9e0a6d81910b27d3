"""Configuration files of the four Hadoop daemons, for one small machine.

https://hadoop.apache.org/docs/stable/hadoop-project-dist/hadoop-hdfs/hdfs-default.xml
https://hadoop.apache.org/docs/stable/hadoop-yarn/hadoop-yarn-common/yarn-default.xml
"""
from __future__ import annotations

import platform
import xml.etree.ElementTree as ET
from pathlib import Path

from deploy.local.instance import Instance
from deploy.local.ports import HOST

NODE_MEMORY_MB = 7168
MAX_ATTEMPTS = 4
_LOG4J = """\
log4j.rootLogger=INFO,file
log4j.appender.file=org.apache.log4j.RollingFileAppender
log4j.appender.file.File=${hashtide.log}
log4j.appender.file.MaxFileSize=20MB
log4j.appender.file.MaxBackupIndex=2
log4j.appender.file.layout=org.apache.log4j.PatternLayout
log4j.appender.file.layout.ConversionPattern=%d{ISO8601} %p %c{2}: %m%n
# Every block and every request of a quiet cluster would fill the disk.
log4j.logger.BlockStateChange=WARN
log4j.logger.org.apache.hadoop.hdfs.StateChange=WARN
log4j.logger.org.apache.hadoop.hdfs.server.namenode.FSNamesystem.audit=OFF
log4j.logger.org.apache.hadoop.hdfs.server.datanode.DataNode.clienttrace=WARN
"""


def write(instance: Instance) -> None:
    instance.conf.mkdir(parents=True, exist_ok=True)
    for name, values in {"core-site": core(instance), "hdfs-site": hdfs(instance), "yarn-site": yarn(instance),
                         "capacity-scheduler": queues()}.items():
        _write_xml(instance.conf / f"{name}.xml", values)
    (instance.conf / "log4j.properties").write_text(_LOG4J)


def core(instance: Instance) -> dict[str, str]:
    return {
        "fs.defaultFS": f"hdfs://{HOST}:{instance.ports.namenode}",
        "hadoop.tmp.dir": str(instance.dir / "tmp"),
        "hadoop.http.staticuser.user": instance.user,
        f"hadoop.proxyuser.{instance.user}.hosts": HOST,
        f"hadoop.proxyuser.{instance.user}.groups": "*",
        # A client that finds a daemon gone should say so in seconds: 45 tries of 1 s are the default.
        "ipc.client.connect.max.retries": "10",
    }


def hdfs(instance: Instance) -> dict[str, str]:
    ports, data = instance.ports, instance.dir / "hdfs"
    return {
        "dfs.replication": "1",
        "dfs.namenode.name.dir": (data / "name").as_uri(),
        "dfs.datanode.data.dir": (data / "data").as_uri(),
        "dfs.namenode.http-address": f"{HOST}:{ports.namenode_web}",
        "dfs.namenode.rpc-bind-host": HOST,
        "dfs.datanode.address": f"{HOST}:{ports.datanode}",
        "dfs.datanode.ipc.address": f"{HOST}:{ports.datanode_ipc}",
        "dfs.datanode.http.address": f"{HOST}:{ports.datanode_web}",
        "dfs.datanode.hostname": HOST,
        "dfs.namenode.datanode.registration.ip-hostname-check": "false",
        "dfs.webhdfs.enabled": "true",
        "dfs.permissions.enabled": "true",
        "dfs.namenode.acls.enabled": "true",
        "dfs.namenode.safemode.extension": "0",
        "dfs.namenode.safemode.min.datanodes": "1",
        "dfs.datanode.du.reserved": str(64 * 1024 * 1024),
        # With one DataNode there is none to replace a failed one.
        "dfs.client.block.write.replace-datanode-on-failure.enable": "false",
        "dfs.blockreport.initialDelay": "0",
        "dfs.heartbeat.interval": "1",
        "dfs.namenode.heartbeat.recheck-interval": "10000",
        # Access times would write an edit for reads.
        "dfs.namenode.accesstime.precision": "0",
        "dfs.namenode.checkpoint.dir": (data / "checkpoint").as_uri(),
    }


def yarn(instance: Instance) -> dict[str, str]:
    ports, data = instance.ports, instance.dir / "yarn"
    rm, nm = "yarn.resourcemanager", "yarn.nodemanager"
    return {
        f"{rm}.hostname": HOST,
        f"{rm}.address": f"{HOST}:{ports.resourcemanager}",
        f"{rm}.scheduler.address": f"{HOST}:{ports.resourcemanager_scheduler}",
        f"{rm}.resource-tracker.address": f"{HOST}:{ports.resourcemanager_tracker}",
        f"{rm}.admin.address": f"{HOST}:{ports.resourcemanager_admin}",
        f"{rm}.webapp.address": f"{HOST}:{ports.resourcemanager_web}",
        f"{rm}.recovery.enabled": "true",
        f"{rm}.work-preserving-recovery.enabled": "true",
        f"{rm}.work-preserving-recovery.scheduling-wait-ms": "1000",
        f"{rm}.store.class": "org.apache.hadoop.yarn.server.resourcemanager.recovery.FileSystemRMStateStore",
        f"{rm}.fs.state-store.uri": (data / "rm").as_uri(),
        f"{rm}.am.max-attempts": str(MAX_ATTEMPTS),
        f"{rm}.scheduler.class": "org.apache.hadoop.yarn.server.resourcemanager.scheduler.capacity.CapacityScheduler",
        f"{rm}.nodemanagers.heartbeat-interval-ms": "500",
        f"{rm}.connect.retry-interval.ms": "1000",
        "yarn.am.liveness-monitor.expiry-interval-ms": "60000",
        "yarn.nm.liveness-monitor.expiry-interval-ms": "60000",
        "yarn.scheduler.minimum-allocation-mb": "256",
        "yarn.scheduler.maximum-allocation-mb": str(NODE_MEMORY_MB),
        f"{nm}.hostname": HOST,
        f"{nm}.address": f"{HOST}:{ports.nodemanager}",
        f"{nm}.localizer.address": f"{HOST}:{ports.nodemanager_localizer}",
        f"{nm}.webapp.address": f"{HOST}:{ports.nodemanager_web}",
        f"{nm}.resource.memory-mb": str(NODE_MEMORY_MB),
        f"{nm}.resource.cpu-vcores": "16",
        f"{nm}.vmem-check-enabled": "false",
        f"{nm}.local-dirs": str(data / "local"),
        f"{nm}.log-dirs": str(instance.logs / "containers"),
        f"{nm}.log.retain-seconds": "86400",
        f"{nm}.disk-health-checker.max-disk-utilization-per-disk-percentage": "99",
        # The only state store there is needs a native library that Maven has for x86-64 alone. Not supervised:
        # a NodeManager that is stopped ends its containers, one that is killed finds them again.
        f"{nm}.recovery.enabled": str(platform.machine() == "x86_64").lower(),
        f"{nm}.recovery.dir": str(data / "nm"),
        f"{nm}.sleep-delay-before-sigkill.ms": "2000",
        # A NodeManager that is stopped waits for the sum of both, whether its containers are gone or not.
        f"{nm}.process-kill-wait.ms": "1000",
        f"{nm}.env-whitelist": "JAVA_HOME,LANG,TZ,HASHTIDE_INSTANCE",
        "yarn.timeline-service.enabled": "false",
    }


def queues() -> dict[str, str]:
    """Each may use all that the other leaves. The default AM share of 10 % would leave a second driver ACCEPTED."""
    root = "yarn.scheduler.capacity"
    values = {f"{root}.root.queues": "streaming,batch", f"{root}.root.capacity": "100",
              f"{root}.resource-calculator": "org.apache.hadoop.yarn.util.resource.DefaultResourceCalculator",
              # One node: waiting for a better one only costs time.
              f"{root}.node-locality-delay": "-1"}
    for name, share in (("streaming", 60), ("batch", 40)):
        queue = f"{root}.root.{name}"
        values |= {f"{queue}.capacity": str(share), f"{queue}.maximum-capacity": "100", f"{queue}.state": "RUNNING",
                   f"{queue}.maximum-am-resource-percent": "1.0", f"{queue}.user-limit-factor": "10",
                   f"{queue}.acl_submit_applications": "*", f"{queue}.acl_administer_queue": "*"}
    return values


def _write_xml(path: Path, values: dict[str, str]) -> None:
    root = ET.Element("configuration")
    for name, value in values.items():
        prop = ET.SubElement(root, "property")
        ET.SubElement(prop, "name").text = name
        ET.SubElement(prop, "value").text = value
    ET.indent(root)
    # Replaced at once: a running daemon or a spark-submit may be reading it.
    part = path.with_suffix(".part")
    ET.ElementTree(root).write(part, encoding="utf-8", xml_declaration=True)
    part.replace(path)
