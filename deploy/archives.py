"""Archives for hosts: what goes into one, and how it is packed so that the same files give the same bytes."""
from __future__ import annotations

import gzip
import hashlib
import io
import re
import tarfile
import zipfile
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path

# Jars and shared libraries are compressed already, or hardly can be.
_LEVEL = 1
#: What of an environment only tests need; by the names of distributions.
_TESTS = ("playwright", "pyee", "mypy", "mypy-extensions", "ruff", "chispa", "pytest", "pytest-timeout",
          "types-requests")


@dataclass(frozen=True)
class Entry:
    """One file of an archive: its bytes, or the path that they are read from, or where a link leads."""

    name: str
    data: bytes | Path = b""
    mode: int = 0o644
    link: str = ""
    mtime: int = 0


def tar(path: Path, top: str, entries: Iterable[Entry]) -> None:
    """A gzip that unpacks into one directory `top`."""
    # Times, owners and the name in gzip's header would make the same files another archive.
    with open(path, "wb") as raw, gzip.GzipFile("", "wb", _LEVEL, raw, mtime=0) as zipped, \
            tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for entry in entries:
            info = tarfile.TarInfo(f"{top}/{entry.name}")
            info.mode, info.mtime = entry.mode, entry.mtime
            if entry.link:
                info.type, info.linkname = tarfile.SYMTYPE, entry.link
                archive.addfile(info)
                continue
            data = _bytes(entry)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))


def flat_zip(path: Path, files: Iterable[Path]) -> None:
    """As spark.yarn.archive wants it: jars at the top."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for file in sorted(files, key=lambda file: file.name):
            archive.writestr(zipfile.ZipInfo(file.name, (2020, 1, 1, 0, 0, 0)), file.read_bytes())


def environment(env: Path, jars: Iterable[Path] = (), only: Collection[str] = ()) -> Iterator[Entry]:
    """A virtual environment that runs wherever it is unpacked, with the distribution's own Python 3.11.

    Times are kept, since compiled modules are valid for the very time of their source. `jars` join those of Spark.
    `only`: these distributions and what they require; without any, all but what tests need.
    """
    packages = env / "lib" / "python3.11" / "site-packages"
    there = {_key(one.name): one for one in distributions(path=[str(packages)])}
    kept = _required(there, only) if only else there.keys() - set(_TESTS)
    left_out = {packages / top for name, one in there.items() if name not in kept for top in _tops(one)}
    left_out -= {packages / top for name in kept for top in _tops(there[name])}
    yield Entry("pyvenv.cfg", b"home = /usr/bin\ninclude-system-site-packages = false\n")
    yield Entry("bin/python", link="/usr/bin/python3.11")
    for path in sorted(packages.rglob("*")):
        if path.is_file() and not left_out & {path, *path.parents}:
            yield Entry(path.relative_to(env).as_posix(), path, _mode(path), mtime=int(path.stat().st_mtime))
    for jar in sorted(jars):
        yield Entry(f"{packages.relative_to(env).as_posix()}/pyspark/jars/{jar.name}", jar)


def application(source: Path) -> list[Entry]:
    """The checkout without its tests and playbooks: what runs on hosts that submit, supervise and ingest."""
    found = [source / "setup.cfg"]
    for name in ("dags", "deploy", "spark_apps"):
        found += [path for path in (source / name).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    return [Entry(path.relative_to(source).as_posix(), path.read_bytes(), _mode(path)) for path in sorted(found)]


def digest(entries: Iterable[Entry]) -> str:
    found = hashlib.sha256()
    for entry in entries:
        found.update(f"{entry.name}\0{entry.mode}\0".encode() + hashlib.sha256(_bytes(entry)).digest())
    return found.hexdigest()


def sha(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _mode(path: Path) -> int:
    return 0o755 if path.stat().st_mode & 0o100 else 0o644


def _bytes(entry: Entry) -> bytes:
    return entry.data.read_bytes() if isinstance(entry.data, Path) else entry.data


def _key(name: str) -> str:
    """https://packaging.python.org/en/latest/specifications/name-normalization/"""
    return re.sub(r"[-_.]+", "-", name).lower()


def _tops(one: Distribution) -> set[str]:
    """Directories and files of it at the top of site-packages."""
    return {file.parts[0] for file in one.files or ()} - {"..", "__pycache__"}


def _required(there: dict[str, Distribution], names: Iterable[str]) -> set[str]:
    """With all that they require, but for extras."""
    found, todo = set[str](), [_key(name) for name in names]
    while todo:
        name = todo.pop()
        if name not in found and name in there:
            found.add(name)
            todo += [_key(re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0]) for line in there[name].requires or ()
                     if "extra ==" not in line]
    return found
