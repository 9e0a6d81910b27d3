"""Files of a checkpoint as Spark 4.2 writes them: metadata, offsets, commits, the file source's log. Pure.

None of them has a checksum: a byte that is not Spark's own writing is found by reading them strictly, and one that
leaves them well-formed by `deploy.checkpoints.doctor.crossed`. Layout: OffsetSeqLog, CommitLog, FileStreamSourceLog of
org.apache.spark.sql.execution.streaming, as found in checkpoints of 4.2.0.
"""
from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from deploy.checkpoints.doctor.finding import Bad

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


@dataclass(frozen=True)
class Offsets:
    """Of offsets/<batch>: its watermark, the instant it was planned (ms), Spark's settings, the end in the source."""

    watermark_ms: int
    time_ms: int
    conf: tuple[tuple[str, str], ...]
    end: int

    @property
    def partitions(self) -> int:
        return int(dict(self.conf)["spark.sql.shuffle.partitions"])


@dataclass(frozen=True)
class Commit:
    """Of commits/<batch>: the next batch's watermark, and of each partition the id of the state that belongs to it."""

    next_watermark_ms: int
    state_ids: tuple[str, ...]


@dataclass(frozen=True)
class Entry:
    """One file of the source's log: path in HDFS without scheme, its modification time (ms), its number in the log."""

    path: str
    time_ms: int
    number: int


def metadata(data: bytes) -> str:
    """The query's id; Bad where it is none."""
    found = _object(_text(data), ("id",))["id"]
    return _uuid(found)


def offsets(data: bytes) -> Offsets:
    lines = _lines(data, "v1")
    if len(lines) != 2:
        raise Bad(f"{len(lines)} of 2 lines after its version")
    said = _object(lines[0], ("batchWatermarkMs", "batchTimestampMs", "conf"))
    conf = said["conf"]
    if not isinstance(conf, dict) or not all(isinstance(value, str) for value in conf.values()):
        raise Bad("conf is no object of texts")
    if not re.fullmatch(r"[1-9]\d{0,4}", conf.get("spark.sql.shuffle.partitions", "")):
        raise Bad("spark.sql.shuffle.partitions is no number")
    return Offsets(_whole(said, "batchWatermarkMs"), _whole(said, "batchTimestampMs"), tuple(sorted(conf.items())),
                   _whole(_object(lines[1], ("logOffset",)), "logOffset", -1))


def commit(data: bytes) -> Commit:
    lines = _lines(data, "v2")
    if len(lines) != 1:
        raise Bad(f"{len(lines)} of 1 line after its version")
    said = _object(lines[0], ("nextBatchWatermarkMs", "stateUniqueIds"))
    ids = said["stateUniqueIds"]
    if not isinstance(ids, dict) or list(ids) != ["0"] or not isinstance(ids["0"], list) or not ids["0"]:
        raise Bad("stateUniqueIds has not the one operator 0")
    if not all(isinstance(one, list) and len(one) == 1 for one in ids["0"]):
        raise Bad("stateUniqueIds has not one store for each partition")
    return Commit(_whole(said, "nextBatchWatermarkMs"), tuple(_uuid(one[0]) for one in ids["0"]))


def entries(name: str, data: bytes, cut: bool = False) -> list[Entry]:
    """Of a file of sources/0, such as 7 or 9.compact. `cut`: only its end was read, from somewhere in a line."""
    number, compact = int(name.removesuffix(".compact")), name.endswith(".compact")
    lines = _text(data).split("\n")[1:] if cut else _lines(data, "v1")
    found = [_entry(line) for line in lines]
    numbers = [one.number for one in found]
    if not found:
        raise Bad("it names no file")
    if numbers != sorted(numbers) or numbers[-1] != number or not compact and numbers[0] != number:
        raise Bad(f"its files are of entries {numbers[0]} to {numbers[-1]}, expected {'0 to ' * compact}{number}")
    if compact and not cut and (lost := sorted(set(range(number + 1)) - set(numbers))):
        raise Bad(f"entry {lost[0]} is not in it")
    return found


def _entry(line: str) -> Entry:
    said = _object(line, ("path", "timestamp", "batchId"))
    if not isinstance(said["path"], str):
        raise Bad("a path is no text")
    path = unquote(urlsplit(said["path"]).path)
    if str(PurePosixPath(path)) != path:
        raise Bad(f"{path[:120]!r} is no path")
    return Entry(path, _whole(said, "timestamp"), _whole(said, "batchId"))


def _lines(data: bytes, version: str) -> list[str]:
    found = _text(data).split("\n")
    if found[0] != version:
        raise Bad(f"its version is {found[0][:20]!r}, expected {version!r}")
    return found[1:]


def _text(data: bytes) -> str:
    if not data:
        raise Bad("it is empty")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise Bad("a byte in it is no text") from None


def _object(text: str, names: tuple[str, ...]) -> dict[str, Any]:
    """Exactly as Spark writes it: these names, no spaces."""
    try:
        found = json.loads(text)
    except ValueError:
        raise Bad(f"{text[-40:]!r} ends no object: it is cut off or garbled") from None
    if not isinstance(found, dict) or tuple(found) != names:
        raise Bad(f"expected {', '.join(names)}, found {text[:60]!r}")
    if json.dumps(found, separators=(",", ":"), ensure_ascii=False) != text:
        raise Bad("it is not written as Spark writes it")
    return found


def _whole(said: dict[str, Any], name: str, least: int = 0) -> int:
    value = said[name]
    if type(value) is not int or value < least:
        raise Bad(f"{name} is {value!r:.40}")
    return value


def _uuid(value: object) -> str:
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise Bad(f"{value!r:.60} is no id")
    return value
