"""Playbooks run from ansible/ with the environment of these tests, and touch no host unless a test is of the lab."""
from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
ANSIBLE = ROOT / "ansible"
INVENTORIES = ("single", "ha", "lab")
#: What lies above another inventory.
ABOVE = {"lab_application": "lab", "lab_kerberos": "lab_application"}
#: What `deploy/hashtide artifacts` would write; rendering needs no archive.
_ONE = {"version": "9.9.9", "file": "x-9.9.9.tar.gz", "sha256": "ab" * 32}
ARTIFACTS = {**dict.fromkeys(("hadoop", "spark", "spark_jars", "node_python", "airflow", "application"), _ONE),
             "applications": {"9.9.9": _ONE}}


def run(program: str, *args: str, wanted: int | None = 0) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "ANSIBLE_CONFIG": str(ANSIBLE / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1",
                   "NO_COLOR": "1", "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run([sys.executable, str(Path(sys.executable).with_name(program)), *args], cwd=ANSIBLE,
                          env=environment, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert wanted is None or done.returncode == wanted, done.stdout + done.stderr
    return done


def playbook(*args: str, wanted: int | None = 0) -> subprocess.CompletedProcess[str]:
    return run("ansible-playbook", *args, "-e", json.dumps({"artifacts": ARTIFACTS}), wanted=wanted)


def chosen(inventory: str) -> list[str]:
    """The options that choose it."""
    below = chosen(ABOVE[inventory]) if inventory in ABOVE else []
    return [*below, "-i", f"inventories/{inventory}"]


def playbooks() -> Sequence[str]:
    return sorted(path.name for path in ANSIBLE.glob("*.yml") if not path.name.startswith("."))
