"""The files that are measured: seeded tweets in landing's layout, made once and kept.

hour: all tweets at an even rate; poison: the same with odd lines between; day: as many, spread over 24 hours.
"""
from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from deploy import config
from deploy.bench import odd
from deploy.local.simulator import generator, shapes, words
from deploy.local.simulator.generator import Generator
from spark_apps.contract import HOUR_MS, LandingFile, StreamPaths

#: 2026-03-01T00:00Z
BEGIN_MS = 1_772_323_200_000
#: Ingest closes a file after 5 s. 60 of them, a batch's share, are then 168,000 tweets.
FILE_MS, RATE = 5_000, 560
HOURS = 24
SETS = ("hour", "poison", "day")


@dataclass(frozen=True)
class Data:
    """`directory` holds a landing directory for each of SETS; bytes and files are those of `hour`."""

    directory: str
    tweets: int
    seed: int
    files: int
    bytes: int
    odd_lines: int
    first_hour_ms: int = BEGIN_MS


def key(tweets: int, seed: int) -> str:
    """The same only for the same bytes: what makes them is part of it."""
    sources = [Path(str(module.__file__)) for module in (generator, shapes, words, odd)] + [Path(__file__)]
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()
    return f"{tweets}-{seed}-{digest[:12]}"


def ensure(tweets: int, seed: int, say: Callable[[str], None]) -> Data:
    """Made in a directory beside it and renamed, so that one that was cut off is never taken for whole."""
    directory = config.home() / "cache" / "bench" / key(tweets, seed)
    about = directory / "data.json"
    if about.is_file():
        say(f"data: {tweets:,} tweets from the cache {directory}")
        return Data(**json.loads(about.read_text()))
    part = directory.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    shutil.rmtree(directory, ignore_errors=True)
    part.mkdir(parents=True)
    say(f"data: {tweets:,} tweets are made, once, in {directory}")
    made = _hour(part, tweets, seed, say)
    _day(part, tweets, seed, say)
    data = Data(str(directory), tweets, seed, **made)
    (part / "data.json").write_text(json.dumps(asdict(data)))
    part.rename(directory)
    return data


def _hour(part: Path, tweets: int, seed: int, say: Callable[[str], None]) -> dict[str, int]:
    made = {"files": 0, "bytes": 0, "odd_lines": 0}
    before = 0
    for last_ms, records in batches(Generator(seed), times(tweets, BEGIN_MS)):
        lines = odd.mixed(records, before)
        made["bytes"] += land(part / "hour", last_ms, records)
        land(part / "poison", last_ms, lines)
        made["files"] += 1
        made["odd_lines"] += len(lines) - len(records)
        before = _said(say, before, before + len(records), tweets, "")
    return made


def _day(part: Path, tweets: int, seed: int, say: Callable[[str], None]) -> None:
    maker, before = Generator(seed + 1), 0
    for hour in range(HOURS):
        share = tweets * (hour + 1) // HOURS - tweets * hour // HOURS
        for last_ms, records in batches(maker, times(share, BEGIN_MS + hour * HOUR_MS)):
            land(part / "day", last_ms, records)
            before = _said(say, before, before + len(records), tweets, " of the day")


def times(tweets: int, begin_ms: int) -> Iterator[int]:
    return (begin_ms + n * 1000 // RATE for n in range(tweets))


def batches(maker: Generator, at: Iterator[int]) -> Iterator[tuple[int, list[bytes]]]:
    """(last_ms, records) of each file."""
    held: list[bytes] = []
    end = 0
    for ms in at:
        if held and ms >= end:
            yield end - 1, held
            held = []
        end = ms - ms % FILE_MS + FILE_MS
        held.append(maker.next(ms))
    if held:
        yield end - 1, held


def land(landing: Path, last_ms: int, lines: list[bytes]) -> int:
    """Bytes of the file; it appears whole, as ingest's files do."""
    name = LandingFile(last_ms - FILE_MS + 1, last_ms, "bench", "1").name
    paths = StreamPaths("hashtags")
    where = landing / paths.stream / Path(paths.landing_hour(last_ms)).relative_to(paths.landing)
    where.mkdir(parents=True, exist_ok=True)
    data = b"".join(line + b"\n" for line in lines)
    part = where / f".{name}.part"
    part.write_bytes(data)
    part.rename(where / name)
    return len(data)


def _said(say: Callable[[str], None], before: int, after: int, tweets: int, what: str) -> int:
    if before * 10 // tweets != after * 10 // tweets:
        say(f"data: {after:,}{what}")
    return after
