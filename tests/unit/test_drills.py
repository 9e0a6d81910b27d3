"""What is promised of a drill, held against what its trials took."""
from __future__ import annotations

import json

import pytest

from deploy import cli
from deploy.drills import DRILLS, Drill, Outcome


@pytest.mark.parametrize("took,holds", [
    ([50], True), ([70], True), ([121], False),
    ([50, 50, 50, 50, 121], True), ([70, 70, 70, 50, 50], False), ([50] * 18 + [130] * 2, False)])
def test_p50_and_p95_are_held_against_what_is_promised(took: list[float], holds: bool) -> None:
    assert Drill("", 20, 60, 120).outcome("driver_kill", took).holds is holds


def test_where_no_time_is_promised_any_will_do() -> None:
    found = Drill("what", 1).outcome("one", [1.0, 2.0, 9.0])
    assert found == Outcome("one", "what", 3, 2.0, 8.3, None, None, True)
    assert found.cells() == ["one", "3", "2.0", "-", "8.3", "-", "yes", "what"]


def test_the_drills_are_listed_and_none_is_played(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["drill", "--list", "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)) == set(DRILLS)
    assert cli.main(["drill", "nothing"]) == 2
