"""`graph` over real Delta tables in a directory: what it says, and a picture whose labels can be read."""
from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import write_deltalake
from PIL import Image

from spark_apps.contract import StreamPaths
from tests.fakes.files import Files
from tests.fakes.typed import typed_as

PATHS = StreamPaths("hashtags")
DAY = "2026-03-01"
SVG = "{http://www.w3.org/2000/svg}"
#: Two communities of tags that are all linked with each other, and one link between them.
PARTS = (("kpop", "嵐", "방탄소년단", "$x^2$", "<b>"), ("السعودية", "россия", "straße"))


@pytest.fixture
def files() -> Files:
    return Files()


@pytest.fixture
def typed(tmp_path: Path, files: Files, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    return typed_as("graph", tmp_path, files, monkeypatch)


@pytest.fixture
def drawn(tmp_path: Path, files: Files) -> None:
    tags = [(tag, n) for n, part in enumerate(PARTS, 1) for tag in part]
    links = [(a, b) for part in PARTS for a in part for b in part if a < b] + [("kpop", "россия")]
    write_deltalake(f"file://{tmp_path}{PATHS.table('graph_tags')}", pa.table({
        "day": [date(2026, 3, 1)] * len(tags), "tag": [tag for tag, _ in tags], "tweets": [9] * len(tags),
        "degree": [sum(tag in link for link in links) for tag, _ in tags],
        "pagerank": [0.5 / (n + 1) for n in range(len(tags))], "component": [1] * len(tags),
        "community": [n for _, n in tags]}))
    write_deltalake(f"file://{tmp_path}{PATHS.table('graph_links')}", pa.table({
        "day": [date(2026, 3, 1)] * len(links), "tag": [a for a, _ in links], "other": [b for _, b in links]}))
    files.write_json(PATHS.graph_result(DAY), {"modularity": 0.4321})


@pytest.mark.usefixtures("drawn")
def test_top_tags_and_communities_of_the_newest_day_are_said(
        typed: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    assert typed("-k", "2") == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == ("Hashtags of hashtags, 2026-03-01: 8 tags, 14 links, 1 components, 2 communities of "
                       "modularity 0.432")
    assert said[2].split() == ["1.", "#kpop", "0.5000", "5", "9", "1"] and len(said) == 7
    assert said[-2].strip().startswith("1. 5 tags: #kpop, #嵐") and said[-1].strip().startswith("2. 3 tags: #السعودية")
    assert typed("--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert [one["size"] for one in told["communities"]] == [5, 3] and told["graph"] == {"modularity": 0.4321}


@pytest.mark.usefixtures("drawn")
def test_a_picture_has_each_tag_once_where_no_other_covers_it(typed: Callable[..., int], tmp_path: Path) -> None:
    svg = tmp_path / "graph.svg"
    assert typed("--out", str(svg)) == 0
    texts = ["".join(one.itertext()).strip() for one in ET.parse(svg).getroot().iter(f"{SVG}text")]  # noqa: S314
    assert sorted(one for one in texts if one.startswith("#")) == sorted(f"#{tag}" for part in PARTS for tag in part)
    assert {"1. 5 tags", "2. 3 tags"} <= set(texts)
    before = svg.read_bytes()
    assert typed("--out", str(svg)) == 0 and svg.read_bytes() == before
    assert typed("--out", str(tmp_path / "graph.png")) == 0
    with Image.open(tmp_path / "graph.png") as picture:
        assert picture.width > 600 and len(picture.convert("RGB").resize((300, 200)).getcolors(60_000)) > 50


def test_what_is_not_there_is_an_answer_with_the_way_out(
        typed: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    assert typed() == 1
    said = capsys.readouterr().out
    assert "`deploy/hashtide analyse graph` makes that of a day" in said and "the DAG hashtag_graph one of each" in said


@pytest.mark.usefixtures("drawn")
@pytest.mark.parametrize("words,code,said", [
    ("--day 2026-03-02", 2, "no graph of 2026-03-02; there are those of 2026-03-01"),
    ("--day monday", 2, "expected a day of UTC such as 2026-03-01"),
    ("--out graph.gif", 2, "expected a file such as graph.svg"),
    ("--out /no/such/graph.svg", 1, "/no/such/graph.svg: No such file or directory")])
def test_wrong_use_is_one_line_that_names_it(typed: Callable[..., int], capsys: pytest.CaptureFixture[str], words: str,
                                             code: int, said: str) -> None:
    assert typed(*words.split()) == code
    found = capsys.readouterr().err
    assert said in found and found.count("\n") == 1


@pytest.mark.usefixtures("drawn")
def test_a_day_that_was_refused_says_why(typed: Callable[..., int], files: Files,
                                        capsys: pytest.CaptureFixture[str]) -> None:
    files.write_json(PATHS.graph_result("2026-03-02"), {"refused": "2026-03-02 has no sealed hour"})
    assert typed("--day", "2026-03-02") == 2
    assert "no graph of 2026-03-02: 2026-03-02 has no sealed hour" in capsys.readouterr().err
