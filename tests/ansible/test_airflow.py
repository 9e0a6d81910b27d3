"""Who lets people in: airflow.cfg as the inventories' hosts get it, and what becomes of passwords."""
from __future__ import annotations

import configparser
import json
from pathlib import Path

import yaml

from tests.ansible.conftest import ANSIBLE, playbook
from tests.ansible.test_specs import FACTS, options

RENDER = Path(__file__).with_name("render_airflow.yml")
ROLE = ANSIBLE / "roles" / "airflow"
SECRETS = {f"vault_airflow_{name}": f"secret-of-{name}-0123456789-0123456789-0123456789" for name in (
    "admin_password", "database_password", "fernet_key", "secret_key", "jwt_secret")}
HOST = {"all": {"children": {"airflow": {"hosts": {"master3.example.org": None}}}}}


def configuration(inventory: str, into: Path, **given: object) -> configparser.ConfigParser:
    chosen = ["-i", f"inventories/{inventory}"]
    if inventory == "single":
        # It has its Airflow switched off: here the host of another inventory, without that one's settings.
        (into / "hosts.yml").write_text(yaml.safe_dump(HOST))
        (into / "group_vars").mkdir()
        (into / "group_vars/all.yml").write_text((ANSIBLE / "inventories/single/group_vars/all.yml").read_text())
        chosen = ["-i", str(into / "hosts.yml")]
    playbook(*chosen, str(RENDER), "-e", json.dumps({
        "into": str(into), "facts": FACTS, "airflow_templates": str(ROLE / "templates"), **SECRETS, **given}))
    text = (into / "airflow.cfg").read_text()
    assert "{{" not in text
    found = configparser.ConfigParser()
    found.read_string(text)
    return found


def test_reference_for_many_hosts_keeps_its_users_in_the_database_and_no_password_in_a_file(tmp_path: Path) -> None:
    found = configuration("ha", tmp_path, airflow_users={"eve": {"role": "viewer", "password": "eves-0wn"}})
    assert found["core"]["auth_manager"].endswith(".FabAuthManager")
    assert not [key for section in found for key in found[section] if "simple_auth" in key]
    text = (tmp_path / "airflow.cfg").read_text()
    assert "eves-0wn" not in text and SECRETS["vault_airflow_admin_password"] not in text
    assert found["api"]["secret_key"] == SECRETS["vault_airflow_secret_key"]
    assert found["api_auth"]["jwt_secret"] == SECRETS["vault_airflow_jwt_secret"]


def test_without_a_word_of_it_users_are_those_of_the_simple_auth_manager(tmp_path: Path) -> None:
    found = configuration("single", tmp_path, airflow_users={"eve": {"role": "viewer", "password": "eves-0wn"}})
    assert found["core"]["auth_manager"].endswith(".SimpleAuthManager")
    assert found["core"]["simple_auth_manager_users"] == "admin:admin,eve:viewer"
    assert "simple_auth_manager_all_admins" not in found["core"]


def test_each_auth_manager_that_may_be_asked_for_is_known() -> None:
    known = yaml.safe_load((ROLE / "vars/main.yml").read_text())["airflow_auth_managers"]
    assert sorted(known) == sorted(options("airflow")["airflow_auth_manager"]["choices"])


def test_a_task_that_is_given_passwords_says_nothing_and_has_none_among_its_arguments() -> None:
    tasks = [task for path in (ROLE / "tasks").glob("*.yml") for task in yaml.safe_load(path.read_text())]
    given = [task for task in tasks if "airflow_logins" in json.dumps(task.get("ansible.builtin.command", {}))
             or "airflow_admin_password" in json.dumps(task.get("ansible.builtin.uri", {}))]
    assert len(given) == 2 and all(task["no_log"] is True for task in given)
    # Whoever lists the host's processes sees arguments.
    assert [task["ansible.builtin.command"]["stdin"] for task in given if "ansible.builtin.command" in task] == [
        "{{ airflow_logins | to_json }}"]
