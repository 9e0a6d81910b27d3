"""`related` over a real Delta table in a directory, and what an analysis may be asked for."""
from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from deploy import analysis
from deploy.analysis import Analysis
from deploy.errors import BadUse
from spark_apps.args import graph_args, related_args
from spark_apps.contract import StreamPaths
from tests.fakes.files import Files
from tests.fakes.typed import typed_as

PATHS = StreamPaths("hashtags")
LEARNT = {"hours": 24, "from": "2026-03-01T10", "to": "2026-03-02T09", "min_tweets": 5, "cases": 900,
          "hit_rate_at_10": 0.6, "popularity_at_10": 0.35, "beats_popularity": True}


@pytest.fixture
def files() -> Files:
    return Files()


@pytest.fixture
def typed(tmp_path: Path, files: Files, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    return typed_as("related", tmp_path, files, monkeypatch)


@pytest.fixture
def learnt(tmp_path: Path, files: Files) -> None:
    rows = [("strasse", "köln\x1b[2J", 9, 0.9, 0.30, 4.0), ("strasse", "auto", 6, 0.6, 0.20, 9.0),
            ("x", "y", 5, 0.5, 1.0, 1.0)]
    names = ("tag", "related", "tweets", "support", "confidence", "lift")
    write_deltalake(f"file://{tmp_path}{PATHS.table('related')}",
                    pa.table({name: [row[n] for row in rows] for n, name in enumerate(names)}))
    files.write_json(PATHS.related_result, LEARNT)


@pytest.mark.usefixtures("learnt")
def test_a_tag_in_any_spelling_is_answered_by_confidence_with_how_good_that_is(
        typed: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    assert typed("#STRASSE") == 0
    head, _, first, second = capsys.readouterr().out.splitlines()
    assert "24 hours from 2026-03-01T10 to 2026-03-02T09" in head and "0.600, of the most popular tags 0.350" in head
    assert first.split() == ["1.", "#köln\\x1b[2J", "9", "0.9000", "0.300", "4.00"] and second.split()[1] == "#auto"


@pytest.mark.usefixtures("learnt")
def test_by_lift_as_json_no_more_than_asked_for(typed: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    assert typed("straße", "--by", "lift", "-k", "1", "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["tag"], [row["related"] for row in said["related"]]) == ("strasse", ["auto"])
    assert said["learnt"] == LEARNT


@pytest.mark.usefixtures("learnt")
def test_a_model_that_is_no_better_than_popularity_is_called_so(
        typed: Callable[..., int], files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    files.write_json(PATHS.related_result, {**LEARNT, "hit_rate_at_10": 0.3, "beats_popularity": False})
    typed("x")
    assert "foretell NOTHING more" in capsys.readouterr().out


def test_what_is_not_there_is_an_answer_with_the_way_out(
        typed: Callable[..., int], files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    assert typed("a") == 1
    assert "Nothing learnt of stream hashtags yet: `deploy/hashtide analyse related` does it" in capsys.readouterr().out
    files.write_json(PATHS.related_result, {"refused": "1 sealed hours: two are needed"})
    assert typed("a") == 1
    assert "yet: 1 sealed hours: two are needed" in capsys.readouterr().out


@pytest.mark.usefixtures("learnt")
def test_an_unknown_tag_is_no_and_an_empty_one_is_wrong_use(
        typed: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    assert typed("nobody") == 1
    assert "#nobody goes with no tag in the 24 hours" in capsys.readouterr().out
    assert typed("#") == 2
    assert "expected a hashtag" in capsys.readouterr().err


# what an analysis may be asked for

def test_what_the_dags_pass_is_understood_by_the_applications() -> None:
    job = Analysis("related", "music", {"from": "", "to": "", "newest": 6, "min_tweets": 3}, "me")
    found = related_args(list(job.args("/hashtide")))
    assert (found.paths.stream, found.first, found.newest, found.min_tweets, found.by) == ("music", None, 6, 3, "me")
    job = Analysis("related", "music", {"from": "2026-03-01T10", "to": "2026-03-01T12", "newest": 24})
    found = related_args(list(job.args("/hashtide")))
    assert (found.first, found.last) == (1_772_359_200_000, 1_772_366_400_000)
    drawn = graph_args(list(Analysis("graph", "music", {"day": "2026-03-01", "min_lift": 1.5}).args("/hashtide")))
    assert (drawn.day, drawn.min_tweets, drawn.min_lift) == (1_772_323_200_000, 5, 1.5)


@pytest.mark.parametrize("kind,options,said", [
    ("related", {"from": "yesterday"}, "from = 'yesterday': expected an hour of UTC"),
    ("related", {"to": "2026-03-01T10"}, "to goes with from"),
    ("related", {"newest": 0}, "newest = '0': expected a whole"),
    ("related", {"day": "2026-03-01"}, "day: expected one of from, to"), ("graph", {}, "day is missing"),
    ("graph", {"day": "2026-3-1"}, "day = '2026-3-1': expected a day"),
    ("graph", {"day": "2026-03-01", "min_lift": "nan"}, "min_lift = 'nan': expected a number")])
def test_what_is_out_of_range_is_named_before_anything_is_submitted(kind: str, options: dict[str, Any],
                                                                    said: str) -> None:
    with pytest.raises(BadUse) as error:
        Analysis(kind, "music", options)
    assert said in str(error.value)


def test_an_old_result_is_none_and_one_that_refuses_says_why() -> None:
    files, job = Files(), Analysis("related", "hashtags")
    files.write_json(PATHS.related_result, {"refused": "no", "application": "app_1", "time_ms": 5})
    with pytest.raises(analysis.Refused, match="no"):
        analysis.result(files, job, PATHS.root, 9, "app_1")
    with pytest.raises(Exception, match="left no result"):
        analysis.result(files, job, PATHS.root, 9, "app_2")


def test_the_newest_day_is_that_of_the_newest_seal() -> None:
    files = Files()
    with pytest.raises(BadUse, match="no sealed hour yet"):
        analysis.newest_day(files, PATHS)
    for hour in ("2026-03-01T23", "2026-03-02T00"):
        files.write_json(f"{PATHS.progress}/seal/{hour}.json", {})
    files.write_json(PATHS.late_result, {})
    assert analysis.newest_day(files, PATHS) == "2026-03-02"
