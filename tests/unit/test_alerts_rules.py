"""What fires of which look, and of what a look cannot tell."""
from __future__ import annotations

import struct
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from deploy.alerts import conf, expiry, looking, rules
from deploy.alerts.expiry import Expiry
from deploy.alerts.looking import ClusterLook, Look
from deploy.alerts.rules import Firing
from deploy.observation import Observation
from spark_apps.contract import HOUR_MS, MINUTE_MS
from spark_apps.gap import Gap
from tests.fakes.page import PATHS, STREAM, filled

NOW = 1_800_001_800_000
RULES = conf.load(conf.CONF_DIR / "alerts.toml").rules
RUNS = Observation(STREAM, NOW, desired={"state": "running", "since_ms": NOW - 9 * HOUR_MS}, epoch=3,
                   heartbeat={"time_ms": NOW - 5_000, "commit_ms": NOW - 5_000, "backlog_files": 3})
FINE = Look(STREAM, NOW, RUNS, NOW - 3 * MINUTE_MS, [], [], [], [], {"x": NOW - 5_000})


def fires(look: Look, rule: str) -> list[Firing]:
    return [one for one in rules.of_stream(look, RULES).firing if one.key.partition("-")[0] == rule]


def end(minutes_ago: float, seconds: float | None, how: str, **more: Any) -> dict[str, Any]:
    return {"what": "end", "tone": "warn", "time_ms": NOW - int(minutes_ago * MINUTE_MS), "seconds": seconds,
            "how": how, "title": "Ended: its driver failed", "why": "java.io.IOException", "detail": "", **more}


def hour(hours_ago: int, state: str, **more: Any) -> dict[str, Any]:
    at = NOW - NOW % HOUR_MS - hours_ago * HOUR_MS
    return {"hour_ms": at, "hour": rules.iso(at)[:13], "state": state, "why": "1 row differs", **more}


def source(**more: Any) -> dict[str, Any]:
    return {"source": "x", "written_ms": NOW - 2_000, "alarm": None, "ended": False, "spend": None, **more}


def spent(part: float | None) -> dict[str, Any]:
    one = {"posts": 41_000, "limit": 50_000, "part": part, "usd": 205.0}
    return {"date": "2027-01-15", "day": one, "month": {**one, "part": None}}


@pytest.mark.parametrize("rule,look,keys", [
    ("stalled", FINE, []), ("stalled", replace(FINE, seen=replace(RUNS, stalled="a backlog of 3 files")), ["stalled"]),
    ("parked", replace(FINE, seen=replace(RUNS, desired={"state": "parked", "why": "4 restarts"})), ["parked"]),
    ("restarted", replace(FINE, events=[end(20, 45.0, "back")]), []),   # back, and well for more than 15 minutes
    ("restarted", replace(FINE, events=[end(10, 45.0, "back")]), ["restarted"]),
    ("restarted", replace(FINE, events=[end(90, 5400.0, "open")]), ["restarted"]),
    ("restarted", replace(FINE, events=[end(5, 45.0, "stopped")]), []),
    ("restarted", replace(FINE, events=[end(5, 45.0, "back", what="outage")]), []),
    ("freshness", replace(FINE, newest_ms=NOW - 12 * MINUTE_MS), ["freshness"]),
    ("freshness", replace(FINE, newest_ms=NOW - 10 * MINUTE_MS), []),
    ("freshness", replace(FINE, newest_ms=0), ["freshness"]),
    ("freshness", replace(FINE, newest_ms=0, seen=replace(RUNS, desired={"state": "running", "since_ms": NOW})), []),
    ("freshness", replace(FINE, newest_ms=0, seen=replace(RUNS, desired={"state": "stopped"})), []),
    # Nothing arrives, and whoever would bring it is there.
    ("freshness", replace(FINE, newest_ms=NOW - HOUR_MS, seen=replace(
        RUNS, heartbeat={"time_ms": NOW, "backlog_files": 0})), []),
    ("freshness", replace(FINE, newest_ms=NOW - HOUR_MS, marks={"x": NOW - HOUR_MS}, seen=replace(
        RUNS, heartbeat={"time_ms": NOW, "backlog_files": 0})), ["freshness"]),
    ("unsealed", replace(FINE, hours=[hour(3, "closed"), hour(4, "sealed", revision=1), hour(9, "nothing")]),
     ["unsealed"]),
    ("unsealed", replace(FINE, hours=[hour(2, "closed"), hour(9, "empty")]), []),
    ("drift", replace(FINE, hours=[hour(8, "drifting", revision=2)]), ["drift-2027-01-15T00-r2"]),
    ("unsound", replace(FINE, hours=[hour(8, "does not add up", revision=1)]), ["unsound-2027-01-15T00-r1"]),
    ("gap", replace(FINE, gaps=[Gap(NOW - 11 * MINUTE_MS, "x", "lost")]), [f"gap-x-{NOW - 11 * MINUTE_MS}"]),
    ("gap", replace(FINE, gaps=[Gap(NOW - 9 * MINUTE_MS, "x", "lost"),
                                Gap(NOW - HOUR_MS, "y", "lost", "", NOW - 60_000)]), []),
    ("ingest", replace(FINE, sources=[source()]), []),
    ("ingest", replace(FINE, sources=[source(alarm="spool\x1b is full")]), ["ingest-x-alarm"]),
    ("ingest", replace(FINE, sources=[source(written_ms=NOW - HOUR_MS)]), ["ingest-x-silent"]),
    ("ingest", replace(FINE, sources=[source(written_ms=NOW - HOUR_MS, ended=True)]), []),
    ("ingest", replace(FINE, sources=[source(written_ms=NOW - 48 * HOUR_MS)], marks={"x": NOW - 48 * HOUR_MS}), []),
    ("spend", replace(FINE, sources=[source(spend=spent(0.79)), source(spend=spent(None))]), []),
    ("spend", replace(FINE, sources=[source(spend=spent(0.82))]), ["spend-x-2027-01-15"]),
])
def test_what_fires(rule: str, look: Look, keys: list[str]) -> None:
    found = fires(look, rule)
    assert [one.key for one in found] == keys
    for one in found:
        assert one.title and one.reason and one.next_step and one.since_ms <= NOW, one
        assert one.severity == RULES[rule].severity


def test_what_a_look_cannot_tell_is_not_taken_for_well() -> None:
    blind = Look(STREAM, NOW, replace(RUNS, unknown="no ResourceManager serves", desired={}))
    assert rules.of_stream(blind, RULES) == rules.Found((), frozenset())
    part = rules.of_stream(replace(FINE, hours=None, events=None), RULES)
    assert part.judged == {"stalled", "parked", "freshness", "gap", "ingest", "spend"}


def test_a_rule_that_is_off_is_judged_and_does_not_fire() -> None:
    off = {name: replace(rule, on=False) for name, rule in RULES.items()}
    found = rules.of_stream(replace(FINE, gaps=[Gap(1, "x", "lost")]), off)
    assert not found.firing and "gap" in found.judged


def test_a_day_with_something_of_everything_is_told_as_it_is(tmp_path: Path) -> None:
    page = filled(tmp_path, lambda: NOW, hours=12, tags=2)
    found = rules.of_stream(looking.look(page.launcher(), STREAM), RULES)
    assert {one.key.partition("-")[0] for one in found.firing} == {"drift", "unsound", "spend"}
    assert found.judged == set(rules._STREAM)
    page.hdfs.write_json(PATHS.desired_change(2), {"state": "parked", "why": "gave <b>up</b>", "time_ms": NOW - 1_000})
    for app in page.rm.live_at(NOW):
        app.to_ms = NOW - 1_000
    [parked] = [one for one in rules.of_stream(looking.look(page.launcher(), STREAM), RULES).firing
                if one.key == "parked"]
    assert parked.reason == "gave <b>up</b>" and "stream submit --stream a" in parked.next_step


def test_what_somebody_put_into_hdfs_by_hand_hides_nothing_else(tmp_path: Path) -> None:
    page = filled(tmp_path, lambda: NOW, hours=12, tags=2)
    page.hdfs.replace(f"{PATHS.gaps}/{NOW - 1:013d}-x.json", b"{}")
    look = looking.look(page.launcher(), STREAM)
    assert look.gaps is None and "tells of no gap" in look.faults["gaps"] and look.seen and look.sources


class TestTheCluster:
    def fires(self, **more: Any) -> list[Firing]:
        return list(rules.of_cluster(ClusterLook(NOW, **more), RULES).firing)

    @pytest.mark.parametrize("remaining,count", [(200, 0), (150, 1), (0, 1)])
    def test_a_full_disk(self, remaining: int, count: int) -> None:
        found = self.fires(room={"capacity": 1_000, "used": 800, "remaining": remaining})
        assert [one.key for one in found] == ["disk"] * count

    def test_of_an_hdfs_that_does_not_say_nothing_is_concluded(self) -> None:
        assert rules.of_cluster(ClusterLook(NOW), RULES).judged == {"unreachable", "watchdog", "expiry"}

    def test_who_does_not_answer(self) -> None:
        [one] = self.fires(unreachable={"YARN": "no ResourceManager serves"})
        assert (one.key, one.title) == ("unreachable-yarn", "YARN does not answer")

    @pytest.mark.parametrize("ends_ms,title", [
        (NOW - 1, "a certificate has ended"), (NOW + 13 * 24 * HOUR_MS, "a certificate ends soon"), (None, "be read")])
    def test_what_ends(self, ends_ms: int | None, title: str) -> None:
        [one] = self.fires(expiries=(Expiry("certificate", "a.pem", ends_ms, "gone"),
                                     Expiry("ticket", "t", NOW + 15 * 24 * HOUR_MS)))
        assert title in one.title and "a.pem" in one.reason


def certificate(days: int) -> bytes:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.x509.oid import NameOID

    key, now = ec.generate_private_key(ec.SECP256R1()), datetime(2027, 1, 1, tzinfo=timezone.utc)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hashtide")])
    made = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
            .serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=days)))
    return made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


def test_a_chain_ends_with_the_first_of_it() -> None:
    at = int(datetime(2027, 1, 31, tzinfo=timezone.utc).timestamp()) * 1000
    assert expiry.certificate_ms(certificate(400) + certificate(30)) == at


def cache(*tickets: tuple[bytes, int]) -> bytes:
    def text(data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + data

    def principal(*parts: bytes) -> bytes:
        return struct.pack(">II", 1, len(parts)) + text(b"EXAMPLE.ORG") + b"".join(map(text, parts))

    out = struct.pack(">HHHH8x", 0x0504, 12, 1, 8) + principal(b"hashtide")
    for server, ends in tickets:
        out += principal(b"hashtide") + principal(server, b"EXAMPLE.ORG") + struct.pack(">H", 18) + text(b"k" * 32)
        out += struct.pack(">IIII", 1, 1, ends, ends + 9) + b"\0" + struct.pack(">I", 0)
        out += struct.pack(">II", 0, 0) + text(b"t" * 40) + text(b"")
    return out


def test_a_ticket_ends_when_its_newest_does() -> None:
    assert expiry.ticket_ms(cache((b"HTTP", 900), (b"krbtgt", 500), (b"krbtgt", 700))) == 700_000


@pytest.mark.parametrize("data", [b"", b"\x05\x04", b"x" * 90, cache((b"krbtgt", 5))[:-30], cache((b"HTTP", 5)),
                                  struct.pack(">HH", 0x0504, 0) + b"\xff" * 12])
def test_what_is_no_cache_of_tickets_is_said_to_be_none(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "cc"
    path.write_bytes(data)
    [found] = expiry.look(conf.Config("", {}, tickets=(str(path),)))
    assert found.ends_ms is None and found.fault


def test_a_file_that_is_not_there_is_named() -> None:
    [found] = expiry.look(conf.Config("", {}, certificates=("/nowhere/a.pem",)))
    assert (found.path, found.fault) == ("/nowhere/a.pem", "No such file or directory")


def test_every_rule_has_a_word_for_its_end() -> None:
    assert set(rules.OVER) == set(conf.RULES) == {*rules._STREAM, *rules._CLUSTER}
