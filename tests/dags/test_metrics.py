"""Metrics as the page's app serves them: who gets them, and what a real Prometheus, its rules and Grafana find."""
from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import requests
import uvicorn
from fastapi import FastAPI

from deploy.airflow import tools
from deploy.airflow.page import app, plugin
from deploy.metrics.names import FAMILIES
from tests import prometheus
from tests.fakes.page import STREAM, Page, filled
from tests.fakes.sockets import free_port, until

RULES = prometheus.MONITORING / "hashtide-rules.yml"
DASHBOARD = json.loads((prometheus.MONITORING / "grafana-dashboard.json").read_text())
NOW = 1_800_001_800_000
TOKEN = "of-the-tests"  # noqa: S105


@dataclass
class Served:
    url: str
    day: Page
    token_file: Path

    def get(self, **headers: str) -> requests.Response:
        return requests.get(f"{self.url}{plugin.PREFIX}/metrics", headers=headers, timeout=30)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The app below the path that Airflow gives it, on a real port, over a day in the fakes."""
    directory = tmp_path_factory.mktemp("metrics")
    (directory / "token").write_text(TOKEN + "\n")
    day = filled(directory / "day", lambda: NOW, hours=12, tags=2)
    day.hdfs.room = lambda: {"capacity": 1_000, "used": 900, "remaining": 100}  # type: ignore[attr-defined]
    airflow = replace(day.cluster.airflow, metrics_token_file=str(directory / "token"))
    day.cluster = replace(day.cluster, airflow=airflow)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(tools, "launcher", day.launcher)
        whole, port = FastAPI(), free_port()
        whole.mount(plugin.PREFIX, app.make())
        server = uvicorn.Server(uvicorn.Config(whole, host="127.0.0.1", port=port, log_level="warning"))
        serving = threading.Thread(target=server.run, daemon=True)
        serving.start()
        until(lambda: server.started or not serving.is_alive(), "the app to start")
        yield Served(f"http://127.0.0.1:{port}", day, directory / "token")
        server.should_exit = True
        serving.join(30)


@pytest.mark.parametrize("said", [None, "", TOKEN, f"Basic {TOKEN}", "Bearer", "Bearer ", "Bearer other",
                                  f"Bearer {TOKEN}x", "Bearer ü".encode().decode("latin-1")])
def test_without_the_token_there_is_nothing(served: Served, said: str | None) -> None:
    answer = served.get(**({} if said is None else {"Authorization": said}))
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert "hashtide_" not in answer.text and TOKEN not in answer.text


def test_a_token_is_changed_by_its_file_and_none_lets_nobody_in(served: Served) -> None:
    try:
        for text in ("another", ""):
            served.token_file.write_text(text)
            assert served.get(Authorization=f"Bearer {TOKEN}").status_code == 401
            assert served.get(Authorization=f"Bearer {text}").status_code == (200 if text else 401)
        served.token_file.unlink()
        assert served.get(Authorization="Bearer ").status_code == 401
    finally:
        served.token_file.write_text(TOKEN)


def test_what_is_served_is_text_that_promtool_finds_no_fault_with(served: Served, tmp_path: Path) -> None:
    answer = served.get(Authorization=f"bearer {TOKEN}")
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"
    assert f'hashtide_stream_running{{stream="{STREAM}"}} 1.0' in answer.text
    done = prometheus.checked(answer.text)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def expressions() -> list[str]:
    found = [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", [])]
    return [one.replace("$stream", STREAM) for one in found]


def test_rules_and_dashboard_name_only_metrics_that_there_are() -> None:
    variables = json.dumps(DASHBOARD["templating"])
    for text in (*expressions(), RULES.read_text(), variables):
        named = set(re.findall(r"hashtide_\w+", text))
        assert named <= set(FAMILIES), named - set(FAMILIES)
    places = [tuple(panel["gridPos"].values()) for panel in DASHBOARD["panels"]]
    assert len(set(places)) == len(places) and all(w + x <= 24 for _, w, x, _ in places)


def test_the_rules_hold_by_promtool() -> None:
    done = prometheus.promtool("check", "rules", "--lint-fatal", str(RULES))
    assert done.returncode == 0, done.stdout + done.stderr
    done = prometheus.promtool("test", "rules", str(Path(__file__).parents[1] / "data" / "hashtide-rules-test.yml"))
    assert done.returncode == 0, done.stdout + done.stderr


def configured(served: Served, directory: Path) -> Path:
    """The file that is shipped, with this test's addresses and less patience; and one that gives a wrong token."""
    text = prometheus.shipped(served.url, served.token_file)
    wrong = text.partition("scrape_configs:\n")[2].replace("job_name: hashtide", "job_name: wrong")
    (directory / "wrong.token").write_text("wrong")
    path = directory / "prometheus.yml"
    path.write_text(text + wrong.replace(str(served.token_file), str(directory / "wrong.token")))
    return path


def test_a_real_prometheus_reads_them_and_its_rules_and_every_panel_of_the_dashboard_find_them(
        served: Served, tmp_path: Path) -> None:
    with prometheus.serving(configured(served, tmp_path)) as found:
        until(lambda: found.query('up{job="hashtide"} == 1'), "Prometheus to have read the metrics", 60)
        assert [value for _, value in found.query(f'hashtide_ingest_posts_read{{stream="{STREAM}",period="day"}}')] == [
            41_000]
        until(lambda: found.query('up{job="wrong"} == 0'), "the wrong token to be refused", 60)
        targets: list[dict[str, Any]] = found.api("targets")["activeTargets"]
        assert {one["scrapePool"]: one["lastError"] for one in targets} == {
            "hashtide": "", "wrong": "server returned HTTP status 401 Unauthorized"}
        for expression in expressions():
            # A rate needs a second sample.
            until(lambda expression=expression: found.query(expression), f"data for {expression}", 60)
        until(lambda: {one["name"] for group in found.api("rules")["groups"] for one in group["rules"]
                       if one["state"] == "firing"} >= {"HashtideHourWrong", "HashtideSpend"}, "rules to fire", 60)
