"""The page over real HDFS and YARN, in Chromium: of a stream that ran, lost drivers, was fed no more, and was sealed.

That a killed driver and a gap are on it within a minute is seen where they are made, in test_2_counts.py.
"""
from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Browser, expect

from spark_apps.contract import StreamPaths, hour_name
from tests import prometheus
from tests.browser import Watched, chromium, watched
from tests.cluster.laptop import Laptop, Said
from tests.cluster.page import AirflowPage
from tests.cluster.test_2_counts import STREAM
from tests.cluster.told import Told
from tests.cluster.waiting import until

#: Each view with words that only real data bring.
VIEWS = {"now": "tweets. This window is", "health": "Newest counted minute", "hours": "Rebuild a range",
         "history": "Ended: its driver's process ended, and YARN began another", "checkpoints": "generation, in use",
         "cost": "Source"}


@pytest.fixture(scope="module")
def page(machine: Laptop, up: Said) -> AirflowPage:
    assert up.code == 0
    return AirflowPage.of(machine)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as made:
        yield made


@pytest.fixture
def seen(browser: Browser, page: AirflowPage) -> Iterator[Watched]:
    with watched(browser, page.base, page.token) as made:
        yield made
        made.check()


def show(seen: Watched, address: str, words: str) -> None:
    seen.page.goto(f"{seen.base}/hashtide/#{address}stream={STREAM}")
    expect(seen.page.locator("main")).to_contain_text(words)
    expect(seen.page.locator("#summary")).to_contain_text("It is stopped, as somebody asked for")
    expect(seen.page.get_by_role("alert")).to_be_hidden()


def test_every_view_loads_with_what_happened_and_asks_no_other_machine(seen: Watched) -> None:
    for view, words in VIEWS.items():
        show(seen, f"{view}?", words)
        assert (view, seen.axe()) == (view, [])
        seen.check()


def test_a_tag_has_its_curve_and_a_point_what_a_restore_would_do(seen: Watched) -> None:
    show(seen, "now?", VIEWS["now"])
    seen.page.locator("main tbody a").first.click()
    expect(seen.page.locator("main h2 .tag")).to_be_visible()
    expect(seen.page.locator("main canvas")).to_have_count(2)
    show(seen, "checkpoints?", VIEWS["checkpoints"])
    seen.page.get_by_role("button", name="See a restore of g0001").click()
    expect(seen.page.locator("main pre")).to_contain_text(f"stream {STREAM}")


def test_prometheus_reads_its_metrics_by_a_token_of_its_own_alone(machine: Laptop, page: AirflowPage) -> None:
    token = Path(machine.cluster.airflow.metrics_token_file).read_text().strip()
    answers = {said: requests.get(f"{page.base}/hashtide/metrics", headers={"Authorization": f"Bearer {said}"},
                                  timeout=60) for said in (page.token, token)}
    assert answers[page.token].status_code == 401
    told = answers[token].text
    for line in ('hashtide_up{component="hdfs"} 1.0', 'hashtide_up{component="yarn"} 1.0',
                 "hashtide_hdfs_remaining_bytes", f'hashtide_stream_wanted{{stream="{STREAM}"}} 0.0',
                 f'hashtide_seal_missing{{stream="{STREAM}"}}',
                 f'hashtide_stream_newest_minute_timestamp_seconds{{stream="{STREAM}"}}'):
        assert f"\n{line}" in f"\n{told}", told
    assert "hashtide_unread{" not in told


def test_what_fires_can_be_seen_wholly_and_the_watchdog_could_tell_of_it(machine: Laptop, page: AirflowPage) -> None:
    said = machine.hashtide("alerts", "--json").json()
    assert said["faults"] == [] and "unreachable" not in {one["rule"] for one in said["alerts"]}
    api, dag = machine.airflow, "hashtag_watchdog"
    ended = {one["state"] for run in api.runs(dag) for one in api.task_instances(dag, run["dag_run_id"])
             if one["task_id"] == "alert" and one["state"] in ("success", "failed")}
    assert not ended or "success" in ended


def test_an_hour_that_drifts_is_there_within_a_minute_with_the_rows_and_the_way_on(
        machine: Laptop, page: AirflowPage, seen: Watched, told: Told) -> None:
    hour = min(machine.tables(STREAM).sealed())
    path = StreamPaths(STREAM).verify_result(hour)
    before = machine.hdfs.read_json(path) or {}
    revision = int(machine.tables(STREAM).sealed()[hour]["revision"])
    machine.hdfs.write_json(path, {
        "hour": hour_name(hour), "hour_ms": hour, "rows": 9, "differing": 1, **before, "revision": revision,
        "unexplained": 1, "reasons": {"unexplained": {"rows": 1, "tweets": 0}}, "differences": [
            {"minute_ms": hour, "tag": "drifts", "form": "Drifts", "live": {"tweets": 3}, "sealed": {"tweets": 2},
             "fresh": {"tweets": 2}, "reasons": {"unexplained": {"tweets": 0, "ids": []}}}]})
    try:
        page.await_words("1 row differs between stream and seal", time.monotonic(), "hours", STREAM)
        told.look()
        assert len(told.episodes(STREAM, "drift", "firing")) == 1
        show(seen, f"hours?hour={hour}&", "1 row differs between stream and seal")
        expect(seen.page.locator("main")).to_contain_text("#Drifts")
        seen.page.get_by_role("button", name="Rebuild this hour").click()
        dialog = seen.page.get_by_role("dialog", name="Rebuild this hour")
        for name in ("from", "to"):
            expect(dialog.get_by_label(name, exact=True)).to_have_value(hour_name(hour))
    finally:
        machine.hdfs.write_json(path, before)


def test_each_alert_was_told_once_and_its_end_once(told: Told) -> None:
    """The driver that was killed in test_2_counts, the gap that was made there, and the drift."""
    told.look()
    told.look()
    for rule in ("restarted", "gap", "drift"):
        fired, over = (told.episodes(STREAM, rule, state) for state in ("firing", "resolved"))
        # The gap that began with the end of the load is still there.
        assert over and over <= fired and (rule == "gap" or over == fired), rule


def test_a_real_prometheus_scrapes_it_by_the_files_that_are_shipped(
        machine: Laptop, page: AirflowPage, tmp_path: Path) -> None:
    path = tmp_path / "prometheus.yml"
    path.write_text(prometheus.shipped(page.base, Path(machine.cluster.airflow.metrics_token_file), "5s"))
    with prometheus.serving(path) as found:
        until(lambda: found.query('hashtide_up{component="yarn"} == 1'), 60, "Prometheus to have scraped it")
        assert found.query(f'hashtide_stream_wanted{{stream="{STREAM}"}} == 0')
        until(lambda: {one["health"] for group in found.api("rules")["groups"] for one in group["rules"]} == {"ok"}, 60,
              "each rule to have been tried")
        [target] = found.api("targets")["activeTargets"]
        assert (target["health"], target["lastError"]) == ("up", "")
