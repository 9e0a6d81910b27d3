"""An archive of tweets landed as if it had arrived when its tweets were sent.

A file's name tells its ten seconds and the hash of its content, so the same archive lands once however often it is
replayed, and a replay that was cut off goes on where it was.
"""
from __future__ import annotations

import hashlib
import itertools
import logging
import shutil
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spark_apps.contract import HOUR_MS, MAX_FILE_SPAN_MS, LandingFile
from spark_apps.ingest import forms
from spark_apps.ingest.documents import BAD, documents
from spark_apps.ingest.errors import IngestError, WrongUse
from spark_apps.ingest.landing import Landing, retried
from spark_apps.ingest.sorting import Line, Sorter

log = logging.getLogger(__name__)

THREADS = 8
_MOST_BYTES = 32 << 20
_UNTIMED_BYTES = 64 << 20
_SAY_EVERY_S = 5.0
_NO_TWEET = "{}: no tweet with a time in the first {:,} lines; expected v2 records or pages, or v1.1 statuses"
#: An edit's event is that of the first version, an hour earlier at most.
_EDIT_MS = 2 * HOUR_MS


@dataclass
class Replay:
    """What was read and landed. `hours` (ms) are those that have lines or events: to be sealed with landing complete
    through `through_ms`; `landed` counts the files that were not there before."""

    lines: int = 0
    untimed: int = 0
    files: int = 0
    landed: int = 0
    bytes: int = 0
    first_ms: int | None = None
    last_ms: int | None = None
    through_ms: int | None = None
    hours: set[int] = field(default_factory=set)

    def as_json(self) -> dict[str, Any]:
        return {**vars(self), "hours": sorted(self.hours)}


def replay(names: Sequence[str], landing: Landing, spool: Path, source: str, now_ms: int) -> Replay:
    """Reads all of it before anything is landed: WrongUse names the file that cannot be read. Unreachable where HDFS
    does not answer for a minute; what has landed by then is right, and the next try goes on from there."""
    done = Replay()
    for left in spool.glob("replay-*"):
        shutil.rmtree(left, ignore_errors=True)
    try:
        with tempfile.TemporaryDirectory(prefix="replay-", dir=spool) as scratch:
            lines = Sorter(Path(scratch))
            for arrival_ms, line in _arrivals(names, now_ms, done):
                lines.add(arrival_ms, line)
            log.info("%s lines read", f"{done.lines:,}")
            _land(_files(lines, Path(scratch), source, done), landing, done)
    except OSError as error:
        if isinstance(error, IngestError):
            raise
        raise IngestError(f"spool {spool}: {error.strerror or error}; make room or name another with --spool") from None
    if done.last_ms is not None:
        # A seal waits for the mark to pass its hour by some minutes. It never goes back.
        done.through_ms = max((done.last_ms // HOUR_MS + 2) * HOUR_MS, retried(lambda: landing.through(source)) or 0)
        mark = done.through_ms
        retried(lambda: landing.publish(source, mark, {"ended": True}))
    return done


def _arrivals(names: Sequence[str], now_ms: int, done: Replay) -> Iterator[Line]:
    """Each line with its arrival: its tweet's time, or that of the line before it, or of the first that has one."""
    last_ms: int | None = None
    waiting: list[bytes] = []
    waiting_bytes, said = 0, time.monotonic()
    for name in names:
        for document in documents(name):
            found = [(document.raw or b"", {})] if document.value is BAD else forms.lines(document.value, document.raw)
            for line, tweet in found:
                done.lines += 1
                ms = forms.sent_ms(tweet, now_ms)
                if ms is None:
                    done.untimed += 1
                    waiting.append(line)
                    waiting_bytes += len(line)
                    if last_ms is None and waiting_bytes > _UNTIMED_BYTES:
                        raise WrongUse(_NO_TWEET.format(name, done.lines))
                    ms = last_ms
                else:
                    waiting.append(line)
                    _note_event(done, ms, forms.event_ms(tweet))
                if ms is not None:
                    yield from ((ms, one) for one in waiting)
                    waiting, last_ms = [], ms
            if time.monotonic() - said > _SAY_EVERY_S:
                said = time.monotonic()
                log.info("%s lines read, now line %s of %s", f"{done.lines:,}", f"{document.line:,}", name)
    if waiting:
        raise WrongUse(_NO_TWEET.format(names[0], done.lines))


def _note_event(done: Replay, arrival_ms: int, event_ms: int | None) -> None:
    if event_ms is not None and 0 <= arrival_ms - event_ms < _EDIT_MS:
        done.hours.add(event_ms - event_ms % HOUR_MS)


def _files(lines: Iterable[Line], directory: Path, source: str, done: Replay) -> Iterator[Path]:
    """Landing files in the order of time, each of one of the day's ten seconds: so its content does not depend on what
    else is in the archive."""
    for _, group in itertools.groupby(lines, lambda line: line[0] // MAX_FILE_SPAN_MS):
        part: list[Line] = []
        size = 0
        for line in group:
            if part and size + len(line[1]) >= _MOST_BYTES:
                yield _write(part, directory, source, done)
                part, size = [], 0
            part.append(line)
            size += len(line[1]) + 1
        yield _write(part, directory, source, done)


def _write(lines: list[Line], directory: Path, source: str, done: Replay) -> Path:
    data = b"".join(line + b"\n" for _, line in lines)
    first_ms, last_ms = lines[0][0], lines[-1][0]
    unique = hashlib.sha256(data).hexdigest()[:20]
    path = directory / LandingFile(first_ms, last_ms, source, unique).name
    path.write_bytes(data)
    done.files += 1
    done.bytes += len(data)
    done.hours.add(last_ms - last_ms % HOUR_MS)
    done.first_ms = first_ms if done.first_ms is None else done.first_ms
    done.last_ms = last_ms
    return path


def _land(files: Iterable[Path], landing: Landing, done: Replay) -> None:
    """Several at once: an archive has many small files, and each takes six requests."""
    under_way: deque[Future[bool]] = deque()
    said, ending = time.monotonic(), threading.Event()

    def one(path: Path) -> bool:
        new = retried(lambda: landing.land(path), ending)
        path.unlink()
        return new

    pool = ThreadPoolExecutor(THREADS, thread_name_prefix="land")
    try:
        for path in files:
            under_way.append(pool.submit(one, path))
            while len(under_way) > 2 * THREADS:
                done.landed += under_way.popleft().result()
            if time.monotonic() - said > _SAY_EVERY_S:
                said = time.monotonic()
                log.info("%s files landed, now at %s", f"{done.files - len(under_way):,}", path.name[:13])
        while under_way:
            done.landed += under_way.popleft().result()
    finally:
        ending.set()
        pool.shutdown(cancel_futures=True)
