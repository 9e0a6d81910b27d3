"""What Prometheus reads of a stream, with which names, and what it is told of where something does not answer."""
from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from deploy import cli
from deploy.alerts.conf import RULES
from deploy.errors import HashtideError
from deploy.metrics import reading
from deploy.metrics.exposition import text
from deploy.metrics.names import FAMILIES, STATES
from deploy.views import hours
from spark_apps.contract import MINUTE_MS, StreamPaths
from tests.fakes.page import PATHS, STREAM, Page, filled
from tests.fakes.webhdfs import WebHdfs

NOW = 1_800_001_800_000


@pytest.fixture
def day(tmp_path: Path) -> Page:
    return filled(tmp_path, lambda: NOW, hours=12, tags=2)


def told(page: Page) -> dict[tuple[str, ...], float]:
    """{(name, values of labels by their names' order): value}, by Prometheus' own parser."""
    found = text_string_to_metric_families(text(reading.read(page.launcher())))
    return {(one.name, *(value for _, value in sorted(one.labels.items()))): one.value
            for family in found for one in family.samples}


def test_a_day_in_numbers(day: Page) -> None:
    day.hdfs.room = lambda: {"capacity": 1_000, "used": 300, "remaining": 700}  # type: ignore[attr-defined]
    day.hdfs.create_exclusive(f"{PATHS.alerts}/gap-x-1~0001~firing", {})
    found = told(day)
    expected = {
        ("hashtide_up", "hdfs"): 1, ("hashtide_up", "yarn"): 1, ("hashtide_stream_running", STREAM): 1,
        ("hashtide_stream_wanted", STREAM): 1, ("hashtide_stream_parked", STREAM): 0,
        ("hashtide_stream_commit_timestamp_seconds", STREAM): NOW / 1000 - 3,
        ("hashtide_stream_newest_minute_timestamp_seconds", STREAM): (NOW - MINUTE_MS) / 1000,
        ("hashtide_stream_late_rows_total", STREAM): 4, ("hashtide_supervisor_launches_total", STREAM): 3,
        ("hashtide_supervisor_ends_total", STREAM): 2, ("hashtide_supervisor_outages_total", STREAM): 1,
        ("hashtide_supervisor_held", STREAM): 0, ("hashtide_ingest_gaps", "x", STREAM): 2,
        ("hashtide_ingest_gap_open_seconds", "x", STREAM): 0,
        ("hashtide_ingest_posts_read", "day", "x", STREAM): 41_000,
        ("hashtide_seal_by_state", "drifting", STREAM): 1, ("hashtide_seal_by_state", "unsound", STREAM): 1,
        ("hashtide_seal_missing", STREAM): 1, ("hashtide_hdfs_remaining_bytes",): 700,
        ("hashtide_alert_firing", "gap", STREAM): 1, ("hashtide_alert_firing", "drift", STREAM): 0}
    assert {name: found.get(name) for name in expected} == expected


def test_every_metric_has_its_help_and_its_kind_and_promtools_own_rules_for_names(day: Page) -> None:
    day.hdfs.room = lambda: {"capacity": 1_000, "used": 300, "remaining": 700}  # type: ignore[attr-defined]
    families = {one.name: one for one in text_string_to_metric_families(text(reading.read(day.launcher())))}
    missing = {name for name in FAMILIES if name.removesuffix("_total") not in families}
    assert missing == {"hashtide_unread"}   # all of this could be read
    for name, family in FAMILIES.items():
        if name not in missing:
            one = families[name.removesuffix("_total")]
            assert (one.documentation, one.type) == (family.help, family.kind)
            assert {frozenset(sample.labels) for sample in one.samples} == {frozenset(family.labels)}
        assert re.fullmatch(r"hashtide(_[a-z]+)+", name) and name.endswith("_total") == (family.kind == "counter")


def test_while_hdfs_is_away_only_that_is_told(day: Page) -> None:
    day.hdfs.down = True
    assert told(day) == {("hashtide_up", "hdfs"): 0, ("hashtide_collected_timestamp_seconds",): NOW / 1000}


def test_while_yarn_is_away_nothing_is_said_of_what_it_knows(day: Page) -> None:
    day.rm.down = True
    found = told(day)
    assert found["hashtide_up", "yarn"] == 0 and ("hashtide_stream_running", STREAM) not in found
    assert found["hashtide_seal_by_state", "sealed", STREAM] == 7


def test_what_cannot_be_read_is_named_and_hides_nothing_else(day: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(path: str) -> Any:
        raise HashtideError("HDFS: AccessControlException")

    monkeypatch.setattr(day.hdfs, "content", denied)
    found = told(day)
    assert ("hashtide_stream_hdfs_bytes", "tables", STREAM) not in found
    assert found["hashtide_unread", "disk", STREAM] == 1
    assert found["hashtide_stream_running", STREAM] == 1


def test_a_source_with_a_name_that_means_harm_is_a_value_and_no_more(day: Page) -> None:
    odd = 'x"} 1\nhashtide_up{component="yarn"} 0 #\\'
    day.hdfs.write_json(f"{PATHS.throughs}/{odd}.json", {"through_ms": NOW, "written_ms": NOW})
    found = told(day)
    assert found["hashtide_ingest_alarm", odd, STREAM] == 0 and found["hashtide_up", "yarn"] == 1


def test_two_streams(day: Page) -> None:
    day.hdfs.mkdirs(StreamPaths("b").control)
    found = told(day)
    assert found["hashtide_stream_running", "b"] == 0 and found["hashtide_stream_running", STREAM] == 1


def test_every_state_of_an_hour_and_every_rule_has_a_value() -> None:
    assert set(STATES) == set(hours.MEANING)
    assert not [rule for rule in RULES if "-" in rule]


def test_a_file_for_the_node_exporter_is_replaced_at_once(hdfs: WebHdfs, tmp_path: Path,
                                                          capsys: pytest.CaptureFixture[str]) -> None:
    ini = tmp_path / "c.ini"
    ini.write_text(f"[hdfs]\ndefault_fs = hdfs://127.0.0.1:9\nwebhdfs = {hdfs.url}\n"
                   "[yarn]\nresourcemanagers = http://127.0.0.1:9\n")
    out = tmp_path / "hashtide.prom"
    assert cli.main(["metrics", "--cluster", str(ini), "--out", str(out)]) == 0
    assert 'hashtide_up{component="hdfs"} 1.0' in out.read_text() and list(tmp_path.glob("*.part")) == []
    hdfs.stop()
    assert cli.main(["metrics", "--cluster", str(ini)]) == 3
    assert 'hashtide_up{component="hdfs"} 0.0' in capsys.readouterr().out
