"""The lab as its tests see it: its verbs, playbooks inside of it, ssh, and what masters say of themselves."""
from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from deploy.lab import rights
from tests.ansible.conftest import ANSIBLE, ROOT

HOME = Path(os.environ.get("HASHTIDE_HOME") or Path.home() / ".hashtide")
INSIDE = ["ip", "netns", "exec", "hashtide-lab"]
ADDRESSES = {f"node{n}": f"10.77.0.{10 + n}" for n in (1, 2, 3, 4)}
SSH = ["ssh", "-i", str(HOME / "lab/key"), "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
       "-o", "LogLevel=ERROR", "-o", "ConnectTimeout=5"]

_ASK = """
import base64, os, sys, urllib.request
asked = urllib.request.Request(sys.argv[1], headers={"Accept": "application/json"})
# YARN shows all of its applications to its own user.
keytab = "/etc/security/keytabs/yarn.keytab"
if os.path.exists(keytab):
    os.environ |= {"KRB5_CLIENT_KTNAME": f"FILE:{keytab}", "KRB5CCNAME": "MEMORY:"}
    import gssapi
    service = gssapi.Name(f"HTTP@{asked.host.partition(':')[0]}", gssapi.NameType.hostbased_service)
    token = base64.b64encode(gssapi.SecurityContext(name=service, usage="initiate").step()).decode()
    asked.add_unredirected_header("Authorization", f"Negotiate {token}")
print(urllib.request.urlopen(asked, timeout=3).read().decode())
"""


def verb(*words: str) -> str:
    done = subprocess.run([str(ROOT / "deploy/hashtide"), *words], capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL, timeout=500)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@contextmanager
def lab() -> Iterator[None]:
    """New hosts, and none afterwards; one that was up before is not taken from whoever uses it."""
    states = json.loads(subprocess.run([str(ROOT / "deploy/hashtide"), "lab", "status", "--json"], capture_output=True,
                                       text=True, check=False, stdin=subprocess.DEVNULL).stdout)
    assert set(states.values()) == {"stopped"}, f"a lab is up already: {states}; `deploy/hashtide lab down` first"
    try:
        verb("lab", "down", "--delete", "--yes")
        verb("lab", "up")
        yield
    finally:
        verb("lab", "down", "--delete", "--yes")


@contextmanager
def lab_with_the_application(what: str, only: str) -> Iterator[None]:
    """With what its hosts install packed; skips where it is not asked for, with the command that plays it."""
    if missing := rights.missing():
        pytest.skip(f"no lab on this machine; missing: {'; '.join(missing)}")
    if os.environ.get("HASHTIDE_LAB") != "all":
        pytest.skip(f"{what} takes half an hour: `HASHTIDE_LAB=all deploy/hashtide test ansible -k {only}`")
    verb("artifacts")
    with lab():
        yield


def playbook(name: str, *args: str, inventory: str = "inventories/lab") -> dict[str, dict[str, int]]:
    """Each host's counts of the recap."""
    done = subprocess.run([*INSIDE, "ansible-playbook", "-i", inventory, name, *args], cwd=ANSIBLE,
                          env=environment(), capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    recap = done.stdout.rpartition("PLAY RECAP")[2]
    return {host: {key: int(n) for key, n in re.findall(r"(\w+)=(\d+)", line)}
            for host, line in re.findall(r"^(\w+)\s+: (.*)$", recap, re.MULTILINE)}


def environment() -> dict[str, str]:
    return {**os.environ, "HASHTIDE_HOME": str(HOME), "ANSIBLE_NOCOLOR": "1",
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


def grown(directory: Path) -> str:
    """The lab's inventory with node4 among its workers."""
    made = directory / "lab"
    shutil.copytree(ANSIBLE / "inventories/lab", made)
    hosts = made / "hosts.yml"
    spare = f"    node4: {{ansible_host: {ADDRESSES['node4']}}}\n"
    text = hosts.read_text().replace("    node3: {a", f"{spare}    node3: {{a")
    for group in ("hdfs_datanode", "yarn_nodemanager"):
        members = f"    {group}:\n      hosts: {{"
        text = text.replace(members, f"{members}node4: {{}}, ")
    hosts.write_text(text)
    return str(made)


def ssh(host: str, command: str, given: str = "") -> str:
    done = subprocess.run([*INSIDE, *SSH, f"root@{ADDRESSES[host]}", command], capture_output=True, text=True,
                          check=False, input=given, timeout=60)
    assert done.returncode == 0, f"{host}: {command}: {done.stderr}"
    return done.stdout


def on(host: str, path: str) -> Any:
    """JSON of an address on a host, asked from there, with the host's ticket where it has one; None where nothing
    answers."""
    try:
        return json.loads(ssh(host, f"python3 - 'http://{host}:{path}'", _ASK))
    except (AssertionError, ValueError, subprocess.TimeoutExpired):
        return None


def namenode(host: str) -> str:
    found = on(host, "9870/jmx?qry=Hadoop:service=NameNode,name=NameNodeStatus")
    return str(found["beans"][0]["State"]) if found and found["beans"] else ""


def manager(host: str) -> str:
    found = on(host, "8088/ws/v1/cluster/info")
    return str(found["clusterInfo"]["haState"]).lower() if found else ""


def active(state: Callable[[str], str]) -> str:
    return str(until(lambda: next((host for host in ("node1", "node2") if state(host) == "active"), ""), 60,
                     "an active one"))


def until(condition: Callable[[], Any], seconds: float, what: str) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s for {what}"
        time.sleep(0.1)
    return found
