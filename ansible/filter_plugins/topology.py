"""What an inventory's groups make of a cluster, and what is wrong with them: pure, no host is asked."""
from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Groups = Mapping[str, Sequence[str]]

NEEDED = ("hdfs_namenode", "hdfs_datanode", "yarn_resourcemanager", "yarn_nodemanager")


def topology_faults(groups: Groups) -> list[str]:
    """One sentence a fault: what was found, and what to change. All faults at once."""
    size = {name: len(hosts) for name, hosts in groups.items()}
    faults = [f"group {name} is empty: put at least one host into it" for name in NEEDED if not size.get(name)]
    namenodes, journals = size.get("hdfs_namenode", 0), size.get("hdfs_journalnode", 0)
    managers, zookeepers = size.get("yarn_resourcemanager", 0), size.get("zookeeper", 0)
    if namenodes > 1 and journals < 3:
        faults.append(f"{namenodes} NameNodes with {_count(journals, 'JournalNode')}: their edits need a majority "
                      "that outlives one host; put three hosts into hdfs_journalnode, or leave one in hdfs_namenode")
    if namenodes < 2 and journals:
        faults.append(f"{_count(journals, 'JournalNode')} for one NameNode does nothing: put a second host into "
                      "hdfs_namenode, or empty hdfs_journalnode")
    for name, count in (("hdfs_journalnode", journals), ("zookeeper", zookeepers)):
        if count and count % 2 == 0:
            faults.append(f"{name} has {count} hosts, an even quorum, which outlives no more failures than "
                          f"{count - 1}: take one out or add one")
    if (namenodes > 1 or managers > 1) and zookeepers < 3:
        whose = "NameNodes" if namenodes > 1 else "ResourceManagers"
        faults.append(f"two {whose} with {_count(zookeepers, 'ZooKeeper')}: the election needs a majority that "
                      "outlives one host; put three hosts into zookeeper")
    if size.get("postgresql", 0) > 1:
        faults.append(f"postgresql has {size['postgresql']} hosts: no replication is set up, leave one")
    if size.get("airflow") and not size.get("postgresql"):
        faults.append("airflow has a host and postgresql has none: put one host into postgresql")
    if size.get("airflow", 0) > 1:
        faults.append(f"airflow has {size['airflow']} hosts: tasks run beside their scheduler, their logs are there: "
                      "leave one")
    for name in ("airflow", "ingest"):
        if size.get(name) and not size.get("spark"):
            faults.append(f"{name} has a host and spark has none: the application's tree in HDFS is made from there; "
                          "put a host into spark")
    return faults


def address_of(host: Mapping[str, Any]) -> str:
    """A host's IPv4 address, of its variables: ansible_host where that is one, else what it said of itself.

    Without one its name is given: who asked for facts of some hosts only may not need it.
    """
    given = str(host.get("ansible_host", ""))
    if re.fullmatch(r"\d+(\.\d+){3}", given):
        return given
    return str(host.get("ansible_facts", {}).get("default_ipv4", {}).get("address") or host["inventory_hostname"])


def _count(n: int, what: str) -> str:
    return f"{n or 'no'} {what}{'' if n == 1 else 's'}"


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"topology_faults": topology_faults, "address_of": address_of}
