"""Batches over sealed hours that find out more than counts: which tags go together, and the graph that they make."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from deploy import backfill
from deploy.errors import BadUse, HashtideError
from deploy.landed import Marks
from deploy.launch import Launcher
from deploy.yarn import Application
from spark_apps.contract import StreamPaths, check_stream, day_name, hour_name, parse_day, parse_hour

RELATED, GRAPH = "related", "graph"


@dataclass(frozen=True)
class Analysis:
    """`options`: of the application by their names; empty ones are left to it. BadUse where one is out of range."""

    kind: str
    stream: str
    options: dict[str, Any] = field(default_factory=dict)
    by: str = ""

    def __post_init__(self) -> None:
        try:
            check_stream(self.stream)
        except ValueError as error:
            raise BadUse(str(error)) from None
        faults = [fault for name, value in self.given.items() if (fault := _fault(self.kind, name, value))]
        if "to" in self.given and "from" not in self.given:
            faults.append("to goes with from")
        if self.kind == GRAPH and "day" not in self.given:
            faults.append("day is missing: expected a day of UTC such as 2026-03-01")
        if faults:
            raise BadUse("; ".join(faults))

    @property
    def given(self) -> dict[str, Any]:
        return {name: value for name, value in self.options.items() if value not in ("", None)}

    def args(self, root: str) -> tuple[str, ...]:
        """Of hashtag_related.py or hashtag_graph.py."""
        given = dict(self.given)
        if "from" in given:
            given.pop("newest", None)
        words = [word for name, value in given.items() for word in (f"--{name.replace('_', '-')}", str(value))]
        return ("--stream", self.stream, "--root", root, *words, *(("--by", self.by) if self.by else ()))

    def result(self, paths: StreamPaths) -> str:
        return paths.related_result if self.kind == RELATED else paths.graph_result(self.options["day"])


def _hour(text: str) -> None:
    if hour_name(parse_hour(text)) != text:
        raise ValueError


def _day(text: str) -> None:
    if day_name(parse_day(text)) != text:
        raise ValueError


def _whole(most: int) -> Callable[[Any], None]:
    def check(value: Any) -> None:
        if not 1 <= int(value) <= most:
            raise ValueError
    return check


def _number(value: Any) -> None:
    if not 0 <= float(value) <= 1_000:
        raise ValueError


_MOST = _whole(1_000_000), "a whole number from 1 to 1000000"
_HOUR = _hour, "an hour of UTC such as 2026-03-01T10"
#: Of each application: how an option is checked, and what is expected of it.
_OPTIONS: dict[str, dict[str, tuple[Callable[[Any], None], str]]] = {
    RELATED: {"from": _HOUR, "to": _HOUR, "newest": (_whole(backfill.MAX_HOURS), "a whole number from 1 to 744"),
              "min_tweets": _MOST},
    GRAPH: {"day": (_day, "a day of UTC such as 2026-03-01"), "min_tweets": _MOST,
            "min_lift": (_number, "a number from 0 to 1000")}}


def _fault(kind: str, name: str, value: Any) -> str:
    if name not in _OPTIONS[kind]:
        return f"{name}: expected one of {', '.join(_OPTIONS[kind])}"
    check, expected = _OPTIONS[kind][name]
    try:
        check(value)
    except (TypeError, ValueError):
        return f"{name} = {str(value)[:40]!r}: expected {expected}"
    return ""


def submit(tools: Launcher, job: Analysis, release: str = "") -> Application:
    """Its application, confirmed at the RM; tagged as a seal is, since it reads landing as one does."""
    what = " ".join(f"{name} {value}" for name, value in job.given.items())
    tools.say(f"submitting {job.kind} of {job.stream}: {what or 'as usual'}")
    return backfill.submit_batch(tools, job.stream, f"hashtide {job.kind} {job.stream}", job.args(tools.cluster.root),
                                 release, job.kind)


def result(hdfs: Marks, job: Analysis, root: str, since_ms: int, application: str) -> dict[str, Any]:
    """What it wrote; HashtideError where it wrote nothing since, whatever YARN says of it."""
    found = backfill.written(hdfs, job.result(StreamPaths(job.stream, root)), f"{job.kind} of {job.stream}", since_ms,
                             application)
    if found.get("refused"):
        raise Refused(found["refused"])
    return found


class Refused(HashtideError):
    """There is nothing to learn from; the text says why."""


def newest_day(hdfs: Marks, paths: StreamPaths) -> str:
    """The newest day that has a sealed hour; BadUse where there is none."""
    days = sorted(name[:10] for name in hdfs.list(f"{paths.progress}/seal") if name[10:11] == "T")
    if not days:
        raise BadUse(f"stream {paths.stream} has no sealed hour yet")
    return days[-1]


def describe(kind: str, found: dict[str, Any]) -> str:
    """One line for a person."""
    if kind == RELATED:
        better = "better than" if found["beats_popularity"] else "NO better than"
        return (f"{found['rules']:,} rules of {found['tags']:,} tags from {found['hours']} hours, {found['from']} to "
                f"{found['to']}; hit rate at 10 is {found['hit_rate_at_10']:.3f} of {found['cases']:,} later tweets, "
                f"{better} the most popular tags' {found['popularity_at_10']:.3f}")
    return (f"{found['day']}: {found['tags']:,} tags, {found['links']:,} links, {found['components']:,} components, "
            f"{found['communities']:,} communities of modularity {found['modularity']:.3f}")
