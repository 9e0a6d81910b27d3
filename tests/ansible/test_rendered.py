"""Configuration as each host of each inventory gets it, rendered by Ansible itself without touching a host."""
from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from deploy import config
from tests.ansible.conftest import ABOVE, ANSIBLE, INVENTORIES, playbook

RENDER = Path(__file__).with_name("render.yml")
FACTS = {"architecture": "x86_64", "memtotal_mb": 16384, "processor_vcpus": 4}


class Rendered:
    def __init__(self, inventory: str, into: Path, given: dict[str, object] | None = None) -> None:
        self.inventory, self.into = inventory, into
        playbook("-i", f"inventories/{inventory}", str(RENDER), "-e",
                 json.dumps({"into": str(into), "facts": FACTS, **(given or {})}))
        self.hosts = sorted(path.name for path in into.iterdir())

    def site(self, host: str, name: str) -> dict[str, str]:
        return site_of(self.into / host / f"{name}.xml")


def site_of(path: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for prop in ET.parse(path).getroot().iter("property"):  # noqa: S314
        key = prop.findtext("name") or ""
        assert key not in found, f"{key} stands twice"
        found[key] = prop.findtext("value") or ""
    return found


@pytest.fixture(scope="module", params=INVENTORIES)
def rendered(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Rendered:
    return Rendered(request.param, tmp_path_factory.mktemp(request.param))


def test_every_host_gets_every_file_and_no_value_is_a_template_or_a_python_word(rendered: Rendered) -> None:
    assert len(rendered.hosts) == {"single": 1, "ha": 6, "lab": 3}[rendered.inventory]
    for host in rendered.hosts:
        for name in ("core-site", "hdfs-site", "yarn-site", "capacity-scheduler"):
            site = rendered.site(host, name)
            assert len(site) > 6
            bad = {k: v for k, v in site.items() if "{{" in v or v in ("True", "False", "None", "omit")}
            assert not bad


def test_high_availability_follows_from_the_sizes_of_the_groups(rendered: Rendered) -> None:
    core, hdfs, yarn = (rendered.site(rendered.hosts[0], f"{name}-site") for name in ("core", "hdfs", "yarn"))
    if rendered.inventory == "single":
        assert core["fs.defaultFS"] == "hdfs://server1.example.org:8020"
        assert hdfs["dfs.namenode.rpc-address"] == "server1.example.org:8020" and hdfs["dfs.replication"] == "1"
        assert yarn["yarn.resourcemanager.address"] == "server1.example.org:8032"
        assert not [key for key in (*core, *hdfs, *yarn) if ".ha." in key or key.startswith("ha.")]
        return
    name = {"ha": "hashtide", "lab": "hashtide-lab"}[rendered.inventory]
    first, second = {"ha": ("master1.example.org", "master2.example.org"),
                     "lab": ("node1", "node2")}[rendered.inventory]
    ids = [host.replace(".", "-") for host in (first, second)]
    assert core["fs.defaultFS"] == f"hdfs://{name}" and hdfs["dfs.nameservices"] == name
    assert core["ha.zookeeper.quorum"].count(":2181") == 3
    assert hdfs[f"dfs.ha.namenodes.{name}"] == ",".join(ids) == yarn["yarn.resourcemanager.ha.rm-ids"]
    assert hdfs[f"dfs.namenode.rpc-address.{name}.{ids[1]}"] == f"{second}:8020"
    assert hdfs["dfs.namenode.shared.edits.dir"].startswith(f"qjournal://{first}:8485;")
    assert hdfs["dfs.namenode.shared.edits.dir"].endswith(f":8485/{name}")
    assert hdfs["dfs.ha.automatic-failover.enabled"] == "true" and hdfs["dfs.replication"] == "3"
    assert yarn["yarn.resourcemanager.zk-address"] == core["ha.zookeeper.quorum"]
    assert yarn["yarn.resourcemanager.store.class"].endswith("ZKRMStateStore")
    assert yarn[f"yarn.resourcemanager.scheduler.address.{ids[0]}"] == f"{first}:8030"


def test_rights_are_on_everywhere(rendered: Rendered) -> None:
    for host in rendered.hosts:
        core, hdfs, yarn = (rendered.site(host, f"{name}-site") for name in ("core", "hdfs", "yarn"))
        assert core["fs.permissions.umask-mode"] == "027" and hdfs["dfs.permissions.enabled"] == "true"
        assert yarn["yarn.acl.enable"] == "true"
        queues = rendered.site(host, "capacity-scheduler")
        acls = {key: value for key, value in queues.items() if ".acl_" in key}
        assert acls and "*" not in acls.values()
        assert acls["yarn.scheduler.capacity.root.acl_submit_applications"] == " "


def test_shares_of_queues_add_up(rendered: Rendered) -> None:
    queues = rendered.site(rendered.hosts[0], "capacity-scheduler")
    names = queues["yarn.scheduler.capacity.root.queues"].split(",")
    assert names == ["streaming", "batch"]
    assert sum(float(queues[f"yarn.scheduler.capacity.root.{name}.capacity"]) for name in names) == 100


def test_an_override_wins_over_what_a_role_sets(tmp_path: Path) -> None:
    given = {"into": str(tmp_path), "facts": FACTS, "hdfs_site_overrides": {"dfs.replication": 7, "x.<y>": "a & b"}}
    playbook("-i", "inventories/single", str(RENDER), "-e", json.dumps(given))
    root = ET.parse(tmp_path / "server1.example.org" / "hdfs-site.xml").getroot()  # noqa: S314
    site = {prop.findtext("name"): prop.findtext("value") for prop in root.iter("property")}
    assert site["dfs.replication"] == "7" and site["x.<y>"] == "a & b"


@pytest.mark.parametrize("inventory", INVENTORIES)
def test_with_kerberos_every_daemon_has_a_principal_and_nobody_is_anonymous(inventory: str, tmp_path: Path) -> None:
    hosts = Rendered(inventory, tmp_path, {"kerberos": True, "kerberos_realm": "TEST.LAN"}).hosts
    for host in hosts:
        core, hdfs, yarn = (site_of(tmp_path / host / f"{name}-site.xml") for name in ("core", "hdfs", "yarn"))
        assert core["hadoop.security.authentication"] == core["hadoop.http.authentication.type"] == "kerberos"
        assert core["hadoop.security.authorization"] == hdfs["dfs.block.access.token.enable"] == "true"
        assert core["hadoop.http.authentication.simple.anonymous.allowed"] == "false"
        assert {core["hadoop.rpc.protection"], hdfs["dfs.data.transfer.protection"]} == {"privacy"}
        acls = {core.get("ha.zookeeper.acl"), core.get("hadoop.zk.acl")}
        assert acls == ({None} if inventory == "single" else {"sasl:hdfs:rwcda", "sasl:yarn:rwcda"})
        daemons = {"namenode", "datanode"} | ({"journalnode"} if inventory != "single" else set())
        assert {key: value for key, value in hdfs.items() if key.endswith("node.kerberos.principal")} == {
            f"dfs.{daemon}.kerberos.principal": "hdfs/_HOST@TEST.LAN" for daemon in daemons}
        for daemon in ("resourcemanager", "nodemanager"):
            assert yarn[f"yarn.{daemon}.principal"] == "yarn/_HOST@TEST.LAN"
        everything = {**core, **hdfs, **yarn}
        assert {value for key, value in everything.items() if "spnego" in key and "principal" in key} == {
            "HTTP/_HOST@TEST.LAN"}
        assert {value for key, value in everything.items() if "keytab" in key} == {
            f"/etc/security/keytabs/{name}.keytab" for name in ("hdfs", "yarn", "${user.name}")}


@pytest.mark.parametrize("on", [False, True])
def test_the_application_and_commands_have_a_ticket_where_the_switch_is_on(on: bool, tmp_path: Path) -> None:
    (host,) = Rendered("single", tmp_path, {"kerberos": on, "kerberos_realm": "TEST.LAN"}).hosts
    cluster = config.load(tmp_path / host / "cluster.ini")
    named = "kerberos", "/etc/security/keytabs/hashtide.keytab", f"hashtide/{host}@TEST.LAN"
    found = cluster.hdfs.authentication, cluster.spark.keytab, cluster.spark.principal
    assert found == (named if on else ("simple", "", ""))
    assert ("kinit -k" in (tmp_path / host / "hadoop-env.sh").read_text()) == on


def test_without_kerberos_nothing_speaks_of_it(rendered: Rendered) -> None:
    text = "".join((rendered.into / rendered.hosts[0] / f"{name}-site.xml").read_text() for name in (
        "core", "hdfs", "yarn"))
    assert "keytab" not in text and "kerberos" not in text


def test_units_run_in_the_foreground_sandboxed_and_give_up(rendered: Rendered) -> None:
    for host in rendered.hosts:
        unit = (rendered.into / host / "example.service").read_text()
        for line in ("Type=exec", "NoNewPrivileges=true", "ProtectSystem=strict", "CapabilityBoundingSet=",
                     "StartLimitBurst=4", "Restart=on-failure", "SuccessExitStatus=143"):
            assert line in unit.splitlines()


def test_the_inventories_are_all_tested() -> None:
    assert sorted(path.name for path in (ANSIBLE / "inventories").iterdir()) == sorted([*INVENTORIES, *ABOVE])
