"""The preflight: inventories that make no sound cluster are refused with what to change."""
from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

PLUGINS = Path(__file__).parents[2] / "ansible" / "filter_plugins"


def plugin(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, PLUGINS / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


faults = plugin("topology").topology_faults
address_of = plugin("topology").address_of
beans = plugin("beans")
namenode_state = beans.namenode_state


def groups(**sizes: int) -> dict[str, list[str]]:
    usual = {"hdfs_namenode": 1, "hdfs_datanode": 1, "yarn_resourcemanager": 1, "yarn_nodemanager": 1}
    return {name: [f"host{n}" for n in range(count)] for name, count in {**usual, **sizes}.items()}


@pytest.mark.parametrize("sizes", [
    {}, {"zookeeper": 1}, {"hdfs_namenode": 2, "hdfs_journalnode": 3, "zookeeper": 3},
    {"yarn_resourcemanager": 2, "zookeeper": 3},
    {"hdfs_namenode": 3, "hdfs_journalnode": 5, "zookeeper": 5, "yarn_resourcemanager": 2, "hdfs_datanode": 40},
    {"airflow": 1, "postgresql": 1, "spark": 1, "ingest": 2}])
def test_a_sound_inventory_has_no_fault(sizes: dict[str, int]) -> None:
    assert faults(groups(**sizes)) == []


@pytest.mark.parametrize("sizes,said,way_out", [
    ({"hdfs_namenode": 2, "zookeeper": 3}, "2 NameNodes with no JournalNodes", "three hosts into hdfs_journalnode"),
    ({"hdfs_namenode": 2, "hdfs_journalnode": 1, "zookeeper": 3}, "2 NameNodes with 1 JournalNode:", "three hosts"),
    ({"hdfs_namenode": 2, "hdfs_journalnode": 2, "zookeeper": 3}, "2 NameNodes with 2 JournalNodes", "three hosts"),
    ({"hdfs_namenode": 2, "hdfs_journalnode": 4, "zookeeper": 3}, "hdfs_journalnode has 4 hosts, an even quorum",
     "take one out or add one"),
    ({"zookeeper": 4}, "zookeeper has 4 hosts, an even quorum", "take one out or add one"),
    ({"hdfs_namenode": 2, "hdfs_journalnode": 3}, "two NameNodes with no ZooKeepers", "three hosts into zookeeper"),
    ({"yarn_resourcemanager": 2, "zookeeper": 1}, "two ResourceManagers with 1 ZooKeeper:", "three hosts"),
    ({"hdfs_journalnode": 3}, "3 JournalNodes for one NameNode", "second host into hdfs_namenode"),
    ({"hdfs_datanode": 0}, "group hdfs_datanode is empty", "at least one host"),
    ({"postgresql": 2}, "postgresql has 2 hosts", "leave one"),
    ({"airflow": 1}, "airflow has a host and postgresql has none", "one host into postgresql")])
def test_a_fault_says_what_was_found_and_what_to_change(sizes: dict[str, int], said: str, way_out: str) -> None:
    assert any(said in fault and way_out in fault for fault in faults(groups(**sizes)))


def test_all_faults_are_said_at_once() -> None:
    assert len(faults({})) == 4
    assert len(faults(groups(hdfs_namenode=2, hdfs_journalnode=2, yarn_nodemanager=0, zookeeper=2))) == 5


# what a NameNode says of itself

BEANS = [{"name": "Hadoop:service=NameNode,name=FSNamesystem", "tag.HAState": "active", "MissingBlocks": 0,
          "UnderReplicatedBlocks": 2},
         {"name": "Hadoop:service=NameNode,name=FSNamesystemState", "NumLiveDataNodes": 3},
         {"name": "Hadoop:service=NameNode,name=NameNodeInfo", "Safemode": "",
          "LiveNodes": '{"w1:9866": {"adminState": "In Service"}, "w2:9866": {"adminState": "Decommissioned"}}'}]


def test_a_namenode_is_told_by_its_beans() -> None:
    assert namenode_state(BEANS) == {"state": "active", "safe_mode": False, "live": 3, "missing": 0,
                                     "under_replicated": 2, "decommissioned": ["w2"]}


def test_safe_mode_is_seen() -> None:
    assert namenode_state([*BEANS[:2], {**BEANS[2], "Safemode": "Safe mode is ON."}])["safe_mode"]


@pytest.mark.parametrize("beans", [None, [], BEANS[:1], BEANS[:2], BEANS[1:]])
def test_one_that_is_still_starting_says_nothing(beans: Any) -> None:
    assert namenode_state(beans) == {}


@pytest.mark.parametrize("said,behind", [
    ([], ["no JournalNode"]), (None, ["no JournalNode"]),
    ([("10.0.0.1-8485", "false", 0), ("10.0.0.2-8485", "false", 0)], []),
    ([("10.0.0.1-8485", "true", 0), ("10.0.0.2-8485", "false", 3), ("10.0.0.3-8485", "false", 0)],
     ["10.0.0.1-8485", "10.0.0.2-8485"])])
def test_a_journalnode_that_lacks_edits_is_named(said: Any, behind: list[str]) -> None:
    found = said and [{"name": f"Hadoop:service=NameNode,name=IPCLoggerChannel-{name}", "tag.IsOutOfSync": out,
                       "CurrentLagTxns": lag} for name, out, lag in said]
    assert beans.journals_behind(found) == behind


@pytest.mark.parametrize("host,address", [
    ({"ansible_host": "10.0.0.1"}, "10.0.0.1"),
    ({"ansible_host": "gate.example.org", "ansible_facts": {"default_ipv4": {"address": "10.0.0.2"}}}, "10.0.0.2"),
    ({"inventory_hostname": "w1", "ansible_facts": {"default_ipv4": {}}}, "w1")])
def test_a_host_is_known_by_an_address(host: dict[str, Any], address: str) -> None:
    assert address_of(host) == address


def test_what_yarn_says_of_a_node() -> None:
    assert beans.node_state([{"nodeHostName": "w1", "state": "DECOMMISSIONING"}], "w1") == "DECOMMISSIONING"
    assert beans.node_state([], "w1") == ""
