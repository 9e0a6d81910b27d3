"""Airflow's four processes, lean enough for two cores, on PostgreSQL.

https://airflow.apache.org/docs/apache-airflow/stable/configurations-ref.html
"""
from __future__ import annotations

import base64
import configparser
import io
import json
import secrets
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import requests

from deploy.errors import BadUse, HashtideError
from deploy.local import postgres
from deploy.local.instance import REPO, Instance
from deploy.local.ports import HOST
from deploy.local.processes import Record
from deploy.local.service import Service

ADMIN = "admin"
#: At most one batch application at a time, also while its task is deferred.
POOL = {"name": "yarn_batch", "slots": 1, "include_deferred": True, "description": "applications in queue batch"}
# name: (arguments, its word in /monitor/health)
_PROCESSES = {
    "airflow-api": (("api-server", "--workers", "1"), "metadatabase"),
    "airflow-scheduler": (("scheduler", "--skip-serve-logs"), "scheduler"),
    "airflow-dags": (("dag-processor",), "dag_processor"),
    "airflow-triggerer": (("triggerer", "--skip-serve-logs"), "triggerer"),
}

_SECRETS = (("core", "fernet_key"), ("api", "secret_key"), ("api_auth", "jwt_secret"))


def home(instance: Instance) -> Path:
    return instance.dir / "airflow"


def password_file(instance: Instance) -> Path:
    """The admin's password, mode 0600."""
    return home(instance) / "admin.password"


def metrics_token_file(instance: Instance) -> Path:
    """The token by which Prometheus may read the page's metrics, mode 0600."""
    return home(instance) / "metrics.token"


def environment(instance: Instance) -> dict[str, str]:
    """For the four processes, and for `airflow` on the command line."""
    return instance.environment(
        AIRFLOW_HOME=str(home(instance)), AIRFLOW_CONFIG=str(home(instance) / "airflow.cfg"),
        PGPASSFILE=str(postgres.passfile(instance)), SPARK_LOCAL_IP=HOST,
        # spark-submit is short: what is spent on compiling it well is lost.
        SPARK_SUBMIT_OPTS="-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xshare:auto")


def services(instance: Instance) -> list[Service]:
    """In start order; PostgreSQL must be among what is started before."""
    if not instance.python("airflow").exists():
        raise BadUse(f"no environment in {instance.home}/envs/airflow: run `deploy/hashtide up`")
    common = partial(Service, env=environment(instance), after=("postgres",), deadline=180,
                     extra={"airflow.cfg": write_configuration(instance)})
    found = []
    for name, (args, word) in _PROCESSES.items():
        service = common(name, [*_program(instance), *args], ready=_ready(instance, word))
        if name == "airflow-api":
            service = replace(service, ports=("airflow",), url=instance.url("airflow"),
                              prepare=lambda: migrate(instance))
        found.append(service)
    return found


def _program(instance: Instance) -> list[str]:
    python = instance.python("airflow")
    return [str(python), str(python.with_name("airflow"))]


def write_configuration(instance: Instance) -> str:
    """airflow.cfg and the login; secrets are made once and kept. The text without the secrets."""
    directory = home(instance)
    for path in (directory, directory / "logs"):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    wanted = settings(instance)
    public = _text(wanted)
    kept = configparser.ConfigParser(interpolation=None)
    kept.read(directory / "airflow.cfg")
    for section, key in _SECRETS:
        # 32 bytes in URL-safe base64 is what Fernet asks for, and enough for the others.
        fresh = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
        wanted.setdefault(section, {})[key] = kept.get(section, key, fallback=fresh)
    postgres.write_private(directory / "airflow.cfg", _text(wanted))
    if not password_file(instance).exists():
        postgres.write_private(password_file(instance), secrets.token_urlsafe(12) + "\n")
    if not metrics_token_file(instance).exists():
        postgres.write_private(metrics_token_file(instance), secrets.token_urlsafe(32) + "\n")
    password = password_file(instance).read_text().strip()
    postgres.write_private(directory / "passwords.json", json.dumps({ADMIN: password}))
    return public


def settings(instance: Instance) -> dict[str, dict[str, str]]:
    url, directory = instance.url("airflow"), home(instance)
    return {
        "core": {
            "dags_folder": str(REPO / "dags"), "plugins_folder": str(REPO / "deploy" / "airflow" / "plugins"),
            "executor": "LocalExecutor", "parallelism": "4", "load_examples": "False",
            "simple_auth_manager_users": f"{ADMIN}:admin",
            "simple_auth_manager_passwords_file": str(directory / "passwords.json"),
            "execution_api_server_url": f"{url}/execution/", "dagbag_import_timeout": "60"},
        "database": {"sql_alchemy_conn": f"postgresql+psycopg2://{postgres.address(instance)}",
                     # More than the api-server has threads: where all connections are taken, its event loop may
                     # wait for one that only it can give back, and answers nobody for 30 s.
                     "sql_alchemy_pool_size": "3", "sql_alchemy_max_overflow": "60"},
        "logging": {"base_log_folder": str(directory / "logs"), "colored_console_log": "False",
                    "dag_processor_child_process_log_directory": str(directory / "logs" / "dag_processor")},
        "api": {"host": HOST, "port": str(instance.ports.airflow), "base_url": url, "instance_name": "Hashtide"},
        "scheduler": {"enable_health_check": "False"},
        # A busy laptop, or an api-server that is being brought back, must not cost a running task its life.
        "workers": {"execution_api_timeout": "30", "max_failed_heartbeats": "24"},
        "dag_processor": {"parsing_processes": "1", "refresh_interval": "15", "min_file_process_interval": "30",
                          "dag_file_processor_timeout": "120", "stale_dag_threshold": "180",
                          "print_stats_interval": "0"},
        "usage_data_collection": {"enabled": "False"},
    }


def migrate(instance: Instance) -> None:
    """The database and its tables, where this Airflow has not made them in this PostgreSQL yet."""
    lock = (REPO / "deploy" / "requirements" / "airflow.txt").read_text().splitlines()
    version = next((line.split(" ")[0] for line in lock if line.startswith("apache-airflow==")), "")
    state = f"{version} {(postgres.data_dir(instance) / 'PG_VERSION').stat().st_mtime_ns}"
    stamp = home(instance) / "migrated"
    if stamp.exists() and stamp.read_text() == state:
        return
    postgres.create_database(instance)
    log = instance.logs / "airflow-migrate.out"
    with open(log, "wb") as out:
        done = subprocess.run([*_program(instance), "db", "migrate"], env=environment(instance), cwd=instance.dir,
                              check=False, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    if done.returncode:
        raise HashtideError(f"`airflow db migrate` failed: see {log}")
    stamp.write_text(state)


def make_pool(instance: Instance) -> None:
    """The pool that bounds the load of the batch queue; changes nothing where it is there."""
    with requests.Session() as http:
        http.trust_env = False
        url = instance.url("airflow")
        login = http.post(f"{url}/auth/token", timeout=30, json={
            "username": ADMIN, "password": password_file(instance).read_text().strip()})
        http.headers["Authorization"] = f"Bearer {login.json().get('access_token')}"
        if http.get(f"{url}/api/v2/pools/{POOL['name']}", timeout=30).status_code == 404:
            made = http.post(f"{url}/api/v2/pools", json=POOL, timeout=30)
            if made.status_code not in (201, 409):
                raise HashtideError(f"Airflow made no pool {POOL['name']}: {made.status_code} {made.text[:200]}")


def _ready(instance: Instance, word: str) -> Callable[[Record], str]:
    """By a heartbeat from after the start: a predecessor's last one looks healthy for half a minute."""
    def ready(record: Record) -> str:
        found: dict[str, Any] = _health(instance).get(word) or {}
        if found.get("status") != "healthy":
            return f"Airflow's {word} to be healthy"
        beat = next((value for key, value in found.items() if key.startswith("latest_")), None)
        if beat and datetime.fromisoformat(beat).timestamp() < record.since:
            return f"a heartbeat of Airflow's {word}"
        return ""
    return ready


def _health(instance: Instance) -> dict[str, Any]:
    try:
        with requests.Session() as http:
            http.trust_env = False
            return dict(http.get(f"{instance.url('airflow')}/api/v2/monitor/health", timeout=5).json())
    except (requests.RequestException, ValueError):
        return {}


def _text(values: dict[str, dict[str, str]]) -> str:
    parser = configparser.ConfigParser(interpolation=None)
    # Airflow reads with interpolation.
    parser.read_dict({s: {k: v.replace("%", "%%") for k, v in kv.items()} for s, kv in values.items()})
    out = io.StringIO()
    parser.write(out)
    return out.getvalue()
