"""A NameNode, a DataNode and a ResourceManager that ask for tickets, on loopback: Hadoop's jars with the configuration
that the roles' own templates give a host called localhost, and a KDC."""
from __future__ import annotations

import configparser
import json
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.ansible.conftest import ROOT, playbook
from tests.ansible.kdc import REALM, Kdc, free_ports, missing

HOME = Path(os.environ.get("HASHTIDE_HOME") or Path.home() / ".hashtide")
SPARK_PYTHON = HOME / "envs" / "spark" / "bin" / "python"
PORTS = ("hdfs_namenode_port", "hdfs_namenode_web_port", "hdfs_datanode_port", "hdfs_datanode_ipc_port",
         "hdfs_datanode_web_port", "yarn_resourcemanager_port", "yarn_scheduler_port", "yarn_tracker_port",
         "yarn_admin_port", "yarn_resourcemanager_web_port")
GROUPS = ("zookeeper", "hdfs_journalnode", "hdfs_namenode", "hdfs_datanode", "yarn_resourcemanager",
          "yarn_nodemanager", "spark", "airflow", "postgresql", "ingest")
DEADLINE_S = 300


def lacking() -> str:
    """Why there can be none here; empty where there can."""
    if os.geteuid():
        return "a KDC and daemons of a user root: run it as root"
    packages = missing() + ([] if Path("/usr/lib/python3/dist-packages/gssapi").exists() else ["python3-gssapi"])
    if packages:
        return f"apt-get install {' '.join(packages)}"
    there = [SPARK_PYTHON.exists(), any((HOME / "jars" / "hadoop").glob("hadoop-hdfs-*.jar"))]
    return "" if all(there) else f"no environment or jars in {HOME}: `deploy/hashtide test ansible` makes them"


class Secure:
    def __init__(self, directory: Path) -> None:
        self.directory = directory
        numbers = free_ports(len(PORTS) + 1)
        self.ports = dict(zip(PORTS, numbers, strict=False))
        self.conf = directory / "localhost"
        self.kdc = Kdc(_made(directory / "kdc"), self.conf / "krb5.conf", numbers[-1])
        self._daemons: list[subprocess.Popen[bytes]] = []

    def web(self, daemon: str) -> str:
        return f"http://localhost:{self.ports[f'{daemon}_web_port']}"

    def start(self) -> None:
        inventory = self.directory / "hosts.json"
        members = {"hosts": {"localhost": {}}}
        inventory.write_text(json.dumps({"all": {"children": {
            name: members if name.startswith(("hdfs_n", "hdfs_d", "yarn_r", "yarn_n")) else {} for name in GROUPS}}}))
        playbook("-i", str(inventory), str(ROOT / "tests" / "ansible" / "render.yml"), "-e", json.dumps(self.given))
        self.kdc.make({
            # Daemons run as root here: by that name their web interfaces look for a keytab.
            "root": ("root/localhost", "HTTP/localhost"), "hdfs": ("hdfs/localhost", "HTTP/localhost"),
            "yarn": ("yarn/localhost", "HTTP/localhost"), "hashtide": ("hashtide/localhost",),
            "mallory": ("mallory/localhost",), "gone": ("gone/localhost",)})
        self.kdc.run("kadmin.local", "-q", "delprinc -force gone/localhost")
        for name in ("root", "hdfs", "yarn"):
            (self.kdc.directory / f"{name}.secret").write_text("of a test")
        self.kdc.start()
        assert self.command("hdfs", "namenode", "-format", "-nonInteractive").returncode == 0
        for program, daemon in (("yarn", "resourcemanager"), ("hdfs", "namenode"), ("hdfs", "datanode")):
            log = (self.directory / f"{daemon}.log").open("ab")
            self._daemons.append(subprocess.Popen([str(self._bin / program), daemon], env=self.environment(),
                                                  stdin=subprocess.DEVNULL, stdout=log, stderr=log))

    def stop(self) -> None:
        for daemon in self._daemons:
            daemon.kill()
        for daemon in self._daemons:
            daemon.wait()
        self.kdc.stop()

    def environment(self, **more: str) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return {**kept, **self.kdc.environment, "HADOOP_CONF_DIR": str(self.conf),
                "KRB5CCNAME": f"FILE:{self.directory}/commands.ticket", **more}

    def command(self, program: str, *args: str, **more: str) -> subprocess.CompletedProcess[str]:
        """As the units run it."""
        return subprocess.run([str(self._bin / program), *args], env=self.environment(**more), capture_output=True,
                              text=True, check=False, stdin=subprocess.DEVNULL)

    @property
    def _bin(self) -> Path:
        """As deploy.artifacts packs it."""
        made = self.directory / "hadoop" / "bin"
        if not made.exists():
            made.mkdir(parents=True)
            for name in ("hdfs", "yarn"):
                shutil.copy(ROOT / "deploy" / "jars" / "hadoop-launcher.sh", made / name)
                (made / name).chmod(0o755)
            (made.parent / "share" / "hadoop" / "common").mkdir(parents=True)
            (made.parent / "share" / "hadoop" / "common" / "lib").symlink_to(HOME / "jars" / "hadoop")
        return made

    @property
    def given(self) -> dict[str, Any]:
        here = "127.0.0.1"
        return {
            "into": str(self.directory), "kerberos": True, "kerberos_realm": REALM,
            "kerberos_keytabs": str(self.kdc.directory), "kdcs": [f"{here}:{self.kdc.port}"],
            "facts": {"architecture": {"arm64": "aarch64"}.get(os.uname().machine, os.uname().machine),
                      "memtotal_mb": 8192, "processor_vcpus": 2},
            "cluster_name": "secure", "hadoop_conf_dir": str(self.conf), "hdfs_data_dir": str(self.directory / "hdfs"),
            "yarn_data_dir": str(self.directory / "yarn"), "yarn_log_dir": str(self.directory / "logs"),
            **{f"{name}_heap": "192m" for name in ("hdfs_namenode", "hdfs_datanode", "yarn_resourcemanager")},
            "hadoop_client_heap": "128m",
            "hadoop_jvm_opts": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Djava.security.krb5.conf="
                               f"{self.conf}/krb5.conf", **self.ports,
            "hdfs_site_overrides": {
                "dfs.datanode.hostname": "localhost", "dfs.datanode.du.reserved": 0,
                "dfs.namenode.safemode.extension": 0, "dfs.namenode.safemode.min.datanodes": 1,
                **{f"dfs.datanode.{name}": f"{here}:{self.ports[port]}" for name, port in (
                    ("address", "hdfs_datanode_port"), ("ipc.address", "hdfs_datanode_ipc_port"),
                    ("http.address", "hdfs_datanode_web_port"))}}}

    def cluster_file(self, keytab: str = "", authentication: str = "kerberos") -> Path:
        """As role application writes it, with the keytab and principal of another user, or with neither."""
        found = configparser.ConfigParser(interpolation=None)
        found.read(self.conf / "cluster.ini")
        found["hdfs"]["authentication"] = authentication
        found["spark"].update({"keytab": str(self.kdc.keytab(keytab)) if keytab else "",
                               "principal": f"{keytab}/localhost@{REALM}" if keytab else ""})
        path = self.directory / f"{keytab or 'no-keytab'}-{authentication}.ini"
        with path.open("w") as out:
            found.write(out)
        return path

    def only_coreutils(self) -> Path:
        """A directory for PATH in which the launchers find what they call, and no kinit."""
        made = self.directory / "path"
        if not made.exists():
            made.mkdir()
            for name in ("sh", "id", "readlink"):
                (made / name).symlink_to(shutil.which(name) or name)
        return made

    def provision(self) -> None:
        """As role application has it done, by a ticket of hdfs; it waits for the DataNode."""
        end = time.monotonic() + DEADLINE_S
        while True:
            done = self.try_as(self.cluster_file("hdfs"), "superuser")["superuser"]
            if done == "hashtide":
                return
            assert time.monotonic() < end, f"waited {DEADLINE_S} s for HDFS: {done}"
            time.sleep(1)

    def try_as(self, file: Path, *what: str, **more: str) -> dict[str, Any]:
        """What tests/ansible/as_whom.py comes to, by name."""
        words = [str(SPARK_PYTHON), "-P", str(ROOT / "tests" / "ansible" / "as_whom.py"), str(file), *what]
        # No ticket of anybody, but for what a keytab brings.
        given = {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "KRB5CCNAME": "MEMORY:", **more}
        done = subprocess.run(words, env=self.environment(**given), capture_output=True, text=True, check=False,
                              cwd=ROOT)
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout.splitlines()[-1]))


@contextmanager
def secure(directory: Path) -> Iterator[Secure]:
    made = Secure(directory)
    try:
        made.start()
        _await(made)
        yield made
    finally:
        made.stop()


def anonymous(url: str, method: str = "GET", body: bytes | None = None) -> int:
    """The status that somebody without a ticket gets."""
    asked = urllib.request.Request(url, method=method, data=body, headers={"Content-Type": "application/json"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        return int(opener.open(asked, timeout=20).status)
    except urllib.error.HTTPError as error:
        return error.code


def _await(made: Secure) -> None:
    """Until the daemons answer, if only to refuse."""
    end = time.monotonic() + DEADLINE_S
    for url in (f"{made.web('hdfs_namenode')}/jmx", f"{made.web('yarn_resourcemanager')}/ws/v1/cluster/info"):
        while True:
            try:
                anonymous(url)
                break
            except OSError:
                assert time.monotonic() < end, f"waited {DEADLINE_S} s for {url}; see the logs in {made.directory}"
                time.sleep(0.5)


def _made(directory: Path) -> Path:
    directory.mkdir(parents=True)
    return directory
