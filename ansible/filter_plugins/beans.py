"""What the daemons say of themselves over HTTP, in the few words that a verification asks for: pure."""
from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any


def namenode_state(beans: Iterable[Mapping[str, Any]] | None) -> dict[str, Any]:
    """{state, safe_mode, live, missing, under_replicated, decommissioned}, of /jmx?qry=Hadoop:service=NameNode,name=*.

    {} until all of it is there: a NameNode that starts has its beans one by one.
    https://hadoop.apache.org/docs/stable/hadoop-project-dist/hadoop-common/Metrics.html#FSNamesystem
    """
    named = {str(bean.get("name", "")).rpartition("name=")[2]: bean for bean in beans or ()}
    try:
        system = named["FSNamesystem"]
        nodes = json.loads(named["NameNodeInfo"]["LiveNodes"])
        return {"state": system["tag.HAState"], "safe_mode": named["NameNodeInfo"]["Safemode"] != "",
                "live": named["FSNamesystemState"]["NumLiveDataNodes"], "missing": system["MissingBlocks"],
                "under_replicated": system["UnderReplicatedBlocks"],
                "decommissioned": sorted(name.partition(":")[0] for name, node in nodes.items()
                                         if node.get("adminState") == "Decommissioned")}
    except KeyError:
        return {}


def journals_behind(beans: Iterable[Mapping[str, Any]] | None) -> list[str]:
    """The JournalNodes that lack edits of the active NameNode, of its beans IPCLoggerChannel-*; none is a fault too.

    https://hadoop.apache.org/docs/stable/hadoop-project-dist/hadoop-hdfs/HDFSHighAvailabilityWithQJM.html
    """
    found = {str(bean.get("name", "")).rpartition("IPCLoggerChannel-")[2]: bean for bean in beans or ()}
    if not found:
        return ["no JournalNode"]
    return sorted(name for name, bean in found.items()
                  if str(bean.get("tag.IsOutOfSync")) != "false" or int(bean.get("CurrentLagTxns", 1)) > 0)


def node_state(nodes: Iterable[Mapping[str, Any]], host: str) -> str:
    """What YARN says of a NodeManager's host, of /ws/v1/cluster/nodes; empty where it knows none."""
    return next((str(node["state"]) for node in nodes if node.get("nodeHostName") == host), "")


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"namenode_state": namenode_state, "journals_behind": journals_behind, "node_state": node_state}
