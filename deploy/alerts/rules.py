"""What is worth telling somebody, from one look. Pure.

Each rule gives what fires now, or None where the look cannot tell: then what was told stands, and nothing is resolved.
"""
from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from deploy.alerts.conf import Rule
from deploy.alerts.looking import DAYS, HOURS, ClusterLook, Look
from deploy.checkpoints.copying import size_text
from deploy.health import judge
from deploy.landed import HORIZON_MS, iso
from deploy.lines import line
from deploy.saying import lasted
from deploy.views.hours import DRIFTING, EMPTY, NEXT, UNSOUND
from spark_apps.contract import DAY_MS, HOUR_MS, MINUTE_MS


@dataclass(frozen=True)
class Firing:
    """`key` stays the same for as long as it fires; until its first hyphen it is the rule's name."""

    key: str
    severity: str
    title: str
    reason: str
    next_step: str
    since_ms: int
    view: str = "health"   # of the page


@dataclass(frozen=True)
class Found:
    """`judged`: the rules of which the look could tell; what fires of the others is not known."""

    firing: tuple[Firing, ...]
    judged: frozenset[str]


#: What stands in a message that says it is over.
OVER = {
    "unreachable": "It answers again.", "watchdog": "A later run has looked at everything.",
    "stalled": "It commits again, or does not run any more.",
    "parked": "It was resumed, rolled back or stopped.", "restarted": "It has run well since, or was stopped.",
    "freshness": "Counts are as new as they should be, or the stream was stopped.",
    "unsealed": "Every hour that is over is sealed.",
    "drift": f"The hour was sealed again, or is older than {DAYS} days.",
    "unsound": f"The hour was sealed again and adds up, or is older than {DAYS} days.",
    "gap": "Something is received again; what is missing of that time shows under Hours.",
    "ingest": "The service is well again, or was taken out of service.",
    "spend": "Another day or month has begun, or the limit was raised.", "disk": "There is room again.",
    "expiry": "It was renewed."}
OFF = "The rule was switched off."
_STEPS = "deploy/hashtide"


def of_stream(look: Look, rules: Mapping[str, Rule]) -> Found:
    return _found(_STREAM, look, rules)


def of_cluster(look: ClusterLook, rules: Mapping[str, Rule]) -> Found:
    return _found(_CLUSTER, look, rules)


def _found(of: Mapping[str, Callable[..., list[Firing] | None]], look: Any, rules: Mapping[str, Rule]) -> Found:
    told = {name: judged(look, rules[name]) if rules[name].on else [] for name, judged in of.items()}
    return Found(tuple(one for some in told.values() for one in some or ()),
                 frozenset(name for name, some in told.items() if some is not None))


def _stalled(look: Look, rule: Rule) -> list[Firing] | None:
    if look.seen is None or look.seen.unknown:
        return None
    if not look.seen.stalled:
        return []
    since = int(look.seen.heartbeat.get("commit_ms") or look.now_ms)
    return [Firing("stalled", rule.severity, "it runs and commits nothing", look.seen.stalled,
                   "Its supervisor replaces the driver by itself. Where this comes back: driver logs, and "
                   f"`{_STEPS} checkpoint doctor --stream {look.stream}`.", since)]


def _parked(look: Look, rule: Rule) -> list[Firing] | None:
    if look.seen is None or look.seen.unknown:
        return None
    told = judge(look.seen).parked
    if not told:
        return []
    reason = told["reason"] + (f". Last error: {told['error']}" if told["error"] else "")
    return [Firing("parked", rule.severity, "it is parked: it gave up, and waits for a person", reason,
                   "; ".join(f"{name}: `{command}`" for name, command in told["next_steps"].items()),
                   int(told["since_ms"] or look.now_ms))]


def _restarted(look: Look, rule: Rule) -> list[Firing] | None:
    if look.events is None:
        return None
    ends = [one for one in look.events if one["what"] == "end" and one["tone"] != "plain"]
    calm = look.now_ms - rule.at["calm_minutes"] * MINUTE_MS
    active = [one for one in ends if one["how"] == "open" or one["how"] == "back" and _back_ms(one) > calm]
    if not active:
        return []
    newest = ends[0]
    down = any(one["how"] == "open" for one in active)
    title = "it ended, and is not back yet" if down else "it was restarted"
    times = f"{len(ends)} times in {HOURS} hours" if len(ends) > 1 else f"once in {HOURS} hours"
    return [Firing("restarted", rule.severity, title,
                   f"{newest['title']}: {newest['why'] or newest['detail']} ({times})",
                   "Nothing, where it stays the only one: it is started again by itself, at most 5 times an hour. "
                   f"`{_STEPS} stream history --stream {look.stream}` has each end with its evidence.",
                   min(int(one["time_ms"]) for one in active), "history")]


def _back_ms(end: dict[str, Any]) -> float:
    return float(end["time_ms"]) + 1000 * float(end["seconds"] or 0)


def _freshness(look: Look, rule: Rule) -> list[Firing] | None:
    """Of a stream that should run. Where nothing arrives, nothing is late: then only its sources may be away."""
    if look.seen is None or look.newest_ms is None or look.marks is None:
        return None
    if not look.seen.wanted:
        return None if look.seen.unknown else []
    asked = int(look.seen.desired.get("since_ms") or look.seen.desired.get("time_ms") or look.now_ms)
    newest = max(look.newest_ms + MINUTE_MS if look.newest_ms else 0, asked)
    limit = rule.at["minutes"] * MINUTE_MS
    if look.now_ms - newest <= limit or _idle(look, limit):
        return []
    age = lasted((look.now_ms - newest) // MINUTE_MS * 60)
    what = f"the newest counted minute ended {age} ago" if look.newest_ms else f"nothing was counted in {age}"
    behind = look.seen.heartbeat.get("backlog_files")
    reason = f"{what}; {judge(look.seen).verdict}" + (f", {behind} landed files wait" if behind else "")
    return [Firing("freshness", rule.severity, "its counts are old", reason,
                   f"`{_STEPS} stream status --stream {look.stream}`: whether it runs, and how far its sources have "
                   "landed. Nothing is lost: what has landed is counted once it runs.", newest)]


def _idle(look: Look, limit: float) -> bool:
    """Sources are there, and all that they have landed is taken."""
    assert look.seen is not None and look.marks is not None
    beat = look.seen.heartbeat
    fresh = any(ms > look.now_ms - limit for ms in look.marks.values())
    beats = look.now_ms - int(beat.get("time_ms") or 0) < 2 * MINUTE_MS
    return bool(fresh and beats and beat.get("backlog_files") == 0)


def _unsealed(look: Look, rule: Rule) -> list[Firing] | None:
    if look.hours is None:
        return None
    limit = look.now_ms - rule.at["minutes"] * MINUTE_MS
    late = sorted(int(one["hour_ms"]) for one in look.hours
                  if "revision" not in one and one["state"] != EMPTY and one["hour_ms"] + HOUR_MS < limit)
    if not late:
        return []
    first, last = (iso(ms)[:13] for ms in (late[0], late[-1]))
    span = f"hour {first} is" if len(late) == 1 else f"{len(late)} hours from {first} to {last} are"
    return [Firing("unsealed", rule.severity, f"{len(late)} hour{'s' * (len(late) > 1)} not sealed",
                   f"{span} over and landed, and no seal has come; counts of the stream stand for them",
                   f"`{_STEPS} backfill --stream {look.stream} --from {first} --to {last}`, and look in Airflow why "
                   "hashtag_hourly did not.", late[0] + HOUR_MS, "hours")]


def _hours(state: str, rule: str, title: str) -> Callable[[Look, Rule], list[Firing] | None]:
    def fires(look: Look, of: Rule) -> list[Firing] | None:
        if look.hours is None:
            return None
        return [Firing(f"{rule}-{one['hour']}-r{one['revision']}", of.severity, f"hour {one['hour']} {title}",
                       one["why"], f"{NEXT[state]} `{_STEPS} backfill --stream {look.stream} --from {one['hour']}`; "
                       f"`{_STEPS} verify --stream {look.stream} --from {one['hour']}`",
                       int(one["hour_ms"]) + HOUR_MS, f"hours?hour={one['hour_ms']}")
                for one in look.hours if one["state"] == state]
    return fires


def _gap(look: Look, rule: Rule) -> list[Firing] | None:
    if look.gaps is None:
        return None
    limit = look.now_ms - rule.at["minutes"] * MINUTE_MS
    return [Firing(f"gap-{gap.source}-{gap.start_ms}", rule.severity, f"nothing is received from {gap.source}",
                   f"{gap.cause}{f': {gap.detail}' if gap.detail else ''}, for "
                   f"{lasted((look.now_ms - gap.start_ms) // 1000)}",
                   "Start the ingest service, or wait where the platform is away; "
                   f"`{_STEPS} gaps --stream {look.stream}` has what is missing.", gap.start_ms, "hours")
            for gap in look.gaps if gap.end_ms is None and gap.start_ms < limit]


def _ingest(look: Look, rule: Rule) -> list[Firing] | None:
    if look.sources is None or look.marks is None:
        return None
    return [one for source in look.sources for one in _of_source(look, rule, source)]


def _of_source(look: Look, rule: Rule, source: dict[str, Any]) -> Iterator[Firing]:
    assert look.marks is not None
    name, through = source["source"], look.marks.get(source["source"], 0)
    if source["ended"] or through < look.now_ms - HORIZON_MS:
        return   # a replay that is through; out of service
    written = int(source["written_ms"] or through)
    if source["alarm"]:
        yield Firing(f"ingest-{name}-alarm", rule.severity, f"alarm of ingest {name}", line(str(source["alarm"])),
                     "The service's log has more; what waits lies in its spool.", written, "cost")
    elif written < look.now_ms - rule.at["silent_minutes"] * MINUTE_MS:
        yield Firing(f"ingest-{name}-silent", rule.severity, f"ingest {name} has said nothing of late",
                     f"its last word is of {iso(written)}; it is dead, or cannot write to HDFS",
                     "Look at the service on its host; what it has received is in its spool.", written, "cost")


def _spend(look: Look, rule: Rule) -> list[Firing] | None:
    if look.sources is None:
        return None
    found = []
    for source in look.sources:
        for what in ("day", "month") if source["spend"] else ():
            spent, date = source["spend"][what], str(source["spend"]["date"])
            if spent["part"] is not None and spent["part"] >= rule.at["part"]:
                of = date if what == "day" else date[:7]
                found.append(Firing(
                    f"spend-{source['source']}-{line(of, 10)}", rule.severity,
                    f"{spent['part']:.0%} of the {what}'s posts are read",
                    f"{spent['posts']:,} of {spent['limit']:,} posts of {of}, about "
                    f"${spent['usd']:,.2f}; at the limit ingest {source['source']} ends until the next {what}",
                    f"Raise --max-posts-{what} of the service, narrow its rules, or let it end.", look.now_ms, "cost"))
    return found


def _unreachable(look: ClusterLook, rule: Rule) -> list[Firing]:
    return [Firing(f"unreachable-{what.lower()}", rule.severity, f"{what} does not answer", text,
                   "See to its daemons. Streams go on or wait, and nothing is concluded of them meanwhile.",
                   look.now_ms)
            for what, text in look.unreachable.items()]


def late(rule: Rule, reason: str, now_ms: int) -> tuple[Firing, ...]:
    """What no look tells, since nobody looks."""
    return (Firing("watchdog", rule.severity, "the watchdog does not come to its end", reason,
                   "See in Airflow which of its tasks waits, and for what; until then nobody looks after streams.",
                   now_ms),) if rule.on else ()


def _disk(look: ClusterLook, rule: Rule) -> list[Firing] | None:
    if not look.room or not look.room.get("capacity"):
        return None
    part = 1 - look.room["remaining"] / look.room["capacity"]
    return [] if part < rule.at["part"] else [
        Firing("disk", rule.severity, "HDFS is filling up", f"{part:.0%} of {size_text(look.room['capacity'])} is "
               f"used, {size_text(look.room['remaining'])} are left",
               f"`{_STEPS} checkpoint retire` lists what may go; or add a worker.", look.now_ms)]


def _expiry(look: ClusterLook, rule: Rule) -> list[Firing]:
    found = []
    for one in look.expiries:
        key = f"expiry-{hashlib.sha256(f'{one.what} {one.path}'.encode()).hexdigest()[:12]}"
        if one.ends_ms is None:
            found.append(Firing(key, rule.severity, f"a {one.what} cannot be read", f"{one.path}: {one.fault}",
                                "Mend the file, or the list in the alerts file.", look.now_ms))
        elif one.ends_ms - look.now_ms < rule.at["days"] * DAY_MS:
            ended = one.ends_ms <= look.now_ms
            found.append(Firing(key, rule.severity, f"a {one.what} {'has ended' if ended else 'ends soon'}",
                                f"{one.path} {'ended' if ended else 'ends'} {iso(one.ends_ms)}", "Renew it.",
                                look.now_ms))
    return found


_STREAM: dict[str, Callable[[Look, Rule], list[Firing] | None]] = {
    "stalled": _stalled, "parked": _parked, "restarted": _restarted, "freshness": _freshness, "unsealed": _unsealed,
    "drift": _hours(DRIFTING, "drift", "drifts: stream and seal differ, unexplained"),
    "unsound": _hours(UNSOUND, "unsound", "does not add up"), "gap": _gap, "ingest": _ingest, "spend": _spend}
_CLUSTER: dict[str, Callable[[ClusterLook, Rule], list[Firing] | None]] = {
    "unreachable": _unreachable, "watchdog": lambda look, rule: [], "disk": _disk, "expiry": _expiry}
