"""What is written down of a stream's life, as `deploy.history` takes it; read no further back than asked for.

control/epoch, control/restarts, control/desired and control/outages grow by one small file an event and are never
cleaned; a listing with times tells which of them are of the window. progress/batches has the hour in each name.
"""
from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import lru_cache

from deploy import desired, launch
from deploy.errors import HashtideError
from deploy.launch import Launcher
from deploy.records import Attempt, Change, Commit, Launch, Outage, Records
from deploy.restart_policy import Restart
from spark_apps import generations
from spark_apps.contract import HOUR_MS, LandingFile, StreamPaths, parse_hour
from spark_apps.fence import claim_of
from spark_apps.generations import Generation

#: Clocks of writers and NameNode may differ by so much.
_SKEW_MS = 10 * 60_000
#: Files whose commits are kept in memory: 30 days of one stream, or a few days of several.
_HOURS = 800
_BATCHES = re.compile(r"g\d+-(\d+)\.a(\d+)-(\d{4}-\d{2}-\d{2}T\d{2})\.jsonl")


def read(tools: Launcher, stream: str, since_ms: int) -> Records:
    """Everything of the window that begins then, and the newest launch and change before it."""
    hdfs, paths = tools.hdfs, StreamPaths(stream, tools.cluster.root)
    names = _recent(hdfs, paths.epochs, since_ms)
    launches = [_launch(hdfs, paths, name) for name in names if name.endswith(".json")]
    ends = [_end(hdfs, paths, name) for name in _recent(hdfs, paths.restarts, since_ms, before=0)]
    return Records(
        tuple(launches), tuple(_attempts(tools, paths, [name for name in names if not name.endswith(".json")])),
        tuple(end for end in ends if end.time_ms >= since_ms),
        tuple(map(_change, desired.since(hdfs, paths, since_ms))),
        tuple(_outages(hdfs, paths, since_ms)), tuple(sorted(commits(hdfs, paths, since_ms))),
        tuple(_generations(hdfs, paths, since_ms)))


def _recent(hdfs: launch.Files, directory: str, since_ms: int, before: int = 1) -> list[str]:
    """Names of numbered files and claims that were made in the window, and those of so many epochs from before it."""
    found = {name: int(status["modificationTime"]) for name, status in hdfs.statuses(directory).items()
             if claim_of(name) != (0, 0)}
    old = {name for name, at in found.items() if at < since_ms - _SKEW_MS}
    numbers = sorted({claim_of(name)[0] for name in old})
    kept = set(numbers[-before:] if before else [])
    return sorted(name for name in found if name not in old or claim_of(name)[0] in kept)


def _launch(hdfs: launch.Files, paths: StreamPaths, name: str) -> Launch:
    number = claim_of(name)[0]
    said = hdfs.read_json(paths.epoch(number)) or {}
    trigger_s = (said.get("parameters") or {}).get("trigger_seconds") or 10
    return Launch(number, int(said.get("time_ms") or 0) or launch.intent_ms(hdfs, paths, number),
                  int(said.get("generation") or 0), str(said.get("release") or ""), str(said.get("who") or ""),
                  str(said.get("why") or ""), int(trigger_s) * 1000)


def _end(hdfs: launch.Files, paths: StreamPaths, name: str) -> Restart:
    number = claim_of(name)[0]
    said = hdfs.read_json(paths.restart(number)) or {}
    if not said.get("time_ms"):
        # Its writer was cut off; the file's own time is close.
        status = hdfs.status(paths.restart(number)) or {}
        said = {**said, "time_ms": int(status.get("modificationTime") or 0)}
    return Restart.of({"epoch": number, **said})


def _attempts(tools: Launcher, paths: StreamPaths, names: list[str]) -> Iterator[Attempt]:
    ask_yarn = True
    for epoch, number in sorted(map(claim_of, names)):
        said = tools.hdfs.read_json(paths.claim(epoch, number)) or {}
        at = said.get("time_ms") or (tools.hdfs.status(paths.claim(epoch, number)) or {}).get("modificationTime")
        application, ended_before = str(said.get("application") or ""), ""
        if number > 1:
            result = tools.hdfs.read_json(paths.result(epoch)) or {}
            try:
                ended_before = (str(result.get("error") or "") if result.get("attempt") == number - 1 else "") or (
                    _where(tools, application, number - 1) if ask_yarn and application else "")
            except HashtideError:
                ask_yarn = False   # it does not answer; the rest of the history is in HDFS
        yield Attempt(epoch, number, int(at or 0), application, ended_before)


def _where(tools: Launcher, application: str, number: int) -> str:
    """Where an attempt ran, while YARN knows; empty after."""
    ran = next((one for one in tools.yarn.attempts(application) if int(one.get("id") or 0) == number), None)
    return f"its driver left no word; it was {ran.get('containerId')} on {ran.get('nodeId')}" if ran else ""


def _change(said: desired.Said) -> Change:
    return Change(int(said.get("time_ms") or 0), str(said.get("state") or "unknown"), str(said.get("who") or ""),
                  str(said.get("why") or ""))


def _outages(hdfs: launch.Files, paths: StreamPaths, since_ms: int) -> Iterator[Outage]:
    for name in hdfs.list(paths.outages):
        if (at := _ms(name)) is not None and at >= since_ms:
            said = hdfs.read_json(paths.outage(at)) or {}
            yield Outage(int(said.get("since_ms") or at), at, str(said.get("what") or "unknown"),
                         str(said.get("why") or ""))


def _generations(hdfs: launch.Files, paths: StreamPaths, since_ms: int) -> Iterator[Generation]:
    for number in generations.numbers(hdfs, paths.generations):
        # Of the first one its launch tells.
        found = generations.opened(hdfs, paths, number) if number > 1 else None
        if found and found.time_ms < since_ms:
            return
        if found:
            yield found


def _ms(name: str) -> int | None:
    stem = name.removesuffix(".json")
    return int(stem) if stem != name and stem.isdecimal() else None


def commits(hdfs: launch.Files, paths: StreamPaths, since_ms: int) -> Iterator[Commit]:
    """From the lines of progress/batches; a driver that was killed has not told of its last seconds."""
    for name in hdfs.list(paths.batches):
        match = _BATCHES.fullmatch(name)
        if not match or parse_hour(match[3]) < since_ms - 2 * HOUR_MS:
            continue
        yield from _told(hdfs.read(f"{paths.batches}/{name}") or b"", int(match[1]), int(match[2]))


@lru_cache(_HOURS)
def _told(data: bytes, epoch: int, attempt: int) -> tuple[Commit, ...]:
    """Whoever keeps what is over, as the page does, pays for it once."""
    found = []
    for line in data.splitlines():
        try:
            said = json.loads(line)
            found.append(Commit(int(said["commit_ms"]), epoch, attempt, int(said["batch_id"])))
        except (ValueError, KeyError, TypeError):
            continue   # a line of an earlier format
    return tuple(found)


def arrivals(hdfs: launch.Files, paths: StreamPaths) -> Callable[[int, int], int | None]:
    """For `deploy.history.report`: when the first landing file of (after, before] arrived, None where none did."""
    hours: dict[int, list[int]] = {}

    def of(hour: int) -> list[int]:
        if hour not in hours:
            hours[hour] = sorted(at for name in hdfs.list(paths.landing_hour(hour)) if (at := _arrived(name)))
        return hours[hour]

    def first(after: int, before: int) -> int | None:
        return next((at for hour in range(after - after % HOUR_MS, before + 1, HOUR_MS) for at in of(hour)
                     if after < at <= before), None)
    return first


def _arrived(name: str) -> int:
    try:
        return LandingFile.parse(name).last_ms
    except ValueError:
        return 0
