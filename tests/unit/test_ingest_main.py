"""The command line of the ingest package: rules, and what it refuses."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from spark_apps.ingest import __main__ as command
from tests.fakes import platform

TOKEN = "token-of-the-test"   # noqa: S105


@pytest.fixture
def rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("X_BEARER_TOKEN", TOKEN)
    file = tmp_path / "rules"
    file.write_text("# ours\n#hadoop lang:en\n#spark\n", encoding="utf-8")
    return file


def change(x: platform.Platform, file: Path, capsys: Any, *more: str) -> str:
    assert command.main(["rules", "--stream", "tags", "--url", x.url, "--rules-file", str(file), *more]) == 0
    return str(capsys.readouterr().out)


def test_rules_are_shown_first_and_changed_when_told_to(tmp_path: Path, rules: Path, capsys: Any) -> None:
    with platform.serving(tmp_path / "x", token=TOKEN) as x:
        x.server.rules.change({"add": [{"value": "#old", "tag": "hashtide-tags"}, {"value": "#spark"}]}, False)
        said = change(x, rules, capsys)
        assert [line.split()[:2] for line in said.splitlines()[:2]] == [["add", "#hadoop"], ["delete", "#old"]]
        assert said.endswith("1 to add, 1 to delete, 1 as wanted, 1 of others; nothing is changed yet: give --yes\n")
        assert [rule["value"] for rule in x.server.rules.all] == ["#old", "#spark"]
        assert change(x, rules, capsys, "--yes").endswith(" of others: done\n")
        assert [rule["value"] for rule in x.server.rules.all] == ["#spark", "#hadoop lang:en"]
        assert change(x, rules, capsys) == "0 to add, 0 to delete, 2 as wanted, 1 of others\n"
        assert json.loads(change(x, rules, capsys, "--json")) == {
            "add": [], "delete": [], "kept": 2, "others": 1, "done": False}


def test_a_rule_that_the_platform_would_refuse_is_said_before_anything_is_changed(
        tmp_path: Path, rules: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with platform.serving(tmp_path / "x", token=TOKEN) as x:
        monkeypatch.setattr("deploy.local.simulator.rules._LONGEST", 10)
        assert command.main(["rules", "--stream", "tags", "--url", x.url, "--rules-file", str(rules), "--yes"]) == 1
        assert x.server.rules.all == []
    assert "the platform refuses rules: '#hadoop lang:en': InvalidRule" in capsys.readouterr().err


RUN = ("run", "--stream", "tags", "--webhdfs", "http://127.0.0.1:1", "--spool", "none")


@pytest.mark.parametrize(("argv", "said"), [
    ((*RUN, "--hurry", "10"), "--url to be a server of this machine"),
    ((*RUN, "--hurry", "0.5", "--url", "http://127.0.0.1:1"), "--hurry 0.5: expected 1 to 10000"),
    ((*RUN, "--max-spool-mb", "10"), "--max-spool-mb 10: expected twice --max-mb or more"),
    ((*RUN, "--max-posts-day", "0"), "expected a whole number from 1 on"),
    ((*RUN, "--price", "nan"), "--price nan: expected US dollars a post"),
    (("rules", "--stream", "tags"), "which rules? give --rules-file or --rule"),
    (("rules", "--stream", "Tags", "--source", "sim"), "--url '': expected http://host:port"),
])
def test_wrong_use_is_one_line_and_exit_2(argv: tuple[str, ...], said: str, capsys: Any) -> None:
    assert command.main(list(argv)) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1
