"""What became of the stream, one line an event, and what its ends cost over 7 and 30 days."""
from __future__ import annotations

from dataclasses import replace
from typing import Any

from deploy import gaps, restart_ledger
from deploy.checkpoints import points
from deploy.history import Event, Report, report
from deploy.launch import Launcher
from deploy.records import Records
from deploy.saying import lasted, percent, told
from deploy.views.kept import KeptFiles
from spark_apps.contract import HOUR_MS, StreamPaths
from spark_apps.gap import Gap
from spark_apps.windows import DAY_MS

DAYS = (7, 30)
#: The classes of an end in words. What stands here is for somebody who has not read the documentation.
ENDS = {
    "error": "its driver failed", "killed": "it was killed in YARN by somebody else", "ended": "it ended by itself",
    "forgotten": "YARN lost its memory of it", "stalled": "it ran and committed nothing",
    "superseded": "it was asked to",
    "attempt": "its driver's process ended, and YARN began another", "outage": "HDFS or YARN did not answer",
    "unrecorded": "nobody watched it when it ended", "bad_configuration": "its parameters are not allowed",
    "missing_class": "its release is incomplete", "damaged_checkpoint": "its checkpoint is damaged",
    "incompatible_checkpoint": "its checkpoint is of another program"}
WHATS = {
    "started": "Start was asked for", "resumed": "Resumed", "asked again": "Asked for again",
    "stopped": "Stop was asked for", "parked": "Parked: it waits for a person", "launch": "Launched on YARN",
    "end": "Ended", "outage": "Outage", "rolled back": "Rolled back", "begun anew": "Begun anew",
    "gap": "Nothing was received", "savepoint": "Savepoint"}


def history(tools: Launcher, stream: str, now_ms: int) -> dict[str, Any]:
    """`events`: of 30 days, the newest first; `windows`: what they cost, of 7 and of 30 days."""
    paths, since = StreamPaths(stream, tools.cluster.root), now_ms - max(DAYS) * DAY_MS
    if isinstance(tools.hdfs, KeptFiles):
        tools.hdfs.fetch(since)
    records = restart_ledger.read(tools, stream, since)
    arrivals = restart_ledger.arrivals(tools.hdfs, paths)
    found = {days: report(records, now_ms - days * DAY_MS, now_ms, arrivals) for days in DAYS}
    missing = gaps.read(tools.hdfs, paths, (since, now_ms), now_ms)
    saved = [(at, name) for name, at in points.snapshots(tools.hdfs, paths).items() if at >= since]
    events = [*linked(list(found[max(DAYS)].events)), *(_gap(one, now_ms) for one in missing),
              *(_savepoint(at, name) for at, name in saved)]
    return {"events": sorted(events, key=lambda one: int(one["time_ms"]), reverse=True),
            "windows": [window(found[days], days, records) for days in DAYS]}


def linked(events: list[Event]) -> list[dict[str, Any]]:
    """Each launch with the end that it follows, and with its release where that is another one than before. The oldest
    first, as they come."""
    out, ended, release = [], "", ""
    for one in events:
        told_of = event(one)
        if one.what == "end":
            ended = one.kind
        elif one.what == "launch":
            if ended and ended != "superseded":
                told_of |= {"title": f"Restarted, because {ENDS.get(ended, ended)}", "what": "restart"}
            if release and one.release != release:
                told_of |= {"title": f"Release {one.release} launched; before it ran {release}", "what": "release"}
            ended, release = "", one.release
        elif one.what == "stopped":
            ended = ""
        out.append(told_of)
    return out


def recent(tools: Launcher, stream: str, now_ms: int, hours: int) -> list[dict[str, Any]]:
    """What was not asked for in the last hours, the newest first."""
    paths, since = StreamPaths(stream, tools.cluster.root), now_ms - hours * HOUR_MS
    found = report(restart_ledger.read(tools, stream, since), since, now_ms, restart_ledger.arrivals(tools.hdfs, paths))
    missing = [_gap(one, now_ms) for one in gaps.read(tools.hdfs, paths, (since, now_ms), now_ms)]
    unasked = [one for one in map(event, found.events) if one["tone"] != "plain"]
    return sorted([*unasked, *missing], key=lambda one: int(one["time_ms"]), reverse=True)


def event(one: Event) -> dict[str, Any]:
    """`title` in words, `why` the whole evidence, `detail` what else `stream history` has."""
    title = WHATS.get(one.what, one.what)
    if one.what == "end":
        title = f"Ended: {ENDS.get(one.kind, one.kind)}"
    elif one.what == "outage":
        title = f"{one.kind or 'The cluster'} did not answer for {lasted(one.seconds)}"
    return {"time_ms": one.time_ms, "what": one.what, "title": title, "who": one.who,
            "detail": told(replace(one, who="", why="")),
            "why": one.why, "kind": one.kind, "epoch": one.epoch, "application": one.application,
            "seconds": one.seconds, "how": one.how, "tone": tone(one)}


def tone(one: Event) -> str:
    if one.what == "parked" or one.what == "end" and one.how == "open":
        return "bad"
    unasked = one.what == "end" and one.kind != "superseded"
    return "warn" if unasked or one.what == "outage" else "plain"


def _gap(one: Gap, now_ms: int) -> dict[str, Any]:
    seconds = ((one.end_ms or now_ms) - one.start_ms) / 1000
    until = "lasts" if one.end_ms is None else "over"
    return {"time_ms": one.start_ms, "what": "gap", "title": f"{WHATS['gap']} from {one.source}", "who": "",
            "why": one.detail,
            "detail": f"{one.cause}, {lasted(seconds)}, {until}; recovery: {gaps.recovery(one)}; "
                      + ("posts of it may be missing" if one.missing(now_ms) else "nothing is missing"),
            "kind": one.cause, "seconds": seconds, "how": until, "tone": "warn" if one.missing(now_ms) else "plain"}


def _savepoint(at: int, name: str) -> dict[str, Any]:
    return {"time_ms": at, "what": "savepoint", "title": f"Savepoint {name}", "who": "", "why": "", "detail": "",
            "kind": "", "seconds": None, "how": "", "tone": "plain"}


def window(found: Report, days: int, records: Records) -> dict[str, Any]:
    """Numbers, and the same in words; None where there is nothing to say it of."""
    mttr, part = found.mttr, found.availability
    known = min((one.time_ms for one in records.changes), default=found.to_ms)
    return {"days": days, "known_since_ms": max(known, found.from_ms), "availability": part,
            "availability_said": None if part is None else percent(part), "mttr_s": mttr["mean_s"] if mttr else None,
            "mttr_said": lasted(mttr["mean_s"]) if mttr else None, "repairs": len(found.repairs_s),
            "longest_said": lasted(max(found.repairs_s)) if found.repairs_s else None,
            "ends": {ENDS.get(kind, kind): n for kind, n in found.ends.items()},
            "down_said": lasted(found.down_s), "missed_minutes": sum(found.gap_minutes.values()),
            "down_since_ms": found.down_since_ms}
