"""What the daemons say of themselves over HTTP, in the few words that a verification asks for: pure."""
from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any


def namenode_state(beans: Iterable[Mapping[str, Any]] | None) -> dict[str, Any]:
    """{state, safe_mode, live, missing, under_replicated}, of /jmx?qry=Hadoop:service=NameNode,name=*.

    {} until all of it is there: a NameNode that starts has its beans one by one.
    https://hadoop.apache.org/docs/stable/hadoop-project-dist/hadoop-common/Metrics.html#FSNamesystem
    """
    named = {str(bean.get("name", "")).rpartition("name=")[2]: bean for bean in beans or ()}
    try:
        system = named["FSNamesystem"]
        return {"state": system["tag.HAState"], "safe_mode": named["NameNodeInfo"]["Safemode"] != "",
                "live": named["FSNamesystemState"]["NumLiveDataNodes"], "missing": system["MissingBlocks"],
                "under_replicated": system["UnderReplicatedBlocks"]}
    except KeyError:
        return {}


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"namenode_state": namenode_state}
