from __future__ import annotations

from dataclasses import replace

import pytest

from deploy.restart_policy import MINUTE_MS, Done, Event, Park, Policy, Restart, Submit, Wait, classify, decide

NOW = 1_800_000_000_000
STEADY = Policy(jitter=0.0)


def died(epoch: int, minutes_ago: float = 0, kind: str = "error", evidence: str = "boom", batch: int | None = None,
         healthy_min: float = 0) -> Restart:
    return Restart(epoch, NOW - int(minutes_ago * MINUTE_MS), kind, evidence, batch_id=batch,
                   healthy_ms=int(healthy_min * MINUTE_MS))


def decided(*ends: Restart, since_ms: int = 0):
    return decide(ends[:-1], Event("died", restart=ends[-1]), NOW, STEADY, since_ms)


@pytest.mark.parametrize("what,expected", [("running", Wait), ("outage", Wait), ("stopped", Done)])
def test_only_a_death_asks_for_a_new_application(what: str, expected: type) -> None:
    assert isinstance(decide([], Event(what), NOW), expected)


def test_the_first_restart_waits_ten_seconds() -> None:
    assert decided(died(1)) == Submit(NOW + 10_000, "error: boom")


def test_each_further_death_doubles_the_wait_up_to_five_minutes() -> None:
    ends = [died(n, minutes_ago=200 - 20 * n) for n in range(1, 10)]
    waits = []
    for n in range(1, len(ends) + 1):
        decision = decided(*ends[:n])
        assert isinstance(decision, Submit)
        waits.append((decision.at_ms - ends[n - 1].time_ms) // 1000)
    assert waits == [10, 20, 40, 80, 160, 300, 300, 300, 300]


def test_half_an_hour_of_health_brings_the_wait_back_to_ten_seconds() -> None:
    decision = decided(died(1, 200), died(2, 180), died(3, 0, healthy_min=31))
    assert isinstance(decision, Submit)
    assert decision.at_ms == NOW + 10_000


def test_jitter_is_within_a_fifth_and_the_same_for_whoever_decides_again() -> None:
    waits = {decide([], Event("died", restart=died(n)), NOW).at_ms - NOW for n in range(1, 40)}  # type: ignore[union-attr]
    assert all(8_000 <= w <= 12_000 for w in waits) and len(waits) > 10
    assert decide([], Event("died", restart=died(7)), NOW) == decide([], Event("died", restart=died(7)), NOW + 5_000)


def test_the_fifth_death_within_ten_minutes_is_left_to_a_person() -> None:
    assert isinstance(decided(*(died(n, 8 - n) for n in range(1, 5))), Submit)
    decision = decided(*(died(n, 8 - n) for n in range(1, 6)))
    assert isinstance(decision, Park)
    assert "5 ends within 10 min" in decision.reason


def test_the_sixth_death_within_an_hour_is_left_to_a_person() -> None:
    assert isinstance(decided(*(died(n, 60 - 11 * n) for n in range(1, 6))), Submit)
    assert isinstance(decided(*(died(n, 66 - 11 * n) for n in range(1, 7))), Park)


def test_a_person_who_asks_again_begins_a_new_budget() -> None:
    ends = [died(n, 8 - n) for n in range(1, 6)]
    assert isinstance(decided(*ends, since_ms=NOW - 4 * MINUTE_MS), Submit)


@pytest.mark.parametrize("kind", ["bad_configuration", "missing_class", "damaged_checkpoint",
                                  "incompatible_checkpoint"])
def test_what_another_try_cannot_mend_parks_at_once(kind: str) -> None:
    assert isinstance(decided(died(1, kind=kind)), Park)


def test_what_yarn_forgot_spends_nothing_however_often() -> None:
    assert isinstance(decided(*(died(n, minutes_ago=10 - n, kind="forgotten") for n in range(1, 10))), Submit)


def test_outages_spend_nothing_however_many() -> None:
    assert isinstance(decided(*(died(n, 9 - n / 3, kind="outage") for n in range(1, 20))), Submit)


def test_the_same_batch_failing_three_times_with_the_same_error_parks() -> None:
    same = [died(n, 55 - 15 * n, evidence=f"task {n} of application_17_{n:04d}: bad row", batch=41) for n in (1, 2, 3)]
    assert isinstance(decided(*same[:2]), Submit)
    decision = decided(*same)
    assert isinstance(decision, Park)
    assert "batch after 41" in decision.reason


@pytest.mark.parametrize("batch,tries,parks", [
    (41, [3], True), (None, [3], True), (41, [2], False), (41, [1, 2], True), (None, [2, 1], True),
    (None, [0, 0, 0], False)])   # without a word of the driver nobody knows that it was the batch
def test_attempts_that_fail_alike_count_as_ends_do(batch: int | None, tries: list[int], parks: bool) -> None:
    ends = [replace(died(n, 55 - 15 * n, batch=batch), tries=many) for n, many in enumerate(tries)]
    decision = decided(*ends)
    assert isinstance(decision, Park) is parks
    if isinstance(decision, Park):
        which = "first batch" if batch is None else "batch after 41"
        assert decision.reason == f"the {which} failed 3 times with the same error: boom"


def test_three_deaths_at_different_batches_do_not_park() -> None:
    assert isinstance(decided(*(died(n, 55 - 15 * n, batch=40 + n) for n in (1, 2, 3))), Submit)


@pytest.mark.parametrize("text,kind", [
    ("java.lang.ClassNotFoundException: io.delta.sql.Delta", "missing_class"),
    ("ModuleNotFoundError: No module named 'spark_apps'", "missing_class"),
    ("hashtag_stream.py: error: argument --trigger-seconds: invalid int value", "bad_configuration"),
    ("Failed to submit application to YARN : Application rejected by queue placement policy", "outage"),
    ("org.apache.hadoop.hdfs.server.namenode.SafeModeException: Cannot create file", "outage"),
    ("java.net.ConnectException: Call From a to b:8032 failed: Connection refused", "outage"),
    ("[STATE_STORE_KEY_SCHEMA_NOT_COMPATIBLE] Provided key schema", "incompatible_checkpoint"),
    ("CANNOT_LOAD_STATE_STORE.UNCATEGORIZED: Error decoding offset 359 of input buffer", "damaged_checkpoint"),
    ("CANNOT_LOAD_STATE_STORE.UNCATEGORIZED: File /a/state/0/0/13_x.changelog does not exist", "damaged_checkpoint"),
    ("CANNOT_LOAD_STATE_STORE.UNCATEGORIZED: Call From a to b:8020 failed: Connection refused", "outage"),
    ("CANNOT_LOAD_STATE_STORE.UNCATEGORIZED: No space left on device", "error"),
    ("CHECKPOINT_LOG.CommitLog: Unexpected end-of-input: was expecting closing quote", "damaged_checkpoint"),
    ("CHECKPOINT_LOG.OffsetSeqLog: Could not obtain block: BP-1:blk_7 file=/a/offsets/3", "error"),
    ("[CHECKPOINT_FILE_CHECKSUM_VERIFICATION_FAILED] Checksum verification failed", "damaged_checkpoint"),
    ("CONCURRENT_STREAM_LOG_UPDATE: Concurrent update to the log", "error"),
    ("stream a: checkpoint g0001 is damaged: offsets/16: it is empty; nothing was started.", "damaged_checkpoint"),
    ("submitted by user root to unknown queue: streming", "bad_configuration"),
    ("Container killed with exit code 137", "error"),
])
def test_an_end_is_classed_by_its_text(text: str, kind: str) -> None:
    assert classify(text) == kind


def test_a_restart_survives_its_file() -> None:
    end = died(3, batch=9)
    assert Restart.of(end.as_json()) == end
