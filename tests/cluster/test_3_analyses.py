"""What is found out about sealed hours, each by its DAG on YARN; the stream is the one that test_2_counts.py sealed."""
from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from spark_apps.contract import HOUR_MS, StreamPaths, day_name, hour_name
from tests.cluster.laptop import Laptop, Said
from tests.cluster.test_2_counts import STREAM

PATHS = StreamPaths(STREAM)


@pytest.fixture(scope="module")
def hours(machine: Laptop, up: Said) -> list[int]:
    found = sorted(machine.tables(STREAM).sealed())
    assert len(found) == 2, "test_2_counts.py comes first"
    return found


def run(machine: Laptop, dag: str, task: str, **conf: Any) -> None:
    """To its end; with a mapped task that was run and not skipped."""
    run_id = machine.airflow.trigger(dag, {"stream": STREAM, **conf})
    assert machine.await_run(dag, run_id, 420)["state"] == "success"
    assert machine.task(dag, run_id, task)["state"] == "success"


def test_associated_tags_are_learnt_and_beat_popularity(machine: Laptop, hours: list[int],
                                                        figure: Callable[[str], None]) -> None:
    run(machine, "hashtag_related", "learn")
    told = machine.hdfs.read_json(PATHS.related_result) or {}
    assert (told["from"], told["to"], told["left_out"]) == (*map(hour_name, hours), [])
    figure(f"related: hit rate at 10 {told['hit_rate_at_10']:.3f}, popularity {told['popularity_at_10']:.3f}, "
           f"{told['cases']} cases, {told['rules']} rules")
    assert told["cases"] > 500 and told["beats_popularity"]
    said = machine.hashtide("related", "KPOP", "--stream", STREAM, "--json")
    assert said.code == 0, said.text
    assert {"嵐", "방탄소년단", "nowplaying"} <= {row["related"] for row in said.json()["related"]}
    assert said.seconds < 20


def test_the_graph_of_a_day_is_made_said_and_drawn(machine: Laptop, hours: list[int], tmp_path: Path,
                                                   figure: Callable[[str], None]) -> None:
    day = day_name(hours[-1])
    run(machine, "hashtag_graph", "graph")   # by itself it takes the newest day
    told = machine.hdfs.read_json(PATHS.graph_result(day)) or {}
    figure(f"graph: {told['tags']} tags, {told['links']} links, {told['components']} components, "
           f"{told['communities']} communities of modularity {told['modularity']:.3f}")
    assert told["hours"] == sum(day_name(hour) == day for hour in hours) and told["modularity"] > 0.3
    said = machine.hashtide("graph", "--stream", STREAM, "--out", str(tmp_path / "graph.svg"))
    assert said.code == 0, said.text
    assert f"{told['tags']:,} tags, {told['links']:,} links" in said.out
    assert "#kpop" in (tmp_path / "graph.svg").read_text(encoding="utf-8")
    assert not machine.hdfs.list(f"{PATHS.root}/scratch/{STREAM}")


@pytest.mark.parametrize("words", [["related", "--newest", "2"], pytest.param(["graph"], marks=pytest.mark.skipif(
    "HASHTIDE_CI" in os.environ, reason="80 s that the gate has not: `deploy/hashtide test cluster` plays it"))])
def test_by_hand_it_finds_what_its_dag_found(machine: Laptop, hours: list[int], figure: Callable[[str], None],
                                             words: list[str]) -> None:
    path = PATHS.related_result if words[0] == "related" else PATHS.graph_result(day_name(hours[-1]))
    before = machine.hdfs.read_json(path) or {}
    said = machine.hashtide("analyse", *words, "--stream", STREAM, "--json")
    assert said.code == 0, said.text
    figure(f"analyse {words[0]}: {said.seconds:.0f} s")
    found = said.json()
    assert found == machine.hdfs.read_json(path) and found["time_ms"] > before["time_ms"]
    same = {"tags", "rules", "links", "components", "cases", "hit_rate_at_10", "popularity_at_10"} & set(before)
    assert same and {name: found[name] for name in same} == {name: before[name] for name in same}


def test_sparks_sql_runs_on_the_cluster_over_its_catalogue(machine: Laptop, hours: list[int]) -> None:
    counts = machine.tables(STREAM).counts(hours[0], hours[-1] + HOUR_MS)
    said = machine.hashtide("sql", "--engine", "spark", "--stream", STREAM, "--json",
                            "SELECT sum(tweets) AS n FROM current_counts WHERE tag = ''")
    assert said.code == 0, said.text
    assert said.json() == [{"n": sum(row[0] for (_, tag, _), row in counts.items() if tag == "")}]
