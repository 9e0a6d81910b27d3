"""A stream's life as plain records, and what the report makes of it. Times are seconds of one day."""
from __future__ import annotations

import os
import random
from typing import Any

import pytest

from deploy.history import Report, report
from deploy.records import Attempt, Change, Commit, Launch, Outage, Records
from deploy.restart_policy import Restart

MINUTE = 60


def steady(first: int, last: int, epoch: int = 1, attempt: int = 1, every: int = 10) -> tuple[Commit, ...]:
    """A commit each `every` seconds, both ends included; batch ids go on with time."""
    return tuple(Commit(at * 1000, epoch, attempt, at // every) for at in range(first, last + 1, every))


def ends(epoch: int, at: int, kind: str = "error", why: str = "boom") -> Restart:
    return Restart(epoch, at * 1000, kind, why, f"application_1_{epoch:04d}")


def begins(epoch: int, at: int, attempt: int = 1, before: str = "") -> Attempt:
    return Attempt(epoch, attempt, at * 1000, f"application_1_{epoch:04d}", before)


def change(at: int, state: str, who: str = "me", why: str = "") -> Change:
    return Change(at * 1000, state, who, why)


RUNNING = (change(0, "running"),)
STOPPED = (change(0, "running"), change(1000, "stopped", "you", "lunch"), change(2000, "running", "you", "back"))
LAUNCHED = (Launch(1, 0, 1, "0.1.0-aa", "me", "go"),)


def told(to: int = 3600, arrivals: list[int] | None = None, since: int = 0, **records: Any) -> Report:
    """The report of [since, to); `arrivals`: when lines arrived, by default all the time."""
    made = Records(**{"changes": RUNNING, "launches": LAUNCHED, **records})
    if arrivals is None:
        return report(made, since * 1000, to * 1000)
    found = sorted(at * 1000 for at in arrivals)
    return report(made, since * 1000, to * 1000,
                  lambda after, before: next((at for at in found if after < at <= before), None))


def downtimes(found: Report) -> list[tuple[str, float | None, str]]:
    return [(one.kind, one.seconds, one.how) for one in found.events if one.what == "end"]


# nothing happened

def test_a_stream_that_commits_all_the_time_was_available_all_the_time() -> None:
    found = told(commits=steady(0, 3600))
    assert (found.availability, found.gap_minutes, found.idle_minutes, found.ends, found.mttr) == (1, {}, 0, {}, None)


def test_a_stream_that_should_not_run_has_no_availability() -> None:
    found = told(changes=(change(0, "stopped"),))
    assert (found.availability, found.wanted_s, found.gap_minutes) == (None, 0, {})


# ends

def test_the_downtime_of_an_end_goes_from_the_last_commit_to_the_next_epochs_first() -> None:
    found = told(commits=(*steady(0, 1000), *steady(1052, 3600, 2)), ends=(ends(1, 1003),))
    assert downtimes(found) == [("error", 52, "back")]
    assert found.mttr == {"n": 1, "mean_s": 52, "p50_s": 52, "p95_s": 52}
    assert found.availability == 1 - 52 / 3600


def test_a_commit_that_only_the_heartbeat_knew_counts_as_the_last() -> None:
    end = Restart(1, 1_008_000, "error", down_since_ms=1_005_000)
    assert downtimes(told(commits=(*steady(0, 1000), *steady(1050, 3600, 2)), ends=(end,))) == [("error", 45, "back")]


def test_ends_without_a_commit_between_them_share_a_downtime() -> None:
    found = told(commits=(*steady(0, 1000), *steady(1300, 3600, 4)),
                 ends=(ends(1, 1003), ends(2, 1060), ends(3, 1200, "forgotten")))
    assert downtimes(found) == [("error", 300, "back"), ("error", None, ""), ("forgotten", None, "")]
    assert found.mttr and found.mttr["n"] == 1
    assert found.ends == {"error": 2, "forgotten": 1}


def test_an_end_that_was_asked_for_spends_availability_but_is_no_repair() -> None:
    found = told(commits=(*steady(0, 1000), *steady(1050, 3600, 2)), ends=(ends(1, 1003, "superseded"),))
    assert (found.ends, found.mttr, found.down_s) == ({"superseded": 1}, None, 50)


def test_an_end_that_was_asked_for_and_then_goes_wrong_is_a_repair() -> None:
    found = told(commits=(*steady(0, 1000), *steady(1100, 3600, 3)),
                 ends=(ends(1, 1003, "superseded"), ends(2, 1040)))
    assert found.mttr and found.mttr["p50_s"] == 100


def test_percentiles_are_downtimes_that_were_measured() -> None:
    lengths = [40, 40, 40, 50, 50, 60, 60, 60, 60, 200]
    commits, made, at = list(steady(0, 100)), [], 100
    for number, seconds in enumerate(lengths, 1):
        made.append(ends(number, at + 1))
        commits += steady(at + seconds, at + seconds + 100, number + 1)
        at += seconds + 100
    found = told(commits=tuple(commits), ends=tuple(made), to=at)
    assert found.mttr == {"n": 10, "mean_s": 66, "p50_s": 50, "p95_s": 200}


def test_a_stream_that_is_down_now_says_since_when_and_is_no_repair_yet() -> None:
    found = told(commits=steady(0, 3000), ends=(ends(1, 3003),))
    assert downtimes(found) == [("error", 600, "open")]
    assert (found.down_since_ms, found.mttr, found.down_s) == (3_000_000, None, 600)


def test_an_end_outside_the_window_is_not_told_and_a_downtime_across_its_edge_is() -> None:
    both = (ends(1, 500), ends(2, 1503))
    found = told(since=1500, commits=(*steady(0, 400), *steady(600, 1480, 2), *steady(1580, 3600, 3)), ends=both)
    assert downtimes(found) == [("error", 100, "back")]
    assert found.down_s == 80, "of the window"


# attempts

def test_yarns_second_attempt_is_the_end_of_the_first() -> None:
    found = told(commits=(*steady(0, 1000), *steady(1045, 3600, 1, 2)),
                 attempts=(begins(1, 5), begins(1, 1030, 2, "java.lang.OutOfMemoryError")))
    [end] = [one for one in found.events if one.what == "end"]
    assert (end.kind, end.epoch, end.attempt, end.batch_id, end.seconds) == ("attempt", 1, 1, 100, 45)
    assert end.why == "java.lang.OutOfMemoryError"
    assert found.ends == {"attempt": 1}
    assert found.mttr and found.mttr["p50_s"] == 45


def test_an_attempt_that_did_not_help_shares_the_downtime_of_the_end_after_it() -> None:
    found = told(commits=(*steady(0, 1000), *steady(1200, 3600, 2)), ends=(ends(1, 1100),),
                 attempts=(begins(1, 5), begins(1, 1030, 2), begins(2, 1180)))
    assert downtimes(found) == [("attempt", 200, "back"), ("error", None, "")]


def test_an_attempt_that_never_claimed_is_passed_over() -> None:
    found = told(commits=(*steady(0, 1000), *steady(1090, 3600, 1, 3)),
                 attempts=(begins(1, 5), begins(1, 1080, 3), begins(2, 4000), begins(2, 4100, 2)))
    assert [(one.attempt, one.seconds) for one in found.events if one.what == "end"] == [(1, 90)]


def test_an_attempt_that_ended_while_nothing_arrived_is_no_repair_of_no_time() -> None:
    found = told(commits=(*steady(0, 600), *steady(3005, 3600, 1, 2)), attempts=(begins(1, 5), begins(1, 1800, 2)),
                 arrivals=[590, 3000])
    assert downtimes(found) == [("attempt", 0, "back")]
    assert (found.mttr, found.ends) == (None, {"attempt": 1})


# what nobody wrote down

def test_a_launch_after_another_without_a_stop_tells_of_an_end_that_nobody_wrote_down() -> None:
    again = (*LAUNCHED, Launch(2, 1_200_000))
    commits = (*steady(0, 1000), *steady(1240, 3600, 2))
    begun = (begins(1, 5), begins(2, 1220))
    found = told(launches=again, commits=commits, attempts=begun)
    assert downtimes(found) == [("unrecorded", 240, "back")]
    assert [one.what for one in found.events] == ["started", "launch", "end", "launch"]
    assert told(launches=again, commits=commits, attempts=begun, ends=(ends(1, 1003),)).ends == {"error": 1}


def test_a_launch_whose_driver_never_began_ended_nothing() -> None:
    again = (*LAUNCHED, Launch(2, 1_200_000), Launch(3, 1_300_000))
    found = told(launches=again, commits=(*steady(0, 1000), *steady(1340, 3600, 3)), ends=(ends(1, 1003),),
                 attempts=(begins(1, 5), begins(3, 1320)))
    assert found.ends == {"error": 1}


def test_a_launch_after_a_stop_tells_of_none() -> None:
    found = told(changes=STOPPED, launches=(*LAUNCHED, Launch(2, 2_001_000)), attempts=(begins(1, 5), begins(2, 2010)),
                 commits=(*steady(0, 1000), *steady(2030, 3600, 2)))
    assert found.ends == {}


def test_a_stream_that_went_silent_is_down_since_its_last_commit_though_no_end_is_known() -> None:
    found = told(commits=steady(0, 3000))
    assert (found.down_since_ms, found.ends, found.gap_minutes) == (3_000_000, {}, {"unexplained": 9})


# stopped, parked, resumed



def test_the_time_that_somebody_stopped_it_for_is_nobodys_fault() -> None:
    found = told(changes=STOPPED, commits=(*steady(0, 1000), *steady(2030, 3600, 2)))
    assert (found.wanted_s, found.down_s, found.gap_minutes) == (2600, 0, {})


def test_a_start_that_takes_long_is_told_as_such() -> None:
    found = told(changes=STOPPED, commits=(*steady(0, 1000), *steady(2190, 3600, 2)))
    assert (found.gap_minutes, found.down_s) == ({"start": 2}, 190)


def test_a_stop_ends_a_downtime_that_was_not_repaired() -> None:
    found = told(changes=STOPPED, commits=(*steady(0, 900), *steady(2030, 3600, 2)), ends=(ends(1, 903),))
    assert downtimes(found) == [("error", 100, "stopped")]
    assert (found.mttr, found.down_s) == (None, 100)


def test_an_end_before_the_first_commit_after_a_stop_is_down_from_when_it_was_asked_for() -> None:
    found = told(changes=STOPPED, commits=(*steady(0, 900), *steady(2300, 3600, 3)),
                 ends=(ends(1, 903), ends(2, 2100)))
    assert downtimes(found) == [("error", 100, "stopped"), ("error", 300, "back")]


def test_a_parked_stream_is_down_until_it_counts_again() -> None:
    changes = (*RUNNING, change(1004, "parked", "supervisor", "5 ends"), change(2200, "running", "me", "mended"))
    found = told(changes=changes, commits=(*steady(0, 1000), *steady(2240, 3600, 2)), ends=(ends(1, 1003),))
    assert downtimes(found) == [("error", 1240, "back")]
    assert found.down_s == 1240
    assert found.gap_minutes == {"parked": 20}
    assert [(one.what, one.who, one.why) for one in found.events if one.what in ("parked", "resumed")] == [
        ("parked", "supervisor", "5 ends"), ("resumed", "me", "mended")]


def test_who_asks_for_a_running_stream_is_told_apart_from_who_resumes_it() -> None:
    found = told(changes=(*RUNNING, change(50, "running", "you"), change(60, "stopped"), change(70, "running")))
    assert [one.what for one in found.events if one.what != "launch"] == [
        "started", "asked again", "stopped", "resumed"]


# minutes without a commit

def test_minutes_of_a_downtime_are_put_down_to_its_class() -> None:
    found = told(commits=(*steady(0, 600), *steady(900, 3600, 2)), ends=(ends(1, 603, "missing_class"),))
    assert found.gap_minutes == {"missing_class": 4}, "11 to 15; the commits were in the first and after the last"


def test_minutes_of_an_outage_are_put_down_to_it_whether_a_driver_ended_or_not() -> None:
    commits = (*steady(0, 600), *steady(900, 1800, 2))
    out = (Outage(610_000, 850_000, "HDFS"),)
    assert told(1800, commits=commits, outages=out).gap_minutes == {"outage": 4}
    assert told(1800, commits=commits, outages=out, ends=(ends(1, 700),)).gap_minutes == {"outage": 4}


def test_an_outage_during_which_the_stream_counts_on_costs_nothing() -> None:
    found = told(commits=steady(0, 3600), outages=(Outage(600_000, 900_000, "ResourceManager", "no RM"),))
    assert (found.gap_minutes, found.availability) == ({}, 1)
    assert [(one.kind, one.seconds, one.why) for one in found.events if one.what == "outage"] == [
        ("ResourceManager", 300, "no RM")]


def test_a_silence_that_nothing_explains_says_so() -> None:
    found = told(commits=(*steady(0, 600), *steady(900, 3600)))
    assert (found.gap_minutes, found.down_s) == ({"unexplained": 4}, 300)


def test_a_silence_in_which_nothing_arrived_is_idle_and_no_gap() -> None:
    found = told(commits=(*steady(0, 600), *steady(1805, 3600)), arrivals=[590, 1800])
    assert (found.gap_minutes, found.idle_minutes, found.down_s) == ({}, 19, 0)


def test_a_silence_counts_from_the_first_arrival_on() -> None:
    found = told(commits=(*steady(0, 600), *steady(1800, 3600)), arrivals=[1500])
    assert (found.gap_minutes, found.idle_minutes, found.down_s) == ({"unexplained": 5}, 14, 300)


def test_a_slow_trigger_leaves_minutes_without_a_commit_that_are_none() -> None:
    slow = (Launch(1, 0, trigger_ms=300_000),)
    found = told(launches=slow, commits=steady(0, 3600, every=300))
    assert (found.gap_minutes, found.availability) == ({}, 1)


# an idle stream that ends

def test_an_end_while_nothing_arrives_costs_the_time_without_a_driver() -> None:
    found = told(commits=(*steady(0, 600), *steady(3005, 3600, 2)), ends=(ends(1, 1800),),
                 attempts=(begins(1, 5), begins(2, 1842)), arrivals=[590, 3000])
    assert downtimes(found) == [("error", 42, "back")]
    assert found.down_s == 42


def test_a_driver_that_does_not_count_what_arrived_is_not_back() -> None:
    found = told(commits=(*steady(0, 600), *steady(3005, 3600, 2)), ends=(ends(1, 650),),
                 attempts=(begins(1, 5), begins(2, 690)), arrivals=[640, 1000, 3000])
    assert downtimes(found) == [("error", 2405, "back")]


# order

def test_events_are_told_in_their_order_and_only_those_of_the_window() -> None:
    found = told(since=500, launches=(*LAUNCHED, Launch(2, 1_010_000, 1, "r", "watchdog", "restart")),
                 commits=(*steady(0, 1000), *steady(1052, 3600, 2)), ends=(ends(1, 1003),),
                 outages=(Outage(1_500_000, 1_600_000, "HDFS"),))
    assert [(one.time_ms // 1000, one.what) for one in found.events] == [
        (1003, "end"), (1010, "launch"), (1500, "outage")]


@pytest.mark.parametrize("empty", [{}, {"changes": (), "launches": ()}])
def test_of_a_stream_without_a_past_there_is_nothing_to_tell(empty: dict[str, Any]) -> None:
    found = told(**{"changes": (), "launches": (), **empty})
    assert (found.events, found.availability, found.mttr) == ((), None, None)


@pytest.mark.parametrize("part", range(4))
def test_whatever_happens_no_minute_is_told_twice_and_no_more_was_down_than_should_have_run(part: int) -> None:
    replay = os.environ.get("HASHTIDE_SEED")
    first = int(replay) if replay else random.SystemRandom().randrange(10**9)
    for seed in range(first, first + (1 if replay else 50)):
        rng, at = random.Random(seed), 0
        commits, made, begun, changes, launches = [], [], [], [change(0, "running")], []
        for epoch in range(1, rng.randrange(2, 8)):
            launches.append(Launch(epoch, at * 1000))
            begun.append(begins(epoch, at + 5))
            until = at + rng.randrange(10, 900)
            commits += steady(at + rng.randrange(10, 200), until, epoch)
            at = until + rng.randrange(1, 120)
            if rng.random() < 0.8:
                made.append(ends(epoch, at, rng.choice(["error", "superseded", "stalled"])))
            if rng.random() < 0.3:
                changes += [change(at + 1, rng.choice(["stopped", "parked"])), change(at + 300, "running")]
                at += 301
            at += rng.randrange(1, 60)
        arrivals = sorted(rng.randrange(at) for _ in range(rng.choice([0, 3, 300])))
        outages = [Outage(x * 1000, (x + 90) * 1000) for x in rng.sample(range(at), 2)]
        found = told(to=at, since=rng.choice([0, at // 3]), arrivals=arrivals, commits=tuple(commits), ends=tuple(made),
                     attempts=tuple(begun), changes=tuple(changes), launches=tuple(launches), outages=tuple(outages))
        silent = sum(found.gap_minutes.values()) + found.idle_minutes
        told_of = f"HASHTIDE_SEED={seed} plays it again"
        minutes = {one.ms // 60_000 for one in commits if found.from_ms <= one.ms}
        assert silent + len(minutes) <= (found.to_ms - found.from_ms) // 60_000 + 2, told_of
        assert 0 <= found.down_s <= found.wanted_s <= (found.to_ms - found.from_ms) / 1000, told_of
        assert all(seconds > 0 for seconds in found.repairs_s), told_of
        assert [one.time_ms for one in found.events] == sorted(one.time_ms for one in found.events), told_of
        if found.mttr:
            assert found.mttr["p50_s"] <= found.mttr["p95_s"] <= max(found.repairs_s), told_of
