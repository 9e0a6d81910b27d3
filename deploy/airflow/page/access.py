"""Who may read the page, and what a user may do: Airflow's own rights on the DAGs."""
from __future__ import annotations

import hmac
from pathlib import Path
from typing import Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from fastapi import Depends, HTTPException, Request

from deploy.airflow import tools
from deploy.errors import HashtideError

STREAM, BACKFILL, PROVISION, RETENTION = ("hashtag_stream", "hashtag_backfill", "hashtag_provision",
                                          "hashtag_retention")

#: 401 without a login, 403 for whoever may not read the stream's DAG.
READ = Depends(requires_access_dag(method="GET", param_dag_id=STREAM))


def scraper(request: Request) -> None:
    """Whoever has the token of the file that the cluster file names; a login is for people. 401 otherwise."""
    if not _matches(request.headers.get("authorization", "")):
        raise HTTPException(401, "metrics need `Authorization: Bearer` with the token of the file that the cluster "
                            "file names as metrics_token_file", {"WWW-Authenticate": "Bearer"})


def _matches(said: str) -> bool:
    """Read each time: a token is changed by changing its file."""
    try:
        path = tools.launcher().cluster.airflow.metrics_token_file
        token = Path(path).read_text(encoding="utf-8").strip() if path else ""
    except (HashtideError, OSError, UnicodeDecodeError):
        return False
    scheme, _, given = said.partition(" ")
    same = hmac.compare_digest(given.strip().encode(), token.encode())
    return bool(token) and scheme.lower() == "bearer" and same


METRICS = Depends(scraper)


def may(user: GetUserDep) -> dict[str, Any]:
    """{"user", "trigger": {DAG: whether the user may run it}}. Only for what the page offers: Airflow's API decides."""
    manager = get_auth_manager()
    return {"user": user.get_name(), "trigger": {
        dag: manager.is_authorized_dag(method="POST", access_entity=DagAccessEntity.RUN, details=DagDetails(id=dag),
                                       user=user)
        for dag in (STREAM, BACKFILL, PROVISION, RETENTION)}}
