"""The ways out of damage, each with what is lost by it; the first is the one to take."""
from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from deploy.checkpoints import planning, points
from deploy.checkpoints.doctor.examine import Report, examine
from deploy.checkpoints.doctor.reading import Level, look
from deploy.checkpoints.planning import Plan
from deploy.checkpoints.points import Point
from deploy.errors import HashtideError, Unreachable
from deploy.launch import Launcher
from spark_apps import generations
from spark_apps.contract import StreamPaths, generation_name, hour_name
from spark_apps.generations import Generation


@dataclass(frozen=True)
class Way:
    """`kind`: roll back, restore or fresh; `why` it is the best of those that there are, or what is better."""

    kind: str
    point: str
    why: str
    plan: Plan
    gone: int = 0     # landing files that were taken after it and are not there any more

    @property
    def lost(self) -> str:
        made = self.plan
        again = (f"{made.files:,} landed files, about {made.tweets:,} tweets, are taken again in about {made.seconds} s"
                 if made.files else "no landed file has to be taken again")
        if self.kind != "fresh":
            return f"nothing: {again}" if not self.gone else (
                f"{self.gone:,} landing files that were taken after it are deleted, and count only where their hours "
                f"are sealed; {again}")
        hour = hour_name(made.opens.from_hour or 0)
        return (f"what was seen of tweets before {hour}, so that a copy across it counts twice, and lines before it "
                f"that were not counted, until the backfill; {again}")

    def command(self, stream: str) -> str:
        words = {"roll back": "doctor --yes", "restore": f"restore {self.point} --yes", "fresh": "fresh --yes"}
        return f"deploy/hashtide checkpoint {words[self.kind]} --stream {stream}"

    def text(self) -> str:
        opens = self.plan.opens
        if self.kind == "fresh":
            return f"a new generation with an empty checkpoint, from {hour_name(opens.from_hour or 0)} on"
        return f"a new generation from batch {opens.through_batch} of {self.point}"

    def as_json(self, stream: str) -> dict[str, Any]:
        return {"way": self.kind, "point": self.point, "why": self.why, "does": self.text(), "lost": self.lost,
                "backfill": self.plan.command, "command": self.command(stream), "plan": self.plan.as_json()}


def ways(tools: Launcher, paths: StreamPaths, report: Report) -> list[Way]:
    """Of the generation that goes on; the best first: what counts the fewest lines again and loses nothing."""
    made, good = report.seen.generation, report.good
    name, found = generation_name(made.number), list[Way]()
    saved = _newest_whole(tools, paths, made)
    if good is not None:
        found.append(Way("roll back", name, f"batch {good} is the newest of {name} that is whole",
                         planning.of_point(tools, paths, replace(_point(report), batch=good)), _gone(report, good)))
    if saved:
        why = f"{saved.label} is the newest point that is whole"
        newer = good is None or saved.generation.number == made.number and saved.batch > good
        way = Way("restore", saved.name, why, planning.of_point(tools, paths, saved))
        found.insert(0 if newer else len(found), way)
    why = "landing is counted again from an hour on, whatever the checkpoint was" if found else (
        f"no batch of {name} is whole, and no savepoint is")
    found.append(Way("fresh", "", why, planning.plan(tools, paths.stream, "fresh")))
    return found


def _gone(report: Report, batch: int) -> int:
    """Of those beyond the batch, as the source's log names them."""
    seen = report.seen
    end = seen.offsets()[batch].end
    beyond = {one.path for path in seen.source_log() for one in seen.entries(path) if one.number > end}
    return sum(path not in seen.around.landing and path.rpartition("/")[0] in seen.around.asked for path in beyond)


def _point(report: Report) -> Point:
    seen = report.seen
    return Point(generation_name(seen.generation.number), "generation", "", seen.generation, seen.root, seen.committed,
                 {})


def _newest_whole(tools: Launcher, paths: StreamPaths, current: Generation) -> Point | None:
    """Of the savepoints, then of the generations before it."""
    from deploy.checkpoints.savepoint import standing  # which asks the doctor in its turn

    names = [one.name for one in standing(tools.hdfs, paths) if one.good]
    names += [generation_name(one.number) for one in generations.ancestry(tools.hdfs, paths)
              if one.number != current.number]
    for name in names:
        try:
            point = points.find(tools.hdfs, paths, name)
            seen = look(tools.hdfs, paths, point.generation, Level.DEEP, point.checkpoint)
        except Unreachable:
            raise
        except HashtideError:
            continue
        if point.batch >= 0 and not examine(seen).damaged:
            return point
    return None


def of_savepoint(tools: Launcher, paths: StreamPaths, name: str) -> Report:
    """The examination of a point that does not go on: by itself alone."""
    point = points.find(tools.hdfs, paths, name)
    return examine(look(tools.hdfs, paths, point.generation, Level.DEEP, point.checkpoint))


def confirmed(tools: Launcher, paths: StreamPaths, generation: Generation, level: Level = Level.DEEP) -> Report:
    """The examination of a generation whose driver may be at work: what only one of two looks finds was on its way."""
    report = examine(look(tools.hdfs, paths, generation, level))
    with suppress(Unreachable):
        if not report.damage or not tools.live(paths.stream):
            return report
    tools.sleep(2.0)
    again = examine(look(tools.hdfs, paths, generation, level))
    both = {(one.kind, one.file) for one in report.findings}
    return replace(again, findings=tuple(one for one in again.findings
                                         if not one.damage or (one.kind, one.file) in both))
