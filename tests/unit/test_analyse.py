"""`analyse`: what it submits, what it waits for and believes, and when the answer is no."""
from __future__ import annotations

import json
from typing import Any

import pytest

from deploy import submit
from deploy.cli import parser
from deploy.errors import BadUse, HashtideError
from deploy.verbs import analyse
from tests.fakes.batches import PATHS, STREAM, Batches
from tests.fakes.world import App

LEARNT = {"rules": 12, "tags": 7, "hours": 2, "from": "2026-03-01T10", "to": "2026-03-01T11", "hit_rate_at_10": 0.5,
          "popularity_at_10": 0.25, "cases": 90, "beats_popularity": True}
DRAWN = {"day": "2026-03-01", "tags": 7, "links": 9, "components": 2, "communities": 3, "modularity": 0.4}


class Analyses(Batches):
    """Whose batches leave the result of an analysis, or `refuse`."""

    refuse = ""

    def _seal(self, job: submit.Job, app: App) -> None:
        path, found = ((PATHS.related_result, LEARNT) if job.kind == "related" else
                       (PATHS.graph_result("2026-03-01"), DRAWN))
        self.hdfs.write_json(path, {**({"refused": self.refuse} if self.refuse else found), "application": app.id,
                                    "time_ms": self.now_ms()})


@pytest.fixture
def world() -> Analyses:
    return Analyses()


def call(world: Analyses, monkeypatch: Any, *words: str) -> int:
    monkeypatch.setattr(analyse, "open_cluster", lambda args: (world.tools.cluster, world.hdfs))
    monkeypatch.setattr(analyse, "tools_of", lambda cluster, files, say: world.tools)
    args = parser().parse_args(["analyse", words[0], "--stream", STREAM, *words[1:]])
    return int(args.run(args))


def test_related_is_submitted_as_the_dag_does_and_its_result_is_told(world: Analyses, monkeypatch: Any,
                                                                    capsys: Any) -> None:
    assert call(world, monkeypatch, "related", "--newest", "2", "--min-tweets", "3") == 0
    (job,) = world.jobs
    assert job.kind == "related" and job.args == ("--stream", STREAM, "--root", PATHS.root, "--newest", "2",
                                                  "--min-tweets", "3", "--by", "command line")
    said = capsys.readouterr().out.splitlines()
    assert said[-1].startswith("12 rules of 7 tags from 2 hours")
    assert "better than the most popular tags' 0.250" in said[-1]


def test_the_graph_is_that_of_the_newest_day_with_a_sealed_hour(world: Analyses, monkeypatch: Any,
                                                               capsys: Any) -> None:
    with pytest.raises(BadUse, match="has no sealed hour yet"):
        call(world, monkeypatch, "graph")
    world.hdfs.write_json(f"{PATHS.progress}/seal/2026-03-01T10.json", {})
    assert call(world, monkeypatch, "graph", "--min-lift", "1.5", "--json") == 0
    (job,) = world.jobs
    assert job.kind == "graph" and job.args[4:8] == ("--day", "2026-03-01", "--min-lift", "1.5")
    assert json.loads(capsys.readouterr().out)["communities"] == 3, "and nothing else, for a program to read"


def test_what_is_out_of_range_is_never_submitted(world: Analyses, monkeypatch: Any) -> None:
    with pytest.raises(BadUse, match="min_lift = 'much': expected a number"):
        call(world, monkeypatch, "graph", "--day", "2026-03-01", "--min-lift", "much")
    assert not world.jobs


def test_nothing_to_learn_from_and_success_without_a_result_are_failures(world: Analyses, monkeypatch: Any) -> None:
    world.refuse = "1 sealed hours: two are needed"
    with pytest.raises(HashtideError, match="two are needed"):
        call(world, monkeypatch, "related")
    world.writes = False
    with pytest.raises(HashtideError, match="related of a left no result at"):
        call(world, monkeypatch, "related")
