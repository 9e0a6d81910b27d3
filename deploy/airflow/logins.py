"""The inventory's logins in Airflow's FAB auth manager, which keeps its users in the database.

`python -m deploy.airflow.logins` reads JSON from standard input, {"eve": {"role": "viewer", "password": "..."}}, so
that passwords are in no argument, and says none. It prints a line for each change, and nothing where all is as it
should be. Whoever was made here and is named no longer is closed; users made by hand or by an identity provider stay
as they are.

https://airflow.apache.org/docs/apache-airflow-providers-fab/stable/auth-manager/index.html
"""
from __future__ import annotations

import contextlib
import json
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from deploy.errors import BadUse, HashtideError

#: The words of Airflow's simple auth manager, which the inventory uses for both.
ROLES = {"viewer": "Viewer", "user": "User", "op": "Op", "admin": "Admin"}
#: FAB wants an address of each user; by this one they are known as made here. RFC 2606 keeps it from being anybody's.
DOMAIN = "inventory.invalid"
_NAME = re.compile(r"[\w.@+-]{1,60}")


@dataclass(frozen=True)
class Login:
    name: str
    role: str
    password: str = field(repr=False)


def parse(text: str) -> list[Login]:
    """All faults are told together."""
    try:
        given = json.loads(text)
    except ValueError:
        given = None
    if not isinstance(given, dict) or not all(isinstance(one, dict) for one in given.values()):
        raise BadUse('expected logins on standard input as JSON: {"eve": {"role": "viewer", "password": "..."}}')
    faults = [f"{name!r} is no name for a user" for name in given if not _NAME.fullmatch(name)]
    faults += [f"role {one.get('role')!r} of {name} is none of {', '.join(ROLES)}"
               for name, one in given.items() if str(one.get("role")).lower() not in ROLES]
    faults += [f"{name} has no password" for name, one in given.items()
               if not isinstance(one.get("password"), str) or not one["password"]]
    if len({name.lower() for name in given}) < len(given):
        faults.append("two names differ in upper and lower case alone, which is one user to Airflow")
    if faults:
        raise BadUse("; ".join(faults))
    return [Login(name, ROLES[str(one["role"]).lower()], one["password"]) for name, one in given.items()]


def apply(manager: Any, logins: Sequence[Login]) -> list[str]:
    """What was changed by FAB's security manager, a line each."""
    changed = [line for login in logins for line in _set(manager, login)]
    named = {login.name.lower() for login in logins}
    for user in manager.get_all_users():
        if user.email.endswith(f"@{DOMAIN}") and user.username.lower() not in named and user.active:
            user.active = False
            manager.reset_user_sessions(user)
            _saved(manager.update_user(user), user.username)
            changed.append(f"closed {user.username}")
    return changed


def _set(manager: Any, login: Login) -> list[str]:
    role, user = manager.find_role(login.role), manager.find_user(username=login.name)
    if role is None:
        raise HashtideError(f"Airflow's database has no role {login.role}: run `airflow db migrate`")
    if user is None:
        manager.add_user(login.name, login.name, "", f"{login.name}@{DOMAIN}", role, login.password)
        return [f"made {login.name}, {login.role}"]
    changed = []
    if [one.name for one in user.roles] != [login.role]:
        user.roles = [role]
        changed.append(f"{login.name} is {login.role}")
    if not user.active:
        user.active = True
        changed.append(f"opened {login.name}")
    if changed:
        _saved(manager.update_user(user), login.name)
    if not _fits(user.password, login.password):
        # Ends the user's sessions too.
        _saved(manager.reset_password(user.id, login.password), login.name)
        changed.append(f"password of {login.name}")
    return changed


def _fits(kept: str | None, password: str) -> bool:
    from werkzeug.security import check_password_hash

    return bool(kept) and bool(check_password_hash(kept, password))


def _saved(done: bool, name: str) -> None:
    if not done:
        raise HashtideError(f"Airflow did not save {name}: what its database said stands above")


def set_logins(text: str) -> list[str]:
    """`apply` by Airflow's own configuration."""
    from airflow.api_fastapi.app import create_auth_manager
    from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder
    from airflow.providers.fab.auth_manager.fab_auth_manager import FabAuthManager
    from airflow.providers_manager import ProvidersManager

    logins = parse(text)
    # Without it the defaults of section [fab] are not known.
    ProvidersManager().initialize_providers_configuration()
    if not isinstance(create_auth_manager(), FabAuthManager):
        raise BadUse("[core] auth_manager of airflow.cfg is not FabAuthManager: its users are not in the database")
    with get_application_builder() as builder:
        return apply(builder.sm, logins)


def main() -> int:
    # Airflow logs to standard output too: what is left there is what was changed.
    with contextlib.redirect_stdout(sys.stderr):
        try:
            changed = set_logins(sys.stdin.read())
        except HashtideError as error:
            print(f"hashtide: {error}")
            return 2 if isinstance(error, BadUse) else 1
    print("".join(f"{line}\n" for line in changed), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
