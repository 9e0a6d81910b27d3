"""The alarm of far fewer posts than usual: what it is judged by, and from the simulator to what is said in HDFS."""
from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from spark_apps.clock import Clock
from spark_apps.ingest.volume import Band, Hour, Volume, judge, usual
from tests.fakes import platform
from tests.fakes.ingest import THROUGH, TOKEN, running, status
from tests.fakes.sockets import until
from tests.fakes.webhdfs import WebHdfs

pytestmark = pytest.mark.usefixtures("impatient")

BAND = Band()
HOUR = 500_000   # its number


def days(*rates: float, hour: int = HOUR) -> dict[int, Hour]:
    """Posts a minute in this hour yesterday, the day before, ..."""
    return {hour - BAND.day * (n + 1): Hour(60, round(rate * 60)) for n, rate in enumerate(rates)}


def newest(*posts: int) -> list[tuple[int, int]]:
    """Minutes in the middle of the hour."""
    return [(HOUR * BAND.hour + 30 + n, count) for n, count in enumerate(posts)]


@pytest.mark.parametrize(("history", "expected"), [
    (days(), None),
    (days(100, 100, 100, 100), None),                            # four days are too few
    (days(100, 100, 100, 100, 100), (100, 50)),
    (days(100, 100, 100, 100, 0), (100, 50)),                    # a day that was odd itself
    (days(100, 100, 100, 100, 9_000), (100, 50)),
    (days(100, 90, 110, 80, 120), (100, 100 - 4 * 14.826)),       # strays: lower than half
    (days(100, 40, 160, 10, 300), (100, 0)),                     # anything is usual
    (days(0, 0, 0, 0, 0, 0), (0, 0)),
    (days(100, 100, 100, 100) | {HOUR - 24 * 5: Hour(29, 2_900)}, None),   # not connected for long enough
    (days(100, 100, 100, 100, 100, hour=HOUR + 1), None),        # another hour
    ({HOUR - 24 * n: Hour(60, 6_000) for n in range(15, 30)}, None),       # too long ago
])
def test_the_usual_of_an_hour(history: dict[int, Hour], expected: tuple[float, float] | None) -> None:
    found = usual(history, HOUR, BAND)
    assert found == (pytest.approx(expected) if expected else None)


@pytest.mark.parametrize(("posts", "rate", "was", "alarm"), [
    ([100] * 10, 100, False, False),
    ([60] * 10, 100, False, False),
    ([45] * 10, 100, False, False),     # by chance
    ([39] * 10, 100, False, True),
    ([45] * 10, 100, True, True),       # ends where it is half again
    ([50] * 10, 100, True, False),
    ([0] * 10, 100, False, True),
    ([0] * 9, 100, False, None),        # so far nothing can be told
    ([100] * 20 + [0] * 10, 100, False, True),
    ([0] * 10 + [100] * 10, 100, False, False),
    ([0] * 10, 1, False, False),        # ten posts may be missing by chance
    ([0] * 60, 2, False, True),         # of 100 it tells
    ([900] * 10, 100, False, False),    # more than usual is another matter
    ([0] * 60, 0, False, False),
])
def test_what_is_an_alarm(posts: list[int], rate: float, was: bool, alarm: bool | None) -> None:
    found = judge([(HOUR * 60 + n, count) for n, count in enumerate(posts)], days(*[rate] * 7), BAND, was)
    assert (found and found.alarm) == alarm


def test_a_window_over_two_hours_is_judged_by_both() -> None:
    history = days(*[1_000] * 7, hour=HOUR - 1) | days(*[10] * 7)
    night = [(HOUR * 60 + n, 10 if n >= 0 else 1_000) for n in range(-5, 8)]
    found = judge(night, history, BAND)
    assert found and (found.minutes, found.usual, found.alarm) == (10, 2_080, False)


def test_counts_are_of_minutes_that_were_connected_from_end_to_end(tmp_path: Path) -> None:
    volume, minute = Volume(tmp_path / "v"), HOUR * 60

    def at(minutes: float) -> int:
        return round((minute + minutes) * 60_000)

    volume.tick(at(0.2))
    volume.connected(at(0.5), True)      # not whole
    volume.post(at(0.6))
    for n in range(3):                   # minute 1 is whole
        volume.post(at(1.1 + n / 10))
    volume.post(at(2.1))
    volume.connected(at(2.5), False)     # nor is this
    volume.connected(at(2.6), True)
    volume.post(at(2.9))
    volume.held_up(at(3.5))              # nor this
    volume.post(at(3.4))                 # the inbox gives up older ones later
    volume.post(at(5.0))                 # nor what is after a hole
    assert volume.tick(at(6.0)) is False
    volume.post(at(6.5))
    assert volume.tick(at(7.1)) is True
    volume.save()
    assert json.loads((tmp_path / "v").read_text())["hours"] == [[HOUR, 2, 4]]


def test_a_fortnight_with_weekends_and_an_outage_raises_no_alarm_and_a_lost_rule_does(tmp_path: Path) -> None:
    pick, alarms = random.Random(7), []
    volume = Volume(tmp_path / "v")
    volume.connected(HOUR * 3_600_000 - 1, True)

    def live(first_day: int, last_day: int, share: float) -> None:
        for hour in range(first_day * 24, last_day * 24):
            day, at = divmod(hour, 24)
            rate = (20 + 10 * min(at, 24 - at)) * (0.7 if day % 7 > 4 else 1) * (0 if day == 9 and at < 5 else share)
            for n in range(60):
                ms = ((HOUR + hour) * 60 + n) * 60_000
                for _ in range(round(rate * pick.uniform(0.7, 1.3))):
                    volume.post(ms)
                volume.tick(ms + 60_000)
                if volume.alarm:
                    alarms.append((day, at))

    live(0, 14, 1)
    assert {day for day, _ in alarms} == {9}
    assert {hour for _, hour in alarms} <= set(range(6))
    alarms.clear()
    live(14, 15, 0.25)
    assert len({hour for _, hour in alarms}) >= 22
    volume.save()
    assert (again := Volume(tmp_path / "v")).tick((HOUR + 15 * 24) * 3_600_000) is False
    assert again.alarm == volume.alarm and "usually" in str(again.alarm)


#: Hours of some seconds, of which a day has so many that it does not end within the test.
SHORT = Band(minute_ms=500, hour=6, day=100, window=5, posts=1)


def remember(spool: Path, minute_posts: int) -> None:
    """Each hour of five days had these."""
    spool.mkdir()
    now = Clock().now_ms() // SHORT.minute_ms // SHORT.hour
    hours = [(hour, SHORT.hour, SHORT.hour * minute_posts) for hour in range(now - 5 * SHORT.day, now)]
    (spool / "volume.json").write_text(json.dumps({"hours": hours}))


def test_keep_alives_with_hardly_a_post_are_told_over_a_restart_until_posts_come_again(
        hdfs: WebHdfs, tmp_path: Path) -> None:
    spool = tmp_path / "spool"

    def alarm() -> str:
        return str(status(spool).get("alarm") or "")

    remember(spool, 25)
    with platform.serving(tmp_path / "x", token=TOKEN, rate=100, keep_alive_s=0.2) as x:
        with running(hdfs, x.url, spool, band=SHORT) as service:
            until(lambda: service.client.received > 100 and not alarm(), "posts, and no alarm", 60)
            x.fault("keep_alives_only", duration_s=600)
            until(lambda: "0 posts came in the last" in alarm(), "the alarm", 60)
            assert service.client.connected_since
            until(lambda: "0 posts came" in json.loads(hdfs.files[THROUGH]).get("alarm", ""), "the alarm in HDFS", 60)
        with running(hdfs, x.url, spool, band=SHORT) as service:
            until(lambda: service.client.connected_since and "0 posts came in the last" in alarm(), "it again", 60)
            x._call(lambda: [setattr(fault, "duration_s", 0) for fault in x.server.stream.faults.on])
            until(lambda: service.client.received > 100 and not alarm(), "posts, and no alarm", 60)
            until(lambda: "alarm" not in json.loads(hdfs.files[THROUGH]), "no alarm in HDFS", 60)
