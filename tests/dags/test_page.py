"""The page by Airflow's own app: who gets in, what a viewer may, what is shown while things are away or mean harm."""
from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from deploy.airflow import tools
from deploy.airflow.page import app, plugin
from tests.fakes.page import HOSTILE, STREAM, Page, filled

ROOT = Path(__file__).parents[2]
NOW = 1_800_001_800_000
VIEWS = {"streams": {}, "summary": {}, "now": {}, "search": {"text": "tag"}, "tag": {"tag": "tag1"},
         "health": {}, "hours": {}, "hour": {"hour_ms": NOW - NOW % 3_600_000}, "restore": {"point": "before-upgrade"},
         "history": {}, "checkpoints": {}, "cost": {}}
FILES = sorted(str(path.relative_to(app.FILES)) for path in app.FILES.rglob("*")
               if path.suffix in (".js", ".css", ".svg"))


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Page:
    return filled(tmp_path_factory.mktemp("page"), lambda: NOW, hours=12, tags=5)


@pytest.fixture(scope="module")
def airflow(database: None) -> Iterator[TestClient]:
    """Airflow's own app with its plugins."""
    from airflow.api_fastapi.app import create_app, purge_cached_app

    purge_cached_app()
    with TestClient(create_app(), base_url="http://127.0.0.1") as client:
        yield client
    purge_cached_app()


@pytest.fixture
def served(airflow: TestClient, day: Page, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """Over a stream of which `day` tells; nobody is logged in, and nothing was asked before."""
    monkeypatch.setattr(tools, "launcher", day.launcher)
    airflow.cookies.clear()
    plugin._application.cache_clear()
    yield airflow
    day.hdfs.down = False
    plugin._application.cache_clear()


def login(client: TestClient, user: str) -> dict[str, str]:
    answer = client.post("/auth/token", json={"username": user, "password": user})
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def get(client: TestClient, view: str, headers: dict[str, str], **more: Any) -> Any:
    answer = client.get(f"/hashtide/api/{view}", headers=headers, params={"stream": STREAM, **VIEWS[view], **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_no_route_is_open_to_somebody_who_is_not_logged_in(served: TestClient) -> None:
    routes = [*(f"api/{view}" for view in VIEWS), "", *FILES, "metrics", "nothing", "docs", "openapi.json"]
    assert {path: served.get(f"/hashtide/{path}").status_code for path in routes} == dict.fromkeys(routes, 401)
    assert served.get("/hashtide/", headers={"Authorization": "Bearer wrong"}).status_code in (401, 403)


def test_every_route_of_the_app_was_tried() -> None:
    made = app.make()
    assert {route.path for route in made.routes} == {*(f"/api/{view}" for view in VIEWS), "/metrics", "/{name:path}"}
    assert all(route.methods == {"GET"} for route in made.routes)


def test_whoever_may_not_read_the_streams_dag_gets_nothing(served: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager

    admin = login(served, "admin")
    monkeypatch.setattr(SimpleAuthManager, "is_authorized_dag", lambda *args, **more: False)
    paths = ("", "api/streams", "page.js")
    assert {served.get(f"/hashtide/{path}", headers=admin).status_code for path in paths} == {403}


@pytest.mark.parametrize("view", VIEWS)
def test_each_view_answers_with_data_and_its_age(served: TestClient, view: str) -> None:
    found = get(served, view, login(served, "eve"))
    assert found["fault"] == "" and found["data"] and found["made_ms"] == NOW


def test_a_viewer_is_told_that_actions_are_not_for_them_and_airflow_refuses_them(served: TestClient) -> None:
    eve, admin = login(served, "eve"), login(served, "admin")
    assert set(get(served, "streams", eve)["trigger"].values()) == {False}
    assert set(get(served, "streams", admin)["trigger"].values()) == {True}
    for dag in get(served, "streams", admin)["trigger"]:
        run = {"logical_date": None, "conf": {"stream": STREAM}}
        assert served.post(f"/api/v2/dags/{dag}/dagRuns", json=run, headers=eve).status_code == 403
        assert served.post(f"/api/v2/dags/{dag}/dagRuns", json=run).status_code == 401


def test_nothing_can_be_sent_to_the_page(served: TestClient) -> None:
    admin = login(served, "admin")
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert served.request(method, "/hashtide/api/now", headers=admin).status_code == 405


def test_looking_changes_nothing(served: TestClient, day: Page) -> None:
    before = dict(day.hdfs.data)
    for view in VIEWS:
        get(served, view, login(served, "admin"))
    assert day.hdfs.data == before


def test_a_page_of_somebody_elses_can_neither_act_by_a_users_cookie_nor_read_by_it(served: TestClient) -> None:
    token = login(served, "admin")["Authorization"].removeprefix("Bearer ")
    served.cookies.set("_token", token)
    run, theirs = "/api/v2/dags/hashtag_stream/dagRuns", {"Origin": "https://elsewhere.example"}
    body = '{"logical_date": null, "conf": {}}'
    # What a browser sends of itself to another's server has one of these types; any other it asks about first.
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        assert served.post(run, content=body, headers={**theirs, "Content-Type": kind}).status_code == 422
    assert served.post(run, content=body, headers={"Content-Type": "application/json"}).status_code not in (401, 422)
    asked = served.options(run, headers={**theirs, "Access-Control-Request-Method": "POST",
                                         "Access-Control-Request-Headers": "content-type"})
    read = served.get("/hashtide/api/now", params={"stream": STREAM}, headers=theirs)
    assert asked.status_code >= 400 and read.status_code == 200
    for answer in (asked, read):
        assert not [name for name in answer.headers if name.startswith("access-control-")]
    assert read.headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize("view", [view for view in VIEWS if view != "streams"])
@pytest.mark.parametrize("stream", ["../etc", "A", "", "x" * 41])
def test_a_stream_that_cannot_be_is_refused(served: TestClient, view: str, stream: str) -> None:
    params = {**VIEWS[view], "stream": stream}
    assert served.get(f"/hashtide/api/{view}", headers=login(served, "admin"), params=params).status_code == 422


@pytest.mark.parametrize("view", VIEWS)
def test_while_hdfs_is_away_the_answer_says_so(served: TestClient, day: Page, view: str) -> None:
    day.hdfs.down = True
    found = get(served, view, login(served, "eve"))
    assert found["data"] is None and "does not answer" in found["fault"]


def test_what_was_known_before_stays_with_its_age(served: TestClient, day: Page,
                                                  monkeypatch: pytest.MonkeyPatch) -> None:
    eve = login(served, "eve")
    before = get(served, "now", eve)
    day.hdfs.down = True
    monkeypatch.setattr(day, "clock", lambda: NOW + 60_000)
    after = get(served, "now", eve)
    assert after["fault"] and (after["data"], after["made_ms"]) == (before["data"], NOW)


def test_a_stream_without_tables_is_no_fault(served: TestClient, day: Page) -> None:
    day.hdfs.mkdirs("/hashtide/streams/empty/control")
    eve = login(served, "eve")
    assert get(served, "now", eve, stream="empty")["data"]["tags"] == []
    assert get(served, "health", eve, stream="empty")["data"]["verdict"] == "never submitted"
    assert get(served, "hours", eve, stream="empty")["data"]["hours"] == []
    assert "hashtag_provision" in get(served, "now", eve, stream="nowhere")["fault"]


def test_without_a_cluster_file_the_answer_says_what_to_do(served: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    from deploy.errors import BadUse

    def launcher() -> Any:
        raise BadUse("no local cluster yet: start one with `deploy/hashtide up`")

    monkeypatch.setattr(tools, "launcher", launcher)
    found = get(served, "now", login(served, "eve"))
    assert found == {"made_ms": 0, "now_ms": 0, "data": None,
                     "fault": "no local cluster yet: start one with `deploy/hashtide up`"}


def test_tags_that_mean_harm_come_as_json_and_nothing_may_run_but_the_pages_own(served: TestClient) -> None:
    eve = login(served, "eve")
    answer = served.get("/hashtide/api/now", params={"stream": STREAM}, headers=eve)
    headers = answer.headers
    assert (headers["content-type"], headers["x-content-type-options"]) == ("application/json", "nosniff")
    assert set(HOSTILE) <= {one["display"] for one in answer.json()["data"]["tags"]}
    page = served.get("/hashtide/", headers=eve)
    policy = dict(part.strip().partition(" ")[::2] for part in page.headers["content-security-policy"].split(";"))
    assert (policy["default-src"], policy["script-src"], policy["connect-src"]) == ("'none'", "'self'", "'self'")
    assert "unsafe" not in str(policy) and policy["frame-ancestors"] == "'self'"
    assert answer.headers["cache-control"] == "no-store"


def test_the_page_puts_texts_in_as_texts_and_loads_nothing_from_elsewhere() -> None:
    for path in app.FILES.rglob("*"):
        if path.suffix in (".js", ".html", ".css") and "vendor" not in path.parts:
            text = path.read_text()
            assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|style=", text), path
            assert not re.search(r"""(src|href|url|import|from)[\s=("']+(https?:)?//""", text), path


def test_the_vendored_library_is_the_one_that_was_pinned() -> None:
    vendor = app.FILES / "vendor"
    pinned = dict(reversed(line.split()) for line in (vendor / "SHA256SUMS").read_text().splitlines())
    for name in (path.name for path in vendor.glob("*.js")):
        assert hashlib.sha256((vendor / name).read_bytes()).hexdigest() == pinned[name]
    version = re.search(r"Chart\.js v([\d.]+)", (vendor / "chart.umd.min.js").read_text()[:200])
    assert version and version[1] in (vendor / "README.md").read_text()


def test_airflow_shows_the_page_in_its_navigation_and_as_a_tab_of_runs(served: TestClient) -> None:
    found = served.get("/api/v2/plugins", headers=login(served, "admin")).json()["plugins"]
    views = next(one for one in found if one["name"] == "hashtide")["external_views"]
    assert {(one["destination"], one["url_route"]) for one in views} == {
        ("nav", "hashtags"), ("dag_run", "hashtags-of-run")}
    assert all(one["href"].startswith("/hashtide/") for one in views)
    faults = served.get("/api/v2/plugins/importErrors", headers=login(served, "admin")).json()
    assert faults["total_entries"] == 0


def test_a_file_outside_of_the_page_is_not_served(served: TestClient) -> None:
    admin = login(served, "admin")
    for path in ("..%2fapp.py", "%2e%2e/app.py", "vendor/SHA256SUMS", "/etc/passwd", "vendor"):
        assert served.get(f"/hashtide/{path}", headers=admin).status_code == 404, path
