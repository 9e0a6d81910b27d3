"""What Ansible and its linter say of the playbooks."""
from __future__ import annotations

import pytest

from tests.ansible.conftest import ABOVE, ANSIBLE, INVENTORIES, chosen, playbook, playbooks, run


@pytest.mark.parametrize("inventory", [*INVENTORIES, *ABOVE])
def test_playbooks_are_valid_for_each_inventory(inventory: str) -> None:
    done = playbook(*chosen(inventory), *playbooks(), "--syntax-check")
    assert done.stdout.split() == [word for name in playbooks() for word in ("playbook:", name)]


def test_the_linter_has_nothing_to_say_at_its_strictest() -> None:
    done = run("ansible-lint", "-c", ".ansible-lint.yml", "--offline", "-q", "--nocolor", wanted=None)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_role_has_its_manual_and_its_verification() -> None:
    for role in sorted((ANSIBLE / "roles").iterdir()):
        if role.name not in ("preflight", "daemon", "archive", "support", "upgrade"):
            assert (role / "tasks" / "verify.yml").is_file(), role.name
        if role.name != "preflight":
            assert (role / "defaults" / "main.yml").read_text().startswith("#"), role.name
