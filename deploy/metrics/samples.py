"""(name, labels, value) of all that was read. Pure."""
from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from deploy.alerts.conf import RULES
from deploy.health import judge
from deploy.metrics.names import STATES
from deploy.metrics.reading import Everything, Stream
from deploy.views.hours import EMPTY, OPEN
from spark_apps.contract import HOUR_MS

Sample = tuple[str, tuple[str, ...], float]
_OF_CLUSTER = ("unreachable", "watchdog", "disk", "expiry")


def of(read: Everything) -> Iterator[Sample]:
    yield "hashtide_up", ("hdfs",), float(read.hdfs)
    yield "hashtide_collected_timestamp_seconds", (), read.now_ms / 1000
    yarn = [not one.look.seen.unknown for one in read.streams if one.look.seen]
    if yarn:
        yield "hashtide_up", ("yarn",), float(all(yarn))
    if read.room:
        yield "hashtide_hdfs_capacity_bytes", (), float(read.room["capacity"])
        yield "hashtide_hdfs_remaining_bytes", (), float(read.room["remaining"])
    if read.hdfs:
        yield from _firing("", read.firing, _OF_CLUSTER)
    for one in read.streams:
        yield from _stream(one)


def _stream(one: Stream) -> Iterator[Sample]:
    name = one.look.stream
    told = [*_state(one), *_beat(one), *_seals(one), *_supervisor(one)]
    yield from ((f"hashtide_{what}", (name,), float(value)) for what, value in told if value is not None)
    yield from (("hashtide_unread", (name, part), 1.0) for part in one.look.faults)
    yield from (("hashtide_stream_hdfs_bytes", (name, part), float(size)) for part, size in one.disk.items())
    if one.look.hours is not None:
        counted = Counter(STATES[hour["state"]] for hour in one.look.hours)
        yield from (("hashtide_seal_by_state", (name, state), float(counted[state])) for state in STATES.values())
    yield from _sources(one)
    if one.firing is not None:
        yield from _firing(name, one.firing, (rule for rule in RULES if rule not in _OF_CLUSTER))


def _firing(stream: str, firing: Any, of_rules: Iterable[str]) -> Iterator[Sample]:
    yield from (("hashtide_alert_firing", (stream, rule), float(bool(firing.get(rule)))) for rule in of_rules)


def _state(one: Stream) -> Iterator[tuple[str, float | None]]:
    seen, newest = one.look.seen, one.look.newest_ms
    yield "stream_newest_minute_timestamp_seconds", newest / 1000 if newest else None
    if seen is None or seen.unknown:
        return
    found = judge(seen)
    yield from {"stream_wanted": seen.wanted, "stream_running": bool(seen.app and seen.app.live),
                "stream_healthy": found.ok, "stream_parked": bool(found.parked),
                "stream_stalled": bool(seen.stalled), "supervisor_launches_total": seen.epoch}.items()


def _beat(one: Stream) -> Iterator[tuple[str, float | None]]:
    beat = one.look.seen.heartbeat if one.look.seen else {}
    for name, said in {"generation": "generation", "batch_id": "batch_id", "batch_seconds": "batch_s",
                       "trigger_seconds": "trigger_s", "rows_per_second": "rows_per_s",
                       "backlog_files": "backlog_files", "backlog_seconds": "backlog_s", "state_rows": "state_rows",
                       "late_rows_total": "late", "duplicate_rows_total": "duplicates"}.items():
        yield f"stream_{name}", beat.get(said)
    for name in ("heartbeat", "commit"):
        at = beat.get("time_ms" if name == "heartbeat" else "commit_ms")
        yield f"stream_{name}_timestamp_seconds", at / 1000 if at else None


def _supervisor(one: Stream) -> Iterator[tuple[str, float | None]]:
    yield from {"supervisor_held": one.held, "supervisor_ends_total": one.ends,
                "supervisor_outages_total": one.outages}.items()


def _seals(one: Stream) -> Iterator[tuple[str, float | None]]:
    if one.look.hours is None:
        return
    sealed = [hour["hour_ms"] for hour in one.look.hours if "revision" in hour]
    over = [hour for hour in one.look.hours if hour["hour_ms"] + HOUR_MS <= one.look.now_ms
            and "revision" not in hour and hour["state"] not in (EMPTY, OPEN)]
    yield "seal_missing", len(over)
    yield "seal_newest_hour_timestamp_seconds", (max(sealed) + HOUR_MS) / 1000 if sealed else None


def _sources(one: Stream) -> Iterator[Sample]:
    look = one.look
    for source in look.sources or ():
        if source["ended"]:
            continue   # of a replay that is through nothing is awaited
        of = (look.stream, source["source"])
        through, written = (look.marks or {}).get(source["source"]), source["written_ms"]
        if through:
            yield "hashtide_ingest_landed_through_timestamp_seconds", of, through / 1000
        if written:
            yield "hashtide_ingest_written_timestamp_seconds", of, written / 1000
        yield "hashtide_ingest_alarm", of, float(bool(source["alarm"]))
        if look.gaps is not None:
            mine = [gap for gap in look.gaps if gap.source == source["source"]]
            since = [gap.start_ms for gap in mine if gap.end_ms is None]
            yield "hashtide_ingest_gap_open_seconds", of, (look.now_ms - min(since)) / 1000 if since else 0.0
            yield "hashtide_ingest_gaps", of, float(len(mine))
        for period in ("day", "month") if source["spend"] else ():
            spent = source["spend"][period]
            yield "hashtide_ingest_posts_read", (*of, period), float(spent["posts"])
            if spent["limit"]:
                yield "hashtide_ingest_posts_limit", (*of, period), float(spent["limit"])
