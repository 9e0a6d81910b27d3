"""How far a generation has come in landing, and what of landing lies beyond."""
from __future__ import annotations

import math
import re
from dataclasses import replace
from itertools import takewhile

from deploy import landed
from deploy.checkpoints import told
from deploy.launch import Files
from spark_apps import generations
from spark_apps.contract import HOUR_MS, LandingFile, StreamPaths, parse_hour
from spark_apps.generations import Generation
from spark_apps.windows import hours_of

#: Files are taken the oldest first: a batch so far back holds none that arrived after those of this one.
_MIXED = 100
_SEAL = re.compile(r"\d{4}-\d\d-\d\dT\d\d\.json")


def seam(hdfs: Files, paths: StreamPaths, hour: int) -> tuple[Generation, int | None]:
    """(the generation, as `through_batch` its last batch of which all lines arrived before the hour, their newest
    arrival): what counts of the past when another generation takes the lines from the hour on."""
    ancestry = generations.ancestry(hdfs, paths)
    for at, generation in enumerate(ancestry):
        last = None if at == 0 else ancestry[at - 1].through_batch
        before: list[told.Told] = []
        end = math.inf    # of the first batch with lines of the hour
        for one in told.newest_first(hdfs, paths, generation.number, last):
            if one.arrival_ms is not None and one.arrival_ms >= hour:
                end = min(end, one.batch)
            elif one.arrival_ms is not None:
                before.append(one)
                if before[0].batch - one.batch > _MIXED:
                    break
        before = [one for one in before if one.batch < end]
        if before:
            newest = max(before, key=lambda one: one.batch)
            return replace(generation, through_batch=newest.batch), newest.arrival_ms
    return replace(ancestry[-1], through_batch=-1), None


def arrival_at(hdfs: Files, paths: StreamPaths, generation: Generation, batch: int) -> int | None:
    """The newest arrival of what was taken through this batch; None where nobody told."""
    line = generations.line(hdfs, paths, generation)
    return next((one.arrival_ms for one in told.of_all(hdfs, paths, line, batch) if one.arrival_ms), None)


def landed_after(hdfs: Files, paths: StreamPaths, after_ms: int | None,
                 from_hour: int | None) -> dict[int, list[int]]:
    """Sizes of the landing files that arrived after this instant, by the hour they lie in, not before `from_hour`."""
    found: dict[int, list[int]] = {}
    first = max(after_ms or 0, from_hour or 0)
    for hour in takewhile(lambda at: at + HOUR_MS > first, landed.hours(hdfs, paths)):
        sizes = [int(status["length"]) for name, status in hdfs.statuses(paths.landing_hour(hour)).items()
                 if _arrival(name) > (after_ms or 0)]
        if sizes:
            found[hour] = sizes
    return found


def newest_hour(hdfs: Files, paths: StreamPaths, now_ms: int) -> int:
    """Of landing; the present one where there is none."""
    return next(iter(landed.hours(hdfs, paths)), now_ms - now_ms % HOUR_MS)


def oldest_hour(hdfs: Files, paths: StreamPaths, otherwise: int) -> int:
    return min(landed.hours(hdfs, paths), default=otherwise)


def hours_touched(first_ms: int, found: dict[int, list[int]]) -> tuple[int, ...]:
    """Of events: from this instant to the last of the landing hours; none where nothing is taken."""
    return tuple(hours_of(min(first_ms, min(found)), max(found) + HOUR_MS)) if found else ()


def sealed(hdfs: Files, paths: StreamPaths) -> set[int]:
    """All hours that were ever sealed (ms)."""
    names = hdfs.list(paths.seal_result(0).rpartition("/")[0])
    return {parse_hour(name.removesuffix(".json")) for name in names if _SEAL.fullmatch(name)}


def _arrival(name: str) -> int:
    try:
        return LandingFile.parse(name).last_ms
    except ValueError:
        return -1
