"""Verifying sealed hours: the batch that recomputes and compares them, what it found, and whether all is explained."""
from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deploy import backfill
from deploy.backfill import MAX_HOURS
from deploy.errors import BadUse
from deploy.landed import Marks
from deploy.launch import Launcher
from deploy.yarn import Application
from spark_apps.contract import StreamPaths, hour_name


@dataclass(frozen=True)
class Verify:
    """Sealed hours of a stream, ascending, each with the instant that it was sealed through: (ms, ms)."""

    stream: str
    hours: tuple[tuple[int, int], ...]
    by: str = ""

    def __post_init__(self) -> None:
        if not 0 < len(self.hours) <= MAX_HOURS:
            raise BadUse(f"{len(self.hours)} hours at once, expected 1 to {MAX_HOURS}")


def submit(tools: Launcher, job: Verify, release: str = "") -> Application:
    """The batch's application, confirmed at the RM. It writes results, and no table."""
    tools.say(f"submitting the verification of {job.stream}: {backfill.span([hour for hour, _ in job.hours])}")
    return backfill.submit_batch(tools, job.stream, f"hashtide verify {job.stream} {len(job.hours)} h",
                                 args(job, tools.cluster.root), release)


def args(job: Verify, root: str) -> tuple[str, ...]:
    """hashtag_batch.py's arguments."""
    return ("--stream", job.stream, "--root", root, "--verify", backfill.hours_argument(job.hours),
            *(("--by", job.by) if job.by else ()))


def sealed(hdfs: Marks, paths: StreamPaths, hours: Iterable[int]) -> dict[int, int]:
    """through_ms of those of the hours that are sealed, by what their seals wrote."""
    found = {hour: hdfs.read_json(paths.seal_result(hour)) for hour in hours}
    return {hour: int(said["through_ms"]) for hour, said in found.items() if said}


def results(hdfs: Marks, paths: StreamPaths, hours: Iterable[int], since_ms: int, application: str) -> list[Any]:
    """What the verification wrote of each hour; HashtideError where it wrote nothing since."""
    return [backfill.written(hdfs, paths.verify_result(hour), f"the verification of {hour_name(hour)}", since_ms,
                             application) for hour in hours]


def of_newest_seals(hdfs: Marks, paths: StreamPaths, hours: Iterable[int]) -> list[dict[str, Any]] | None:
    """What the applications that sealed these hours last found of them; None where one did not come to it."""
    found = []
    for hour in hours:
        seal = hdfs.read_json(paths.seal_result(hour)) or {}
        said = hdfs.read_json(paths.verify_result(hour)) or {}
        if not said or said.get("application") != seal.get("application") or said["time_ms"] < seal["time_ms"]:
            return None
        found.append(said)
    return found


def is_explained(found: Iterable[Mapping[str, Any]]) -> bool:
    return not any(said["unexplained"] for said in found)


def describe(said: Mapping[str, Any]) -> str:
    """One line for a person."""
    what = f"{said['hour']}, revision {said['revision']}: "
    if not said["differing"]:
        return what + f"{said['rows']:,} rows agree"
    what += f"{said['differing']:,} of {said['rows']:,} rows differ: "
    return what + ", ".join(_reason(name, told) for name, told in said["reasons"].items())


def _reason(name: str, told: Mapping[str, int]) -> str:
    return f"{name} {told['rows']:,}" + (f" ({told['tweets']:,} tweets)" if told["tweets"] else "")


def unexplained(found: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The rows that are listed of them."""
    return [row for said in found for row in said["differences"] if "unexplained" in row["reasons"]]
