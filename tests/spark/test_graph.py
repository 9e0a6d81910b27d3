"""The graph of a sealed day: GraphX against networkx on the very same links."""
from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import networkx as nx
import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from spark_apps import graph, hashtag_graph
from spark_apps.args import graph_args
from spark_apps.contract import StreamPaths, day_name
from spark_apps.files import Files
from spark_apps.graphx import RESET, TOLERANCE
from tests.spark.landing import NOW

DAY = day_name(NOW)


def asked(paths: StreamPaths, *words: str) -> Any:
    return graph_args(["--stream", paths.stream, "--root", paths.root, *words])


@pytest.fixture(scope="module")
def result(spark: SparkSession, two_hours: StreamPaths) -> dict[str, Any]:
    return hashtag_graph.run(spark, asked(two_hours, "--day", DAY))


@pytest.fixture(scope="module")
def tags(result: dict[str, Any], two_hours: StreamPaths) -> dict[str, dict[str, Any]]:
    return {row["tag"]: row for row in DeltaTable(two_hours.table("graph_tags")).to_pyarrow_table().to_pylist()}


@pytest.fixture(scope="module")
def theirs(result: dict[str, Any], two_hours: StreamPaths) -> nx.Graph:
    """The links of the table, as networkx has them."""
    rows = DeltaTable(two_hours.table("graph_links")).to_pyarrow_table().to_pylist()
    assert all(row["tag"] < row["other"] and row["tweets"] >= 5 and row["lift"] >= 2 for row in rows)
    return nx.Graph((row["tag"], row["other"]) for row in rows)


def parts(tags: dict[str, dict[str, Any]], name: str) -> list[set[str]]:
    found: dict[int, set[str]] = defaultdict(set)
    for tag, row in tags.items():
        found[row[name]].add(tag)
    return [found[number] for number in sorted(found)]


def test_page_rank_is_that_of_networkx_as_a_share_of_all_rank(tags: dict[str, dict[str, Any]],
                                                               theirs: nx.Graph) -> None:
    expected = nx.pagerank(theirs, alpha=1 - RESET, tol=1e-12, max_iter=1_000)
    assert set(tags) == set(expected) and len(tags) > 20
    assert sum(row["pagerank"] for row in tags.values()) == pytest.approx(1)
    # GraphX's ranks have the mean 1, and what each message leaves out is passed on, at most 1 / RESET times.
    most = 2 * TOLERANCE / RESET / len(tags)
    assert {tag: row["pagerank"] for tag, row in tags.items()} == pytest.approx(expected, abs=most)


def test_components_are_those_of_networkx_numbered_by_size(tags: dict[str, dict[str, Any]], theirs: nx.Graph) -> None:
    found = parts(tags, "component")
    assert sorted(map(sorted, found)) == sorted(map(sorted, nx.connected_components(theirs)))
    assert [len(part) for part in found] == sorted(map(len, found), reverse=True)
    assert {tag: row["degree"] for tag, row in tags.items()} == dict(theirs.degree())


def test_communities_are_more_than_chance_and_their_modularity_is_that_of_networkx(
        tags: dict[str, dict[str, Any]], theirs: nx.Graph, result: dict[str, Any]) -> None:
    for name, said in (("community", "modularity"), ("component", "modularity_of_components")):
        assert result[said] == pytest.approx(nx.community.modularity(theirs, parts(tags, name)))
    assert result["modularity"] > 0.3
    circle = {"kpop", "嵐", "방탄소년단", "nowplaying", "アニメ", "コーヒー"}
    assert max(len(part & circle) for part in parts(tags, "community")) >= 5


def test_it_leaves_its_result_and_nothing_else(spark: SparkSession, two_hours: StreamPaths,
                                               result: dict[str, Any], theirs: nx.Graph) -> None:
    assert Files(spark, two_hours.base).read_json(two_hours.graph_result(DAY)) == result
    assert (result["tags"], result["links"], result["hours"]) == (len(theirs), theirs.number_of_edges(), 2)
    assert not list(Path(two_hours.scratch("")).iterdir())


def test_links_are_pairs_that_stand_together_more_often_than_chance(spark: SparkSession) -> None:
    rows = [["a", "b"]] * 4 + [["a", "c"]] * 3 + [["b"]] * 1 + [["d"]] * 8 + [["c", "e", "f"]] * 2
    baskets = spark.createDataFrame([(items,) for items in rows], "items array<string>")
    found = {(row["tag"], row["other"]): (row["tweets"], row["lift"])
             for row in graph.links(baskets, 2, 1.0).collect()}
    assert found == {("a", "b"): (4, pytest.approx(4 * 18 / 7 / 5)), ("a", "c"): (3, pytest.approx(3 * 18 / 7 / 5)),
                     ("c", "e"): (2, pytest.approx(3.6)), ("c", "f"): (2, pytest.approx(3.6)),
                     ("e", "f"): (2, pytest.approx(9.0))}


def test_a_day_without_hours_or_links_is_refused_in_words(spark: SparkSession, two_hours: StreamPaths) -> None:
    said = hashtag_graph.run(spark, asked(two_hours, "--day", "2020-01-01"))
    assert "2020-01-01 has no sealed hour" in said["refused"]
    said = hashtag_graph.run(spark, asked(two_hours, "--day", DAY, "--min-tweets", "100000"))
    assert "no two tags that 100000 tweets have together" in said["refused"]
