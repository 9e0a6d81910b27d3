"""Airflow's API over HTTP: what is asked, and what its refusals become."""
from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from deploy.airflow_api import AirflowApi
from deploy.config import Airflow
from deploy.errors import BadUse, HashtideError, Unreachable

PASSWORD = "correct horse"  # noqa: S105


class Server:
    """Answers by (method, path); keeps what was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, Any]] = []
        self.tokens: list[str] = []
        self.answers: dict[tuple[str, str], tuple[int, Any]] = {("POST", "/auth/token"): (201, {"access_token": "t1"})}
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http.server_address[1]}"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def _serve(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                server.asked.append((self.command, self.path, json.loads(body) if body else None))
                server.tokens.append(self.headers.get("Authorization", ""))
                code, answer = server.answers.get((self.command, self.path), (404, {"detail": "not found"}))
                data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(code)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PATCH = _serve

            def log_message(self, *args: Any) -> None:
                pass

        return Handler


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    thread = threading.Thread(target=made.http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield made
    made.http.shutdown()
    made.http.server_close()


@pytest.fixture
def api(server: Server, tmp_path: Path) -> AirflowApi:
    password = tmp_path / "password"
    password.write_text(PASSWORD + "\n")
    return AirflowApi(Airflow(server.url, "admin", str(password)))


def test_the_token_is_asked_for_once_and_sent_with_every_call(api: AirflowApi, server: Server) -> None:
    server.answers["GET", "/api/v2/dags/a"] = 200, {}
    assert api.has_dag("a") and api.has_dag("a")
    assert server.asked[0] == ("POST", "/auth/token", {"username": "admin", "password": PASSWORD})
    assert len(server.asked) == 3 and server.tokens[1:] == ["Bearer t1"] * 2


def test_health_needs_no_login(api: AirflowApi, server: Server) -> None:
    server.answers["GET", "/api/v2/monitor/health"] = 200, {"scheduler": {"status": "healthy"}}
    assert api.health() == {"scheduler": {"status": "healthy"}}
    assert len(server.asked) == 1


def test_a_run_is_triggered_with_its_parameters(api: AirflowApi, server: Server) -> None:
    server.answers["POST", "/api/v2/dags/a/dagRuns"] = 200, {"dag_run_id": "manual__1"}
    assert api.trigger("a", {"stream": "music"}) == "manual__1"
    assert server.asked[-1][2] == {"logical_date": None, "conf": {"stream": "music"}, "note": None}


def test_a_runs_id_is_quoted_in_its_address(api: AirflowApi, server: Server) -> None:
    server.answers["GET", "/api/v2/dags/a/dagRuns/manual__2026-03-01T10%3A00%2B00%3A00"] = 200, {"state": "running"}
    assert api.run("a", "manual__2026-03-01T10:00+00:00") == {"state": "running"}


def test_a_dag_is_switched_on_and_nothing_else_of_it_is_changed(api: AirflowApi, server: Server) -> None:
    server.answers["PATCH", "/api/v2/dags/a?update_mask=is_paused"] = 200, {}
    api.unpause("a")
    assert server.asked[-1][2] == {"is_paused": False}


def test_whether_a_dag_is_switched_off_is_airflows_own_word(api: AirflowApi, server: Server) -> None:
    for paused in (True, False):
        server.answers["GET", "/api/v2/dags/a"] = 200, {"is_paused": paused}
        assert api.paused("a") is paused


def test_a_dag_that_airflow_does_not_know_is_not_there(api: AirflowApi) -> None:
    assert not api.has_dag("nothing")


def test_runs_are_asked_for_newest_first_and_by_state(api: AirflowApi, server: Server) -> None:
    path = "/api/v2/dags/a/dagRuns?order_by=-run_after&limit=100&state=running"
    server.answers["GET", path] = 200, {"dag_runs": [{}]}
    assert api.runs("a", "running") == [{}]


@pytest.mark.parametrize("code,kind,said", [
    (401, BadUse, "refuses user 'admin': check [airflow] user and password_file"),
    (500, Unreachable, "answered 500"), (503, Unreachable, "answered 503"),
    (400, HashtideError, "answered 400: trigger_seconds: 0 is less than the minimum of 1"),
    (409, HashtideError, "answered 409")])
def test_a_refusal_is_one_line(api: AirflowApi, server: Server, code: int, kind: type, said: str) -> None:
    server.answers["POST", "/api/v2/dags/a/dagRuns"] = code, {
        "detail": "trigger_seconds: 0 is less than\nthe minimum of 1"}
    with pytest.raises(kind) as fault:
        api.trigger("a", {})
    assert said in str(fault.value) and "\n" not in str(fault.value) and PASSWORD not in str(fault.value)


def test_an_answer_that_is_no_json_is_quoted(api: AirflowApi, server: Server) -> None:
    server.answers["POST", "/api/v2/dags/a/dagRuns"] = 400, b"<html>\nno</html>"
    with pytest.raises(HashtideError, match="answered 400: <html> no</html>"):
        api.trigger("a", {})


def test_what_answers_without_json_is_not_airflow(api: AirflowApi, server: Server) -> None:
    server.answers["GET", "/api/v2/monitor/health"] = 200, b"<html>hello</html>"
    with pytest.raises(Unreachable, match="did not answer JSON; is it Airflow"):
        api.health()


def test_a_token_that_has_expired_is_asked_for_again(api: AirflowApi, server: Server) -> None:
    server.answers["GET", "/api/v2/dags/a"] = 200, {}
    api.has_dag("a")
    server.answers["GET", "/api/v2/dags/a"] = 401, {}
    with pytest.raises(BadUse):
        api.has_dag("a")
    assert [path for _, path, _ in server.asked].count("/auth/token") == 2


def test_airflow_that_is_away_is_named(tmp_path: Path) -> None:
    (tmp_path / "password").write_text(PASSWORD)
    with pytest.raises(Unreachable, match=r"Airflow at http://127\.0\.0\.1:9 does not answer"):
        AirflowApi(Airflow("http://127.0.0.1:9", "admin", str(tmp_path / "password"))).has_dag("a")


def test_a_missing_setting_or_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadUse, match=r"no \[airflow\] url"):
        AirflowApi(Airflow())
    with pytest.raises(BadUse, match="password_file .*nothing: No such file"):
        AirflowApi(Airflow("http://127.0.0.1:9", "admin", str(tmp_path / "nothing"))).has_dag("a")


MARKED = {"event": "patch_task_instance", "owner": "ada", "extra": '{"new_state": "failed", "method": "PATCH"}'}
CLEARED = {"event": "post_clear_task_instances", "owner": "ada", "extra": '{"dry_run": false}'}
NOTED = {"event": "patch_task_instance", "owner": "bob", "extra": '{"note": "look at the \\"state\\": parked"}'}
RUN_MARKED = {"event": "patch_dag_run", "owner": "bob", "extra": '{"state": "success"}'}


@pytest.mark.parametrize("state,events,who", [
    ("failed", [], ""), ("failed", [MARKED], "ada"), ("success", [RUN_MARKED, CLEARED], "bob"),
    ("failed", [CLEARED, MARKED], ""), ("skipped", [NOTED, MARKED], "ada"), ("deferred", [MARKED], ""),
    ("failed", [NOTED], "")])
def test_whoever_marked_a_task_had_the_last_word(server: Server, api: AirflowApi, state: str,
                                                 events: list[dict[str, Any]], who: str) -> None:
    server.answers["GET", "/api/v2/dags/d/dagRuns/r/taskInstances"] = (
        200, {"task_instances": [{"task_id": "hold", "state": state}, {"task_id": "other", "state": "failed"}]})
    of = [name for name in ("patch_task_instance", "patch_task_group_instances", "bulk_task_instances", "patch_dag_run",
                            "post_clear_task_instances", "clear_dag_run", "clear_dag_runs")]
    query = "order_by=-when&limit=20&dag_id=d&run_id=r&" + "&".join(f"included_events={name}" for name in of)
    server.answers["GET", f"/api/v2/eventLogs?{query}"] = (200, {"event_logs": events})
    assert api.marked_by("d", "r", "hold") == who


def test_nobody_marked_a_task_of_a_run_that_is_gone(server: Server, api: AirflowApi) -> None:
    assert api.marked_by("d", "gone", "hold") == ""


def test_a_note_goes_to_the_run_and_to_nothing_else_of_it(server: Server, api: AirflowApi) -> None:
    path = "/api/v2/dags/d/dagRuns/manual__2026%2B00%3A00?update_mask=note"
    server.answers[("PATCH", path)] = (200, {})
    api.note("d", "manual__2026+00:00", "**parked**")
    assert server.asked[-1] == ("PATCH", path, {"note": "**parked**"})
