"""What became of a stream, in words: an event, and what the ends of a window cost."""
from __future__ import annotations

from deploy.downtime import ASKED
from deploy.history import Event, Report
from deploy.landed import iso
from deploy.lines import line

#: Characters of an evidence or a reason that a line shows.
_SHOWN = 120


def told(one: Event) -> str:
    """One event, without its time and name."""
    why = f": {line(one.why, _SHOWN)}" if one.why else ""
    who = f"by {line(one.who, _SHOWN)}" if one.who else ""
    if one.what == "launch":
        place = f"epoch {one.epoch}, generation {one.generation}, release {line(one.release, 60)}"
        return ", ".join(part for part in (place, line(one.application, 60), who) if part) + why
    if one.what == "end":
        within = f", attempt {one.attempt}" if one.attempt is not None else ""
        parts = [line(one.kind, 40), *([f"after batch {one.batch_id}"] if one.batch_id is not None else []), *cost(one)]
        return f"epoch {one.epoch}{within}: {', '.join(parts)}{why}"
    if one.what == "outage":
        return f"{line(one.kind, 40)}, {lasted(one.seconds)}{why}"
    if one.generation is not None:
        to = f", through batch {one.batch_id}" if one.batch_id is not None else ""
        by = f", {who}" if who else ""
        return f"generation {one.generation}{f' from {line(one.kind, 60)}' if one.kind else ''}{to}{by}{why}"
    return f"{who}{why}".removeprefix(": ")


def cost(one: Event) -> list[str]:
    if one.seconds is None:
        return []
    return [{"back": f"down {lasted(one.seconds)}", "stopped": f"down {lasted(one.seconds)} until it was stopped",
             "open": f"down since, {lasted(one.seconds)}"}[one.how]]


def summary(found: Report) -> list[str]:
    ends = ", ".join(f"{line(kind, 40)} {n}" for kind, n in sorted(found.ends.items()) if kind != ASKED) or "none"
    if found.ends.get(ASKED):
        ends += f"; asked for: {found.ends[ASKED]}"
    mttr = found.mttr
    back = "-" if mttr is None else (
        f"mean {lasted(mttr['mean_s'])}, p50 {lasted(mttr['p50_s'])}, p95 {lasted(mttr['p95_s'])} "
        f"(MTTR of {mttr['n']:.0f} that nobody asked for)")
    minutes = sum(found.gap_minutes.values())
    behind = ", ".join(f"{line(why, 40)} {n}" for why, n in sorted(found.gap_minutes.items(), key=lambda kv: -kv[1]))
    part = found.availability
    available = "it should not have run" if part is None else f"{percent(part)} of the {lasted(found.wanted_s)} that " \
        f"it should have run; down {lasted(found.down_s)}"
    return [f"ends          {ends}", f"back after    {back}",
            f"data gap      {minutes:,} min" + (f": {behind}" if behind else ""),
            *([f"idle          {found.idle_minutes:,} min in which nothing arrived"] if found.idle_minutes else []),
            f"availability  {available}",
            *([f"down since    {iso(found.down_since_ms)}"] if found.down_since_ms is not None else [])]


def percent(part: float) -> str:
    """Never 100 where it is less."""
    return "100 %" if part == 1 else f"{min(part, 0.99999) * 100:.3f} %"


def lasted(seconds: float | None) -> str:
    """45.3 s, 2 min 5 s, 3 h 20 min, 2 d 4 h: two figures are enough to act on."""
    if seconds is None:
        return "-"
    if seconds < 60:
        return f"{seconds:.0f} s" if seconds == int(seconds) else f"{seconds:.1f} s"
    whole = round(seconds)
    for big, small, a, b in ((86_400, 3_600, "d", "h"), (3_600, 60, "h", "min"), (60, 1, "min", "s")):
        if whole >= big:
            rest = whole % big // small
            return f"{whole // big} {a}" + (f" {rest} {b}" if rest else "")
    return f"{whole} s"
