"""`checkpoint list|inspect|savepoint|drop|restore|fresh|check|retire|doctor`: the points that one can go back to."""
from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Any

from deploy import checkpoints, desired, hdfs, restart_policy, supervisor
from deploy.checkpoints import Plan, catalogue, points, savepoint
from deploy.checkpoints.catalogue import Entry
from deploy.checkpoints.copying import size_text
from deploy.config import Cluster
from deploy.errors import HashtideError
from deploy.launch import Launcher
from deploy.lines import line, screen, table
from deploy.spec import StreamSpec
from deploy.verbs import checkpoint_check, checkpoint_state, retire
from deploy.verbs.common import add_verb, dump, hour, iso, open_cluster, positive, progress
from deploy.verbs.stream import by_airflow, tools_of, wait_until_over
from spark_apps.contract import StreamPaths, generation_name
from spark_apps.generations import Generation

WHO = "command line"


def add_to(verbs: Any) -> None:
    family = verbs.add_parser("checkpoint", help="savepoints, restore, fresh start, retention",
                              description="The points that a stream can go back to: savepoints and generations.",
                              example="checkpoint list")
    of = family.add_subparsers(dest="checkpoint_verb", metavar="VERB", required=True)
    add_verb(of, "list", list_points, "Generations and savepoints with batch, watermark, size, release.",
             example="checkpoint list --json")
    inspect = add_verb(of, "inspect", inspect_point, checkpoint_state.DESCRIPTION,
                       example="checkpoint inspect before-upgrade --state")
    inspect.add_argument("point", help="a savepoint, or a generation such as g0001")
    checkpoint_state.add_to(inspect)
    take = add_verb(of, "savepoint", take_savepoint, "Keep this instant of the stream under a name, while it runs or "
                    "not.", example='checkpoint savepoint before-upgrade --why "release 0.2"')
    take.add_argument("name", nargs="?", default="", help="letters, digits, - and _ (default: the time)")
    take.add_argument("--why", default="", help="kept with it")
    take.add_argument("--copy", action="store_true", help="copy the checkpoint, where HDFS allows no snapshots")
    drop = add_verb(of, "drop", drop_savepoint, "Forget a savepoint.", example="checkpoint drop before-upgrade --yes")
    drop.add_argument("name")
    restore = add_verb(of, "restore", restore_point, "Go back to a point: what was counted after it is counted again, "
                       "by a new generation. Says what will happen; with --yes it stops the stream, restores and "
                       "resumes.", example="checkpoint restore before-upgrade --yes")
    restore.add_argument("point", help="a savepoint, or a generation such as g0001")
    fresh = add_verb(of, "fresh", start_fresh, "Begin with an empty checkpoint at a full hour of landing. Says what "
                     "will happen, and which hours to seal; with --yes it does it.", example="checkpoint fresh --yes")
    fresh.add_argument("--from", dest="from_hour", type=hour, metavar="HOUR",
                       help="take what arrived from this hour on, such as 2026-03-01T10 (default: landing's newest)")
    retire.add_to(of)
    checkpoint_check.add_to(of)
    for verb in (drop, restore, fresh):
        verb.add_argument("--yes", action="store_true", help="do it; without, only say what would be done")
    add_opening(restore)
    add_opening(fresh)
    from deploy.verbs import doctor  # which carries out what it proposes by this module

    doctor.add_to(of)


def add_opening(verb: argparse.ArgumentParser) -> None:
    """Options of whatever stops a stream, opens its next generation and resumes."""
    verb.add_argument("--why", default="", help="kept with the new generation")
    verb.add_argument("--timeout", type=positive, default=300, metavar="S",
                      help="seconds to wait for the driver's end (default: %(default)s)")
    verb.add_argument("--no-airflow", action="store_true", help="resume from here; nobody restarts it later")


def list_points(args: argparse.Namespace) -> int:
    cluster, files = open_cluster(args)
    found = catalogue.entries(files, StreamPaths(args.stream, cluster.root))
    if args.json:
        dump([one.as_json() for one in found])
        return 0
    if not found:
        print(f"Stream {args.stream} has no checkpoint yet.")
        return 0
    header = ["point", "kind", "batch", "watermark", "size", "taken", "release", "by", "why"]
    print(table([_row(one) for one in found], header))
    for one in found:
        if one.fault:
            print(f"{line(one.name)} cannot be restored: {line(one.fault)}")
        if one.accepted:
            print(f"{line(one.name)} goes on by {_accepted(one)}")
    return 0


def _row(one: Entry) -> list[str]:
    about = one.about
    batch = f"{about['generation']}:{_or(about['batch_id'])}" if about else "-"
    kind = "goes on" if one.current else one.kind if one.pinned or one.kind == "generation" else f"{one.kind}, unpinned"
    return [line(text) or "-" for text in (
        one.name, kind, batch, iso(about.get("watermark_ms")), size_text(about["bytes"]) if about else "-",
        iso(one.time_ms), str(about.get("release") or "-"), one.who, one.why or _came(one))]


def _accepted(one: Entry) -> str:
    said = one.accepted
    return f"the word of {line(said['who'])}, {iso(said['time_ms'])}: {line(said['why'])}"


def _came(one: Entry) -> str:
    if not one.parent:
        return ""
    return f"from {one.savepoint or one.parent}"


def inspect_point(args: argparse.Namespace) -> int:
    checkpoint_state.check(args)
    if args.state:
        return checkpoint_state.run(args)
    cluster, files = open_cluster(args)
    found = catalogue.entry(files, StreamPaths(args.stream, cluster.root), args.point)
    if args.json:
        dump(found.as_json())
    else:
        print(screen(describe(found)))
    return 1 if found.fault else 0


def describe(found: Entry) -> str:
    about = found.about
    state = "goes on" if found.current else "pinned" if found.pinned else "kept for a while"
    lines = [f"{found.kind} {found.name}: {found.fault or state}"]
    if about:
        lines += [
            f"  batch      {_or(about['batch_id'])} of {about['generation']}, watermark {iso(about['watermark_ms'])}",
            f"  landing    through {iso(about['arrival_ms'])}, entry {_or(about['source_offset'])} of the source's log"
            + (f", from {about['from_hour']} on" if about["from_hour"] else ""),
            f"  size       {size_text(about['bytes'])} in {about['files']:,} files, "
            f"{_or(about['state_rows'], ',')} identities in {about['shuffle_partitions'] or '-'} partitions",
            f"  made by    release {about['release'] or '-'}, Spark {about['spark'] or '-'}, "
            f"epoch {_or(about['epoch'])}"]
    if found.accepted:
        lines.append(f"  accepted   what it was made with is {_accepted(found)}")
    if found.parent:
        lines.append(f"  came from  {found.parent}" + (f", by {found.savepoint}" if found.savepoint else ""))
    lines.append(f"  taken      {iso(found.time_ms)} by {line(found.who) or '-'}: {line(found.why) or '-'}")
    return "\n".join(lines)


def take_savepoint(args: argparse.Namespace) -> int:
    cluster, files = open_cluster(args)
    made = savepoint.take(tools_of(cluster, files), args.stream, args.name, WHO, args.why, by_copy=args.copy)
    if args.json:
        dump(made)
    else:
        print(f"Savepoint {made['name']}: batch {_or(made['batch_id'])} of {made['generation']}, watermark "
              f"{iso(made['watermark_ms'])}, {size_text(made['bytes'])} in {made['files']:,} files, by {made['way']}. "
              f"`deploy/hashtide checkpoint restore {made['name']} --stream {args.stream}` goes back to it.")
    return 0


def drop_savepoint(args: argparse.Namespace) -> int:
    cluster, files = open_cluster(args)
    paths = StreamPaths(args.stream, cluster.root)
    points.check_there(files, paths, args.name)
    if not args.yes:
        good = [one.name for one in savepoint.standing(files, paths) if one.good]
        last = "; it is the last good one" if good == [args.name] else ""
        print(f"Would forget savepoint {args.name}{last}; --yes does it.")
        return 1
    savepoint.drop(tools_of(cluster, files), args.stream, args.name)
    print(f"Savepoint {args.name} is forgotten.") if not args.json else dump({"dropped": args.name})
    return 0


def restore_point(args: argparse.Namespace) -> int:
    return _open(args, "restore", args.point, None, lambda tools: checkpoints.restore(
        tools, args.stream, args.point, WHO, args.why))


def start_fresh(args: argparse.Namespace) -> int:
    return _open(args, "fresh", "", args.from_hour, lambda tools: checkpoints.fresh(
        tools, args.stream, WHO, args.why, args.from_hour))


def _open(args: argparse.Namespace, mode: str, point: str, from_hour: int | None,
          do: Callable[[Launcher], Generation]) -> int:
    cluster, files = open_cluster(args)
    tools = tools_of(cluster, files, progress(args))
    planned = checkpoints.plan(tools, args.stream, mode, point, from_hour)
    if not args.json:
        print(screen(planned.text()))
    if not args.yes:
        dump({"would": planned.as_json()}) if args.json else print("Nothing is changed; --yes does it.")
        return 1
    return carry_out(args, cluster, files, tools, mode, planned, do)


def carry_out(args: argparse.Namespace, cluster: Cluster, files: hdfs.Client, tools: Launcher, mode: str, planned: Plan,
              do: Callable[[Launcher], Generation]) -> int:
    """Stops the stream where it runs, opens its next generation, resumes it; the exit code."""
    before = desired.read(files, StreamPaths(args.stream, cluster.root))
    # One that was stopped for this, by a command that was cut off, is resumed by the next.
    cut_off = before.get("state") == "stopped" and before.get("why") == why_stopped(mode) or is_parked_by_it(before)
    resumes = bool(planned.running) or before.get("state") == "running" or cut_off
    if resumes:
        tools.say("stopping the stream")
        supervisor.stop(tools, args.stream, who=WHO, why=why_stopped(mode))
        wait_until_over(tools, args.stream, args.timeout)
    try:
        made = do(tools)
    except HashtideError:
        if resumes:
            print(f"hashtide: stream {args.stream} is stopped, and goes on as before by "
                  f"`deploy/hashtide stream submit --stream {args.stream}`", file=sys.stderr)
        raise
    done = {"generation": generation_name(made.number), "plan": planned.as_json(),
            **(resume(cluster, files, tools, args, before) if resumes else {})}
    if args.json:
        dump(done)
        return 0
    tools.say(f"{done['generation']} goes on" if resumes else
              f"{done['generation']} goes on with the next `deploy/hashtide stream submit --stream {args.stream}`")
    if planned.command:
        print(f"To make its hours whole: {planned.command}")
    return 0


def why_stopped(mode: str) -> str:
    return f"checkpoint {mode}"


def is_parked_by_it(said: desired.Said) -> bool:
    """Whether it would run, but for a damaged checkpoint."""
    return said.get("state") == "parked" and restart_policy.classify(str(said.get("why"))) == "damaged_checkpoint"


def resume(cluster: Cluster, files: hdfs.Client, tools: Launcher, args: argparse.Namespace,
           said: desired.Said) -> dict[str, str]:
    """With the parameters that it had."""
    spec, why = StreamSpec.of({**said.get("parameters", {}), "stream": args.stream}), args.why or "checkpoint"
    if args.no_airflow or not cluster.airflow.url:
        supervisor.ask(tools, spec, who=WHO, why=why)
        return {"application": tools.launch(spec, who=WHO, why=why).id}
    return {"dag_run": by_airflow(cluster, spec, spec.conf())}


def _or(value: Any, spec: str = "") -> str:
    return "-" if value is None else format(value, spec)
