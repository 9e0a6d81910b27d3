"""What a restore or a fresh start will do, before anything is done: as plain data, and as text."""
from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any

from deploy import desired, landed
from deploy.backfill import span
from deploy.checkpoints import points, reach, told
from deploy.checkpoints.copying import size_text, tree
from deploy.errors import BadUse
from deploy.launch import Launcher
from spark_apps import generations
from spark_apps.contract import HOUR_MS, StreamPaths, generation_name, hour_name
from spark_apps.generations import Generation
from spark_apps.windows import hours_of

MODES = ("restore", "fresh")
#: From the submission to the first batch, on a busy machine.
_START_S = 60
_COPY_BYTES_S = 20_000_000
_LINE_BYTES = 1_200


@dataclass(frozen=True)
class Plan:
    """Instants and hours in ms. `opens` is the generation as it will be opened, under the next number."""

    stream: str
    mode: str
    point: str                            # what the operator named; empty for a fresh start
    opens: Generation
    running: tuple[str, ...]              # applications that have to end first
    watermark_ms: int | None
    copy_files: int
    copy_bytes: int
    hours: tuple[int, ...]                # not sealed, and counted again or left with a seam
    sealed: tuple[int, ...]               # of the same time, and final: they stay
    files: int                            # landed, that are taken again or for the first time
    tweets: int                           # about
    seconds: int                          # about, until all of them are counted
    backfill: tuple[int, int] | None      # first and last hour to seal, as only that makes them whole

    @property
    def command(self) -> str:
        """The backfill that repairs what the stream itself will not count; empty where there is none."""
        if self.backfill is None:
            return ""
        first, last = map(hour_name, self.backfill)
        return (f"deploy/hashtide backfill --stream {self.stream} --from {first}"
                + (f" --to {last}" if last != first else ""))

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "hours": list(map(hour_name, self.hours)), "sealed": list(map(hour_name, self.sealed)),
                "backfill": self.command}

    def text(self) -> str:
        came = "the beginning" if self.opens.parent is None else (
            f"batch {self.opens.through_batch} of {generation_name(self.opens.parent)}")
        lines = [("head", self._head(came))]
        if self.running:
            lines.append(("stops", f"{', '.join(self.running)}, after its batch"))
        if self.mode == "restore":
            lines.append(("copies", f"{self.copy_files:,} files of its checkpoint, {size_text(self.copy_bytes)}; "
                                    "what they are copied from stays as it is"))
        changes = f"{span(self.hours)}, until they are counted again" if self.hours else "no hour"
        stays = f"; sealed hours stay: {span(self.sealed)}" if self.sealed else ""
        takes = f"{self.files:,} landed files, about {self.tweets:,} tweets, in about {_time(self.seconds)}"
        lines += [("changes", changes + stays), ("takes", takes),
                  ("backfill", self.command or "none is needed")]
        return "\n".join([lines[0][1], *(f"  {name:<9} {text}" for name, text in lines[1:])])

    def _head(self, came: str) -> str:
        if self.mode == "restore":
            behind = f", watermark {landed.iso(self.watermark_ms)}" if self.watermark_ms is not None else ""
            return (f"Restore of stream {self.stream} from {self.point}: a new generation from {came}{behind}; "
                    "what was counted after it is dropped and counted again")
        from_hour = hour_name(self.opens.from_hour) if self.opens.from_hour is not None else "the beginning"
        at = f" on {self.opens.checkpoint_root}" if self.opens.checkpoint_root else ""
        return (f"Fresh start of stream {self.stream}: a new generation with an empty checkpoint{at}, which takes what "
                f"arrives from {from_hour} on; before it counts go through {came}")


def plan(tools: Launcher, stream: str, mode: str, point: str = "", from_hour: int | None = None) -> Plan:
    """`mode`: restore, from a point such as a savepoint's name or g0001; or fresh, at an hour (ms) of landing.

    BadUse for what there is not; changes nothing.
    """
    paths = StreamPaths(stream, tools.cluster.root)
    if mode not in MODES:
        raise BadUse(f"mode {mode!r}: expected one of {', '.join(MODES)}")
    if generations.newest(tools.hdfs, paths) is None:
        raise BadUse(f"stream {stream} was never launched: it has nothing to go on from, and starts fresh by itself")
    if mode == "restore":
        return of_point(tools, paths, points.find(tools.hdfs, paths, point))
    return _fresh(tools, paths, from_hour)


def of_point(tools: Launcher, paths: StreamPaths, point: points.Point) -> Plan:
    """Of a restore from it."""
    hdfs, origin = tools.hdfs, point.generation
    files = tree(hdfs, point.checkpoint)
    opens = Generation(0, origin.number, point.batch, point.name, origin.shuffle_partitions, origin.from_hour)
    batch = points.batch_of(hdfs, point)
    since = reach.arrival_at(hdfs, paths, origin, point.batch)
    found = reach.landed_after(hdfs, paths, since, origin.from_hour)
    watermark = batch.watermark_ms if batch else None
    first = min((at for at in (watermark or since, since) if at is not None), default=min(found, default=0))
    return _filled(tools, paths, Plan(
        paths.stream, "restore", point.label, opens, _running(tools, paths), watermark, len(files),
        sum(files.values()), reach.hours_touched(first, found), (), 0, 0, 0, None), found)


def _fresh(tools: Launcher, paths: StreamPaths, from_hour: int | None) -> Plan:
    hdfs = tools.hdfs
    newest = reach.newest_hour(hdfs, paths, tools.now_ms())
    hour = newest if from_hour is None else from_hour - from_hour % HOUR_MS
    if hour > max(newest, tools.now_ms()):
        raise BadUse(f"the hour {hour_name(hour)} has not begun: the newest of landing is {hour_name(newest)}")
    parent, last_ms = reach.seam(hdfs, paths, hour)
    opens = Generation(0, parent.number, parent.through_batch, "", 0, hour, fresh=True,
                       checkpoint_root=tools.cluster.spark.checkpoint_root)
    found = reach.landed_after(hdfs, paths, hour - 1, hour)
    first = last_ms - landed.LATENESS_MS if last_ms is not None else reach.oldest_hour(hdfs, paths, hour)
    missing = sorted(set(hours_of(min(first, hour - 1), hour)) - reach.sealed(hdfs, paths))
    return _filled(tools, paths, Plan(
        paths.stream, "fresh", "", opens, _running(tools, paths), None, 0, 0,
        tuple({*hours_of(min(first, hour - 1), hour), *reach.hours_touched(hour, found)}), (), 0, 0, 0,
        (missing[0], missing[-1]) if missing else None), found)


def _filled(tools: Launcher, paths: StreamPaths, made: Plan, found: dict[int, list[int]]) -> Plan:
    """With hours parted by whether they are sealed, and what is to be taken."""
    sealed = tuple(sorted(set(made.hours) & reach.sealed(tools.hdfs, paths)))
    sizes = [size for of_hour in found.values() for size in of_hour]
    ancestry = generations.ancestry(tools.hdfs, paths)
    recent = [one for _, one in zip(range(100), told.of_all(tools.hdfs, paths, ancestry), strict=False) if one.lines]
    tweets = round(sum(sizes) / _LINE_BYTES)
    asked = desired.read(tools.hdfs, paths).get("parameters") or {}
    trigger_s, max_files = int(asked.get("trigger_seconds") or 10), int(asked.get("max_files") or 60)
    batches = math.ceil(len(sizes) / max_files)
    rate = max((one.lines / one.seconds for one in recent if one.seconds), default=0.0)
    batch_s = max(trigger_s, tweets / batches / rate if batches and rate else 0)
    seconds = _START_S + made.copy_bytes / _COPY_BYTES_S + batches * batch_s
    return replace(made, hours=tuple(at for at in sorted(made.hours) if at not in sealed), sealed=sealed,
                   files=len(sizes), tweets=tweets, seconds=round(seconds))


def _running(tools: Launcher, paths: StreamPaths) -> tuple[str, ...]:
    return tuple(app.id for app in tools.live(paths.stream))


def _time(seconds: int) -> str:
    return f"{seconds} s" if seconds < 120 else f"{round(seconds / 60)} min" if seconds < 7200 else (
        f"{seconds / 3600:.1f} h")
