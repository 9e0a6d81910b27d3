"""The script of faults: what it may say, how a mistake in it is told, and that a seed replays."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from deploy.errors import BadUse
from deploy.local.simulator import script
from deploy.local.simulator.faults import FAULTS
from tests.fakes.platform import Platform, serving
from tests.fakes.raw import TOKEN, api, raw
from tests.fakes.sockets import until


def test_an_entry_is_a_name_a_time_or_a_record_and_parameters() -> None:
    found = script.parse({"seed": 3, "faults": [
        {"fault": "silence", "at_s": 30, "duration_s": 25}, {"fault": "reset", "at_record": 500}, {"fault": "close"}]})
    assert [(e.fault.name, e.at_s, e.at_record) for e in found.entries] == [
        ("silence", 30, None), ("reset", 0, 500), ("close", 0, None)]
    assert found.entries[0].fault == FAULTS["silence"](duration_s=25)   # type: ignore[call-arg]


def test_a_mixture_draws_faults_at_its_rate_and_the_same_seed_draws_the_same() -> None:
    def drawn(seed: int) -> list[tuple[str, float]]:
        mixture = {"random": ["reset", {"fault": "close", "count": 2}], "per_minute": 6, "from_s": 60, "until_s": 3_660}
        return [(e.fault.name, e.at_s) for e in script.parse({"seed": seed, "faults": [mixture]}).entries]

    assert drawn(1) == drawn(1) != drawn(2)
    names, times = zip(*drawn(1), strict=True)
    assert 280 < len(names) < 440 and set(names) == {"reset", "close"}
    assert list(times) == sorted(times) and times[0] > 60 and times[-1] < 3_660


@pytest.mark.parametrize("text,named,expected", [
    ("{", "no JSON", "Expecting"),
    ("[]", "expected an object", '"faults"'),
    ('{"faults": [], "speed": 1}', "'speed'", "seed, shares and faults"),
    ('{"faults": [], "seed": "x"}', "seed 'x'", "a whole number"),
    ('{"faults": [], "shares": {"edits": 1}}', "edits", "duplicate, edit"),
    ('{"faults": [], "shares": {"edit": 2}}', "edit 2", "from 0 to 1"),
    ('{"faults": ["silence"]}', "fault 1: 'silence'", 'an object with "fault" or "random"'),
    ('{"faults": [{"fault": "close"}, {"fault": "sighlence"}]}', "fault 2: no fault 'sighlence'", "silence"),
    ('{"faults": [{"fault": "silence", "at_s": -1}]}', "at_s -1", "from 0 on"),
    ('{"faults": [{"fault": "silence", "at_record": 0}]}', "at_record 0", "from 1 on"),
    ('{"faults": [{"fault": "silence", "at_record": true}]}', "at_record True", "from 1 on"),
    ('{"faults": [{"fault": "silence", "at_record": 1, "at_s": 1}]}', "at_s and at_record", "one of them"),
    ('{"faults": [{"fault": "silence", "durration_s": 1}]}', "silence has no 'durration_s'", "duration_s"),
    ('{"faults": [{"fault": "silence", "duration_s": "long"}]}', "duration_s 'long' of silence", "such as 25.0"),
    ('{"faults": [{"fault": "close", "count": 1.5}]}', "count 1.5 of close", "a whole number"),
    ('{"faults": [{"fault": "refuse", "hang_up": 1}]}', "hang_up 1 of refuse", "true or false"),
    ('{"faults": [{"random": [], "per_minute": 1, "until_s": 9}]}', "random", "a list of names"),
    ('{"faults": [{"random": ["x"], "per_minute": 1, "until_s": 9}]}', "no fault 'x'", "silence"),
    ('{"faults": [{"random": ["reset"], "until_s": 9}]}', "per_minute None", "a number"),
    ('{"faults": [{"random": ["reset"], "per_minute": 1}]}', "until_s None", "a number"),
    ('{"faults": [{"random": ["reset"], "per_minute": 1, "until_s": 9, "rate": 1}]}', "'rate'", "per_minute"),
    ('{"faults": [{"random": [{"fault": "reset", "at_s": 1}], "per_minute": 1, "until_s": 9}]}', "mixture", "at_s"),
    ('{"faults": [{"random": ["reset"], "per_minute": 9e9, "until_s": 900}]}', "more than 10000", "faults"),
])
def test_a_mistake_is_one_line_that_names_the_file_the_entry_and_what_was_expected(
        tmp_path: Path, text: str, named: str, expected: str) -> None:
    path = tmp_path / "faults.json"
    path.write_text(text)
    with pytest.raises(BadUse) as raised:
        script.load(path)
    said = str(raised.value)
    assert said.startswith(f"--faults {path}: ") and "\n" not in said and named in said and expected in said


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadUse, match="nowhere.json: No such file"):
        script.load(tmp_path / "nowhere.json")


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_each_fault_can_be_written_down_without_parameters_and_says_what_the_platform_does(name: str) -> None:
    assert script.parse({"faults": [{"fault": name}]}).entries[0].fault.name == name
    said = FAULTS[name].__doc__ or ""
    assert len(said) > 20 and not said.startswith(f"{FAULTS[name].__name__}(")   # what a dataclass has by itself


def test_what_happened_is_written_down_with_when_and_after_how_many_tweets(tmp_path: Path) -> None:
    faults = [{"fault": "keep_alives_only", "at_record": 11, "duration_s": 5}]
    with serving(tmp_path, faults=faults, token=TOKEN, rate=1_000, time_scale=0.01) as x, raw(x) as reader:
        reader.read(20)
    told = [json.loads(line) for line in (tmp_path / "faults.jsonl").read_text().splitlines()]
    assert [(one["event"], one["fault"], one["made"]) for one in told] == [
        ("began", "keep_alives_only", 10), ("ended", "keep_alives_only", 10)]
    assert 45 <= told[1]["at_ms"] - told[0]["at_ms"] < 1_000


def test_the_state_tells_what_is_on_and_what_is_to_come(tmp_path: Path) -> None:
    faults = [{"fault": "http_503", "duration_s": 1_000}, {"fault": "close", "at_record": 10}]
    with serving(tmp_path, faults=faults, token=TOKEN) as x:
        state = api(x, "GET", "/simulator/state").json()
    assert [one["fault"] for one in state["faults"]["on"]] == ["http_503"]
    assert state["faults"]["coming"] == [{"fault": "close", "count": 5, "at_record": 10}]
    assert (state["connections"], state["sent"]) == (0, 0)


def post(x: Platform, body: Any) -> Any:
    return api(x, "POST", "/simulator/faults", json=body)


def test_a_fault_can_be_asked_for_at_once(tmp_path: Path) -> None:
    with serving(tmp_path, token=TOKEN, rate=1_000) as x, raw(x) as reader:
        reader.read(5)
        assert post(x, {"fault": "no_last_chunk"}).status_code == 201
        reader.rest()
        assert reader.end == "fin"
        refused = post(x, {"fault": "no_last_chunks"})
        assert refused.status_code == 400 and "no fault 'no_last_chunks'" in refused.json()["detail"]
        assert "begins at once" in post(x, {"fault": "close", "at_record": 9}).json()["detail"]


def test_at_a_time_of_the_platforms_clock_a_fault_comes_and_goes(tmp_path: Path) -> None:
    faults = [{"fault": "refuse", "at_s": 30, "duration_s": 30}]
    with serving(tmp_path, faults=faults, token=TOKEN, rate=1_000, time_scale=0.01) as x, raw(x) as reader:
        reader.rest()
        assert reader.end == "reset"
        assert 30 <= x.server.stream.elapsed_s < 90
        until(lambda: x.server.stream.faults.done == 1, "the fault to be over")
        assert x.server.stream.elapsed_s >= 60
