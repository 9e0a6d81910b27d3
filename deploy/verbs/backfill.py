"""`backfill`: seal a range of hours from here. `ledger`: what became of each hour's lines."""
from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any

from deploy import backfill, hdfs, landed
from deploy.backfill import Seal
from deploy.config import Cluster
from deploy.launch import Launcher
from deploy.tables import Tables
from deploy.verbs.common import Steps, add_verb, dump, hour, hours, iso, now_ms, open_cluster, table
from deploy.verbs.stream import tools_of
from spark_apps.contract import HOUR_MS, StreamPaths, hour_name

_FATES = ("counted", "duplicate", "late", "control", "pending")


def add_to(verbs: Any) -> None:
    verb = add_verb(verbs, "backfill", run, "Seal the hours of a range again: one batch on YARN, the same rows or a "
                    "higher revision, never a duplicate.", example="backfill --from 2026-03-01T10 --to 2026-03-01T12")
    _range(verb)
    verb.add_argument("--release", default="", help="a release in HDFS (default: this checkout's)")
    verb.add_argument("--dry-run", action="store_true", help="only say what would be sealed, through which instant")
    _range(add_verb(verbs, "ledger", ledger, "What became of the lines of each hour; 1 where an hour does not add up.",
                    example="ledger --from 2026-03-01T10"))


def _range(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--from", dest="first", type=hour, required=True, metavar="HOUR",
                      help="such as 2026-03-01T10, UTC")
    verb.add_argument("--to", dest="last", type=hour, metavar="HOUR", help="included (default: the same hour)")


def run(args: argparse.Namespace) -> int:
    wanted = hours(args.first, args.first if args.last is None else args.last)
    cluster, files = open_cluster(args)
    found = landed.marks(files, StreamPaths(args.stream, cluster.root))
    backfill.check_range(wanted, found, now_ms())
    planned = backfill.seals(args.stream, wanted, found, "command line")
    if args.dry_run:
        return _say_plan(planned, args.json)
    say = (lambda text: None) if args.json else Steps()
    sealed = sorted((one for seal in planned for one in _seal(tools_of(cluster, files, say), seal, say, args.release)),
                    key=lambda one: str(one["hour"]))
    if args.json:
        dump(sealed)
    else:
        print_sealed(sealed)
    return 0


def _say_plan(planned: Sequence[Seal], as_json: bool) -> int:
    rows = sorted((hour_ms, through_ms, seal.gap) for seal in planned for hour_ms, through_ms in seal.hours)
    if as_json:
        dump([{"hour": hour_name(h), "through": iso(t), "complete": not gap, "gap": gap} for h, t, gap in rows])
    else:
        for hour_ms, through_ms, gap in rows:
            print(f"Would seal {hour_name(hour_ms)} through {iso(through_ms)}{f', incomplete: {gap}' if gap else ''}")
    return 0


def seal(cluster: Cluster, files: hdfs.Client, stream: str, wanted: Sequence[int], *, through_ms: int, by: str,
         say: Callable[[str], None]) -> list[dict[str, Any]]:
    """Seals hours whose landing is known to be complete through `through_ms`; what the seals wrote of each."""
    throughs = tuple((at, landed.Through({"": max(through_ms, landed.needed(at))}).seal_through(at))
                     for at in sorted(wanted))
    tools = tools_of(cluster, files, say)
    groups = [throughs[i:i + backfill.MAX_HOURS] for i in range(0, len(throughs), backfill.MAX_HOURS)]
    return [one for group in groups for one in _seal(tools, Seal(stream, group, by=by), say)]


def _seal(tools: Launcher, job: Seal, say: Callable[[str], None], release: str = "") -> list[dict[str, Any]]:
    """Submits, waits, reads; each hour is said as soon as its result is there."""
    paths, wanted, since_ms = StreamPaths(job.stream, tools.cluster.root), [at for at, _ in job.hours], tools.now_ms()
    app = backfill.submit_seal(tools, job, release)
    say(f"{app.id} is {app.state}")
    left = list(wanted)

    def progress(seconds: float) -> None:
        tools.sleep(seconds)
        while left and backfill.is_sealed(tools.hdfs, paths, left[0], since_ms, app.id):
            say(f"{hour_name(left.pop(0))} is sealed")

    backfill.await_end(tools, app.id, timeout_s=3600.0 + 60.0 * len(wanted), sleep=progress)
    return backfill.results(tools.hdfs, paths, wanted, since_ms, app.id)


def print_sealed(sealed: list[dict[str, Any]]) -> None:
    for one in sealed:
        print(backfill.describe(one))


def ledger(args: argparse.Namespace) -> int:
    wanted = hours(args.first, args.first if args.last is None else args.last)
    cluster, files = open_cluster(args)
    columns = ["hour", "revision", "through_ms", "complete", "gap", "lines", *_FATES, "quarantined", "sealed_at"]
    rows = sorted(Tables(cluster, args.stream, files).rows("ledger", columns, (wanted[0], wanted[-1] + HOUR_MS)),
                  key=lambda row: row["hour"])
    found = [{**row, "quarantined": dict(row["quarantined"] or {}), "adds_up": adds_up(row)} for row in rows]
    if args.json:
        dump(found)
    elif found:
        print(ledger_text(found))
    else:
        print(f"No hour of stream {args.stream} is sealed there.")
    return 0 if found and all(row["adds_up"] for row in found) else 1


def adds_up(row: dict[str, Any]) -> bool:
    """lines = counted + duplicate + late + control + quarantined + pending, the last for hours without a seal yet."""
    quarantined = sum(dict(row["quarantined"] or {}).values())
    return bool(row["lines"] == sum(row[fate] or 0 for fate in _FATES) + quarantined)


def ledger_text(found: Sequence[dict[str, Any]]) -> str:
    cells = [[f"{row['hour']:%Y-%m-%dT%H}", str(row["revision"]), f"{row['lines']:,}",
              *(f"{row[fate] or 0:,}" for fate in _FATES), f"{sum(row['quarantined'].values()):,}",
              iso(row["through_ms"]), ("" if row["complete"] else f"incomplete: {row['gap']}")
              + ("" if row["adds_up"] else " DOES NOT ADD UP")] for row in found]
    return table(cells, ["hour", "rev", "lines", *_FATES, "quarantined", "through", ""])
