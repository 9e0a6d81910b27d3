"""The support bundle, made by its playbook of a host that is this machine: what helps is in it, and no secret is."""
from __future__ import annotations

import base64
import importlib.util
import json
import subprocess
import tarfile
import urllib.parse
from pathlib import Path
from typing import Any

import pytest

from tests.ansible.conftest import ANSIBLE, playbook

SECRETS = {"vault_airflow_admin_password": "Adm1n/pa ss:wört&7", "vault_airflow_database_password": "db'pass%word9",
           "vault_airflow_fernet_key": "Zm9yLXRoZS10ZXN0LW9ubHktMzItYnl0ZXMtbG9uZyE=",
           "vault_x_bearer_token": "AAAA%2Fbearer0t", "vault_airflow_jwt_secret": "jwt-secret-of-thirty-two-bytes-00",
           "vault_smtp": {"login": "mail", "one": "smtp-0ne!"}}
#: On the host alone, no more in any vault.
STALE = {"airflow.password": "left-by-an-older-vault\n", "x.token": "rotated-token-0815\n",
         "passwords.json": '{"op": "operators-0wn"}', "airflow.pgpass": r"*:*:airflow:airflow:pg\:colon-pass",
         "connections.env": "AIRFLOW_CONN_X='{\"conn_type\": \"http\", \"password\": \"conn-pass-1\"}'\n",
         "airflow.cfg": "[core]\nparallelism = 8\nfernet_key = cfg-%%fernet\n[api]\nsecret_key = cfg-s3cret-key\n"}
KEYTAB = b"\x05\x02\x00\x00\x00\x3ekeytab-of-hdfs\x00\x01"
LONE = "never-seen-elsewhere-"
EDGE = "-----"


def collect() -> Any:
    spec = importlib.util.spec_from_file_location("collect", ANSIBLE / "roles/support/files/collect.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


redacted = collect().redacted


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Names and texts of a bundle of a host whose files, commands and addresses speak of every secret."""
    top = tmp_path_factory.mktemp("bundle")
    etc = top / "etc"
    etc.mkdir()
    for name, text in STALE.items():
        (etc / name).write_text(text)
        (etc / name).chmod(0o400)
    (etc / "hdfs.keytab").write_bytes(KEYTAB)
    (etc / "hdfs.keytab").chmod(0o400)
    (etc / "core-site.xml").write_text(f"<name>fs.defaultFS</name><value>hdfs://kept</value>\n<name>ssl.keystore.password"
                                       f"</name>\n<value>{LONE}xml</value>")
    said = "\n".join([*leaves(SECRETS), *spelled(), *STALE.values(), "batch 17 took 3 s", *shapes()])
    (top / "said").write_text(said)
    (top / "hosts.yml").write_text(json.dumps({"all": {"hosts": {"here": {}}, "children": {
        name: {"hosts": {}} for name in ("zookeeper", "hdfs_journalnode", "hdfs_namenode", "hdfs_datanode", "spark",
                                         "yarn_resourcemanager", "yarn_nodemanager", "airflow", "postgresql")}}}))
    given = {**SECRETS, "ansible_connection": "local", "ansible_become": False, "bundle_into": str(top / "out"),
             "cluster_name": "test", "support_place": str(top / "place"), "support_files": [f"{etc}/**"],
             "support_private": [f"{etc}/airflow.cfg"], "support_secret_files": [],
             "support_commands": {"said": {"argv": ["cat", str(top / "said")]}},
             "support_addresses": {"page": (top / "said").as_uri()}}
    (top / "given.json").write_text(json.dumps(given))
    done = playbook("-i", str(top / "hosts.yml"), "support_bundle.yml", "-e", f"@{top / 'given.json'}", "-vvv")
    assert "without" not in done.stdout.partition("whom it lacks")[2]
    found = list((top / "out").iterdir())
    assert [path.suffix for path in found] == [".gz"] and found[0].stat().st_mode & 0o777 == 0o600
    assert not (top / "place").exists()
    texts = {"what Ansible says": done.stdout.replace(json.dumps(str(top)), "")}
    with tarfile.open(found[0]) as archive:
        for member in archive:
            if (data := archive.extractfile(member)) is not None:
                texts[member.name.partition("/here/")[2]] = data.read().decode()
    return texts


def leaves(given: Any) -> list[str]:
    return [text for value in given.values() for text in (leaves(value) if isinstance(value, dict) else [value])
            if text != "mail"]


def spelled() -> list[str]:
    return [spelling for value in leaves(SECRETS) for spelling in (
        json.dumps(value), urllib.parse.quote(value, safe=""), base64.b64encode(value.encode()).decode())]


def shapes() -> list[str]:
    return [f"spark.authenticate.secret={LONE}1", f"curl -H 'Authorization: Bearer {LONE}2'",
            f"psql --password {LONE}3 -d x",
            f"jdbc:postgresql://airflow:{LONE}4@db/airflow", f'{{"user": "a", "api_key": "{LONE}5", "n": 3}}',
            f"eyJhbGciOiJIUzI1NiJ9.{LONE}6.x",
            f"{EDGE} BEGIN {LONE}7 END".replace(" BEGIN ", "BEGIN RSA PRIVATE KEY-----\n"),
            f"$ANSIBLE_VAULT;1.1;AES256\n{'6162' * 10}\n{'6364' * 10}"]


def test_no_secret_is_in_it_nor_in_what_ansible_prints(bundle: dict[str, str]) -> None:
    planted = [*leaves(SECRETS), *(word.strip('"') for word in spelled()), LONE, "keytab-of-hdfs", "6162" * 10,
               "left-by-an-older-vault", "rotated-token-0815", "operators-0wn", "pg:colon-pass", r"pg\:colon-pass",
               "conn-pass-1", "cfg-%fernet", "cfg-%%fernet", "cfg-s3cret-key"]
    assert len(planted) > 30
    assert not [(name, secret) for name, text in bundle.items() for secret in planted if secret in text]


def test_what_helps_is_in_it(bundle: dict[str, str]) -> None:
    named = {Path(name).name: text for name, text in bundle.items()}
    assert "batch 17 took 3 s" in named["said.txt"] and "batch 17 took 3 s" in named["page.json"]
    assert "hdfs://kept" in named["core-site.xml"] and "parallelism = 8" in named["airflow.cfg"]
    assert "mode 0400" in named["hdfs.keytab.withheld"] and "airflow.password" not in named
    assert "Linux" in named["kernel.txt"] and "ended with 0" in named["disks.txt"] and "units.txt" in named


@pytest.mark.parametrize("text", [
    "password_file = /etc/hashtide/airflow.password", "yarn.resourcemanager.keytab: /etc/security/rm.keytab",
    "<name>dfs.replication</name><value>3</value>", "2026-11-26 INFO batch=17 rows=4000", "hdfs://node1:8020/x@y",
    "hadoop.security.token.service.use_ip.class: x"])
def test_what_is_no_secret_stays(text: str) -> None:
    assert redacted(text) == text


def test_its_own_python_is_all_it_needs(tmp_path: Path) -> None:
    order = {"host": "h", "into": str(tmp_path / "x.tar.gz"), "secrets": ["hidden-thing"], "secret_files": [],
             "private": [], "files": [], "addresses": {}, "units": ["none-such-*"], "lines": 1,
             "commands": {"a": {"argv": ["echo", "hidden-thing"]}, "b": {"argv": ["no-such-program"]}}}
    done = subprocess.run(["/usr/bin/python3", "-I", str(ANSIBLE / "roles/support/files/collect.py")], text=True,
                          input=json.dumps(order), capture_output=True, check=True)
    assert json.loads(done.stdout) == ["a.txt", "b.txt", "units.txt"]
    with tarfile.open(order["into"]) as archive:
        texts = [archive.extractfile(member).read() for member in archive]  # type: ignore[union-attr]
    assert texts[0].startswith(b"<redacted>\n") and texts[1] == b"no-such-program: FileNotFoundError\n"
