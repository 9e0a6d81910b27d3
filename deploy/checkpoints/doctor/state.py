"""State files: which of them a start on a batch reads, and whether they are what was written. Pure.

With checkpoint ids (format 2) version v of a partition is the snapshot <v>_<id>.zip, which names RocksDB's own files
in SSTs, or the nearest one before it and each <v>_<id>.changelog after; the id of version v is in commits/<v-1>. Each
zip and changelog has a <name>.crc beside it. After RocksDBFileManager and ChecksumCheckpointFileManager of Spark 4.2.
"""
from __future__ import annotations

import io
import json
import re
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from deploy.checkpoints.doctor import sst
from deploy.checkpoints.doctor.blocks import first_block
from deploy.checkpoints.doctor.finding import Bad, Finding
from deploy.checkpoints.doctor.logs import Commit
from deploy.checkpoints.doctor.seen import Seen
from deploy.checkpoints.doctor.sums import Checksum

FILE = re.compile(r"state/0/(\d+)/(\d+)_([0-9a-f-]{36})\.(zip|changelog)")
#: What Spark says once of the operator and of its rows.
OPERATOR, SCHEMA = "state/0/_metadata/metadata", "state/0/0/_metadata/schema"


@dataclass(frozen=True)
class Chain:
    """What one partition is loaded from, the newest file first. `missing`: what there is not."""

    partition: int
    files: tuple[str, ...]
    missing: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[str, ...]:
        """With the checksums of changelogs; a snapshot has sums of its own."""
        return (*self.files, *(f"{path}.crc" for path in self.files if path.endswith(".changelog")), *self.missing)


def chains(seen: Seen, commits: Mapping[int, Commit], batch: int) -> list[Chain]:
    """Of each partition after this batch, whose commit is known."""
    by_version = _ids(seen.sizes)
    return [_chain(seen, by_version, commits, batch, partition) for partition in range(len(commits[batch].state_ids))]


def ambiguous(sizes: Iterable[str]) -> set[int]:
    """Versions of which a partition has more than one: of tasks, or of drivers, that were cut off."""
    return {version for (_, version), ids in _ids(sizes).items() if len(ids) > 1}


def _ids(sizes: Iterable[str]) -> dict[tuple[int, int], set[str]]:
    """By partition and version."""
    found: dict[tuple[int, int], set[str]] = {}
    for path in sizes:
        if match := FILE.fullmatch(path):
            found.setdefault((int(match[1]), int(match[2])), set()).add(match[3])
    return found


def _chain(seen: Seen, by_version: Mapping[tuple[int, int], set[str]], commits: Mapping[int, Commit], batch: int,
           partition: int) -> Chain:
    """As Spark goes about it: the newest changelog has the ids of those before it, back to a snapshot, or to the
    first. Where it was not read, commits and names have to do."""
    there, own = seen.sizes, commits[batch].state_ids[partition]
    prefix, files = f"state/0/{partition}/", list[str]()
    newest = f"{prefix}{batch + 1}_{own}.changelog"
    known = _lineage(seen, newest)
    first = min(known, default=batch + 1) if known is not None else 1
    for version in range(batch + 1, first - 1, -1):
        found, commit = by_version.get((partition, version), set()), commits.get(version - 1)
        if version == batch + 1:
            one = own
        elif known is not None:
            one = known.get(version, "*")
        elif commit and partition < len(commit.state_ids):
            one = commit.state_ids[partition]
        else:
            one = next(iter(found)) if len(found) == 1 else "*"
        path = f"{prefix}{version}_{one}"
        if f"{path}.zip" in there:
            return Chain(partition, (*files, f"{path}.zip"))
        if f"{path}.changelog" not in there or version == first > 1:
            return Chain(partition, tuple(files), (f"{path}.{'zip' if version == first > 1 else 'changelog'}",))
        files.append(f"{path}.changelog")
    return Chain(partition, tuple(files))


def _lineage(seen: Seen, path: str) -> dict[int, str] | None:
    """Ids by version, as the head of a changelog has them; None where it was not read, or has none."""
    try:
        head = first_block(seen.data[path])
        version = int.from_bytes(head[:2], "big")
        size = int.from_bytes(head[2 + version:4 + version], "big")
        said = json.loads(head[4 + version:4 + version + size])
        return {int(one["version"]): str(one["checkpointUniqueId"]) for one in said}
    except (KeyError, ValueError, TypeError):   # Bad among them
        return None


def tables_of(zipped: bytes) -> dict[str, int]:
    """Sizes of RocksDB's own files that a snapshot names, by their path below the partition; Bad where it is none."""
    try:
        with zipfile.ZipFile(io.BytesIO(zipped)) as files:
            if wrong := files.testzip():
                raise Bad(f"{wrong} in it is garbled")
            version, _, text = files.read("metadata").decode().partition("\n")
        said = json.loads(text)
        found = {f"SSTs/{one['dfsSstFileName']}": int(one["sizeBytes"]) for one in said.get("sstFiles", [])}
        found |= {f"logs/{one['dfsLogFileName']}": int(one["sizeBytes"]) for one in said.get("logFiles", [])}
    except (zipfile.BadZipFile, zlib.error, KeyError, ValueError, TypeError, NotImplementedError, RuntimeError, OSError,
            EOFError) as error:
        if isinstance(error, Bad):
            raise
        raise Bad("it is no snapshot: cut off or garbled") from None
    if version not in ("v1", "v2"):
        raise Bad(f"its metadata has version {version[:20]!r}")
    return found


def _snapshot(seen: Seen, path: str, old: bool) -> list[Finding]:
    """By its own sums, and those of the tables that it names."""
    directory, found = path.rpartition("/")[0], list[Finding]()
    try:
        named = tables_of(seen.data[path])
    except Bad as error:
        return [Finding("state_damaged", path, str(error), (path,), old=old)]
    for name, size in named.items():
        table = f"{directory}/{name}"
        if table not in seen.sizes:
            found.append(Finding("state_missing", table, f"it is missing, and {path} names it", (table, path), old=old))
        elif seen.sizes[table] != size:
            what = f"{seen.sizes[table]:,} bytes, {path} says {size:,}"
            found.append(Finding("state_damaged", table, what, (table, path), old=old))
        elif table in seen.data and name.endswith(".sst"):
            found += _table(seen, table, old)
    return found


def _table(seen: Seen, path: str, old: bool) -> list[Finding]:
    try:
        sst.check(seen.data[path])
        return []
    except Bad as error:
        return [Finding("state_damaged", path, str(error), (path,), old=old)]


def check(seen: Seen, path: str, old: bool = False) -> list[Finding]:
    """A snapshot or changelog that is there, by its checksum and by what it names."""
    checksum, found = f"{path}.crc", list[Finding]()

    def say(kind: str, file: str, what: str, *spoils: str) -> None:
        found.append(Finding(kind, file, what, spoils or (file,), old=old))

    if not seen.sizes[path]:
        say("state_damaged", path, "it is empty")
        return found
    if checksum not in seen.sizes and path.endswith(".zip"):
        # Spark writes snapshots beside its batches, and whoever ends a driver ends it there as well.
        unchecked = Finding("snapshot_unchecked", path, f"{checksum.rpartition('/')[2]} is missing")
        return [unchecked, *(_snapshot(seen, path, old) if path in seen.data else ())]
    if not seen.sizes.get(checksum):
        say("state_checksum_damaged", checksum, "it is empty" if checksum in seen.sizes else "it is missing")
    elif checksum in seen.data:
        try:
            said = Checksum.of(seen.data[checksum])
        except Bad as error:
            say("state_checksum_damaged", checksum, str(error))
        else:
            try:
                said.check(seen.sizes[path], seen.data.get(path))
            except Bad as error:
                say("state_damaged", path, str(error))
    return found if found or not path.endswith(".zip") or path not in seen.data else _snapshot(seen, path, old)
