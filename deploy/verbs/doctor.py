"""`checkpoint doctor`: what is wrong with a checkpoint, what is lost with each way out, and the repair."""
from __future__ import annotations

import argparse
from typing import Any

from deploy import checkpoints, desired
from deploy.checkpoints import points
from deploy.checkpoints.doctor import Report, repairing
from deploy.checkpoints.doctor import ways as doctor_ways
from deploy.checkpoints.doctor.ways import Way
from deploy.errors import BadUse
from deploy.launch import Launcher
from deploy.lines import line, screen
from deploy.verbs.checkpoint import WHO, add_opening, carry_out, resume, why_stopped
from deploy.verbs.common import add_verb, dump, open_cluster, progress
from deploy.verbs.stream import tools_of
from spark_apps import generations
from spark_apps.contract import StreamPaths, generation_name
from spark_apps.generations import Generation

MODE = "doctor"


def add_to(of: Any) -> None:
    """To the verbs of `checkpoint`."""
    verb = add_verb(of, "doctor", doctor, "Examine a checkpoint, by default the one that the stream goes on with: "
                    "names what is damaged, and what is lost with each way out. With --yes it stops the stream, takes "
                    "the best way and resumes; no file that is there is changed.", example="checkpoint doctor --yes")
    verb.add_argument("point", nargs="?", default="", help="a savepoint, or a generation such as g0001")
    verb.add_argument("--yes", action="store_true", help="take the first way; without, only say it")
    add_opening(verb)


def doctor(args: argparse.Namespace) -> int:
    """0 where it is whole, 1 where something was found."""
    cluster, files = open_cluster(args)
    tools = tools_of(cluster, files, progress(args))
    paths = StreamPaths(args.stream, cluster.root)
    newest = generations.newest(files, paths)
    if newest is None:
        raise BadUse(f"stream {args.stream} was never launched: it has no checkpoint to examine")
    if args.point and args.point != generation_name(newest.number):
        return _other(args, tools, paths)
    report = doctor_ways.confirmed(tools, paths, newest)
    found = doctor_ways.ways(tools, paths, report) if report.damage else []
    if not args.json:
        print(screen(describe(args.stream, generation_name(newest.number), report, found)))
    if args.yes and found:
        way = found[0]
        return carry_out(args, cluster, files, tools, MODE, way.plan, lambda made: _take(made, args, way))
    if args.yes and _was_cut_off(args, tools, paths):
        # It was repaired, and whoever did that was cut off before the stream went on.
        made = resume(cluster, files, tools, args, desired.read(files, paths))
        dump({"healthy": True, **made}) if args.json else tools.say(f"{generation_name(newest.number)} goes on")
        return 0
    if args.json:
        dump(as_json(args.stream, generation_name(newest.number), report, found))
    elif found:
        print("Nothing is changed; --yes takes the first.")
    return 1 if report.damage else 0


def _take(tools: Launcher, args: argparse.Namespace, way: Way) -> Generation:
    why = args.why or "checkpoint doctor"
    if way.kind == "restore":
        return checkpoints.restore(tools, args.stream, way.point, WHO, why)
    if way.kind == "fresh":
        return checkpoints.fresh(tools, args.stream, WHO, why)
    return repairing.roll_back(tools, args.stream, WHO, why)


def _was_cut_off(args: argparse.Namespace, tools: Launcher, paths: StreamPaths) -> bool:
    """After it had stopped the stream, or had asked for it again and not launched it."""
    said = desired.read(tools.hdfs, paths)
    state, why, mine = said.get("state"), said.get("why"), said.get("who") == WHO
    asked = state == "running" and why == (args.why or "checkpoint") and not tools.live(paths.stream)
    return mine and (state == "stopped" and why == why_stopped(MODE) or asked)


def _other(args: argparse.Namespace, tools: Launcher, paths: StreamPaths) -> int:
    """A point that the stream does not go on with: nothing of it is repaired."""
    if args.yes:
        raise BadUse(f"stream {args.stream} does not go on with {args.point}: there is nothing to repair; without "
                     "--yes it is examined")
    report = doctor_ways.of_savepoint(tools, paths, args.point)
    name = points.find(tools.hdfs, paths, args.point).name
    dump(as_json(args.stream, name, report, [])) if args.json else print(
        screen(describe(args.stream, name, report, [])))
    return 1 if report.damage else 0


def describe(stream: str, name: str, report: Report, found: list[Way]) -> str:
    count = len(report.damage)
    state = "whole" if not count else f"damaged: {count} finding{'s' * (count > 1)}"
    lines = [f"{name} of stream {stream} is {state}"]
    for one in report.findings:
        mark = ("no driver reads it any more: " if one.old else "") if one.damage else "no damage: "
        lines += [f"  {one.kind}: {line(one.file)}", f"      {mark}{line(one.what)}", f"      {one.means}"]
    if found:
        lines.append("ways out:")
    for at, way in enumerate(found, 1):
        lines += [f"  {at} {way.kind}: {way.text()}" + (f", because {way.why}" if at == 1 else ""),
                  f"      lost      {way.lost}", f"      backfill  {way.plan.command or 'none is needed'}"]
        if at > 1:
            lines.append(f"      by        {way.command(stream)}")
    return "\n".join(lines)


def as_json(stream: str, name: str, report: Report, found: list[Way]) -> dict[str, Any]:
    return {"point": name, "healthy": not report.damage, "findings": [one.as_json() for one in report.findings],
            "whole_batch": report.good, "ways": [way.as_json(stream) for way in found]}
