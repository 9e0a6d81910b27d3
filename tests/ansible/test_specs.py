"""What roles say of their settings: each is in its specification, and what inventories give passes it."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.ansible.conftest import ABOVE, ANSIBLE, INVENTORIES, chosen, playbook

ROLES = sorted(path.name for path in (ANSIBLE / "roles").iterdir())
SPECS = Path(__file__).with_name("specs.yml")
FACTS = {"architecture": "x86_64", "memtotal_mb": 16384, "processor_vcpus": 4}
#: Of these not even the default can be looked at on a host that is not of the role's group.
ELSEWHERE = ("vault_", ".index(")


def options(role: str) -> dict[str, Any]:
    spec = yaml.safe_load((ANSIBLE / "roles" / role / "meta/argument_specs.yml").read_text())
    return dict(spec["argument_specs"]["main"].get("options") or {})


@pytest.mark.parametrize("role", ROLES)
def test_each_setting_is_specified_and_what_has_no_default_is_required(role: str) -> None:
    path = ANSIBLE / "roles" / role / "defaults/main.yml"
    defaults = yaml.safe_load(path.read_text()) or {} if path.exists() else {}
    specified = options(role)
    assert set(defaults) - set(specified) == {name for name, value in defaults.items()
                                              if any(word in str(value) for word in ELSEWHERE)}
    assert {name for name, one in specified.items() if one.get("required")} == set(specified) - set(defaults)


@pytest.mark.parametrize("inventory", [*INVENTORIES, *ABOVE])
def test_what_an_inventory_gives_passes_on_each_host(inventory: str) -> None:
    check(inventory, {}, 0)


def test_what_is_of_another_type_is_named() -> None:
    said = check("single", {"hdfs_namenode_port": "many"}, 2)
    assert "hdfs_namenode_port" in said and "int" in said


def check(inventory: str, given: dict[str, Any], wanted: int) -> str:
    return playbook(*chosen(inventory), str(SPECS), "-e",
                    json.dumps({"checked_roles": ROLES, "facts": FACTS, **given}), wanted=wanted).stdout
