"""The page in Airflow's navigation, and as a tab of DAGs and of their runs.

Every process of Airflow imports its plugins, and one of them serves pages: the application is made by the first
request.
"""
from __future__ import annotations

from functools import cache
from typing import Any
from urllib.parse import urlsplit

from airflow.configuration import conf
from airflow.plugins_manager import AirflowPlugin

PREFIX = "/hashtide"


@cache
def _application() -> Any:
    from deploy.airflow.page.app import make

    return make()


async def application(scope: Any, receive: Any, send: Any) -> None:
    await _application()(scope, receive, send)


def _address(query: str = "") -> str:
    """Below the path that Airflow itself is served from."""
    path = urlsplit(conf.get("api", "base_url", fallback="")).path.rstrip("/")
    return f"{path}{PREFIX}/{query}"


class HashtidePlugin(AirflowPlugin):
    name = "hashtide"
    fastapi_apps = [{"name": "hashtide", "app": application, "url_prefix": PREFIX}]
    # Airflow shows a tab on every DAG, or on none.
    external_views = [
        {"name": "Hashtags", "href": _address(), "destination": "nav", "url_route": "hashtags", "nav_top_level": True},
        {"name": "Hashtags", "href": _address("?dag={DAG_ID}&run={RUN_ID}"), "destination": "dag_run",
         "url_route": "hashtags-of-run"}]
