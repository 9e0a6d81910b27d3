"""The hours of the last days: each open, closed, sealed, incomplete, drifting or not adding up, and why."""
from __future__ import annotations

from typing import Any

from deploy import gaps, landed, ledger
from deploy.launch import Files
from deploy.spans import Span
from deploy.tables import Tables
from spark_apps.contract import HOUR_MS, StreamPaths, hour_name
from spark_apps.gap import Gap

#: The worst of what can be said of an hour stands for it.
UNSOUND, DRIFTING, INCOMPLETE, OVERDUE, SEALED, CLOSED, OPEN, EMPTY = (
    "does not add up", "drifting", "incomplete", "not sealed", "sealed", "closed", "open", "empty")
MEANING = {
    UNSOUND: "lines are missing in the hour's account: counted, duplicate, late, control, quarantined and pending are "
             "not all its lines",
    DRIFTING: "the stream counted otherwise than the seal, and nothing explains it; the sealed counts stand",
    INCOMPLETE: "posts may be missing: nothing was received for a time, or a source was silent when it was sealed",
    OVERDUE: "it is over and landed, and no seal has come; hashtag_hourly should have made one by now",
    SEALED: "final: recomputed from landing, and each line accounted for",
    CLOSED: "it is over, and is about to be sealed; until then the stream's counts stand",
    OPEN: "it goes on, or lines of it may still arrive",
    EMPTY: "nothing has landed"}
#: What to do about it, where there is anything.
NEXT = {
    UNSOUND: "Rebuild it. Where its account is no better then, `ledger --quarantine` and the log of its seal in "
             "hashtag_hourly have the rest.",
    DRIFTING: "Nothing is to be done for the counts. A rebuild compares once more; `verify` of this hour names the "
              "tweets behind each row.",
    INCOMPLETE: "Rebuild it once what is missing has come, by a backfill or a search of the ingest service; a rebuild "
                "alone brings nothing that has not landed.",
    OVERDUE: "Rebuild it, and look in Airflow why hashtag_hourly did not."}
#: A seal runs after what it waits for; two more runs of hashtag_hourly may pass.
_OVERDUE_MS = landed.LIMIT_MS + HOUR_MS
#: Differences that are shown of an hour.
_SHOWN = 20


def hours(tables: Tables, files: Files, now_ms: int, days: int = 7) -> dict[str, Any]:
    """`hours`: the newest first, without those before the stream's first."""
    window = (now_ms - now_ms % HOUR_MS - (days * 24 - 1) * HOUR_MS, now_ms - now_ms % HOUR_MS + HOUR_MS)
    paths = tables.paths
    rows = {_ms(row): row for row in ledger.read(tables, window, now_ms)}
    there = set(landed.hours(files, paths))
    missing = gaps.read(files, paths, window, now_ms)
    drift = unexplained(files, paths, window)
    marks = landed.marks(files, paths)
    first = min([*there, *rows], default=window[1])
    found = [{"hour_ms": at, "hour": hour_name(at),
              **state(at, rows.get(at), at in there, marks, gaps.incomplete(missing, (at, at + HOUR_MS), now_ms),
                      drift.get(at), now_ms)}
             for at in range(window[0], window[1], HOUR_MS) if at >= first]
    return {"hours": found[::-1], "meaning": MEANING}


def state(hour: int, row: dict[str, Any] | None, is_landed: bool, marks: dict[str, int], missing: list[int],
          drift: dict[str, Any] | None, now_ms: int) -> dict[str, Any]:
    """{"state", "why", "revision", "lines", ...} of one hour. Pure."""
    why = []
    found = EMPTY if not is_landed and row is None else OPEN
    if row is None:
        waiting = landed.through(marks, hour).gap(landed.needed(hour))
        if now_ms >= hour + HOUR_MS and found != EMPTY:
            late = now_ms > landed.needed(hour) + _OVERDUE_MS
            found = OVERDUE if late else OPEN if waiting else CLOSED
            why += [waiting] if waiting else []
    else:
        found = SEALED
    if missing:
        found, why = INCOMPLETE, [*why, f"{len(missing)} of its minutes touch{'es' * (len(missing) == 1)} a gap"]
    if row is not None and not row["complete"]:
        found, why = INCOMPLETE, [*why, str(row["gap"])]
    # Of an older revision a verification says nothing any more.
    if drift and row is not None and drift.get("revision") == row["revision"]:
        found, why = DRIFTING, [*why, _unexplained(int(drift["unexplained"]))]
    if row is not None and not row["adds_up"]:
        found, why = UNSOUND, [*why, "its account is not whole"]
    said = {} if row is None else {name: row[name] for name in ("revision", "lines", *ledger.FATES)} | {
        "quarantined": sum(row["quarantined"].values())}
    return {"state": found, "why": "; ".join(filter(None, why)), "missing_minutes": len(missing), **said}


def _unexplained(rows: int) -> str:
    return f"{rows:,} row{'s differ' if rows > 1 else ' differs'} between stream and seal"


def unexplained(files: Files, paths: StreamPaths, window: Span) -> dict[int, dict[str, Any]]:
    """What the newest verification of each hour found, where it found rows that nothing explains."""
    directory = paths.verify_result(window[0]).rpartition("/")[0]
    wanted = {f"{hour_name(at)}.json": at for at in range(window[0], window[1], HOUR_MS)}
    found = {wanted[name]: files.read_json(f"{directory}/{name}") or {} for name in files.list(directory)
             if name in wanted}
    return {at: said for at, said in found.items() if said.get("unexplained")}


def hour(tables: Tables, files: Files, now_ms: int, hour_ms: int) -> dict[str, Any]:
    """All that is known of one: its account, gaps, seal and verification."""
    paths, window = tables.paths, (hour_ms, hour_ms + HOUR_MS)
    rows = ledger.read(tables, window, now_ms)
    missing = gaps.read(files, paths, window, now_ms)
    drift = files.read_json(paths.verify_result(hour_ms)) or {}
    row = rows[0] if rows else None
    is_landed = bool(files.list(paths.landing_hour(hour_ms)))
    told = state(hour_ms, row, is_landed, landed.marks(files, paths), gaps.incomplete(missing, window, now_ms), drift
                 if drift.get("unexplained") else None, now_ms)
    return {"hour": hour_name(hour_ms), "hour_ms": hour_ms, **told, "meaning": MEANING[told["state"]],
            "next": NEXT.get(told["state"], ""),
            "landed": is_landed, "through_ms": row["through_ms"] if row else None,
            "quarantined_by": row["quarantined"] if row else {},
            "sealed_ms": _instant(row["sealed_at"]) if row else None,
            "gaps": [_gap(one, now_ms) for one in missing], "verified": verified(drift)}


def verified(said: dict[str, Any]) -> dict[str, Any] | None:
    """What a verification found, with some of the rows."""
    if not said:
        return None
    return {**{name: said.get(name) for name in ("revision", "rows", "differing", "unexplained", "reasons", "time_ms")},
            "differences": [{"minute_ms": one.get("minute_ms"), "form": one.get("form") or one.get("tag") or "",
                             "live": (one.get("live") or {}).get("tweets"),
                             "sealed": (one.get("sealed") or {}).get("tweets"),
                             "reasons": sorted(one.get("reasons") or {})} for one in said["differences"][:_SHOWN]]}


def _gap(one: Gap, now_ms: int) -> dict[str, Any]:
    return {"start_ms": one.start_ms, "end_ms": one.end_ms, "source": one.source, "cause": one.cause,
            "detail": one.detail, "recovery": gaps.recovery(one), "missing": one.missing(now_ms)}


def _ms(row: dict[str, Any]) -> int:
    return _instant(row["hour"])


def _instant(at: Any) -> int:
    return int(at.timestamp() * 1000)
