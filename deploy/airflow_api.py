"""Airflow's public API, as the user of the cluster file: trigger a DAG, follow its run.

https://airflow.apache.org/docs/apache-airflow/stable/stable-rest-api-ref.html
"""
from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests

from deploy.config import Airflow
from deploy.errors import BadUse, HashtideError, Unreachable

TIMEOUTS = (5, 30)


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


def _detail(answer: requests.Response) -> str:
    try:
        detail = answer.json().get("detail", "")
    except ValueError:
        detail = answer.text
    return " ".join(str(detail).split())[:300]
