"""Each landed line has one fate, and a ledger row says whether that holds."""
from __future__ import annotations

from spark_apps.accounting import Account, Fate, account, late_hours
from spark_apps.contract import HOUR_MS, MINUTE_MS

TEN = 1_772_359_200_000   # 2026-03-01T10:00Z
NINE, ELEVEN, TWELVE = TEN - HOUR_MS, TEN + HOUR_MS, TEN + 2 * HOUR_MS
AT_ELEVEN_TEN = ELEVEN + 10 * MINUTE_MS


def landed(hour: int, minute: int, event_hour: int | None, fate: str = "tweet", lines: int = 1) -> Fate:
    return Fate("landed", hour, hour, event_hour, hour + minute * MINUTE_MS, fate, lines)


def sealed(event_hour: int, landing_hour: int, fate: str, lines: int) -> Fate:
    return Fate("sealed", event_hour, landing_hour, event_hour, None, fate, lines)


def test_an_hour_of_tweets_messages_and_bad_lines_adds_up() -> None:
    fates = [landed(TEN, 0, TEN, lines=10), landed(TEN, 1, None, "control", 2), landed(TEN, 1, None, "not_json", 3),
             landed(TEN, 2, None, "no_id", 1), sealed(TEN, TEN, "counted", 8), sealed(TEN, TEN, "duplicate", 2)]
    found = account(TEN, fates, {TEN: AT_ELEVEN_TEN})
    assert found == Account(16, 8, 2, 0, 2, 0, {"not_json": 3, "no_id": 1})
    assert found.adds_up


def test_tweets_of_two_hours_that_landed_in_one_are_counted_by_both_seals() -> None:
    fates = [landed(ELEVEN, 0, TEN, lines=4), landed(ELEVEN, 0, ELEVEN, lines=6), sealed(TEN, ELEVEN, "counted", 4),
             sealed(TEN, TEN, "counted", 100), sealed(ELEVEN, ELEVEN, "counted", 5),
             sealed(ELEVEN, ELEVEN, "duplicate", 1)]
    found = account(ELEVEN, fates, {TEN: AT_ELEVEN_TEN, ELEVEN: TWELVE + 10 * MINUTE_MS})
    assert (found.lines, found.counted, found.duplicate, found.late) == (10, 9, 1, 0)
    assert found.adds_up


def test_what_arrives_after_its_hours_seal_is_late_until_that_is_sealed_again() -> None:
    fates = [landed(ELEVEN, 9, TEN, lines=4), landed(ELEVEN, 10, TEN, lines=2), sealed(TEN, ELEVEN, "counted", 4)]
    before = account(ELEVEN, fates, {TEN: AT_ELEVEN_TEN})
    assert (before.counted, before.late) == (4, 2)
    assert before.adds_up
    again = [*fates[:2], sealed(TEN, ELEVEN, "counted", 6)]
    after = account(ELEVEN, again, {TEN: TWELVE})
    assert (after.counted, after.late) == (6, 0)
    assert after.adds_up


def test_a_tweet_of_an_hour_before_that_was_never_sealed_is_late_and_one_ahead_of_its_hour_is_pending() -> None:
    found = account(TEN, [landed(TEN, 3, NINE, lines=2), landed(TEN, 59, ELEVEN, lines=3)], {TEN: AT_ELEVEN_TEN})
    assert (found.late, found.pending) == (2, 3)
    assert found.adds_up


def test_a_line_that_no_seal_took_does_not_add_up() -> None:
    found = account(TEN, [landed(TEN, 0, TEN, lines=10), sealed(TEN, TEN, "counted", 9)], {TEN: AT_ELEVEN_TEN})
    assert not found.adds_up


def test_a_line_that_was_counted_twice_does_not_add_up() -> None:
    found = account(TEN, [landed(TEN, 0, TEN, lines=1), sealed(TEN, TEN, "counted", 2)], {TEN: AT_ELEVEN_TEN})
    assert not found.adds_up


def test_only_hours_with_lines_from_after_their_seal_are_sealed_again() -> None:
    fates = [landed(ELEVEN, 9, TEN), landed(ELEVEN, 10, ELEVEN), landed(TWELVE, 30, TEN), landed(TWELVE, 30, ELEVEN)]
    through = {TEN: AT_ELEVEN_TEN, ELEVEN: TWELVE + 31 * MINUTE_MS}
    assert late_hours(fates, through, NINE) == [TEN]
    assert late_hours(fates, through, ELEVEN) == []
    assert late_hours(fates, {}, NINE) == []
