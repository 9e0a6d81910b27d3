"""When to connect again, as a table; and whatever happens, never more than 50 connects in 15 minutes."""
from __future__ import annotations

import random
from dataclasses import replace

import pytest

from spark_apps.ingest.policy import (
    Connect,
    Event,
    History,
    Policy,
    Stop,
    backfill_minutes,
    covered_from_ms,
    decide,
    spend,
)

T = 1_764_070_200_000
POLICY = Policy()


def at(history: History, event: Event, now_ms: int = T) -> int:
    """ms from now to the next connect."""
    _, what = decide(history, event, now_ms, POLICY)
    assert isinstance(what, Connect)
    return what.at_ms - now_ms


def waits(event: Event, times: int) -> list[float]:
    """Seconds between the end of a try and the next one, where all end alike."""
    history, found = History(), []
    now_ms = T
    for _ in range(times):
        history, what = decide(history, event, now_ms, POLICY)
        assert isinstance(what, Connect)
        found.append((what.at_ms - now_ms) / 1000)
        now_ms = what.at_ms
    return found


@pytest.mark.parametrize(("event", "expected"), [
    (Event("unsent"), [0.25, 0.5, 0.75, 1.0]),
    (Event("lost"), [0.25, 0.5, 0.75, 1.0]),
    (Event("silent"), [0.25, 0.5, 0.75, 1.0]),
    (Event("http", status=503), [5, 10, 20, 40, 80, 160, 320, 320]),
    (Event("http", status=420), [5, 10, 20]),
    (Event("failed"), [5, 10, 20]),
    (Event("http", status=429), [60, 120, 240, 480, 900, 900]),
    (Event("http", status=429, reset_s=333), [333, 333]),
    (Event("http", status=429, reset_s=-5), [60, 120]),
    (Event("http", status=429, reset_s=10 ** 9), [86_400, 86_400]),
    (Event("closed", connected=True), [1, 2, 4, 8, 16, 32, 60, 60]),
    (Event("lost", connected=True, held_s=59), [1, 2, 4]),
    (Event("silent", connected=True, held_s=61), [1, 1, 1]),
    (Event("started"), [0, 0]),
])
def test_the_platform_is_left_alone_for_as_long_as_it_asks(event: Event, expected: list[float]) -> None:
    assert waits(event, len(expected)) == expected


def test_the_waits_of_network_errors_end_at_16_seconds() -> None:
    assert waits(Event("unsent"), 70)[-1] == 16


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404])
def test_what_only_a_person_can_help_with_stops(status: int) -> None:
    _, what = decide(History(), Event("http", "why", status=status), T, POLICY)
    assert what == Stop("why")


@pytest.mark.parametrize("status", [400, 403])
def test_who_is_not_entitled_to_backfill_goes_on_without(status: int) -> None:
    history, what = decide(History(), Event("http", "why", status=status, backfill=3), T, POLICY)
    assert history.no_backfill
    assert what == Connect(T)
    assert isinstance(decide(history, Event("http", "why", status=status), T, POLICY)[1], Stop)


def test_a_connection_makes_the_waits_of_other_failures_short_again() -> None:
    failed = History(network=9, http=5, limited=3)
    history, _ = decide(failed, Event("closed", connected=True), T, POLICY)
    assert (history.network, history.http, history.limited) == (0, 0, 0)


def test_a_stale_connection_is_ended_first_and_not_again_for_five_minutes() -> None:
    full = Event("http", status=429, too_many=True)
    history, what = decide(History(), full, T, POLICY)
    assert what == Connect(T + 250, cure=True)
    again, what = decide(history, full, T + 1_000, POLICY)
    assert what == Connect(T + 61_000)
    assert decide(again, full, T + 299_999, POLICY)[1] == Connect(T + 299_999 + 120_000)
    assert decide(history, full, T + 300_000, POLICY)[1] == Connect(T + 300_250, cure=True)


def test_a_restart_connects_at_once_but_for_what_the_platform_asked() -> None:
    history, _ = decide(History(http=7, closed=7), Event("http", status=429, reset_s=300), T, POLICY)
    after, what = decide(history, Event("started"), T + 1_000, POLICY)
    assert what == Connect(T + 300_000)
    assert (after.http, after.closed, after.limited) == (0, 0, 0)
    assert at(History(http=7, closed=7), Event("started")) == 0


def test_a_connect_beyond_the_budget_waits_until_the_oldest_is_15_minutes_old() -> None:
    history = History()
    for n in range(50):
        history = spend(history, T + n * 1_000, POLICY)
    assert at(history, Event("started"), T + 60_000) == 840_000
    assert at(history, Event("started"), T + 900_000) == 0


def test_what_never_reached_the_platform_is_not_counted() -> None:
    history = spend(spend(History(), T, POLICY), T + 5, POLICY)
    assert decide(history, Event("unsent"), T + 9, POLICY)[0].connects == (T,)
    assert decide(history, Event("lost"), T + 9, POLICY)[0].connects == (T, T + 5)


def test_a_clock_that_was_set_back_neither_frees_connects_nor_forbids_them_for_ever() -> None:
    history = History(connects=tuple(T + 86_400_000 + n for n in range(50)))
    after, what = decide(history, Event("started"), T, POLICY)
    assert what == Connect(T + 900_000)
    assert decide(after, Event("started"), T + 900_000, POLICY)[1] == Connect(T + 900_000)


@pytest.mark.parametrize("seed", range(20))
def test_whatever_happens_no_15_minutes_have_more_than_50_connects(seed: int) -> None:
    pick = random.Random(seed)
    kinds = [Event("started"), Event("lost"), Event("closed", connected=True), Event("http", status=503),
             Event("closed", connected=True, held_s=70), Event("http", status=429, reset_s=1),
             Event("http", status=429, too_many=True), Event("silent"), Event("failed")]
    weights = [pick.random() ** 4 for _ in kinds]
    history, now_ms = History(), T
    requests: list[int] = []
    for _ in range(2_000):
        history, what = decide(history, pick.choices(kinds, weights)[0], now_ms, POLICY)
        assert isinstance(what, Connect), f"seed {seed}"
        now_ms = what.at_ms
        requests.append(now_ms)
        history = spend(history, now_ms, POLICY)
        now_ms += pick.randrange(200)
    for first, last in zip(requests, requests[50:], strict=False):
        assert last - first >= 900_000, f"seed {seed}"


@pytest.mark.parametrize(("gap_s", "minutes"), [(0, 1), (54, 1), (56, 2), (200, 4), (290, 5), (9_999, 5)])
def test_a_backfill_covers_its_gap_and_what_was_under_way(gap_s: int, minutes: int) -> None:
    assert backfill_minutes(gap_s * 1_000, POLICY) == minutes


@pytest.mark.parametrize(("gap_s", "minutes", "missing_s"), [
    (50, 1, 0), (56, 1, 1), (290, 5, 0), (298, 5, 3), (400, 5, 105)])
def test_what_a_backfill_does_not_reach_stays_missing(gap_s: int, minutes: int, missing_s: int) -> None:
    assert covered_from_ms(T, T + gap_s * 1_000, minutes, POLICY) == T + missing_s * 1_000


def test_a_hurried_policy_has_all_its_times_shorter_and_the_same_budget() -> None:
    fast = POLICY.hurried(100)
    assert (fast.connects, fast.window_s, fast.http_first_s, fast.cure_every_s) == (50, 9.0, 0.05, 3.0)
    assert replace(fast, **{}) == fast
