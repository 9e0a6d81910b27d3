from __future__ import annotations

import json
from pathlib import Path

import pytest
import requests
import tweepy

from spark_apps.clock import Clock
from spark_apps.ingest import rules
from spark_apps.ingest.client import FilteredStream
from spark_apps.ingest.errors import IngestError, Unreachable, WrongUse
from spark_apps.ingest.inbox import Inbox
from tests.fakes import platform
from tests.fakes.sockets import free_port, plain, scripted

TOKEN = "token-of-the-test"   # noqa: S105


def client(url: str, token: str = TOKEN) -> FilteredStream:
    return FilteredStream(token, url, Inbox(Clock()))


def present(url: str) -> dict[str, str | None]:
    """Tag by value."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    answer = requests.get(f"{url}/2/tweets/search/stream/rules", headers=headers, timeout=5)
    return {rule["value"]: rule.get("tag") for rule in answer.json().get("data", [])}


def rule(value: str, tag: str | None = None, number: str = "1") -> tweepy.StreamRule:
    return tweepy.StreamRule(value, tag, number)


def test_what_is_missing_is_added_and_what_is_no_longer_wanted_is_deleted() -> None:
    change = rules.plan(["#a", "#b"], [rule("#b", "hashtide-t", "7"), rule("#c", "hashtide-t", "8")], "hashtide-t")
    assert change == rules.Change(("#a",), ("8",))


def test_rules_of_others_are_left_alone_and_serve_as_well() -> None:
    change = rules.plan(["#a"], [rule("#a", None, "7"), rule("#b", "hashtide-other", "8")], "hashtide-t")
    assert change == rules.Change((), ())


def test_a_rule_wanted_twice_is_added_once() -> None:
    assert rules.plan(["#a", "#a"], [], "hashtide-t").add == ("#a",)


def test_the_platform_has_the_wanted_rules_afterwards_and_a_second_time_changes_nothing(tmp_path: Path) -> None:
    with platform.serving(tmp_path, token=TOKEN) as x:
        rules.ensure(client(x.url), ["#old", "#kept"], "t")
        rules.ensure(client(x.url), ["#theirs"], "other")
        assert rules.ensure(client(x.url), ["#kept", "#new"], "t") == rules.Change(("#new",), (x_id(x, "#old"),))
        assert present(x.url) == {"#kept": "hashtide-t", "#new": "hashtide-t", "#theirs": "hashtide-other"}
        assert rules.ensure(client(x.url), ["#kept", "#new"], "t") == rules.Change((), ())


def x_id(x: platform.Platform, value: str) -> str:
    """Ids are given in order, so that of a deleted rule is known."""
    return {"#old": "1500000000000000001"}[value]


def test_more_rules_than_fit_into_one_request_are_added(tmp_path: Path) -> None:
    wanted = [f"#tag{n}" for n in range(250)]
    with platform.serving(tmp_path, token=TOKEN) as x:
        rules.ensure(client(x.url), wanted, "t")
        assert list(present(x.url)) == wanted
        rules.ensure(client(x.url), wanted[:1], "t")
        assert list(present(x.url)) == wanted[:1]


def test_a_refused_token_is_said_with_the_way_out(tmp_path: Path) -> None:
    with platform.serving(tmp_path, token="another") as x, pytest.raises(IngestError) as raised:   # noqa: S106
        rules.ensure(client(x.url), ["#a"], "t")
    assert str(raised.value) == (f"{x.url} refused the token (HTTP 401: Unauthorized); "
                                 "check the token in --token-file or X_BEARER_TOKEN")
    assert raised.value.exit_code == 1


def test_a_rule_that_the_platform_refuses_is_named_with_its_reason() -> None:
    refusal = {"errors": [{"title": "UnprocessableEntity", "value": "((", "details": ["missing ')'"]}], "meta": {}}
    with scripted(plain("200 OK", b'{"meta":{}}'), plain("201 Created", json.dumps(refusal).encode())) as server, \
            pytest.raises(IngestError, match=r"refuses rules: '\(\(': UnprocessableEntity .*missing"):
        rules.ensure(client(server.url), ["(("], "t")


def test_a_rule_that_somebody_added_in_the_meantime_is_no_error() -> None:
    answer = {"errors": [{"title": "DuplicateRule", "value": "#a", "id": "5"}], "meta": {}}
    with scripted(plain("200 OK", b'{"meta":{}}'), plain("201 Created", json.dumps(answer).encode())) as server:
        assert rules.ensure(client(server.url), ["#a"], "t").add == ("#a",)


@pytest.mark.parametrize(("answer", "said"), [
    (plain("200 OK", b"<html>"), "JSONDecodeError"), (plain("503 Service Unavailable"), "HTTP 503")])
def test_an_endpoint_that_answers_nonsense_is_unreachable(answer: bytes, said: str) -> None:
    with scripted(answer) as server, pytest.raises(Unreachable, match=rf"{said}.*is --url right\?"):
        rules.ensure(client(server.url), ["#a"], "t")


def test_no_endpoint_at_all_is_unreachable() -> None:
    with pytest.raises(Unreachable, match="ConnectionError"):
        rules.ensure(client(f"http://127.0.0.1:{free_port()}"), ["#a"], "t")


def test_rules_come_from_options_and_a_file_in_which_a_hashtag_is_no_comment(tmp_path: Path) -> None:
    file = tmp_path / "rules"
    file.write_text("# what we follow\n#\n\n  #hadoop lang:en \n#spark\n", encoding="utf-8")
    assert rules.read(["#flink"], file) == ["#flink", "#hadoop lang:en", "#spark"]


def test_all_faults_of_rules_are_said_at_once() -> None:
    with pytest.raises(WrongUse, match=r"one is empty; .* has 1025 characters, at most 1024; 1002 rules, at most 1000"):
        rules.read([" ", "x" * 1025, *["#a"] * 1000], None)


def test_a_rules_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match=r"--rules-file .*none: No such file"):
        rules.read([], tmp_path / "none")
