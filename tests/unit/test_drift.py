"""Why rows differ: what is certain, what may have been, and what nothing explains."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from spark_apps import drift
from spark_apps.drift import INCOMPLETE, LATE, MAX_IDS, OTHER_VERSION, UNEXPLAINED, Cause, Copy, Key, Row, explain

ALL, A, B = (0, "", ""), (0, "a", "a"), (0, "b", "b")


def n(tweets: int) -> tuple[int, ...]:
    """So many originals."""
    return (tweets, tweets, 0, 0, 0)


def row(key: Key, live: int, fresh: int, sealed: int | None = None, expected: int | None = None) -> Row:
    was = fresh if sealed is None else sealed
    return Row(key, n(live), n(was), n(fresh), None if expected is None else n(expected))


def cause(key: Key, reason: str, delta: int, *ids: int) -> Cause:
    return Cause(key, reason, n(delta), len(ids), ids)


def copy(identity: int, batch: int | None, *tags: str, **more: Any) -> Copy:
    given = {"sure": batch is not None, "wins": False, "clamped": False, "minute": 0, "kind": "original", **more}
    return Copy(identity, batch, tags={tag: tag for tag in tags}, **given)


def told(rows: list[Row], causes: Sequence[Cause] = (), copies: Sequence[Copy] = ()) -> dict[Key, dict[str, Any]]:
    return {one.row.key: {reason: set(ids) for reason, (_, ids) in one.reasons.items()}
            for one in explain(rows, causes, copies)}


def test_a_row_is_explained_where_its_tweets_make_up_the_whole_difference() -> None:
    rows = [row(A, 3, 5), row(B, 4, 5)]
    assert told(rows, [cause(A, LATE, -2, 11, 12), cause(B, INCOMPLETE, -1, 13)]) == {
        A: {LATE: {11, 12}}, B: {INCOMPLETE: {13}}}


def test_a_part_of_the_difference_is_no_explanation() -> None:
    assert told([row(A, 2, 5)], [cause(A, LATE, -2, 11, 12)]) == {A: {UNEXPLAINED: set()}}
    assert told([row(A, 5, 4)]) == {A: {UNEXPLAINED: set()}}


def test_two_reasons_may_meet_in_one_row() -> None:
    assert told([row(A, 4, 5)], [cause(A, LATE, -2, 1, 2), cause(A, OTHER_VERSION, 1, 3)]) == {
        A: {LATE: {1, 2}, OTHER_VERSION: {3}}}


def test_the_kinds_of_tweets_have_to_fit_too() -> None:
    quote = Row(A, (1, 0, 0, 1, 0), n(1), n(1))
    assert told([quote]) == {A: {UNEXPLAINED: set()}}
    assert told([quote], [Cause(A, OTHER_VERSION, (0, -1, 0, 1, 0), 1, (9,))]) == {A: {OTHER_VERSION: {9}}}


def test_a_seal_that_a_fresh_run_does_not_repeat_is_unexplained() -> None:
    assert told([row(A, 5, 5, sealed=6)]) == {A: {UNEXPLAINED: set()}}


def test_an_incomplete_seal_is_what_its_own_files_come_to_or_unexplained() -> None:
    assert told([row(A, 5, 5, sealed=4, expected=4)]) == {A: {INCOMPLETE: set()}}
    assert told([row(A, 5, 5, sealed=4, expected=3)]) == {A: {UNEXPLAINED: set()}}


def test_what_is_unexplained_comes_first() -> None:
    found = explain([row(A, 3, 5), row(B, 4, 5)], [cause(A, LATE, -2, 1, 2)])
    assert [(one.row.key, one.explained) for one in found] == [(B, False), (A, True)]


def test_no_more_ids_are_kept_than_a_person_reads() -> None:
    [one] = explain([row(A, 0, 500)], [Cause(A, LATE, n(-500), 500, tuple(range(500)))])
    assert (one.reasons[LATE][0], len(one.reasons[LATE][1])) == (500, MAX_IDS)


def test_of_two_copies_in_one_batch_the_counts_tell_which_it_was() -> None:
    pair = [copy(7, 3, "a", wins=True), copy(7, 3, "b")]
    assert told([row(A, 0, 1), row(B, 1, 0)], copies=pair) == {A: {OTHER_VERSION: {7}}, B: {OTHER_VERSION: {7}}}


def test_no_choice_explains_one_row_by_spoiling_another() -> None:
    # Had the stream counted the copy with b, it would lack the one with a: the row of a agrees.
    assert told([row(B, 1, 0)], copies=[copy(7, 3, "a", wins=True), copy(7, 3, "b")]) == {B: {UNEXPLAINED: set()}}


def test_many_pairs_are_told_apart() -> None:
    copies = [one for i in range(50) for one in (copy(i, 3, "a", wins=True), copy(i, 3, "b"))]
    found = told([row(A, 30, 50), row(B, 20, 0)], copies=copies)
    assert {key: set(reasons) for key, reasons in found.items()} == {A: {OTHER_VERSION}, B: {OTHER_VERSION}}
    assert len(found[A][OTHER_VERSION]) == 20


def test_a_tweet_that_was_late_or_not_was_what_the_counts_say() -> None:
    unsure = [copy(7, 3, "a", wins=True, sure=False)]
    assert told([row(A, 0, 1), row(ALL, 0, 1)], copies=unsure) == {A: {LATE: {7}}, ALL: {LATE: {7}}}
    assert told([row(B, 1, 0)], copies=unsure) == {B: {UNEXPLAINED: set()}}


def test_a_late_tweet_is_known_by_its_tags_before_one_that_has_none() -> None:
    unsure = [copy(1, 3, wins=True, sure=False), copy(2, 3, "a", wins=True, sure=False)]
    assert told([row(A, 0, 1), row(ALL, 1, 2)], copies=unsure) == {A: {LATE: {2}}, ALL: {LATE: {2}}}


def test_a_copy_that_came_after_one_that_was_surely_counted_is_no_possibility() -> None:
    copies = [copy(7, 3, "a", wins=True), copy(7, 3, "b"), copy(7, 4, "c")]
    c = (0, "c", "c")
    assert told([row(A, 0, 1), row(c, 1, 0)], copies=copies)[c] == {UNEXPLAINED: set()}


def test_a_clamped_tweet_may_have_counted_again_in_a_later_batch() -> None:
    copies = [copy(7, 3, "a", wins=True, clamped=True), copy(7, 9, "a", clamped=True, minute=60_000)]
    again = [row((60_000, "a", "a"), 1, 0), row((60_000, "", ""), 1, 0)]
    assert [set(reasons) for reasons in told(again, copies=copies).values()] == [{OTHER_VERSION}, {OTHER_VERSION}]
    assert told([row(B, 1, 0)], copies=copies) == {B: {UNEXPLAINED: set()}}


def test_what_was_purged_explains_no_more_than_it_was() -> None:
    def of(live: int, fresh: int, gone: int, *causes: Cause) -> set[str]:
        [found] = explain([row(A, live, fresh)], causes, purged={A: n(gone)})
        return set(found.reasons)
    assert of(5, 3, 2) == {drift.PURGED}
    assert of(4, 3, 2) == {drift.PURGED}, "of one of the two the stream had not counted it"
    assert of(6, 3, 2) == {UNEXPLAINED}
    assert of(2, 3, 2) == {UNEXPLAINED}
    assert of(4, 3, 2, cause(A, LATE, -1, 7)) == {LATE, drift.PURGED}


def test_a_purge_explains_no_row_but_its_own() -> None:
    found = explain([row(A, 4, 3), row(B, 4, 3)], (), purged={A: n(1)})
    assert {one.row.key: set(one.reasons) for one in found} == {A: {drift.PURGED}, B: {UNEXPLAINED}}
