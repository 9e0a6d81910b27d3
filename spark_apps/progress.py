"""What a running stream says of itself: heartbeat, a line for each batch, and how it ended."""
from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from spark_apps.clock import Clock
from spark_apps.contract import HOUR_MS, QUARANTINE_REASONS, LandingFile, StreamPaths, generation_name, hour_name
from spark_apps.taken import batch_of_offsets, spell

#: Name of the observation that counts the fates of a batch's lines.
FATES = "fates"
BEAT_MS = 5_000
#: Batches of an earlier driver that are looked at on start: as many as one may commit between two beats, and more.
REMEMBERED = 20


class Files(Protocol):
    """What of spark_apps.files.Files is needed here."""

    def replace(self, path: str, data: bytes) -> None: ...

    def write_json(self, path: str, obj: Any) -> None: ...

    def list(self, path: str) -> list[str]: ...

    def read(self, path: str) -> bytes | None: ...

    def read_json(self, path: str) -> dict[str, Any] | None: ...


def _numbers(names: list[str]) -> list[int]:
    return [int(name) for name in names if name.isdecimal()]


def batch_line(progress: dict[str, Any]) -> dict[str, Any] | None:
    """One batch out of Spark's StreamingQueryProgress; None where that tells of an idle trigger.

    lines: rows read; fates: of the lines that are no tweets, by reason; late, duplicates: tweets that the
    de-duplication dropped; arrival_ms: the newest arrival in the batch; source_offset: the last entry of the file
    source's log that the batch took; query: the id in the checkpoint's metadata.
    """
    took = progress.get("durationMs") or {}
    if "addBatch" not in took:
        return None
    state = (progress.get("stateOperators") or [{}])[0]
    seen = (progress.get("observedMetrics") or {}).get(FATES) or {}
    custom = state.get("customMetrics") or {}
    source = (progress.get("sources") or [{}])[0]
    return {
        "batch_id": progress["batchId"], "query": progress.get("id"), "started": progress["timestamp"],
        "batch_s": took.get("triggerExecution", 0) / 1000, "add_batch_s": took["addBatch"] / 1000,
        "lines": seen.get("lines") or 0, "tweets": seen.get("tweets") or 0, "clamped": seen.get("clamped") or 0,
        "fates": {name: seen.get(name) or 0 for name in ("control", *QUARANTINE_REASONS)},
        "late": state.get("numRowsDroppedByWatermark", 0), "duplicates": custom.get("numDroppedDuplicateRows", 0),
        "state_rows": state.get("numRowsTotal", 0), "state_bytes": state.get("memoryUsedBytes", 0),
        "watermark": (progress.get("eventTime") or {}).get("watermark"), "arrival_ms": seen.get("arrival_ms"),
        "source_offset": (source.get("endOffset") or {}).get("logOffset"),
    }


@dataclass
class Reporter:
    """Keeps the sums since the start of this driver; `take` gets Spark's recent progress, `beat` writes."""

    files: Files
    paths: StreamPaths
    generation: int
    epoch: int
    attempt: int
    trigger_s: int
    application: str = ""
    clock: Clock = field(default_factory=Clock)
    check: Callable[[], object] = lambda: None   # raises where a newer driver has taken over: the heartbeat is its own
    last: dict[str, Any] = field(default_factory=dict)
    commit_ms: int | None = None
    late: int = 0
    duplicates: int = 0
    landing: StreamPaths | None = None           # whose landing files are counted; None: its own
    committed: int | None = None                 # the last batch before this driver's
    tasks: Callable[[], dict[int, int]] = dict   # of each running stage, how many tasks have succeeded
    task_ms: int | None = None                   # when one more was seen to have
    _beat_ms: int = 0
    _hour: int = 0
    _tasks: dict[int, int] = field(default_factory=dict)
    _lines: list[str] = field(default_factory=list)
    _unwritten: bool = False

    def remember(self) -> None:
        """Writes down what the checkpoint tells of the last batches before this driver's; Spark forgets it in time."""
        checkpoint = self.paths.checkpoint(self.generation)
        directory = f"{checkpoint}/offsets"
        self.committed = max(_numbers(self.files.list(f"{checkpoint}/commits")), default=None)
        numbers = sorted(_numbers(self.files.list(directory)))[-REMEMBERED:]
        told = ((number, batch_of_offsets((self.files.read(f"{directory}/{number}") or b"").decode()))
                for number in numbers)
        lines = [json.dumps({"batch_id": number, "watermark": spell(batch.watermark_ms),
                             "source_offset": batch.source_offset}) for number, batch in told if batch]
        if lines:
            self.files.replace(f"{self.paths.offsets}/{self._name(self.clock.now_ms())}",
                               "".join(f"{line}\n" for line in lines).encode())

    def take(self, recent: list[dict[str, Any]]) -> None:
        """Batches that were not seen yet count as committed now: Spark reports them right after its commit."""
        for progress in recent:
            line = batch_line(progress)
            if line is not None and line["batch_id"] > self.last.get("batch_id", -1):
                self.note(line)

    def note(self, line: dict[str, Any]) -> None:
        """A batch that has been committed now, as `batch_line` tells it."""
        self.commit_ms = self.clock.now_ms()
        # A batch that only moves the watermark has no arrival of its own.
        arrival_ms = line["arrival_ms"] or self.last.get("arrival_ms")
        self.last, self._unwritten = {**line, "arrival_ms": arrival_ms, "commit_ms": self.commit_ms}, True
        self.late += line["late"]
        self.duplicates += line["duplicates"]
        hour = self.commit_ms - self.commit_ms % HOUR_MS
        if hour != self._hour:
            self._hour, self._lines = hour, []
        self._lines.append(json.dumps(self.last, sort_keys=True))

    def beat(self, *, now: bool = False) -> None:
        """Writes the heartbeat every BEAT_MS, also while the source is idle, and the batches since the last one."""
        at = self.clock.now_ms()
        if not now and at - self._beat_ms < BEAT_MS:
            return
        self._beat_ms = at
        if self._unwritten:
            self.files.replace(f"{self.paths.batches}/{self._name(self._hour)}",
                               "".join(f"{line}\n" for line in self._lines).encode())
            self._unwritten = False
        self._see_tasks(at)
        self.check()
        self.files.write_json(self.paths.heartbeat, {**self._now(at), **self._backlog(at)})

    def _see_tasks(self, at: int) -> None:
        """A stage that is tried again is no progress until it gets further than before."""
        running = self.tasks()
        if any(done > self._tasks.get(stage, -1) for stage, done in running.items()):
            self.task_ms = at
        self._tasks = {stage: max(done, self._tasks.get(stage, 0)) for stage, done in running.items()}

    def _name(self, at_ms: int) -> str:
        return f"{generation_name(self.generation)}-{self.epoch:06d}.a{self.attempt}-{hour_name(at_ms)}.jsonl"

    def result(self, why: str, error: str = "") -> dict[str, Any]:
        """How this attempt ended; `batch_id`: the last one that was committed, by whichever driver."""
        return {"reason": why, "error": error, "batch_id": self.last.get("batch_id", self.committed),
                "attempt": self.attempt, "generation": self.generation, "application": self.application,
                "time_ms": self.clock.now_ms()}

    def with_tries(self, ended: dict[str, Any]) -> dict[str, Any]:
        """The same and `tries`: how many attempts of this epoch have failed so on this batch, one after another."""
        if not ended["error"]:
            return ended
        before = self.files.read_json(self.paths.result(self.epoch)) or {}
        again = all(before.get(name) == ended[name] for name in ("error", "batch_id"))
        return {**ended, "tries": 1 + (int(before.get("tries") or 0) if again else 0)}

    def _now(self, at: int) -> dict[str, Any]:
        batch_s = self.last.get("batch_s")
        return {
            "time_ms": at, "epoch": self.epoch, "attempt": self.attempt, "generation": self.generation,
            "application": self.application, "trigger_s": self.trigger_s, "commit_ms": self.commit_ms,
            "batch_id": self.last.get("batch_id"), "batch_s": batch_s, "watermark": self.last.get("watermark"),
            "rows_per_s": self.last.get("lines", 0) / batch_s if batch_s else None,
            "state_rows": self.last.get("state_rows"), "late": self.late, "duplicates": self.duplicates,
            "arrival_ms": self.last.get("arrival_ms"), "task_ms": self.task_ms,
        }

    def _backlog(self, at: int) -> dict[str, Any]:
        """Landing files of this hour and the one before that arrived after the newest line counted."""
        done = self.last.get("arrival_ms") or 0
        where = self.landing or self.paths
        waiting = [last for hour in (at - HOUR_MS, at) for name in self.files.list(where.landing_hour(hour))
                   if (last := _arrival(name)) > done]
        return {"backlog_files": len(waiting), "backlog_s": (at - min(waiting)) / 1000 if waiting else 0.0}


def _arrival(name: str) -> int:
    try:
        return LandingFile.parse(name).last_ms
    except ValueError:
        return 0
