"""Which changes of the code a checkpoint may go on with: each as one differing item of its fingerprint, or some."""
from __future__ import annotations

import json

import pytest

from spark_apps.verdict import Judgement, Verdict, judge

#: As spark_apps.plan derives it; expressions shortened, #... stands for all that one is made of.
BASE = {
    "spark": "4.2.0", "sources": "1", "source 0 format": "text", "source 0 path": "/hashtide/landing/a",
    "source 0 schema": "value string", "source 0 option lineSep": "\n", "source 0 option maxFilesPerTrigger": "60",
    "states": "DeduplicateWithinWatermark", "state 0 key types": "bigint", "state 0 keys": "identity #11",
    "watermark 0 delay_ms": "600000", "watermark 0 column": "event_time #22",
    "before state: Filter isnull(fate)": "#33", "output mode": "append", "column kind": "string #44",
    "counts keys": "window_start timestamp #55, tag string #56, form string #57",
    "counts tweets": "bigint count(1) #66", "table columns": "window_start timestamp, tag string, tweets bigint",
    "function fold": "#77", "unicode": "14.0.0", "setting spark.sql.shuffle.partitions": "2",
    "setting spark.sql.streaming.stateStore.providerClass": "RocksDB",
    "setting spark.sql.streaming.stateStore.checkpointFormatVersion": "2",
    "setting spark.sql.streaming.stateStore.encodingFormat": "unsaferow",
    "setting spark.sql.streaming.stateStore.rocksdb.changelogCheckpointing.enabled": "true",
    "setting spark.sql.session.timeZone": "UTC", "conf spark.sql.ansi.enabled": "true",
}
FINE, CHANGE, NEW, NEVER = Verdict

#: What was changed: (new value of items, None for one that is gone; verdict).
TABLE: dict[str, tuple[dict[str, str | None], Verdict]] = {
    "nothing": ({}, FINE),
    "a filter added": ({"before state: Filter isnotnull(author)": "#34"}, CHANGE),
    "a filter removed": ({"before state: Filter isnull(fate)": None}, CHANGE),
    "what a filter looks at": ({"before state: Filter isnull(fate)": "#99"}, CHANGE),
    "a stateless operator added": ({"after state: Generate explode(tags)": "#35"}, CHANGE),
    "a filter of the batch function": ({"batch: Filter (tag != x)": "#36"}, CHANGE),
    "the watermark longer": ({"watermark 0 delay_ms": "1200000"}, CHANGE),
    "the watermark shorter": ({"watermark 0 delay_ms": "60000"}, CHANGE),
    "the watermark's column of the same name": ({"watermark 0 column": "event_time #99"}, NEW),
    "no watermark": ({"watermark 0 delay_ms": None, "watermark 0 column": None}, NEW),
    "the window of 1 minute to 5": (
        {"counts keys": "window_start timestamp #99, tag string #56, form string #57"}, NEW),
    "a key of the counts replaced by one of its type": (
        {"counts keys": "window_start timestamp #55, tag string #57, form string #57"}, NEW),
    "a key replaced by one of its type": ({"state 0 keys": "event_ms #12"}, NEW),
    "a key made otherwise": ({"state 0 keys": "identity #99"}, NEW),
    "a key of another type": ({"state 0 keys": "identity #99", "state 0 key types": "string"}, NEVER),
    "a key more": ({"state 0 keys": "identity #11, kind #44", "state 0 key types": "bigint, string"}, NEVER),
    "a value of the state made otherwise": ({"state 0 values": "count #1"}, NEW),
    "a value of the state of another type": ({"state 0 value types": "double"}, NEVER),
    "an aggregate's type": ({"counts tweets": "double sum #99", "table columns":
                             "window_start timestamp, tag string, tweets double"}, NEVER),
    "an aggregate of the same type": ({"counts tweets": "bigint count(author) #99"}, CHANGE),
    "a second aggregate": ({"counts likes": "bigint count(1) #66", "table columns":
                            "window_start timestamp, tag string, tweets bigint, likes bigint"}, NEVER),
    "an aggregate less": ({"counts tweets": None, "table columns": "window_start timestamp, tag string"}, CHANGE),
    "the source's path": ({"source 0 path": "/elsewhere"}, NEW),
    "the source's format": ({"source 0 format": "json"}, NEW),
    "the source's schema widened": ({"source 0 schema": "value string, lang string"}, FINE),
    "the source's schema of another type": ({"source 0 schema": "value binary"}, CHANGE),
    "how the source reads": ({"source 0 option lineSep": "\r"}, CHANGE),
    "how much the source takes at once": ({"source 0 option maxFilesPerTrigger": "5"}, FINE),
    "a second source": ({"sources": "2", "source 1 path": "/other", "source 1 format": "text"}, NEVER),
    "shuffle partitions": ({"setting spark.sql.shuffle.partitions": "8"}, FINE),
    "the state's provider": ({"setting spark.sql.streaming.stateStore.providerClass": "HDFS"}, FINE),
    "the state's format": ({"setting spark.sql.streaming.stateStore.checkpointFormatVersion": "1"}, NEVER),
    "how state is encoded": ({"setting spark.sql.streaming.stateStore.encodingFormat": "avro"}, NEVER),
    "whether changes of state are logged": (
        {"setting spark.sql.streaming.stateStore.rocksdb.changelogCheckpointing.enabled": "false"}, FINE),
    "a setting that was not written down then": ({"setting spark.sql.new": "x"}, FINE),
    "the time zone": ({"setting spark.sql.session.timeZone": "CET"}, CHANGE),
    "a setting of the cluster file": ({"conf spark.sql.ansi.enabled": "false"}, CHANGE),
    "a setting of the cluster file taken out": ({"conf spark.sql.ansi.enabled": None}, CHANGE),
    "the output mode": ({"output mode": "update"}, NEW),
    "complete output": ({"output mode": "complete"}, NEVER),
    "a stateful operator added": ({"states": "DeduplicateWithinWatermark, Aggregate"}, NEVER),
    "the stateful operator removed": ({"states": None, "state 0 keys": None, "state 0 key types": None}, NEVER),
    "the function that folds keys": ({"function fold": "#99"}, CHANGE),
    "Unicode": ({"unicode": "16.0.0"}, CHANGE),
    "a newer Spark": ({"spark": "4.3.1"}, FINE),
    "a patch of Spark, back": ({"spark": "4.2.0-rc1"}, FINE),
    "an older Spark": ({"spark": "4.1.9"}, NEVER),
    "the next major Spark": ({"spark": "5.0.0"}, NEW),
    "something that no rule is about": ({"shape": "round"}, CHANGE),
}


def changed(change: dict[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in {**BASE, **change}.items() if value is not None}


@pytest.mark.parametrize("what", TABLE)
def test_each_change_has_its_verdict_and_names_what_differs(what: str) -> None:
    change, verdict = TABLE[what]
    found = judge(BASE, changed(change))
    assert found.verdict == verdict, found
    assert {one.item: (one.old, one.new) for one in found.differences} == {
        name: (BASE.get(name), value) for name, value in change.items()}
    assert all(one.meaning for one in found.differences)


@pytest.mark.parametrize("what", TABLE)
def test_what_spark_or_the_table_refuses_is_refused_both_ways_but_for_what_only_grows(what: str) -> None:
    change, verdict = TABLE[what]
    back = judge(changed(change), BASE).verdict
    one_way = {"a newer Spark", "an older Spark", "the next major Spark", "complete output", "an aggregate less",
               "a second aggregate", "the source's schema widened", "a setting that was not written down then"}
    assert back == verdict or what in one_way


def test_without_a_fingerprint_nothing_goes_on() -> None:
    for nothing in (None, {}):
        found = judge(nothing, BASE)
        assert found.verdict == Verdict.NEW_GENERATION and not found.goes_on
        assert "nothing says what this checkpoint was made with" in found.differences[0].meaning


def test_the_worst_counts_and_comes_first() -> None:
    found = judge(BASE, changed({"watermark 0 delay_ms": "1", "source 0 option maxFilesPerTrigger": "1",
                                 "state 0 key types": "string", "source 0 path": "/x"}))
    assert [one.verdict for one in found.differences] == [NEVER, NEW, CHANGE, FINE]
    assert found.line() == "cannot run: state 0 key types (bigint -> string)"


def test_a_line_is_not_longer_than_a_person_reads() -> None:
    found = judge(BASE, changed({f"before state: Filter {n}": "x" * 500 for n in range(30)}))
    assert found.line().endswith(" and 26 more") and len(found.line()) < 600


def test_it_goes_on_where_results_change_and_no_further() -> None:
    assert [Judgement(one).goes_on for one in Verdict] == [True, True, False, False]
    assert [one.words for one in Verdict] == ["compatible", "compatible, results change from here on",
                                              "needs a new generation", "cannot run"]


def test_a_judgement_is_plain_json() -> None:
    found = judge(BASE, changed({"source 0 path": "/x"})).as_json()
    assert json.loads(json.dumps(found)) == {"verdict": "needs a new generation", "differences": [{
        "item": "source 0 path", "old": "/hashtide/landing/a", "new": "/x", "verdict": "new_generation",
        "meaning": "all that lies there would be taken, and what is still to come at the old path would not"}]}


def test_of_a_checkpoint_that_nobody_wrote_down_what_is_known_is_compared() -> None:
    known = {"source 0 path": "/hashtide/landing/a", "watermark 0 delay_ms": "600000", "setting of another Spark": "1"}
    same = judge(None, BASE, known)
    assert (same.verdict, [one.item for one in same.differences]) == (NEW, ["fingerprint"])
    assert same.needs_a_word and same.answered_for() == Judgement(FINE)
    longer = judge(None, {**BASE, "watermark 0 delay_ms": "1"}, known)
    assert longer.needs_a_word and longer.answered_for().verdict == CHANGE
    assert [one.item for one in longer.differences] == ["fingerprint", "watermark 0 delay_ms"]


def test_what_is_known_to_be_another_thing_is_no_matter_of_anybodys_word() -> None:
    found = judge(None, {**BASE, "source 0 path": "/b"}, {"source 0 path": "/hashtide/landing/a"})
    assert not found.needs_a_word and found.answered_for().verdict == NEW
    assert not judge(BASE, {**BASE, "source 0 path": "/b"}).needs_a_word
    assert not judge(BASE, BASE).needs_a_word
