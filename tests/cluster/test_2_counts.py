"""Five minutes at 200 tweets/s over a full hour, the driver killed on the way; then the hours are sealed."""
from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone

import pytest

from deploy import landed
from spark_apps.contract import HOUR_MS, MINUTE_MS, hour_name
from tests.cluster.drivers import application_masters, kill_driver
from tests.cluster.laptop import Laptop, Said
from tests.cluster.load import Load, difference, feeding, loaded
from tests.cluster.page import AirflowPage
from tests.cluster.told import Told
from tests.cluster.trials import trials
from tests.cluster.waiting import until

Figure = Callable[[str], None]
STREAM = "exact"
RATE, SECONDS = 200, 300
UNDISTURBED_S = (30, 130)


@pytest.fixture(scope="module")
def load(machine: Laptop, up: Said) -> Iterator[Load]:
    assert up.code == 0
    with loaded(machine, STREAM, RATE) as running:
        yield running


def test_a_tweet_is_visible_within_30_seconds(load: Load, figure: Figure) -> None:
    started_ms = time.time_ns() // 1_000_000 - int((time.monotonic() - load.began) * 1000)
    load.await_second(UNDISTURBED_S[1] + 40)
    took = load.latencies(*UNDISTURBED_S, started_ms)
    p95 = statistics.quantiles(took, n=20)[-1]
    batches = [float(str(b["batch_s"])) for b in load.batches() if b["lines"]]
    figure(f"freshness: median {statistics.median(took):.1f} s, p95 {p95:.1f} s, n {len(took)}; "
           f"batch: median {statistics.median(batches):.1f} s, n {len(batches)}")
    assert len(took) > 0.9 * RATE * (UNDISTURBED_S[1] - UNDISTURBED_S[0])
    assert p95 <= 30


def test_a_killed_driver_is_replaced_by_yarns_next_attempt_and_the_page_and_the_alert_say_so(
        load: Load, told: Told, figure: Figure) -> None:
    [app_id] = load.live_applications()
    before, page = load.heartbeat(), AirflowPage.of(load.machine)
    began = time.monotonic()
    assert kill_driver(app_id)

    def committed() -> bool:
        now = load.heartbeat()
        return now["attempt"] == 2 and int(str(now["batch_id"] or 0)) > int(str(before["batch_id"]))
    with ThreadPoolExecutor(1) as beside, trials("driver_kill", figure) as done:
        shown = beside.submit(page.await_words, "Ended: its driver's process ended, and YARN began another", began,
                              "history", STREAM)
        until(committed, 180, "a commit of attempt 2")
        done.add(time.monotonic() - began)
        figure(f"a killed driver is on the page after {shown.result():.1f} s")
    told.look()
    assert len(told.episodes(STREAM, "restarted", "firing")) == 1
    assert load.live_applications() == [app_id]


def test_when_yarn_gives_up_the_deferred_task_submits_a_new_application(load: Load, figure: Figure) -> None:
    [given_up] = load.live_applications()
    began = time.monotonic()
    while given_up in load.live_applications():
        if application_masters(given_up):
            kill_driver(given_up)
        assert time.monotonic() - began < 180, "YARN does not give up"
    with trials("yarn_gives_up", figure) as done:
        until(lambda: load.heartbeat().get("epoch") == 2 and load.heartbeat().get("batch_id") is not None, 240,
              "a commit of epoch 2")
        done.add(time.monotonic() - began)
    [app_id] = load.live_applications()
    assert app_id != given_up
    held = load.machine.task("hashtag_stream", load.run_id, "hold")
    assert (held["state"], held["try_number"]) == ("deferred", 1)


def test_every_minute_tag_and_form_is_counted_exactly(load: Load, told: Told, figure: Figure) -> None:
    load.await_second(SECONDS)
    load.end_feeding()
    shown = AirflowPage.of(load.machine).await_words("Ingest receives nothing now", time.monotonic(), "health", STREAM)
    figure(f"a gap is on the page after {shown:.1f} s")
    told.look()
    assert len(told.episodes(STREAM, "gap", "firing")) == 1
    expected = load.expected()
    minutes = {key[0] for key in expected}
    assert sum(row[0] for key, row in expected.items() if key[1] == "") > 0.9 * RATE * SECONDS
    assert {at - at % HOUR_MS for at in minutes} == set(load.hours), "the load has to span both hours"
    load.await_counts(expected, 180)
    figure(f"{len(expected)} rows of {len(minutes)} minutes equal to the simulator's ledger")


def test_after_the_stop_no_application_is_left_and_the_run_was_one_try(load: Load) -> None:
    said = load.machine.hashtide("stream", "stop", "--stream", STREAM)
    assert said.code == 0, said.text
    assert load.machine.await_run("hashtag_stream", load.run_id)["state"] == "success"
    assert load.machine.task("hashtag_stream", load.run_id, "hold")["try_number"] == 1
    assert not [app.id for app in load.machine.yarn.apps() if app.live and "hashtide-seal" not in "".join(app.tags)]


def seal(load: Load, hours: tuple[int, ...]) -> None:
    """By Airflow's own backfill, as the page for operators says."""
    first, last = (datetime.fromtimestamp(at / 1000, timezone.utc).isoformat() for at in (hours[0], hours[-1]))
    until(lambda: not load.machine.airflow.running_backfills("hashtag_hourly"), 60, "the end of the backfill before")
    known = {run["dag_run_id"]: run["end_date"] for run in load.machine.airflow.runs("hashtag_hourly")}
    made = load.machine.airflow_command(
        "backfill", "create", "--dag-id", "hashtag_hourly", "--from-date", first, "--to-date", last,
        "--reprocess-behavior", "completed", "--dag-run-conf", f'{{"stream": "{load.stream}"}}')
    assert made.code == 0, made.text

    def over() -> list[dict[str, object]]:
        runs = [run for run in load.machine.airflow.runs("hashtag_hourly") if run["run_type"] == "backfill"
                and run["end_date"] and known.get(run["dag_run_id"]) != run["end_date"]]
        return runs if len(runs) == len(hours) else []
    ended = until(over, 420, f"the seals of {', '.join(map(hour_name, hours))}", 2.0)
    assert {run["state"] for run in ended} == {"success"}


def final(load: Load, hour: int) -> list[tuple[object, ...]]:
    columns = ["window_start", "tag", "form", "tweets", "originals", "retweets", "quotes", "replies", "revision"]
    rows = load.machine.tables(STREAM).rows("counts", columns, (hour, hour + HOUR_MS))
    return sorted(tuple(row[name] for name in columns) for row in rows)


def test_the_sealed_hours_are_exact(load: Load) -> None:
    expected = load.expected("lowest")
    # Ingest's clock goes on an hour and a quarter, and with it how far landing is known to be complete.
    feeding(load, 1, load.offset_ms + 75 * MINUTE_MS)
    until(lambda: min(landed.marks(load.machine.hdfs, load.paths).values()) >= landed.needed(load.hours[1]), 60,
          "ingest to say that both hours are landed")
    seal(load, load.hours)
    assert set(load.machine.tables(STREAM).sealed()) == set(load.hours)
    differs = difference(load.counted(), expected)
    assert not differs, differs


def test_each_landed_line_is_accounted_for(load: Load) -> None:
    said = load.machine.hashtide("ledger", "--stream", STREAM, "--from", hour_name(load.hours[0]), "--to",
                                 hour_name(load.hours[1]), "--json")
    assert said.code == 0, said.text
    rows = said.json()
    assert len(rows) == 2
    assert all(row["adds_up"] and row["complete"] for row in rows)


def test_sealed_again_by_airflow_an_hour_has_the_same_rows(load: Load) -> None:
    before = final(load, load.hours[0])
    seal(load, load.hours[:1])
    assert final(load, load.hours[0]) == before
