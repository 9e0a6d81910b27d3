"""Daemons that ask for tickets, by what the roles render, with a real KDC: who may do what, and who is told why not."""
from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ansible.conftest import playbook
from tests.ansible.secure import Secure, anonymous, lacking, secure

PROBES = Path(__file__).with_name("probes.yml")
pytestmark = pytest.mark.skipif(bool(lacking()), reason=f"needs a KDC and daemons: {lacking()}")
DENIED = "AccessControlException: Permission denied: user=mallory"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secure]:
    with secure(tmp_path_factory.mktemp("kerberos")) as made:
        made.provision()
        yield made


@pytest.fixture(scope="module")
def done(cluster: Secure) -> dict[str, object]:
    """What the application comes to with the very cluster file that its role writes."""
    return cluster.try_as(cluster.conf / "cluster.ini", "exclusive", "replace", "land", "table", "submit", "apps")


def test_who_brings_no_ticket_is_refused_whatever_name_is_given(cluster: Secure) -> None:
    web, rm = cluster.web("hdfs_namenode"), f"{cluster.web('yarn_resourcemanager')}/ws/v1/cluster"
    asked = [f"{web}/webhdfs/v1/hashtide/landing?op=LISTSTATUS&user.name=hdfs", f"{web}/jmx", f"{rm}/scheduler",
             f"{rm}/apps?user.name=hashtide"]
    assert {url: anonymous(url) for url in asked} == dict.fromkeys(asked, 401)
    assert anonymous(f"{rm}/apps/new-application?user.name=hashtide", "POST", b"") == 401
    kill = json.dumps({"state": "KILLED"}).encode()
    assert anonymous(f"{rm}/apps/application_1_0001/state?user.name=hashtide", "PUT", kill) == 401


def test_commands_bring_the_ticket_of_their_users_keytab_and_are_refused_without(cluster: Secure) -> None:
    listed = cluster.command("hdfs", "dfs", "-ls", "/")
    assert listed.returncode == 0 and "/hashtide" in listed.stdout
    # Where kinit is not found there is no ticket.
    refused = cluster.command("hdfs", "dfs", "-ls", "/", HADOOP_USER_NAME="hdfs", PATH=str(cluster.only_coreutils()),
                              KRB5CCNAME=f"FILE:{cluster.directory}/none")
    assert refused.returncode and "Client cannot authenticate via:[TOKEN, KERBEROS]" in refused.stderr


def test_the_application_writes_lands_reads_its_tables_and_submits_by_its_keytab(done: dict[str, object]) -> None:
    app, _, status = str(done["submit"]).partition(" ")
    assert done == {
        "exclusive": [True, False, {"launch": 1}], "replace": {"state": "running"},
        "land": ["1772359200000-1772359200000-x-0123456789ab.jsonl"], "table": [{"n": 1}, {"n": 2}],
        "submit": f"{app} 202", "apps": [app]} and status == "202"


def test_another_user_reads_nothing_of_it_and_ends_nothing_and_its_owner_does(
        cluster: Secure, done: dict[str, object]) -> None:
    app = str(done["submit"]).split()[0]
    found = cluster.try_as(cluster.cluster_file("mallory"), "list", "exclusive", f"kill:{app}")
    assert DENIED in found["list"] and DENIED in found["exclusive"]
    assert found[f"kill:{app}"].startswith(f"HashtideError: YARN does not kill {app}: 403 ")
    assert cluster.try_as(cluster.conf / "cluster.ini", f"kill:{app}") == {f"kill:{app}": "KILLED"}


def test_each_way_to_have_no_ticket_is_one_line_with_the_way_out(cluster: Secure) -> None:
    nobody = cluster.try_as(cluster.cluster_file(), "list", "info")
    for said in nobody.values():
        assert said.startswith("NoTicket: no Kerberos ticket") and "`kinit` gets one, or keytab and principal" in said
    by_name = cluster.try_as(cluster.cluster_file(authentication="simple"), "list", "info")
    for said in by_name.values():
        assert said.startswith("NoTicket: ") and "[hdfs] authentication = kerberos" in said
    gone = cluster.try_as(cluster.cluster_file("gone"), "list")["list"]
    assert gone.startswith("NoTicket: no Kerberos ticket of gone/localhost@TEST.LAN: ")
    assert "is its keytab the KDC's newest" in gone
    with cluster.kdc.away():
        away = cluster.try_as(cluster.cluster_file("hashtide"), "list", "info")
    for said in away.values():
        assert said.startswith("Unreachable: ") and said.endswith("is the KDC up?")


def test_playbooks_ask_with_the_hosts_own_ticket_and_are_refused_without(
        cluster: Secure, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in cluster.kdc.environment.items():
        monkeypatch.setenv(name, value)
    words = ["-i", str(cluster.directory / "hosts.json"), str(PROBES), "-e", json.dumps(cluster.given)]
    playbook(*words)
    refused = playbook(*words, "-e", json.dumps({"kerberos": False, "hdfs_verify_seconds": 3}), wanted=2)
    assert "401" in refused.stdout
