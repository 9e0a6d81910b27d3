"""What the local daemons are told: loopback everywhere, queues with room, recovery on."""
from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from deploy.local import hadoop_conf
from deploy.local.instance import Instance
from deploy.local.ports import Ports

FILES = ("core-site", "hdfs-site", "yarn-site", "capacity-scheduler")
#: Of the four daemons: what they listen at, by default on every address of the machine.
LISTENERS = {
    "dfs.namenode.http-address", "dfs.datanode.address", "dfs.datanode.ipc.address", "dfs.datanode.http.address",
    "yarn.resourcemanager.address", "yarn.resourcemanager.scheduler.address",
    "yarn.resourcemanager.resource-tracker.address", "yarn.resourcemanager.admin.address",
    "yarn.resourcemanager.webapp.address", "yarn.nodemanager.address", "yarn.nodemanager.localizer.address",
    "yarn.nodemanager.webapp.address"}


@pytest.fixture
def instance(tmp_path: Path) -> Instance:
    made = Instance(tmp_path / "a b", Ports.free())
    hadoop_conf.write(made)
    return made


@pytest.fixture
def settings(instance: Instance) -> dict[str, str]:
    """All settings, as a daemon reads them."""
    found: dict[str, str] = {}
    for name in FILES:
        for prop in ET.parse(instance.conf / f"{name}.xml").getroot():  # noqa: S314
            found[prop.findtext("name") or ""] = prop.findtext("value") or ""
    return found


def test_every_listener_is_bound_to_loopback(settings: dict[str, str]) -> None:
    assert {name: settings[name] for name in LISTENERS if not settings[name].startswith("127.0.0.1:")} == {}


def test_no_setting_names_another_address_than_loopback(settings: dict[str, str]) -> None:
    named = {name: re.findall(r"(?:\d+\.){3}\d+|\[?::\]?", value) for name, value in settings.items()}
    assert {name: found for name, found in named.items() if set(found) - {"127.0.0.1"}} == {}
    hosts = {name: value for name, value in settings.items() if name.endswith(("hostname", "bind-host", "hosts"))}
    assert set(hosts.values()) == {"127.0.0.1"}


def test_each_port_of_hadoop_is_used_once(instance: Instance, settings: dict[str, str]) -> None:
    used = [int(settings[name].rpartition(":")[2]) for name in (*LISTENERS, "fs.defaultFS")]
    others = {instance.ports.postgres, instance.ports.airflow, instance.ports.simulator}
    assert sorted(used) == sorted(set(vars(instance.ports).values()) - others)


def test_two_queues_share_everything_and_a_second_driver_is_not_left_waiting(settings: dict[str, str]) -> None:
    root = "yarn.scheduler.capacity.root"
    assert settings[f"{root}.queues"] == "streaming,batch"
    assert sum(float(settings[f"{root}.{queue}.capacity"]) for queue in ("streaming", "batch")) == 100
    for queue in ("streaming", "batch"):
        assert settings[f"{root}.{queue}.maximum-am-resource-percent"] == "1.0"
        assert settings[f"{root}.{queue}.maximum-capacity"] == "100"


def test_streaming_has_room_for_driver_executor_and_a_successor(settings: dict[str, str]) -> None:
    share = float(settings["yarn.scheduler.capacity.root.streaming.capacity"]) / 100
    # A heap of 640 MB and its overhead of at least 384 MB take 1 GB each.
    assert share * int(settings["yarn.nodemanager.resource.memory-mb"]) >= 4 * 1024


def test_resourcemanager_and_nodemanager_recover(settings: dict[str, str]) -> None:
    assert settings["yarn.resourcemanager.recovery.enabled"] == "true"
    assert settings["yarn.resourcemanager.work-preserving-recovery.enabled"] == "true"
    assert settings["yarn.nodemanager.recovery.enabled"] in ("true", "false")


def test_data_stays_below_the_instance(instance: Instance, settings: dict[str, str]) -> None:
    places = {name: value for name, value in settings.items()
              if name.endswith((".dir", "-dirs", ".uri")) and name != "yarn.nodemanager.log-dirs"}
    assert len(places) >= 6
    for name, value in places.items():
        assert value.startswith((str(instance.dir), instance.dir.as_uri())), name


def test_writing_again_leaves_nothing_beside_the_files(instance: Instance) -> None:
    hadoop_conf.write(instance)
    assert sorted(path.name for path in instance.conf.iterdir()) == sorted(
        [*(f"{name}.xml" for name in FILES), "log4j.properties"])
