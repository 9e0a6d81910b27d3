"""One command brings up everything, and ends with the top tags."""
from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from deploy.local import cluster
from tests.cluster.laptop import Laptop, Said
from tests.cluster.waiting import until

Figure = Callable[[str], None]

def test_up_ends_with_the_top_tags_the_addresses_and_the_login(machine: Laptop, up: Said, figure: Figure) -> None:
    assert up.code == 0, up.text
    figure(f"up, everything installed: counts after {up.seconds:.0f} s")
    assert re.search(r"^Top tags of hashtags, .+ UTC, 10m \([\d,]+ tweets\): (open|closed)", up.out, re.MULTILINE)
    assert len(re.findall(r"^ *\d+\.  #\S+ +[\d,]+ +[\d,]+$", up.out, re.MULTILINE)) == 10
    assert f"http://127.0.0.1:{machine.ports.airflow}  login admin, password in " in up.out
    assert f"YARN     http://127.0.0.1:{machine.ports.resourcemanager_web}" in up.out
    assert up.seconds < 600


def test_up_again_is_quick_and_starts_nothing_twice(machine: Laptop, up: Said) -> None:
    before = {row.name: row.pid for row in cluster.status(machine.instance)}
    again = machine.hashtide("up")
    assert again.code == 0, again.text
    assert {row.name: row.pid for row in cluster.status(machine.instance)} == before
    assert "starting" not in again.text
    assert again.seconds < 30
    assert len([app for app in machine.yarn.apps() if app.live and "hashtide-hashtags" in app.tags]) == 1


def test_status_shows_every_process_and_the_batch_duration(machine: Laptop, up: Said) -> None:
    # A batch is in the table a moment before Spark reports it.
    until(lambda: machine.hashtide("status", "--json").json()["stream"]["batch_seconds"], 30, "the first report")
    said = machine.hashtide("status")
    assert said.code == 0, said.text
    for name in cluster.ALL:
        assert re.search(rf"^{name} +running +\d+", said.out, re.MULTILINE), said.out
    assert re.search(r"last batch +\d+ of generation 1: [\d.]+ s of a 10\.0 s trigger", said.out)
    assert re.search(r"newest minute \d\d:\d\d UTC", said.out)


def test_status_and_top_speak_json(machine: Laptop, up: Said) -> None:
    status = machine.hashtide("status", "--json").json()
    assert status["stream"]["ok"] is True
    assert {row["name"] for row in status["processes"]} >= set(cluster.ALL)
    top = machine.hashtide("top", "--minutes", "5", "-n", "3", "--json").json()
    assert [tag["rank"] for tag in top["tags"]] == [1, 2, 3]


def test_memory_of_everything_is_at_most_6_gb(machine: Laptop, up: Said, figure: Figure) -> None:
    """With the stream's driver and executor, which are the NodeManager's children."""
    from deploy.local.instance import INSTANCE_VARIABLE
    from deploy.local.processes import marked

    daemons = sum(row.rss_mb or 0 for row in cluster.status(machine.instance))
    containers = [p for p in marked(INSTANCE_VARIABLE, str(machine.instance.dir)) if "container_" in p.cwd()]
    total = daemons + sum(p.memory_full_info().pss for p in containers) // 2**20
    figure(f"memory of everything: {total} MB, of it daemons {daemons} MB")
    assert containers
    assert total < 6 * 1024


@pytest.mark.parametrize("name", ["datanode", "airflow-triggerer"])
def test_a_dead_process_is_shown_and_brought_back_by_up(machine: Laptop, up: Said, name: str) -> None:
    cluster.kill(machine.instance, name)
    dead = machine.hashtide("status")
    assert dead.code == 1
    assert re.search(rf"^{name} +dead", dead.out, re.MULTILINE), dead.out
    back = machine.hashtide("up")
    assert back.code == 0, back.text
    assert f"starting {name}" in back.text
    assert next(row for row in cluster.status(machine.instance) if row.name == name).state == "running"


def test_the_stream_stops_on_request_and_its_dag_run_succeeds(machine: Laptop, up: Said) -> None:
    run = machine.airflow.runs("hashtag_stream")[0]
    assert run["state"] == "running"
    said = machine.hashtide("stream", "stop")
    assert said.code == 0, said.text
    assert machine.await_run("hashtag_stream", run["dag_run_id"])["state"] == "success"
    assert machine.task("hashtag_stream", run["dag_run_id"], "hold")["try_number"] == 1
    assert not [app for app in machine.yarn.apps(tag="hashtide-hashtags") if app.live]
    assert machine.hashtide("stream", "status").out.startswith("stream hashtags: stopped")
