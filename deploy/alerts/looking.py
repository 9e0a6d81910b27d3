"""One look at all that the rules go by. What cannot be read is None, and `faults` has why; nothing is concluded."""
from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from deploy import gaps, landed
from deploy.alerts.expiry import Expiry
from deploy.errors import HashtideError, Unreachable
from deploy.launch import Launcher
from deploy.lines import line
from deploy.observation import Observation, observe
from deploy.views import cost, history, hours
from deploy.views.kept import KeptTables
from spark_apps.contract import StreamPaths
from spark_apps.gap import Gap

T = TypeVar("T")
#: Days of hours that are looked at, and hours of events.
DAYS, HOURS = 7, 24
_OF_TABLES = ("tables", "counts", "hours")


@dataclass(frozen=True)
class Look:
    """`newest_ms`: the newest counted minute, 0 where there is none yet. `marks`: how far sources have landed (ms)."""

    stream: str
    now_ms: int
    seen: Observation | None = None
    newest_ms: int | None = None
    hours: list[dict[str, Any]] | None = None
    events: list[dict[str, Any]] | None = None
    gaps: list[Gap] | None = None
    sources: list[dict[str, Any]] | None = None
    marks: dict[str, int] | None = None
    faults: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ClusterLook:
    """`unreachable`: by HDFS or YARN what it is like; `room`: as deploy.hdfs.Client.room has it."""

    now_ms: int
    unreachable: Mapping[str, str] = field(default_factory=dict)
    room: dict[str, int] | None = None
    expiries: tuple[Expiry, ...] = ()


def look(tools: Launcher, stream: str, tables: KeptTables | None = None, events: bool = True) -> Look:
    """Unreachable where HDFS does not answer. `events`: they cost a day's files."""
    paths, now = StreamPaths(stream, tools.cluster.root), tools.now_ms()
    faults: dict[str, str] = {}
    files: Any = tools.hdfs

    def part(name: str, read: Callable[[], T]) -> T | None:
        try:
            return read()
        except HashtideError as error:
            # Tables are read by HDFS's own protocol, which a firewall may treat otherwise than WebHDFS.
            if isinstance(error, Unreachable) and name not in _OF_TABLES:
                raise
            faults[name] = line(str(error))
        except Exception as error:   # what somebody has put into HDFS by hand must not hide the rest
            faults[name] = line(f"{type(error).__name__}: {error}")
        return None

    opened = tables or KeptTables(tools.cluster, stream, files)
    has_tables = part("tables", opened.refresh) is not None
    window = (now - DAYS * 24 * 3_600_000, now)
    return Look(
        stream, now, part("state", lambda: observe(tools, stream)),
        part("counts", lambda: opened.newest_minute(now) or 0) if has_tables else None,
        part("hours", lambda: hours.hours(opened, files, now, DAYS)["hours"]) if has_tables else None,
        part("history", lambda: history.recent(tools, stream, now, HOURS)) if events else None,
        part("gaps", lambda: gaps.read(files, paths, window, now)),
        part("sources", lambda: cost.cost(files, paths)), part("sources", lambda: landed.marks(files, paths)), faults)


def room(tools: Launcher) -> dict[str, int] | None:
    """None where this HDFS does not say."""
    read = getattr(tools.hdfs, "room", None)
    try:
        return read() if read else None
    except Unreachable:
        raise
    except HashtideError:
        return None
