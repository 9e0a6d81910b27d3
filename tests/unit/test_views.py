"""The views of the page: what each says of a stream with a day behind it."""
from __future__ import annotations

from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from deploy import gaps
from deploy.errors import Unreachable
from deploy.health import judge
from deploy.history import Event
from deploy.observation import Observation
from deploy.rollup import Row, tally
from deploy.tables import Tables
from deploy.top import instants, tallies
from deploy.views import checkpoints, cost, health, history, hours, now, summary, tag
from deploy.views.answers import Answers
from deploy.views.kept import KeptFiles, KeptTables
from spark_apps.contract import HOUR_MS, MEASURES, MINUTE_MS
from spark_apps.gap import Gap
from tests.fakes.page import DRIFTING, ERROR, HOSTILE, INCOMPLETE, PATHS, STREAM, UNSOUND, Page, filled, url, write

NOW = 1_800_001_800_000 - 1_800_001_800_000 % HOUR_MS + 20 * MINUTE_MS


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Page:
    return filled(tmp_path_factory.mktemp("page"), lambda: NOW, hours=12, tags=10)


@pytest.fixture
def tables(world: Page) -> KeptTables:
    made = KeptTables(world.cluster, STREAM, world.hdfs)
    made.refresh()
    return made


# now

def test_the_newest_window_has_its_tags_with_change_of_rank_and_a_curve_that_ends_with_them(tables: KeptTables) -> None:
    found = now.now(tables, NOW, "10m")
    assert found["window"]["to_ms"] == NOW and found["window"]["state"] == "open"
    first = found["tags"][0]
    assert (first["rank"], first["display"]) == (1, HOSTILE[0])
    assert [one["rank"] for one in found["tags"]] == list(range(1, len(found["tags"]) + 1))
    assert sum(first["curve"][-10 * MINUTE_MS // found["curve_step_ms"]:]) == first["tweets"]
    new = next(one for one in found["tags"] if one["tag"] == "emerging")
    assert new["rank_change"] is None
    sums = Counter[str]()
    for (_, name, _), measures in tables.counts(NOW - 20 * MINUTE_MS, NOW - 10 * MINUTE_MS).items():
        sums[name] += measures[0]
    before = sorted((name for name in sums if name), key=lambda name: (-sums[name], name))
    for one in found["tags"]:
        was = before.index(one["tag"]) + 1 if one["tag"] in before else None
        assert one["rank_change"] == (None if was is None else was - one["rank"])


def test_by_trend_the_new_tag_leads(tables: KeptTables) -> None:
    assert now.now(tables, NOW, "10m", "trend")["tags"][0]["display"] == "Emerging"


def test_without_counts_there_is_no_window(world: Page, tmp_path: Path) -> None:
    empty = Page(tmp_path, lambda: NOW)
    assert now.now(Tables(empty.cluster, STREAM, empty.hdfs), NOW)["window"] is None
    assert tag.tag(Tables(empty.cluster, STREAM, empty.hdfs), NOW, "x")["points"] == []


def test_tags_are_found_by_letters_however_they_are_written(tables: KeptTables) -> None:
    assert {one["tag"] for one in now.search(tables, NOW, "#ＴＡＧ1")} == {"tag1"}
    assert now.search(tables, NOW, "<SCRIPT")[0]["tag"] == HOSTILE[0]
    assert now.search(tables, NOW, "") == []


def test_sums_by_arrow_are_those_of_the_rollup(tables: KeptTables) -> None:
    window = (NOW - 2 * HOUR_MS, NOW - HOUR_MS)
    names = ("tag", "form", *MEASURES, "authors")
    found = tables.reading().current(["window_start", *names], [window])
    rows = zip(instants(found["window_start"]).to_pylist(), *(found[name].to_pylist() for name in names), strict=True)
    slow = tally((Row(at, name, form, tuple(more[:-1]), more[-1]) for at, name, form, *more in rows), *window)
    fast = tallies(tables.reading(), *window)
    assert {name: (one.measures, dict(one.forms), one.authors) for name, one in fast.items()} == {
        name: (one.measures, dict(one.forms), one.authors) for name, one in slow.items()}


# tag

def test_a_tag_has_its_counts_over_time_and_its_kinds(tables: KeptTables) -> None:
    found = tag.tag(tables, NOW, HOSTILE[0], hours=3)
    totals = found["totals"]
    assert sum(mine for _, mine, _ in found["points"]) == totals["tweets"] == totals["originals"] + totals["retweets"]
    assert found["forms"] == [{"form": HOSTILE[0], "tweets": totals["tweets"]}]
    assert all(every >= mine for _, mine, every in found["points"])


def test_tags_that_rise_and_fall_alike_are_named(tmp_path: Path) -> None:
    made = Page(tmp_path, lambda: NOW)
    rows = [(NOW - n * MINUTE_MS, name, name, tweets, 0) for n in range(1, 61) for name, tweets in (
        ("a", n % 7 + 1), ("alike", 2 * (n % 7) + 3), ("steady", 4), ("", 100))]
    write(made, "counts", rows, {"revision": pa.int32()}, (1,))
    write(made, "counts_live", rows, {"generation": pa.int32(), "batch_id": pa.int64()}, (1, 0))
    made.hdfs.write_json(PATHS.generation(1), {"parent": None})
    found = tag.tag(Tables(made.cluster, STREAM, made.hdfs), NOW, "a", hours=1)["together"]
    assert found == [{"tag": "alike", "correlation": 1.0}]


def test_tags_of_the_same_tweets_are_named_where_a_batch_has_learnt_them(tmp_path: Path) -> None:
    made = Page(tmp_path, lambda: NOW)
    tables = Tables(made.cluster, STREAM, made.hdfs)
    assert tag.related(tables, "a") == []
    write_deltalake(url(made, "related"), pa.table({
        "tag": ["a", "a", "b"], "related": ["b", HOSTILE[0], "a"], "tweets": [7, 9, 7], "support": [0.1, 0.2, 0.1],
        "confidence": [0.35, 0.45, 0.7], "lift": [1.26, 2.0, 1.25]}))
    assert tag.related(tables, "a") == [{"tag": HOSTILE[0], "tweets": 9, "confidence": 0.45, "lift": 2.0},
                                        {"tag": "b", "tweets": 7, "confidence": 0.35, "lift": 1.3}]


# health

def test_health_says_how_it_is_with_links_disk_and_the_last_hours(world: Page, tables: KeptTables) -> None:
    found = health.health(world.launcher(), STREAM, tables)
    assert (found["verdict"], found["tone"], found["wanted"]) == ("running", "good", "running")
    assert found["savepoint"]["name"] == "before-upgrade" and found["disk"]["landing"] > 0
    assert found["links"]["page"].startswith("http://rm:3/cluster/app/")
    assert sum(one["lines"] for one in found["batches"]) > 1_000_000 / 2 and len(found["batches"]) <= 360
    assert all(a["at_ms"] < b["at_ms"] for a, b in zip(found["batches"], found["batches"][1:], strict=False))


@pytest.mark.parametrize("desired,words", [
    ({"state": "parked", "why": "4 restarts"}, "It is parked: it gave up, and waits for a person"),
    ({"state": "stopped"}, "It is stopped, as somebody asked for"), ({}, "It was never started"),
    ({"state": "running"}, "It should run and does not; it is started again by itself")])
def test_a_verdict_is_in_words(desired: dict[str, Any], words: str) -> None:
    assert health.said(judge(Observation(STREAM, NOW, desired=desired))) == words


@pytest.mark.parametrize("beat,newest,gaps,said", [
    ({}, NOW - 60_000, [], []),
    ({}, NOW - 30 * MINUTE_MS, [], ["The newest counted minute is 30 minutes old."]),
    ({"backlog_s": 300.0, "backlog_files": 30}, NOW, [], ["30 landed files wait, the oldest for 300 s"]),
    ({"batch_s": 14.2, "trigger_s": 10}, NOW, [], ["The last batch took 14.2 s of a trigger of 10 s."]),
    ({}, NOW, ["silence"], ["Ingest receives nothing now (silence)"])])
def test_what_is_not_as_it_should_be_is_said(beat: dict[str, Any], newest: int, gaps: list[str],
                                             said: list[str]) -> None:
    found = health.why(Observation(STREAM, NOW, desired={"state": "running"}, heartbeat=beat), newest, gaps)
    assert len(found) == len(said) and all(a.startswith(b) for a, b in zip(found, said, strict=True))


# hours

def test_each_hour_is_called_by_the_worst_that_is_to_be_said_of_it(world: Page, tables: KeptTables) -> None:
    found = hours.hours(tables, world.hdfs, NOW, days=1)["hours"]
    by_age = {(NOW - NOW % HOUR_MS - one["hour_ms"]) // HOUR_MS: one for one in found}
    assert by_age[0]["state"] == hours.OPEN and by_age[2]["state"] == hours.SEALED
    assert by_age[INCOMPLETE]["state"] == hours.INCOMPLETE and "x is at 10:03" in by_age[INCOMPLETE]["why"]
    assert by_age[DRIFTING]["state"] == hours.DRIFTING and by_age[DRIFTING]["revision"] == 2
    assert by_age[UNSOUND]["state"] == hours.UNSOUND
    assert {one["state"] for one in found} <= set(hours.MEANING)


LATE = NOW - NOW % HOUR_MS
ROW = {"revision": 1, "lines": 1, "counted": 1, "duplicate": 0, "late": 0, "control": 0, "pending": 0,
       "quarantined": {}, "complete": True, "gap": "", "adds_up": True}


@pytest.mark.parametrize("row,landed,mark_s,drift,age_h,state", [
    (None, True, 0, None, 0, hours.OPEN), (None, False, 0, None, 0, hours.EMPTY),
    (None, True, -1, None, 1, hours.OPEN), (None, True, 4_300, None, 2, hours.CLOSED),
    (None, True, 4_300, None, 9, hours.OVERDUE), (ROW, True, 9, None, 3, hours.SEALED),
    (ROW, True, 9, {"revision": 1, "unexplained": 2}, 3, hours.DRIFTING),
    ({**ROW, "revision": 2}, True, 9, {"revision": 1, "unexplained": 2}, 3, hours.SEALED),
    ({**ROW, "adds_up": False}, True, 9, {"revision": 1, "unexplained": 2}, 3, hours.UNSOUND)])
def test_what_an_hour_is_called(row: Any, landed: bool, mark_s: int, drift: Any, age_h: int, state: str) -> None:
    marks = {"x": LATE + mark_s * 1000}
    assert hours.state(LATE, row, landed, marks, [], drift, LATE + age_h * HOUR_MS)["state"] == state


def test_an_hours_page_has_its_account_gaps_and_drift(world: Page, tables: KeptTables) -> None:
    at = NOW - NOW % HOUR_MS - DRIFTING * HOUR_MS
    found = hours.hour(tables, world.hdfs, NOW, at)
    assert (found["counted"], found["quarantined_by"]) == (950, {"not_json": 15})
    assert found["verified"]["differences"][0]["form"] == HOSTILE[0]
    assert hours.hour(tables, world.hdfs, NOW, at - 100 * HOUR_MS)["state"] == hours.EMPTY


# history

def test_history_is_one_line_of_time_with_evidence_and_cost(world: Page) -> None:
    files = KeptFiles(world.hdfs, PATHS, world.clock)
    found = history.history(replace(world.launcher(), hdfs=files), STREAM, NOW)  # type: ignore[arg-type]
    times = [one["time_ms"] for one in found["events"]]
    assert times == sorted(times, reverse=True)
    end = next(one for one in found["events"] if one["kind"] == "error")
    assert (end["title"], end["why"], end["tone"]) == ("Ended: its driver failed", ERROR, "warn")
    assert {"launch", "end", "outage", "gap", "savepoint", "started"} <= {one["what"] for one in found["events"]}
    restarts = [one["title"] for one in found["events"] if one["what"] == "restart"]
    assert restarts == ["Restarted, because it was killed in YARN by somebody else",
                        "Restarted, because its driver failed"]
    week, month = found["windows"]
    assert (week["days"], month["days"], week["repairs"]) == (7, 30, 2) and 0.9 < week["availability"] < 1


def test_a_launch_after_a_stop_is_no_restart_and_another_release_is_named() -> None:
    events = [Event(1, "launch", release="0.1"), Event(2, "end", kind="error"), Event(3, "stopped"),
              Event(4, "launch", release="0.1"), Event(5, "end", kind="superseded"), Event(6, "launch", release="0.2")]
    found = history.linked(events)
    assert [one["title"] for one in found if one["what"] in ("launch", "restart", "release")] == [
        "Launched on YARN", "Launched on YARN", "Release 0.2 launched; before it ran 0.1"]


def test_what_brought_posts_of_a_gap_is_said_alike_in_every_view(world: Page, tables: KeptTables) -> None:
    gap = Gap(NOW - 3 * HOUR_MS, "y", "silence", "", NOW - 3 * HOUR_MS + 60_000, 0, "search", 1_234, None, "closed")
    path = f"{PATHS.gaps}/{gap.name}.json"
    world.hdfs.write_json(path, asdict(gap))
    try:
        told = next(one for one in history.history(world.launcher(), STREAM, NOW)["events"] if one["why"] == gap.detail
                    and one["what"] == "gap")
        shown = hours.hour(tables, world.hdfs, NOW, NOW - NOW % HOUR_MS - 3 * HOUR_MS)["gaps"][0]
    finally:
        world.hdfs.delete(path)
    assert shown["recovery"] == gaps.recovery(gap) == "search, 1,234 posts" and shown["recovery"] in told["detail"]


# summary

def test_the_line_above_each_view_says_how_it_is_what_happened_and_which_hours_need_a_look(
        world: Page, tables: KeptTables) -> None:
    found = summary.summary(health.health(world.launcher(), STREAM, tables), hours.hours(
        tables, world.hdfs, NOW, 1)["hours"], history.recent(world.launcher(), STREAM, NOW, summary.HOURS))
    assert (found["said"], found["tone"]) == ("It runs", "good")
    assert found["happened"] == ["2 restarts that nobody asked for", "1 outage", "2 gaps in what was received"]
    assert found["newest"]["title"] == "HDFS did not answer for 40 s"
    assert {one["state"] for one in found["hours"]} == {hours.UNSOUND, hours.DRIFTING, hours.INCOMPLETE}


# checkpoints, cost

def test_points_and_what_a_restore_would_do(world: Page) -> None:
    names = [one["name"] for one in checkpoints.checkpoints(world.launcher(), STREAM)]
    assert names == ["g0001", "before-upgrade"]
    found = checkpoints.restore(world.launcher(), STREAM, "before-upgrade")
    assert "Restore of stream a from savepoint before-upgrade" in found["text"]


def test_cost_is_posts_against_the_limit(world: Page) -> None:
    spend = cost.cost(world.hdfs, PATHS)[0]["spend"]
    assert spend["day"] == {"posts": 41_000, "limit": 50_000, "part": 0.82, "usd": 205.0}
    assert spend["month"]["limit"] is None and spend["month"]["part"] is None


def test_a_source_that_counts_nothing_has_no_cost(world: Page, tmp_path: Path) -> None:
    made = Page(tmp_path, lambda: NOW)
    made.hdfs.write_json(PATHS.through("x"), {"through_ms": 1})
    assert cost.cost(made.hdfs, PATHS)[0]["spend"] is None


# kept

def test_a_kept_table_is_read_at_its_newest_version_and_says_when_there_is_one(tmp_path: Path) -> None:
    made = Page(tmp_path, lambda: NOW)
    made.hdfs.mkdirs(PATHS.base)
    made.hdfs.write_json(PATHS.generation(1), {"parent": None})
    tables = KeptTables(made.cluster, STREAM, made.hdfs)
    assert tables.refresh() == (-1, -1, -1)
    more: dict[str, Any] = {"generation": pa.int32(), "batch_id": pa.int64()}
    for batch, version in enumerate([(-1, -1, 0), (-1, -1, 1)]):
        write(made, "counts_live", [(NOW - MINUTE_MS, "a", "a", 1, 0)], more, (1, batch))
        assert tables.refresh() == tables.refresh() == version
        assert sum(row["tweets"] for row in tables.live(["tweets"])) == batch + 1


def test_what_drivers_told_of_hours_that_are_over_is_read_once(world: Page) -> None:
    read: list[str] = []
    inner = world.hdfs

    class Counting:
        def __getattr__(self, name: str) -> Any:
            return getattr(inner, name)

        def read(self, path: str) -> bytes | None:
            read.append(path)
            return inner.read(path)

    files = KeptFiles(Counting(), PATHS, world.clock)  # type: ignore[arg-type]
    for _ in range(2):
        files.fetch(NOW - 7 * HOUR_MS)
    again = [path for path in set(read) if read.count(path) > 1]
    assert len(set(read)) > 5 and 0 < len(again) <= 4   # of this hour and the two before


def test_an_answer_stays_with_its_age_and_the_reason_where_nothing_newer_can_be_had() -> None:
    clock, made = [1_000], iter([{"n": 1}, Unreachable("HDFS at x does not answer"), {"n": 2}])

    def make() -> Any:
        one = next(made)
        if isinstance(one, Exception):
            raise one
        return one

    answers = Answers(lambda: clock[0])
    assert answers.ask("a", make, 2_000)["data"] == {"n": 1}
    clock[0] = 2_000
    assert answers.ask("a", make, 2_000)["made_ms"] == 1_000
    clock[0] = 3_000
    stale = answers.ask("a", make, 2_000)
    assert (stale["data"], stale["made_ms"], "does not answer" in stale["fault"]) == ({"n": 1}, 1_000, True)
    clock[0] = 5_000
    assert answers.ask("a", make, 2_000) == {"made_ms": 5_000, "now_ms": 5_000, "fault": "", "data": {"n": 2}}


def test_an_answer_of_the_same_stamp_is_not_made_again() -> None:
    clock, made, stamp = [1], [0], [7]

    def make() -> int:
        made[0] += 1
        return made[0]

    answers = Answers(lambda: clock[0])
    for clock[0], stamp[0], data in ((1, 7, 1), (100, 7, 1), (200, 8, 2)):
        assert answers.ask("a", make, 50, lambda: stamp[0])["data"] == data
