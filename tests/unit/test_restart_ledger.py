"""The ledger as a stream's own machinery writes it, read back and printed by `stream history`."""
from __future__ import annotations

import json
from typing import Any

import pytest

from deploy import cli, holding, restart_ledger, saying, supervisor
from deploy.errors import Unreachable
from deploy.history import Report, report
from deploy.records import Commit
from deploy.verbs import history as verb
from spark_apps.contract import HOUR_MS, LandingFile, hour_name
from spark_apps.fence import Fence
from spark_apps.progress import Reporter
from tests.fakes.world import PATHS, SPEC, STREAM, App, World
from tests.unit.test_progress import progress

HOLDER = "hashtag_stream/run1#1"


class Life(World):
    """A stream that is held, whose drivers claim and commit as the real one does."""

    def __init__(self) -> None:
        super().__init__()
        self.ms = float(self.now_ms() // HOUR_MS * HOUR_MS + 10 * 60_000)
        self.began_ms, self.batch = self.now_ms(), 0
        self.hdfs.mkdirs(PATHS.control)
        self.driver: Reporter | None = None
        self.tools.examine = lambda hdfs, paths: None   # there is no checkpoint

    def begin(self, holder: str = HOLDER, why: str = "hashtag_stream") -> App:
        assert holding.begin(self.tools, SPEC, holder, why) is None
        return self.launch(holder)

    def launch(self, holder: str = HOLDER) -> App:
        launched = holding.launch(self.tools, SPEC, holder, "hashtag_stream")
        assert launched.app
        self.drive(launched.epoch, 1, launched.app.id)
        return next(app for app in self.rm.all if app.id == launched.app.id)

    def drive(self, epoch: int, attempt: int, application: str) -> None:
        """A driver starts: it claims its attempt."""
        self.ms += 20_000
        Fence(self.hdfs, PATHS, epoch, attempt).claim({"application": application, "time_ms": self.now_ms()})
        self.driver = Reporter(self.hdfs, PATHS, 1, epoch, attempt, 10, application, self)  # type: ignore[arg-type]

    def commits(self, seconds: int) -> None:
        """A batch each ten seconds, each of a file that landed just before."""
        assert self.driver
        for _ in range(seconds // 10):
            at = self.now_ms()
            self.hdfs.replace(f"{PATHS.landing_hour(at)}/{LandingFile(at - 5_000, at, 'x', f'u{at}').name}", b"{}\n")
            self.ms += 10_000
            self.driver.take([progress(self.batch)])
            self.driver.beat(now=True)
            self.batch += 1

    def poll(self, seconds: int = 0) -> Any:
        self.ms += seconds * 1000
        return holding.poll(self.tools, STREAM, HOLDER, 1)[0]

    def report(self) -> Any:
        records = restart_ledger.read(self.tools, STREAM, self.began_ms)
        return report(records, self.began_ms, self.now_ms(), restart_ledger.arrivals(self.hdfs, PATHS))


@pytest.fixture
def life() -> Life:
    return Life()


def fail(life: Life, app: App, words: str = "StreamingQueryException: boom") -> None:
    app.to_ms, app.diagnostics = life.ms, words


def test_a_driver_that_dies_and_is_replaced(life: Life) -> None:
    app = life.begin()
    life.commits(300)
    fail(life, app)
    died = life.now_ms()
    life.poll(5)
    life.poll(15)
    life.launch()
    life.commits(300)
    found = life.report()
    assert [(one.what, one.epoch, one.who) for one in found.events] == [
        ("started", None, HOLDER), ("launch", 1, HOLDER), ("end", 1, ""), ("launch", 2, HOLDER)]
    end = found.events[2]
    first_after = died + 20_000 + 6_000 + 20_000 + 10_000   # back-off and poll, spark-submit, start, batch
    assert (end.kind, end.batch_id, end.application) == ("error", 29, app.id)
    assert abs(end.seconds * 1000 - (first_after - died)) < 5_000
    assert found.mttr["n"] == 1
    assert found.gap_minutes == {}


def test_yarns_second_attempt_shows_with_the_first_ones_last_words(life: Life) -> None:
    app = life.begin()
    life.commits(100)
    life.hdfs.write_json(PATHS.result(1), {"error": "OutOfMemoryError: heap", "attempt": 1})
    life.ms += 15_000
    life.drive(1, 2, app.id)
    life.commits(100)
    [end] = [one for one in life.report().events if one.what == "end"]
    assert (end.kind, end.attempt, end.batch_id, end.seconds) == ("attempt", 1, 9, 45)
    assert end.why == "OutOfMemoryError: heap"


def test_the_last_words_of_another_attempt_are_not_its_own(life: Life) -> None:
    app = life.begin()
    life.commits(100)
    life.drive(1, 2, app.id)
    life.hdfs.write_json(PATHS.result(1), {"error": "of the second", "attempt": 2})
    assert [one.why for one in life.report().events if one.what == "end"] == [""]


def test_an_arrival_is_the_first_after_and_before_across_hours(life: Life) -> None:
    first = restart_ledger.arrivals(life.hdfs, PATHS)
    early, late = life.now_ms(), life.now_ms() + 2 * HOUR_MS
    for at in (late, early):
        life.hdfs.replace(f"{PATHS.landing_hour(at)}/{LandingFile(at - 5_000, at, 'x', 'u').name}", b"{}\n")
    life.hdfs.replace(f"{PATHS.landing_hour(early)}/notes.txt", b"")
    assert first(early - 1, late) == early
    assert first(early, late) == late
    assert first(early, late - 1) is None
    assert first(late, late + HOUR_MS) is None


def test_where_an_attempt_left_no_word_yarn_says_where_it_ran(life: Life) -> None:
    app = life.begin()
    life.commits(100)
    life.rm.attempts_of[app.id] = [{"id": 1, "containerId": "container_1", "nodeId": "n2:8041"}]
    life.drive(1, 2, app.id)
    life.commits(100)
    [end] = [one for one in life.report().events if one.what == "end"]
    assert end.why == "its driver left no word; it was container_1 on n2:8041"


def test_a_history_can_be_read_while_yarn_does_not_answer_which_is_asked_once(
        life: Life, monkeypatch: pytest.MonkeyPatch) -> None:
    app, asked = life.begin(), []
    for attempt in (2, 3):
        life.commits(100)
        life.drive(1, attempt, app.id)

    def down(app_id: str) -> Any:
        asked.append(app_id)
        raise Unreachable("no ResourceManager serves")

    monkeypatch.setattr(life.rm, "attempts", down)
    assert [one.why for one in life.report().events if one.what == "end"] == ["", ""]
    assert len(asked) == 1


def test_a_park_and_who_resumed_it(life: Life) -> None:
    app = life.begin()
    life.commits(100)
    fail(life, app, "ClassNotFoundException: a.B")
    assert life.poll(5).what == "park"
    life.ms += 600_000
    life.begin("hashtag_stream/run2#1", "mended")
    life.commits(100)
    found = life.report()
    assert [(one.what, one.who) for one in found.events if one.what in ("parked", "resumed")] == [
        ("parked", "supervisor"), ("resumed", "hashtag_stream/run2#1")]
    assert sum(found.gap_minutes.values()) == found.gap_minutes["parked"] + found.gap_minutes.get("missing_class", 0)
    assert found.gap_minutes["parked"] in (9, 10)
    assert found.ends == {"missing_class": 1}


def test_an_outage_of_yarn_costs_nothing_while_the_driver_counts_on(life: Life) -> None:
    life.begin()
    life.commits(60)
    life.rm.down = True
    life.poll()
    life.commits(120)
    life.poll()
    life.rm.down = False
    life.commits(60)
    life.poll()
    found = life.report()
    assert [(one.kind, one.seconds) for one in found.events if one.what == "outage"] == [("ResourceManager", 180)]
    assert (found.gap_minutes, found.ends) == ({}, {})


def test_an_end_across_the_edge_of_the_window_that_nobody_wrote_down(life: Life) -> None:
    app = life.begin()
    life.commits(100)
    life.ms += HOUR_MS
    app.to_ms = life.ms
    life.launch()
    life.commits(100)
    records = restart_ledger.read(life.tools, STREAM, life.now_ms() - 600_000)
    found = report(records, life.now_ms() - 600_000, life.now_ms(), restart_ledger.arrivals(life.hdfs, PATHS))
    assert found.ends == {"unrecorded": 1}


def test_nothing_older_than_the_window_is_read_but_for_one_launch_and_one_change(life: Life) -> None:
    for number in range(1, 5):
        app = life.begin(f"hashtag_stream/run{number}#1")
        life.commits(30)
        supervisor.stop(life.tools, STREAM, "me", "over")
        app.to_ms = life.ms
        life.ms += 3 * HOUR_MS
    app = life.begin("hashtag_stream/run5#1")
    life.commits(60)
    reads: list[str] = []
    read = life.hdfs.read

    def counted(path: str) -> bytes | None:
        reads.append(path)
        return read(path)

    life.hdfs.read = counted  # type: ignore[method-assign]
    records = restart_ledger.read(life.tools, STREAM, life.now_ms() - HOUR_MS)
    assert [one.epoch for one in records.launches] == [4, 5]
    assert [one.epoch for one in records.attempts] == [4, 5]
    assert [one.state for one in records.changes] == ["stopped", "running"]
    assert {one.epoch for one in records.commits} == {5}
    assert not [path for path in reads if "000003" in path or "000002" in path]


def test_lines_that_tell_no_commit_and_files_of_other_names_are_passed_over(life: Life) -> None:
    name = f"{PATHS.batches}/g0001-000003.a2-{hour_name(life.now_ms())}.jsonl"
    good = json.dumps({"commit_ms": life.now_ms(), "batch_id": 4})
    life.hdfs.replace(name, f'{{"batch_id": 3}}\n[1]\n{good}\n{{"commit_ms"'.encode())
    life.hdfs.replace(f"{PATHS.batches}/.g0001-000003.a2.part", b"{}\n")
    found = list(restart_ledger.commits(life.hdfs, PATHS, life.now_ms()))
    assert found == [Commit(life.now_ms(), 3, 2, 4)]


def test_an_end_whose_writer_was_cut_off_is_told_at_its_files_time(life: Life) -> None:
    life.hdfs.replace(PATHS.restart(2), b"")
    [end] = restart_ledger.read(life.tools, STREAM, life.began_ms).ends
    assert (end.epoch, end.time_ms, end.kind) == (2, life.now_ms(), "error")


# the verb

@pytest.fixture
def told(life: Life, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    monkeypatch.setattr(verb, "open_cluster", lambda args: (life.tools.cluster, life.hdfs))
    monkeypatch.setattr(verb, "now_ms", life.now_ms)

    def run(*more: str) -> str:
        assert cli.main(["stream", "history", "--stream", STREAM, *more]) == 0
        return capsys.readouterr().out
    return run


def test_a_line_an_event_then_what_it_cost(life: Life, told: Any) -> None:
    app = life.begin()
    life.commits(300)
    fail(life, app)
    life.poll(5)
    life.poll(15)
    life.launch()
    life.commits(1000)
    supervisor.stop(life.tools, STREAM, "command line", "stream stop")
    said = told("--since", "1h").splitlines()
    assert [line.split("Z  ")[1].split()[0] for line in said[1:6]] == ["started", "launch", "end", "launch", "stopped"]
    assert said[3].endswith("epoch 1: error, after batch 29, down 56 s: StreamingQueryException: boom")
    assert said[5].endswith("stopped      by command line: stream stop")
    assert said[7:] == [
        "ends          error 1", "back after    mean 56 s, p50 56 s, p95 56 s (MTTR of 1 that nobody asked for)",
        "data gap      0 min", "availability  95.918 % of the 22 min 52 s that it should have run; down 56 s"]


def test_a_roll_back_says_to_where_and_by_whom(life: Life, told: Any) -> None:
    life.hdfs.write_json(PATHS.generation(1), {"parent": None, "time_ms": life.now_ms()})
    at = life.now_ms() + 1_000
    life.hdfs.write_json(PATHS.generation(2), {"parent": "g0001", "through_batch": 412, "savepoint": "before_upgrade",
                                               "who": "me", "why": "counts were\x1b wrong", "time_ms": at})
    life.hdfs.write_json(PATHS.generation(3), {"abandoned": True, "time_ms": at})
    life.hdfs.write_json(PATHS.generation(4), {"parent": "g0002", "through_batch": 3, "fresh": True, "who": "you",
                                               "time_ms": at + 1_000})
    life.ms += 5_000
    lines = [line.split("Z  ")[1] for line in told("--since", "1h").splitlines()[1:3]]
    assert lines[0].startswith(
        "rolled back  generation 2 from before_upgrade, through batch 412, by me: counts were")
    assert "\x1b" not in lines[0]
    assert lines[1] == "begun anew   generation 4, by you"
    life.ms += 2 * HOUR_MS
    assert "generation" not in told("--since", "1h")


def test_as_json_a_program_reads_the_same(life: Life, told: Any) -> None:
    life.begin()
    life.commits(300)
    found = json.loads(told("--json", "--since", "1h"))
    assert (found["stream"], found["mttr"], found["availability"]) == (STREAM, None, 1.0)
    assert [one["what"] for one in found["events"]] == ["started", "launch"]


def test_evidence_cannot_forge_a_line_nor_steer_the_terminal(life: Life, told: Any) -> None:
    app = life.begin("\x1b[31mme\x1b[0m")
    life.commits(100)
    fail(life, app, "boom\n2026-01-01T00:00:00Z  resumed\u2028by nobody \x1b[2J" + "x" * 5000)
    supervisor.settle(life.tools, holding.observe(life.tools, STREAM))
    said = told("--since", "1h")
    assert "\x1b" not in said and "\u2028" not in said
    assert not [line for line in said.splitlines() if line.startswith("2026-01-01")]
    assert max(map(len, said.splitlines())) < 250


def test_a_stream_that_is_not_there_is_named(life: Life, told: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["stream", "history", "--stream", "music"]) == 2
    assert "stream music is not provisioned" in capsys.readouterr().err


def test_the_sum_tells_causes_idle_time_what_was_asked_for_and_that_it_is_down() -> None:
    found = Report(0, 3_600_000, (), {"superseded": 2, "error": 1, "attempt": 3}, (), {"outage": 3, "error": 5}, 12,
                   3600.0, 36.0, 3_564_000)
    assert saying.summary(found) == [
        "ends          attempt 3, error 1; asked for: 2", "back after    -", "data gap      8 min: error 5, outage 3",
        "idle          12 min in which nothing arrived",
        "availability  99.000 % of the 1 h that it should have run; down 36 s", "down since    1970-01-01T00:59:24Z"]
    assert saying.summary(Report(0, 1)) == [
        "ends          none", "back after    -", "data gap      0 min", "availability  it should not have run"]


@pytest.mark.parametrize("seconds,said", [
    (45, "45 s"), (45.26, "45.3 s"), (59.99, "60.0 s"), (60, "1 min"), (65, "1 min 5 s"), (3600, "1 h"),
    (12_000, "3 h 20 min"), (187_300, "2 d 4 h"), (None, "-")])
def test_a_length_has_two_figures(seconds: float | None, said: str) -> None:
    assert saying.lasted(seconds) == said


def test_less_than_all_is_never_all() -> None:
    assert saying.percent(1.0) == "100 %"
    assert saying.percent(0.9999999) == "99.999 %"
