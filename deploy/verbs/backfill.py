"""`backfill`: seal a range of hours from here."""
from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any

from deploy import backfill, hdfs, landed
from deploy.backfill import Seal
from deploy.config import Cluster
from deploy.launch import Launcher
from deploy.retention import gone
from deploy.verbs.common import add_range, add_verb, dump, hours_of, iso, now_ms, open_cluster, progress
from deploy.verbs.stream import tools_of
from spark_apps.contract import StreamPaths, hour_name


def add_to(verbs: Any) -> None:
    verb = add_verb(verbs, "backfill", run, "Seal the hours of a range again: one batch on YARN, the same rows or a "
                    "higher revision, never a duplicate.", example="backfill --from 2026-03-01T10 --to 2026-03-01T12")
    add_range(verb)
    verb.add_argument("--release", default="", help="a release in HDFS (default: this checkout's)")
    verb.add_argument("--dry-run", action="store_true", help="only say what would be sealed, through which instant")


def run(args: argparse.Namespace) -> int:
    wanted = hours_of(args)
    cluster, files = open_cluster(args)
    paths = StreamPaths(args.stream, cluster.root)
    found = landed.marks(files, paths)
    backfill.check_range(wanted, found, now_ms())
    gone.check(files, paths, wanted, now_ms())
    planned = backfill.seals(args.stream, wanted, found, "command line")
    if args.dry_run:
        return _say_plan(planned, args.json)
    say = progress(args)
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
