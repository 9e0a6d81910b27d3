"""Who may read the page, and what a user may do: Airflow's own rights on the DAGs."""
from __future__ import annotations

from typing import Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from fastapi import Depends

STREAM, BACKFILL, PROVISION, RETENTION = ("hashtag_stream", "hashtag_backfill", "hashtag_provision",
                                          "hashtag_retention")

#: 401 without a login, 403 for whoever may not read the stream's DAG.
READ = Depends(requires_access_dag(method="GET", param_dag_id=STREAM))


def may(user: GetUserDep) -> dict[str, Any]:
    """{"user", "trigger": {DAG: whether the user may run it}}. Only for what the page offers: Airflow's API decides."""
    manager = get_auth_manager()
    return {"user": user.get_name(), "trigger": {
        dag: manager.is_authorized_dag(method="POST", access_entity=DagAccessEntity.RUN, details=DagDetails(id=dag),
                                       user=user)
        for dag in (STREAM, BACKFILL, PROVISION, RETENTION)}}
