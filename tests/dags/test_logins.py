"""Airflow with FabAuthManager: the inventory's logins, and what each role may do by Airflow's API and on the page."""
from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from deploy.airflow import logins, tools
from deploy.airflow.page import plugin
from deploy.errors import BadUse
from tests.dags.test_page import FILES, NOW, VIEWS, get
from tests.fakes.page import STREAM, Page, filled

FAB = "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager"
USERS = {name: {"role": role, "password": f"{name}s-0wn"} for name, role in (
    ("admin", "admin"), ("eve", "viewer"), ("uwe", "user"), ("olga", "op"))}


@pytest.fixture(scope="module")
def fab(database: None) -> Iterator[None]:
    """Its tables beside Airflow's; nobody may log in yet."""
    from airflow.api_fastapi.app import create_auth_manager, purge_cached_app
    from airflow.providers.fab.auth_manager.models.db import FABDBManager
    from airflow.settings import Session

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW__CORE__AUTH_MANAGER", FAB)
        patch.setenv("AIRFLOW__FAB__CACHE_TTL", "0")
        purge_cached_app()
        create_auth_manager()
        FABDBManager(Session()).initdb()
        yield
    purge_cached_app()


@pytest.fixture(scope="module")
def made(fab: None) -> list[str]:
    return logins.set_logins(json.dumps(USERS))


@pytest.fixture(scope="module")
def airflow(made: list[str]) -> Iterator[TestClient]:
    from airflow.api_fastapi.app import create_app

    with TestClient(create_app(), base_url="http://127.0.0.1") as client:
        yield client


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Page:
    return filled(tmp_path_factory.mktemp("page"), lambda: NOW, hours=2, tags=3)


@pytest.fixture
def served(airflow: TestClient, day: Page, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    monkeypatch.setattr(tools, "launcher", day.launcher)
    airflow.cookies.clear()
    plugin._application.cache_clear()
    yield airflow
    plugin._application.cache_clear()


def token(client: TestClient, user: str, password: str = "") -> Any:
    return client.post("/auth/token", json={"username": user, "password": password or f"{user}s-0wn"})


def bearer(client: TestClient, user: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token(client, user).json()['access_token']}"}


def changed(given: dict[str, Any]) -> list[str]:
    return logins.set_logins(json.dumps(given))


def test_users_are_made_with_the_roles_of_airflow(made: list[str]) -> None:
    assert made == ["made admin, Admin", "made eve, Viewer", "made uwe, User", "made olga, Op"]


def test_a_second_time_nothing_is_changed_or_said(made: list[str], capsys: pytest.CaptureFixture[str],
                                                  monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(USERS)))
    assert logins.main() == 0
    said = capsys.readouterr()
    assert said.out == "" and "s-0wn" not in said.err


def test_nobody_gets_in_without_a_login_or_with_a_wrong_one(served: TestClient) -> None:
    routes = ["/api/v2/dags", *(f"/hashtide/{path}" for path in ("", *FILES, *(f"api/{view}" for view in VIEWS)))]
    assert {path: served.get(path).status_code for path in routes} == dict.fromkeys(routes, 401)
    run = {"logical_date": None, "conf": {}}
    assert served.post("/api/v2/dags/hashtag_stream/dagRuns", json=run).status_code == 401
    assert token(served, "eve", "olgas-0wn").status_code == token(served, "nobody").status_code == 401


def test_the_command_lines_way_in_is_that_of_the_simple_auth_manager(served: TestClient) -> None:
    answer = token(served, "olga")
    assert answer.status_code == 201 and answer.json()["access_token"]


@pytest.mark.parametrize("user,may", [("eve", False), ("uwe", True), ("olga", True), ("admin", True)])
def test_a_role_may_act_where_airflow_says_so_and_the_page_says_the_same(served: TestClient, user: str,
                                                                         may: bool) -> None:
    headers, run = bearer(served, user), {"logical_date": None, "conf": {"stream": STREAM}}
    told = get(served, "streams", headers)
    assert told["user"] == user and set(told["trigger"].values()) == {may}
    # No DAG was read into this database: whoever may, is told that there is none.
    assert {served.post(f"/api/v2/dags/{dag}/dagRuns", json=run, headers=headers).status_code
            for dag in told["trigger"]} == {404 if may else 403}


def test_a_viewer_sees_all_of_the_page(served: TestClient) -> None:
    eve = bearer(served, "eve")
    for view in VIEWS:
        assert get(served, view, eve)["fault"] == ""
    assert served.get("/api/v2/dags", headers=eve).status_code == 200


def test_only_whoever_runs_the_whole_sees_connections(served: TestClient) -> None:
    assert {user: served.get("/api/v2/connections", headers=bearer(served, user)).status_code
            for user in USERS} == {"admin": 200, "olga": 200, "eve": 403, "uwe": 403}


def test_a_changed_password_or_role_is_set_and_the_old_one_is_over(served: TestClient) -> None:
    given = {**USERS, "eve": {"role": "op", "password": "eves-new"}}
    assert changed(given) == ["eve is Op", "password of eve"] and changed(given) == []
    assert (token(served, "eve").status_code, token(served, "eve", "eves-new").status_code) == (401, 201)
    assert changed(USERS) == ["eve is Viewer", "password of eve"]


def test_whoever_is_named_no_longer_is_closed_at_once_and_may_come_back(served: TestClient) -> None:
    held = bearer(served, "uwe")
    assert served.get("/api/v2/dags", headers=held).status_code == 200
    without = {name: one for name, one in USERS.items() if name != "uwe"}
    assert changed(without) == ["closed uwe"] and changed(without) == []
    assert token(served, "uwe").status_code == 401
    assert served.get("/api/v2/dags", headers=held).status_code in (401, 403)
    assert changed(USERS) == ["opened uwe"]


def test_a_user_that_somebody_made_by_hand_is_left_alone(made: list[str]) -> None:
    from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder

    with get_application_builder() as builder:
        builder.sm.add_user("guest", "A", "Guest", "guest@example.org", builder.sm.find_role("Viewer"), "guests-0wn")
        assert logins.apply(builder.sm, logins.parse(json.dumps(USERS))) == []
        assert builder.sm.find_user(username="guest").active


def test_all_faults_are_told_together_and_no_password_is_among_them() -> None:
    with pytest.raises(BadUse) as told:
        logins.parse(json.dumps({"a b": {"role": "op", "password": "x-0wn"}, "Eve": {"role": "op", "password": ""},
                                 "eve": {"role": "boss", "password": "y-0wn"}}))
    for word in ("'a b'", "'boss'", "Eve has no password", "upper and lower case"):
        assert word in str(told.value)
    assert "-0wn" not in str(told.value) and "secret" not in repr(logins.Login("eve", "Op", "secret"))


@pytest.mark.parametrize("text", ["", "[]", '{"eve": "op"}'])
def test_what_is_no_list_of_logins_is_refused(text: str) -> None:
    with pytest.raises(BadUse, match="as JSON"):
        logins.parse(text)
