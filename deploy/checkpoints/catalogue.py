"""All points that a stream can go back to."""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from deploy import elsewhere
from deploy.checkpoints import about, points
from deploy.errors import HashtideError
from deploy.launch import Files
from spark_apps import fingerprint, generations
from spark_apps.contract import StreamPaths, generation_name
from spark_apps.generations import Generation


@dataclass(frozen=True)
class Entry:
    """`kind`: generation, snapshot or copy. `fault`: why no driver could start from it; empty where one could.
    `about`: as deploy.checkpoints.about.record has it; empty where nothing can be read any more.
    `accepted`: who, why and time_ms of the person who answers for what it was made with; empty where drivers wrote that
    down."""

    name: str
    kind: str
    current: bool           # the generation that the stream goes on with
    parent: str             # generation, and the batch of it that it came from, as g0001:412
    savepoint: str          # that it was restored from
    pinned: bool
    who: str
    why: str
    time_ms: int | None
    fault: str
    about: dict[str, Any]
    accepted: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        own = {name: value for name, value in vars(self).items() if name != "about"}
        return {**own, **self.about}


def entries(hdfs: Files, paths: StreamPaths) -> list[Entry]:
    """Generations, the newest first, then savepoints by time, the newest first."""
    current = generations.newest(hdfs, paths)
    made = [_elsewhere(one, one == current) if one.checkpoint_root else
            _retired(one) if hdfs.status(points.retired(paths, number)) is not None else
            entry_of_generation(hdfs, paths, number, current is not None and number == current.number)
            for number in generations.numbers(hdfs, paths.generations)
            if (one := generations.opened(hdfs, paths, number))]
    saved = [entry_of_savepoint(hdfs, paths, name) for name in points.savepoint_names(hdfs, paths)]
    return [*made, *sorted(saved, key=lambda one: one.time_ms or 0, reverse=True)]


def entry(hdfs: Files, paths: StreamPaths, text: str) -> Entry:
    """BadUse where there is no such point."""
    if (number := points.generation_number(text)) is not None:
        points.of_generation(hdfs, paths, number)
        current = generations.newest(hdfs, paths)
        return entry_of_generation(hdfs, paths, number, current is not None and number == current.number)
    points.check_there(hdfs, paths, text)
    return entry_of_savepoint(hdfs, paths, text)


def entry_of_generation(hdfs: Files, paths: StreamPaths, number: int, current: bool) -> Entry:
    point = points.of_generation(hdfs, paths, number)
    made = point.generation
    return Entry(point.name, "generation", current, _parent(made), made.savepoint, current, made.who, made.why,
                 made.time_ms or None, points.fault(hdfs, paths, point), about.record(hdfs, paths, point),
                 _accepted(hdfs, paths, made))


def _accepted(hdfs: Files, paths: StreamPaths, made: Generation) -> dict[str, Any]:
    found = fingerprint.answered_for(hdfs, paths, made)
    return {"who": found.who, "why": found.why, "time_ms": found.time_ms} if found else {}


def _retired(made: Generation) -> Entry:
    return Entry(generation_name(made.number), "generation", False, _parent(made), made.savepoint, False, made.who,
                 made.why, made.time_ms or None, "its checkpoint was retired", {})


def _elsewhere(made: Generation, current: bool) -> Entry:
    return Entry(generation_name(made.number), "generation", current, _parent(made), made.savepoint, current, made.who,
                 made.why, made.time_ms or None, elsewhere.where(made), {})


def _parent(made: Generation) -> str:
    return "" if made.parent is None else f"{generation_name(made.parent)}:{made.through_batch}"


def entry_of_savepoint(hdfs: Files, paths: StreamPaths, name: str) -> Entry:
    told = hdfs.read_json(paths.savepoint(name)) or {}
    taken_ms = told.get("time_ms") or points.snapshots(hdfs, paths).get(name)
    fault, known = "", dict(told)
    try:
        point = points.of_savepoint(hdfs, paths, name)
        fault = points.fault(hdfs, paths, point)
        # Whoever took it may have been cut off before the record.
        known = told if "batch_id" in told else about.record(hdfs, paths, point)
    except HashtideError as error:
        fault = str(error)
    own = ("name", "who", "why", "pinned", "time_ms", "way", "directory")
    return Entry(name, str(told.get("way") or "snapshot"), False, "", "", bool(told.get("pinned", True)),
                 str(told.get("who") or ""), str(told.get("why") or ""), taken_ms, fault,
                 {key: value for key, value in known.items() if key not in own})
