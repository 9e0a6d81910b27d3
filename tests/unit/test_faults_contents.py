"""What stands in the simulator's odd records, and that what they are is what the rules make of them."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from deploy.local.simulator.faults import odd
from tests import oracle
from tests.fakes.platform import Fault, serving
from tests.fakes.raw import TOKEN, raw, tweepy_reading
from tests.fakes.sockets import until

PLAIN = {"duplicate": 0, "post_spelling": 0, "edit": 0}
FAST: dict[str, Any] = {"token": TOKEN, "rate": 2_000, "shares": PLAIN}


def received(tmp_path: Path, fault: Fault, more: int, limit: int = 60, **changed: Any) -> list[tuple[str, bytes]]:
    """(the ledger's word for it, record) of all that came: `limit` tweets and so many more records."""
    with serving(tmp_path, faults=[fault], limit=limit, **{**FAST, **changed}) as x, raw(x) as reader:
        found = reader.read(limit + more)
        x.stop()
        assert found == x.ledger()
    lines = (tmp_path / "ledger-1.jsonl").read_bytes().split(b"\n")[:-1]
    heads = [json.loads(line.partition(b',"record":')[0] + b"}") for line in lines]
    return list(zip([head.get("fault", "") for head in heads], found, strict=True))


def of(found: list[tuple[str, bytes]], fault: str) -> list[bytes]:
    return [record for name, record in found if name == fault]


def fate(record: bytes) -> str:
    return oracle.read(oracle.Line(record, 2_000_000_000_000)).fate


def test_malformed_records_come_in_ten_kinds_and_none_of_them_is_a_tweet(tmp_path: Path) -> None:
    found = received(tmp_path, {"fault": "malformed", "at_record": 5}, more=10)
    broken = of(found, "malformed")
    assert len(broken) == len(set(broken)) == len(odd.MALFORMED) == 10
    assert {fate(record) for record in broken} == {"not_json", "not_object", "no_id", "bad_encoding"}
    assert not any(b"\n" in record or b"\r" in record for record in broken)
    assert len(of(found, "")) == 60


def test_of_the_kinds_those_asked_for_come_in_turn(tmp_path: Path) -> None:
    fault = {"fault": "malformed", "at_record": 5, "count": 4, "kinds": ["null", "number"]}
    assert of(received(tmp_path, fault, more=4), "malformed") == [b"null", b"42"] * 2


def test_odd_fields_leave_a_tweet_that_is_known_by_its_id(tmp_path: Path) -> None:
    changed = of(received(tmp_path, {"fault": "odd_fields"}, more=0), "odd_fields")
    assert len(changed) == len(odd.FIELDS) == 20
    assert {fate(record) for record in changed} == {"tweet"}
    found = [json.loads(record) for record in changed]
    assert sum("text" not in one["data"] for one in found) == 1
    assert sum("entities" not in one["data"] for one in found) >= 1
    assert sum(isinstance(one["data"]["id"], int) for one in found) == 1


def test_an_edit_has_an_id_of_its_own_and_those_of_all_versions_before_it(tmp_path: Path) -> None:
    fault = {"fault": "edits", "at_record": 10, "count": 2, "versions": 3, "apart": 2}
    found = received(tmp_path, fault, more=6)
    edits = [json.loads(record)["data"] for record in of(found, "edits")]
    chains: dict[str, list[list[str]]] = {}
    for one in edits:
        assert one["edit_history_tweet_ids"][-1] == one["id"]
        chains.setdefault(one["edit_history_tweet_ids"][0], []).append(one["edit_history_tweet_ids"])
    assert [[len(ids) for ids in chain] for chain in chains.values()] == [[2, 3, 4]] * 2
    originals = {json.loads(record)["data"]["id"] for record in of(found, "")}
    assert set(chains) <= originals
    assert all(a == b[:-1] for chain in chains.values() for a, b in zip(chain, chain[1:], strict=False))


def test_an_edit_may_bring_other_tags(tmp_path: Path) -> None:
    found = received(tmp_path, {"fault": "edits", "count": 1, "versions": 2, "change_tags": True}, more=2)
    tags = [oracle.read(oracle.Line(record, 2_000_000_000_000)).forms for record in of(found, "edits")]
    assert tags == [("version1",), ("version2",)]


def test_messages_of_deletion_and_withholding_come_after_and_before_the_tweet(tmp_path: Path) -> None:
    found = received(tmp_path, {"fault": "deletions", "at_record": 10, "apart": 2}, more=4)
    messages = of(found, "deletions")
    assert {fate(record) for record in messages} == {"control"}
    records = [record for _, record in found]
    places = {json.loads(record)["data"]["id"]: n for n, (name, record) in enumerate(found) if not name}
    told = []
    for message in map(json.loads, messages):
        kind = next(iter(message))
        about = message[kind].get("status", message[kind])["id"]
        at = records.index(json.dumps(message, separators=(",", ":")).encode())
        told.append((kind, "before" if at < places[str(about)] else "after"))
    assert sorted(told) == [("delete", "after"), ("delete", "before"), ("status_withheld", "after"),
                            ("status_withheld", "before")]


def test_a_deletion_may_be_told_to_compliance_jobs_alone_or_be_of_certain_tweets(tmp_path: Path) -> None:
    with serving(tmp_path, faults=[{"fault": "deletions", "messages": False, "count": 2}], **FAST) as x, raw(x) as one:
        first = json.loads(one.read(1)[0])["data"]["id"]
        until(lambda: first in x.server.stream.deleted, "the first to be deleted")
        x.fault("deletions", ids=["77"])
        until(lambda: any(b'"id_str":"77"' in line for line in one.lines()), "the message")
        assert "77" in x.server.stream.deleted


def test_retweets_have_cut_tags_and_in_turn_an_original_with_all_of_them(tmp_path: Path) -> None:
    found = of(received(tmp_path, {"fault": "retweets", "at_record": 5}, more=6), "retweets")
    tags = [oracle.read(oracle.Line(record, 2_000_000_000_000)) for record in found]
    assert [one.kind for one in tags] == ["retweet"] * 6
    assert [one.forms for one in tags] == [("far", "farther", "farthest"), ()] * 3
    assert all(json.loads(record)["data"]["text"].endswith("…") for record in found)


def test_one_tag_comes_in_five_spellings_that_are_one_key(tmp_path: Path) -> None:
    found = of(received(tmp_path, {"fault": "spellings"}, more=5), "spellings")
    forms = [form for record in found for form in oracle.read(oracle.Line(record, 2_000_000_000_000)).forms]
    assert len(set(forms)) == 5 and {oracle.key(form) for form in forms} == {"hashtide"}


@pytest.mark.parametrize("fault,said", [
    ({"fault": "malformed", "kinds": ["odd"]}, "no kind 'odd'; there are cut_off, html"),
    ({"fault": "odd_fields", "kinds": ["odd"]}, "no kind 'odd'; there are no_text"),
    ({"fault": "deletions", "ids": ["1", "one"]}, "id 'one': expected that of a tweet"),
    ({"fault": "edits", "versions": 6}, "versions 6: expected 1 to 5"),
    ({"fault": "spellings", "tag": "日本"}, "expected letters and digits"),
    ({"fault": "out_of_order", "share": 2}, "share 2: expected at most 1"),
    ({"fault": "burst", "factor": 0}, "factor 0")])
def test_parameters_that_make_no_sense_together_are_told(tmp_path: Path, fault: Fault, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        serving(tmp_path, faults=[fault]).__enter__()


def test_the_same_seed_plays_the_same_script_to_the_byte(tmp_path: Path) -> None:
    from deploy.local.simulator.connection import Record
    from deploy.local.simulator.faults import FAULTS

    def played(seed: str) -> list[bytes]:
        found = []
        for name in ("split_crlf", "spellings", "late", "edits", "retweets"):
            fault = FAULTS[name]()
            fault.begin(_Still(), seed)   # type: ignore[arg-type]
            found += [one.data for one in fault.records(Record(b'{"data":{"id":"9","edit_history_tweet_ids":["9"]}}'))]
        return found

    assert played("1") == played("1") != played("2")


class _Still:
    """A stream on which time stands still."""

    elapsed_s, now_ms = 0.0, 1_764_070_200_000

    class rules:
        all: list[Any] = []


# As tweepy takes it

@pytest.mark.parametrize("kind", ["cut_off", "null", "no_id", "html"])
def test_tweepys_own_parsing_ends_the_stream_for_good_at_a_malformed_record(
        tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    faults = [{"fault": "malformed", "at_record": 20, "count": 1, "kinds": [kind]}]
    with serving(tmp_path, faults=faults, **FAST) as x, tweepy_reading(x, monkeypatch) as (client, _):
        until(lambda: "disconnect" in client.events, "tweepy to give up")
        assert len(client.tweets) == 19 and client.events[-1] == "disconnect" and len(client.events) == 3
