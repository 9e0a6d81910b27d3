"""Damage of a checkpoint, done to the files of any HDFS surface: what a disk, a person or a second driver may do."""
from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from spark_apps.contract import StreamPaths, generation_name
from spark_apps.taken import log_files


@dataclass
class Patient:
    """A checkpoint by paths below its root. `late_ms`: how long after its batch a file is written again; 0 where its
    time does not tell, as with a disk that forgets."""

    hdfs: Any
    paths: StreamPaths
    generation: int = 1
    late_ms: int = 0

    @property
    def root(self) -> str:
        return self.paths.checkpoint(self.generation)

    def read(self, path: str) -> bytes:
        found: bytes = self.hdfs.read(f"{self.root}/{path}")
        assert found, path
        return found

    def write(self, path: str, data: bytes) -> None:
        whole = f"{self.root}/{path}"
        times = getattr(self.hdfs, "times", None)
        at = times.get(whole) if times is not None else None
        self.hdfs.replace(whole, data)
        if times is not None and at is not None:
            times[whole] = at + self.late_ms

    def delete(self, path: str) -> None:
        assert self.hdfs.delete(f"{self.root}/{path}", recursive=True), path

    def newest(self, directory: str = "commits", back: int = 0) -> str:
        numbers = sorted(int(name) for name in self.hdfs.list(f"{self.root}/{directory}") if name.isdecimal())
        return f"{directory}/{numbers[-1 - back]}"

    def source(self, back: int = 0) -> str:
        return f"sources/0/{log_files(self.hdfs.list(f'{self.root}/sources/0'))[-1 - back]}"

    def compact(self) -> str:
        return f"sources/0/{log_files(self.hdfs.list(f'{self.root}/sources/0'))[0]}"

    def state(self, kind: str, partition: int = 0) -> str:
        """The newest changelog or snapshot that the newest batch is loaded from."""
        names = self.hdfs.list(f"{self.root}/state/0/{partition}")
        found = [name for name in names if name.endswith(f".{kind}")]
        if kind == "changelog":
            ids = json.loads(self.read(self.newest()).partition(b"\n")[2])["stateUniqueIds"]["0"]
            found = [name for name in found if ids[partition][0] in name]
        return f"state/0/{partition}/{max(found, key=lambda name: int(name.partition('_')[0]))}"

    def table(self) -> str:
        directory = "state/0/0/SSTs"
        names = re.findall(rb"\d{6}-[0-9a-f-]{36}\.sst", _unzipped(self.read(self.state("zip"))))
        return f"{directory}/{names[-1].decode()}"


def _unzipped(data: bytes) -> bytes:
    import io
    import zipfile

    return zipfile.ZipFile(io.BytesIO(data)).read("metadata")


Damage = Callable[[Patient], None]
Where = Callable[[Patient], str]

FILES: dict[str, tuple[Where, str]] = {
    "offsets": (lambda p: p.newest("offsets"), "offsets"),
    "offsets before": (lambda p: p.newest("offsets", 1), "offsets"),
    "old offsets": (lambda p: p.newest("offsets", 9), "offsets"),
    "commits": (lambda p: p.newest(), "commits"),
    "old commits": (lambda p: p.newest("commits", 9), "commits"),
    "metadata": (lambda p: "metadata", "metadata"),
    "source log": (lambda p: p.source(), "source_log"),
    "source log before": (lambda p: p.source(2), "source_log"),
    "compacted source log": (lambda p: p.compact(), "source_log"),
    "changelog": (lambda p: p.state("changelog"), "state"),
    "changelog's checksum": (lambda p: p.state("changelog") + ".crc", "state"),
    "snapshot": (lambda p: p.state("zip"), "state"),
    "snapshot's checksum": (lambda p: p.state("zip") + ".crc", "state"),
    "RocksDB's table": (lambda p: p.table(), "state"),
    "operator's metadata": (lambda p: "state/0/_metadata/metadata", "state"),
    "state's schema": (lambda p: "state/0/0/_metadata/schema", "state"),
}


def emptied(where: Where) -> Damage:
    return lambda p: p.write(where(p), b"")


def truncated(where: Where) -> Damage:
    def do(p: Patient) -> None:
        data = p.read(path := where(p))
        p.write(path, data[:len(data) * 2 // 3])
    return do


def deleted(where: Where) -> Damage:
    return lambda p: p.delete(where(p))


def flipped(where: Where, at: float, bit: int = 0) -> Damage:
    """One bit of the byte at this part of the file."""
    def do(p: Patient) -> None:
        data = bytearray(p.read(path := where(p)))
        data[int(at * (len(data) - 1))] ^= 1 << bit
        p.write(path, bytes(data))
    return do


def replaced(where: Where, old: bytes, new: bytes) -> Damage:
    """A text that stays well-formed."""
    def do(p: Patient) -> None:
        data = p.read(path := where(p))
        found = re.sub(old, new, data, count=1)
        assert found != data and len(found) == len(data), f"{path} has nothing like {old!r}"
        p.write(path, found)
    return do


def another_digit(where: Where, before: bytes) -> Damage:
    """The digit after this text."""
    def do(p: Patient) -> None:
        data = bytearray(p.read(path := where(p)))
        found = re.search(before, data)
        assert found, f"{path} has nothing like {before!r}"
        data[found.end()] ^= 1
        p.write(path, bytes(data))
    return do


def whole_gone(p: Patient) -> None:
    p.hdfs.delete(p.root, recursive=True)


def whole_emptied(p: Patient) -> None:
    whole_gone(p)
    p.hdfs.mkdirs(p.root)


def logs_gone(p: Patient) -> None:
    for name in ("offsets", "commits", "sources", "state"):
        p.delete(name)


def set_back(p: Patient) -> None:
    """As from an older copy: the last four batches are gone."""
    for back in range(4):
        p.delete(p.newest("offsets"))
        p.delete(p.newest("commits"))
        del back


def told_again(p: Patient, back: int = 3) -> None:
    """A later driver's line of a batch that another one has told of."""
    directory, names = p.paths.batches, told(p)
    lines = [line for name in names for line in (p.hdfs.read(f"{directory}/{name}") or b"").splitlines()]
    batch = int(p.newest().rpartition("/")[2]) - back
    line = next(line for line in lines if json.loads(line)["batch_id"] == batch)
    later = int(names[-1].split("-")[1].split(".")[0]) + 1
    p.hdfs.replace(f"{directory}/{generation_name(p.generation)}-{later:06d}.a1-2026-03-01T10.jsonl", line + b"\n")


def told(p: Patient) -> list[str]:
    """Files of its drivers, the oldest first."""
    return [name for name in p.hdfs.list(p.paths.batches) if name.startswith(f"{generation_name(p.generation)}-")]


def interleaved(p: Patient) -> None:
    """The first driver goes on after the second has begun: one batch of the second's is the first's."""
    directory, names = p.paths.batches, told(p)
    first = names[0]
    second = next(name for name in names if name.split("-")[1] != first.split("-")[1])
    lines = (p.hdfs.read(f"{directory}/{second}") or b"").splitlines(keepends=True)
    moved = lines.pop(len(lines) // 2)
    times = getattr(p.hdfs, "times", None)
    at = times[f"{directory}/{second}"] if times is not None else None
    p.hdfs.replace(f"{directory}/{first}", (p.hdfs.read(f"{directory}/{first}") or b"") + moved)
    p.hdfs.replace(f"{directory}/{second}", b"".join(lines))
    if times is not None and at is not None:
        times[f"{directory}/{first}"] = times[f"{directory}/{second}"] = at


def of_another_stream(p: Patient) -> None:
    for name in p.hdfs.list(f"{p.root}/sources/0"):
        data = p.read(f"sources/0/{name}")
        p.write(f"sources/0/{name}", data.replace(f"/landing/{p.paths.stream}/".encode(), b"/landing/another/"))


def another_id(p: Patient) -> None:
    p.write("metadata", b'{"id":"11111111-2222-3333-4444-555555555555"}')


def commit_of_nothing(p: Patient) -> None:
    """A commit whose batch nobody has begun."""
    newest = int(p.newest().rpartition("/")[2])
    p.write(f"commits/{newest + 1}", p.read(f"commits/{newest}"))


#: (name, damage, kinds of which one must be found)
WHOLE: list[tuple[str, Damage, tuple[str, ...]]] = [
    ("checkpoint deleted", whole_gone, ("checkpoint_missing",)),
    ("checkpoint empty", whole_emptied, ("checkpoint_missing",)),
    ("all but metadata deleted", logs_gone, ("checkpoint_missing",)),
    ("checkpoint set back by four batches", set_back, ("checkpoint_behind",)),
    ("gap in the offsets", deleted(lambda p: p.newest("offsets", 3)), ("offsets_missing",)),
    ("gap in the commits", deleted(lambda p: p.newest("commits", 3)), ("commits_missing",)),
    ("gap in the source's log", deleted(lambda p: p.source(2)), ("source_log_gap",)),
    ("compacted source's log deleted", deleted(lambda p: p.compact()), ("source_log_gap",)),
    ("commit ahead of the offsets", commit_of_nothing, ("commits_ahead",)),
    ("two drivers committed a batch", told_again, ("two_writers",)),
    ("two drivers in turns", interleaved, ("two_writers",)),
    ("of another stream", of_another_stream, ("foreign_checkpoint",)),
    ("of another query", another_id, ("foreign_checkpoint",)),
]

#: Flips after which the file is as well-formed as before.
SILENT: list[tuple[str, Damage, tuple[str, ...]]] = [
    ("watermark of the newest offsets", another_digit(lambda p: p.newest("offsets"), rb'batchWatermarkMs":\d{7}'),
     ("offsets_contradicted", "commits_contradicted")),
    ("watermark of older offsets", another_digit(lambda p: p.newest("offsets", 5), rb'batchWatermarkMs":\d{12}'),
     ("offsets_contradicted", "commits_contradicted")),
    ("watermark of an older commit", another_digit(lambda p: p.newest("commits", 5), rb'nextBatchWatermarkMs":\d{12}'),
     ("commits_contradicted",)),
    ("end of the newest offsets", another_digit(lambda p: p.newest("offsets"), rb'logOffset":'),
     ("offsets_contradicted", "offsets_damaged", "source_log_gap")),
    ("last digit of the end of the newest offsets", another_digit(lambda p: p.newest("offsets"), rb'logOffset":\d'),
     ("offsets_contradicted", "source_log_gap")),
    ("id of the state in the newest commit", replaced(lambda p: p.newest(), rb'(\[\["[0-9a-f]{7})[0-9a-f]', rb"\g<1>x"),
     ("commits_damaged",)),
    ("another id of the state in the newest commit", replaced(
        lambda p: p.newest(), rb'(\[\[")[0-9a-f]{8}', rb"\g<1>00000000"), ("state_missing",)),
    ("partitions in the newest offsets", replaced(lambda p: p.newest("offsets"), rb'(shuffle.partitions":")\d',
                                                  rb"\g<1>9"), ("other_configuration",)),
    ("a setting in the newest offsets", replaced(lambda p: p.newest("offsets"), rb'"lz4"', b'"lz5"'),
     ("other_configuration",)),
    ("a name of a setting in older offsets", replaced(lambda p: p.newest("offsets", 4), rb"compression.codec",
                                                      b"compression.codeb"), ("other_configuration",)),
    ("path in the source's log", replaced(lambda p: p.source(), rb"(-[a-z]+-[0-9a-f]+)[0-9a-f]\.jsonl",
                                          rb"\g<1>z.jsonl"), ("source_log_contradicted",)),
    ("path in the compacted source's log", replaced(lambda p: p.compact(), rb"(-[a-z]+-[0-9a-f]+)[0-9a-f]\.jsonl",
                                                    rb"\g<1>z.jsonl"), ("source_log_contradicted",)),
    ("time in the source's log", replaced(lambda p: p.source(), rb'(timestamp":\d{12})\d', rb"\g<1>x"),
     ("source_log_damaged",)),
    ("number in the source's log", another_digit(lambda p: p.source(), rb'batchId":'),
     ("source_log_damaged",)),
    ("query's id", replaced(lambda p: "metadata", rb'(id":"[0-9a-f]{7})[0-9a-f]', rb"\g<1>x"), ("metadata_damaged",)),
]


#: A stop that comes between the two leaves it so.
_NO_DAMAGE = "snapshot's checksum missing"


def cases() -> list[tuple[str, Damage, tuple[str, ...]]]:
    """Each file truncated, empty, missing and with a bit flipped; then what is no matter of one file."""
    found: list[tuple[str, Damage, tuple[str, ...]]] = []
    for name, (where, kind) in FILES.items():
        any_of = {"state": ("state_missing", "state_damaged", "state_checksum_damaged", "state_schema_damaged")}.get(
            kind, tuple(f"{kind}_{how}" for how in ("damaged", "missing", "gap", "contradicted", "behind")))
        gone = (*any_of, "checkpoint_behind", "commits_ahead")
        found += [(f"{name} truncated", truncated(where), any_of), (f"{name} empty", emptied(where), any_of),
                  (f"{name} missing", deleted(where), gone)]
    return [*(case for case in found if case[0] != _NO_DAMAGE), *WHOLE]
