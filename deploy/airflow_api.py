"""Airflow's public API, as the user of the cluster file: trigger a DAG, follow its run.

https://airflow.apache.org/docs/apache-airflow/stable/stable-rest-api-ref.html
"""
from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests

from deploy.config import Airflow
from deploy.errors import BadUse, HashtideError, Unreachable

TIMEOUTS = (5, 30)
_OVER = ("success", "failed", "skipped")
#: Events of the audit log, which are called as the API's functions are: new states, also of a whole run; clearing.
_MARKS = ("patch_task_instance", "patch_task_group_instances", "bulk_task_instances", "patch_dag_run")
#: In the event's JSON; the text of a note may have the word too, but not between bare quotes.
_SETS_STATE = re.compile(r'"(?:new_)?state":')
_CLEARS = ("post_clear_task_instances", "clear_dag_run", "clear_dag_runs")


class AirflowApi:
    """One session; the token is asked for once and never shown."""

    def __init__(self, settings: Airflow) -> None:
        if not settings.url:
            raise BadUse("the cluster file has no [airflow] url")
        self._settings = settings
        self._http = requests.Session()
        self._http.trust_env = False
        self._authorised = False

    # raw endpoints

    def _login(self) -> None:
        try:
            password = Path(self._settings.password_file).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise BadUse(f"[airflow] password_file {self._settings.password_file}: {error.strerror}") from None
        answer = self._request("POST", "/auth/token", {"username": self._settings.user, "password": password})
        self._http.headers["Authorization"] = f"Bearer {answer['access_token']}"
        self._authorised = True

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        fresh = not self._authorised
        if fresh:
            self._login()
        try:
            return self._request(method, f"/api/v2{path}", body)
        except BadUse:
            if fresh:
                raise
            self._login()   # the token had expired
            return self._request(method, f"/api/v2{path}", body)

    def _request(self, method: str, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        url = self._settings.url.rstrip("/")
        try:
            answer = self._http.request(method, url + path, json=body, timeout=TIMEOUTS)
        except requests.RequestException as error:
            raise Unreachable(f"Airflow at {url} does not answer ({type(error).__name__}); "
                              "see `deploy/hashtide status`") from None
        if answer.status_code == 401:
            raise BadUse(f"Airflow at {url} refuses user {self._settings.user!r}: "
                         "check [airflow] user and password_file")
        if answer.status_code >= 500:
            raise Unreachable(f"Airflow at {url}: {method} {path.split('?')[0]} answered {answer.status_code}")
        if not answer.ok:
            what = f"{method} {path.split('?')[0]}"
            raise HashtideError(f"Airflow: {what} answered {answer.status_code}: {_detail(answer)}")
        try:
            return dict(answer.json()) if answer.content else {}
        except ValueError:
            raise Unreachable(f"{url} did not answer JSON; is it Airflow?") from None

    # verbs

    def health(self) -> dict[str, Any]:
        return self._request("GET", "/api/v2/monitor/health", None)

    def unpause(self, dag_id: str) -> None:
        self._call("PATCH", f"/dags/{dag_id}?update_mask=is_paused", {"is_paused": False})

    def paused(self, dag_id: str) -> bool:
        return bool(self._call("GET", f"/dags/{dag_id}")["is_paused"])

    def has_dag(self, dag_id: str) -> bool:
        try:
            self._call("GET", f"/dags/{dag_id}")
        except Unreachable:
            raise
        except HashtideError as error:
            if "answered 404" in str(error):
                return False
            raise
        return True

    def trigger(self, dag_id: str, conf: dict[str, Any], note: str = "") -> str:
        """The id of the new run."""
        body = {"logical_date": None, "conf": conf, "note": note or None}
        return str(self._call("POST", f"/dags/{dag_id}/dagRuns", body)["dag_run_id"])

    def note(self, dag_id: str, run_id: str, text: str) -> None:
        """Replaces the run's note."""
        self._call("PATCH", f"/dags/{dag_id}/dagRuns/{quote(run_id, safe='')}?update_mask=note", {"note": text})

    def run(self, dag_id: str, run_id: str) -> dict[str, Any]:
        return self._call("GET", f"/dags/{dag_id}/dagRuns/{quote(run_id, safe='')}")

    def runs(self, dag_id: str, state: str | None = None) -> list[dict[str, Any]]:
        """Newest first."""
        query = "?order_by=-run_after&limit=100" + (f"&state={state}" if state else "")
        return list(self._call("GET", f"/dags/{dag_id}/dagRuns{query}")["dag_runs"])

    def running_backfills(self, dag_id: str) -> list[dict[str, Any]]:
        """Airflow takes one at a time for each DAG."""
        found = self._call("GET", f"/backfills?dag_id={dag_id}&order_by=-id")["backfills"]
        return [backfill for backfill in found if not backfill["completed_at"]]

    def task_instances(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        path = f"/dags/{dag_id}/dagRuns/{quote(run_id, safe='')}/taskInstances"
        return list(self._call("GET", path)["task_instances"])

    def log(self, dag_id: str, run_id: str, task_id: str, try_number: int = 1) -> str:
        """What the task said in this try, a line each."""
        path = f"/dags/{dag_id}/dagRuns/{quote(run_id, safe='')}/taskInstances/{task_id}/logs/{try_number}"
        found = self._call("GET", f"{path}?full_content=true")["content"]
        return "\n".join(str(line["event"]) if isinstance(line, dict) else str(line) for line in found)

    def marked_by(self, dag_id: str, run_id: str, task_id: str) -> str:
        """Who ended this task by marking it or its run; empty where it goes on, or has ended by itself.

        Airflow's audit log has it, also where nothing of ours was alive to hear of it.
        """
        try:
            tasks = self.task_instances(dag_id, run_id)
        except Unreachable:
            raise
        except HashtideError as error:
            if "answered 404" in str(error):
                return ""   # the run was deleted, its history with it
            raise
        over = [task for task in tasks if task["task_id"] == task_id and task["state"] in _OVER]
        if not over:
            return ""
        events = "&".join(f"included_events={event}" for event in (*_MARKS, *_CLEARS))
        query = f"?order_by=-when&limit=20&dag_id={dag_id}&run_id={quote(run_id, safe='')}&{events}"
        said = [event for event in self._call("GET", f"/eventLogs{query}")["event_logs"]
                if event["event"] in _CLEARS or _SETS_STATE.search(event["extra"] or "")]
        return str(said[0]["owner"] or "somebody") if said and said[0]["event"] in _MARKS else ""

    def set_state(self, dag_id: str, run_id: str, task_id: str, state: str) -> None:
        """As a person does who marks the task: success, failed or skipped."""
        path = f"/dags/{dag_id}/dagRuns/{quote(run_id, safe='')}/taskInstances/{task_id}"
        self._call("PATCH", path, {"new_state": state})


def _detail(answer: requests.Response) -> str:
    try:
        detail = answer.json().get("detail", "")
    except ValueError:
        detail = answer.text
    return " ".join(str(detail).split())[:300]
