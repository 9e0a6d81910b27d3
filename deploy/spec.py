"""What may be asked of a stream: its parameters and where it goes on from, held to an allow-list.

The form in Airflow, the command line, `airflow dags trigger --conf` and the desired state are all checked by these.
"""
from __future__ import annotations

import re
from dataclasses import asdict, dataclass, fields
from typing import Any

from deploy.config import Cluster
from deploy.errors import BadUse
from spark_apps.classic.intervals import Intervals
from spark_apps.contract import STREAM_NAME, check_stream, hour_name
from spark_apps.generations import Generation

#: (lowest, highest) of each whole number.
RANGES = {"trigger_seconds": (1, 300), "max_files": (1, 10_000), "watermark_minutes": (1, 1440),
          "executors": (1, 1_000), "window_seconds": (1, 86_400), "slide_seconds": (1, 86_400)}
#: Expression and words of each text; none may match what a path or an option could be made of.
SHAPES = {
    "release": (r"[0-9A-Za-z][0-9A-Za-z.+-]{0,99}", "a release such as 0.1.0-1a2b3c4d"),
    "queue": (r"[0-9A-Za-z][0-9A-Za-z._-]{0,99}", "the name of a queue"),
    # Spark starts no executor with less than 450m.
    "executor_memory": (r"(?:[5-9]\d{2}|[1-9]\d{3,5})m|[1-9]\d{0,2}g", "a size from 500m to 999g"),
    "landing": (STREAM_NAME.pattern, "the name of a stream"),
    "savepoint": (r"[0-9A-Za-z][0-9A-Za-z_-]{0,59}", "the name of a savepoint, or a generation such as g0001"),
}
#: One line that a terminal can show.
REASON = r"[^\u0000-\u001f\u007f-\u009f\u2028\u2029]{0,200}"
MODES = {"resume": "go on from the checkpoint", "savepoint": "go back to a savepoint",
         "fresh": "begin with an empty checkpoint"}
RESUME, SAVEPOINT, FRESH = MODES
ENGINES = {"structured": "Structured Streaming", "classic": "DStreams, which Spark calls legacy"}
STRUCTURED, CLASSIC = ENGINES


@dataclass(frozen=True)
class StreamSpec:
    """The parameters of a stream's launch; BadUse names every one that is out of range."""

    stream: str
    trigger_seconds: int = 10
    max_files: int = 60
    watermark_minutes: int = 10
    release: str = ""        # "" adopts whatever runs, and publishes this checkout where nothing does
    queue: str = ""          # "" and 0 leave it to the cluster file
    executors: int = 0
    executor_memory: str = ""
    engine: str = STRUCTURED
    window_seconds: int = 300      # these three of the classic engine alone; its batch interval is the trigger
    slide_seconds: int = 60
    landing: str = ""              # the stream whose landing files are counted; "" its own

    def __post_init__(self) -> None:
        faults = []
        try:
            check_stream(self.stream)
        except ValueError as error:
            faults.append(str(error))
        for name, (low, high) in RANGES.items():
            value = getattr(self, name)
            left_open = name == "executors" and value == 0
            if not isinstance(value, int) or isinstance(value, bool) or not (low <= value <= high or left_open):
                faults.append(f"{name} = {_said(value)}: expected a whole number from {low} to {high}")
        faults += [fault for name in ("release", "queue", "executor_memory", "landing")
                   if (fault := _misshapen(name, getattr(self, name)))]
        faults += self._of_engine() if not faults else []
        if faults:
            raise BadUse("; ".join(faults))

    def _of_engine(self) -> list[str]:
        if self.engine not in tuple(ENGINES):
            return [f"engine = {_said(self.engine)}: expected one of {', '.join(ENGINES)}"]
        if self.engine == STRUCTURED:
            own = {field.name: field.default for field in fields(self)}
            return [f"{name} = {_said(value)}: only engine classic takes it"
                    for name in ("window_seconds", "slide_seconds", "landing")
                    if (value := getattr(self, name)) != own[name]]
        try:
            Intervals(self.trigger_seconds, self.window_seconds, self.slide_seconds)
        except ValueError as error:
            options = {"--batch-interval": "trigger_seconds", "--window": "window_seconds", "--slide": "slide_seconds"}
            return [re.sub("|".join(options), lambda option: options[option[0]], str(error))]
        return []

    @classmethod
    def of(cls, raw: dict[str, Any]) -> StreamSpec:
        """From DAG parameters or the desired state; what it does not know, it leaves."""
        return cls(**{name: raw[name] for name in cls.__dataclass_fields__ if raw.get(name) is not None})

    def within(self, cluster: Cluster) -> StreamSpec:
        """Itself; BadUse where this cluster has no such queue for a stream."""
        if self.queue and self.queue not in cluster.yarn.known_queues:
            raise BadUse(f"queue = {self.queue!r}: expected one of {', '.join(cluster.yarn.known_queues)}, "
                         "the queues of the cluster file")
        return self

    def conf(self) -> dict[str, Any]:
        """What is set, as the parameters of hashtag_stream."""
        classic = () if self.engine == CLASSIC else ("engine", "window_seconds", "slide_seconds")
        return {name: value for name, value in asdict(self).items() if value not in ("", 0) and name not in classic}

    @property
    def kind(self) -> str:
        """Of its job, as deploy.artifact has them."""
        return "classic" if self.engine == CLASSIC else "stream"

    def args(self, root: str, generation: Generation, epoch: int) -> tuple[str, ...]:
        more: tuple[str, ...] = () if generation.from_hour is None else ("--from-hour", hour_name(generation.from_hour))
        if generation.checkpoint_root:
            more += ("--checkpoint-root", generation.checkpoint_root)
        if self.engine == CLASSIC:
            return ("--stream", self.stream, "--root", root, "--generation", str(generation.number), "--epoch",
                    str(epoch), "--batch-interval", str(self.trigger_seconds), "--window", str(self.window_seconds),
                    "--slide", str(self.slide_seconds), "--max-files", str(self.max_files),
                    *(("--landing", self.landing) if self.landing else ()), *more)
        return ("--stream", self.stream, "--root", root, "--generation", str(generation.number), "--epoch", str(epoch),
                "--trigger-seconds", str(self.trigger_seconds), "--max-files", str(self.max_files),
                "--watermark", f"{self.watermark_minutes} minutes",
                "--shuffle-partitions", str(generation.shuffle_partitions), *more)


@dataclass(frozen=True)
class Request:
    """A person's wish: a stream with these parameters, going on from where `mode` says."""

    spec: StreamSpec
    mode: str = RESUME
    savepoint: str = ""
    reason: str = ""

    @classmethod
    def of(cls, raw: dict[str, Any]) -> Request:
        """From the form; BadUse names all that is wrong with it."""
        faults, spec = [], None
        try:
            spec = StreamSpec.of(raw)
        except BadUse as error:
            faults.append(str(error))
        mode, savepoint, reason = raw.get("mode") or RESUME, raw.get("savepoint") or "", raw.get("reason") or ""
        faults += _faults(mode, savepoint, reason)
        if spec and spec.engine == CLASSIC and mode in (SAVEPOINT, FRESH):
            faults.append(f"mode = {mode}: engine classic has mode {RESUME} alone, and begins anew by itself where "
                          "code or intervals have changed")
        if faults or spec is None:
            raise BadUse("; ".join(faults))
        return cls(spec, str(mode), str(savepoint), str(reason))

    def conf(self) -> dict[str, Any]:
        """What is set, as the parameters of hashtag_stream."""
        own = {"mode": self.mode, "savepoint": self.savepoint, "reason": self.reason}
        return {**self.spec.conf(), **{name: value for name, value in own.items() if value not in ("", RESUME)}}

    @property
    def destructive(self) -> bool:
        return self.mode != RESUME


def again(stream: str, desired: dict[str, Any]) -> Request:
    """What was asked for by the desired state, to go on with: whoever goes on opens nothing anew. BadUse as above."""
    reason = "".join(c for c in str(desired.get("why") or "") if c.isprintable())[:200]
    return Request.of({**desired.get("parameters", {}), "stream": stream, "mode": RESUME, "savepoint": "",
                       "reason": reason})


def _faults(mode: object, savepoint: object, reason: object) -> list[str]:
    faults = [] if mode in tuple(MODES) else [f"mode = {_said(mode)}: expected one of {', '.join(MODES)}"]
    if fault := _misshapen("savepoint", savepoint):
        faults.append(fault)
    elif mode == SAVEPOINT and not savepoint:
        faults.append("savepoint is missing: mode savepoint needs the name of one")
    elif savepoint and mode in (RESUME, FRESH):
        faults.append(f"savepoint = {savepoint!r}: only mode savepoint takes one, mode is {mode}")
    if not isinstance(reason, str) or not re.fullmatch(REASON, reason):
        faults.append("reason: expected one line of at most 200 characters")
    return faults


def _misshapen(name: str, value: object) -> str:
    """Empty for what is left open, and for what matches."""
    pattern, words = SHAPES[name]
    if value == "" or isinstance(value, str) and re.fullmatch(pattern, value):
        return ""
    return f"{name} = {_said(value)}: expected {words}"


def _said(value: object) -> str:
    """As Python writes it, which escapes what a terminal must not get; not more than a line of it."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}..."
