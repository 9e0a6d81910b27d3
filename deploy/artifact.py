"""A release: one versioned, immutable directory in HDFS that holds what runs on the cluster."""
from __future__ import annotations

import configparser
import hashlib
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from deploy.errors import BadUse, HashtideError
from spark_apps.contract import releases

SOURCE = Path(__file__).parents[1]
MAINS = {"stream": "hashtag_stream.py", "classic": "hashtag_classic.py", "batch": "hashtag_batch.py",
         "related": "hashtag_related.py", "graph": "hashtag_graph.py", "ops": "ops.py"}
#: What is uploaded last; a release without it is not there.
SUMS = "SHA256SUMS"
# Ingest is a service beside the cluster; neither it nor the bench runs on it.
_LEFT_OUT = ("ingest", "bench")


class Files(Protocol):
    """What of deploy.hdfs.Client is needed here."""

    def exists(self, path: str) -> bool: ...

    def mkdirs(self, path: str, permission: str | None = None) -> None: ...

    def replace(self, path: str, data: bytes) -> None: ...

    def read(self, path: str) -> bytes | None: ...


@dataclass(frozen=True)
class Release:
    """Version <number>-<first 8 of SHA-256>, and where its files are in HDFS."""

    version: str
    root: str = "/hashtide"

    @property
    def base(self) -> str:
        return f"{releases(self.root)}/{self.version}"

    @property
    def app(self) -> str:
        return f"{self.base}/app.zip"

    def main(self, kind: str) -> str:
        return f"{self.base}/{MAINS[kind]}"


def build(source: Path = SOURCE) -> tuple[str, dict[str, bytes]]:
    """(version, files by name); the same sources give the same bytes on every machine."""
    package = source / "spark_apps"
    mains = {name: package / name for name in MAINS.values()}
    missing = [name for name, path in mains.items() if not path.is_file()]
    if missing:
        raise HashtideError(f"{package} has no {', '.join(missing)}: not a checkout of hashtide?")
    files = {"app.zip": _zip(package), **{name: path.read_bytes() for name, path in mains.items()}}
    digest = hashlib.sha256(b"".join(f"{name}\0".encode() + _sha(data) for name, data in sorted(files.items())))
    files[SUMS] = "".join(f"{_sha(data).hex()}  {name}\n" for name, data in sorted(files.items())).encode()
    return f"{number(source)}-{digest.hexdigest()[:8]}", files


def publish(hdfs: Files, root: str = "/hashtide", source: Path = SOURCE) -> Release:
    """Uploads the release of this checkout where HDFS does not hold it yet."""
    version, files = build(source)
    release = Release(version, root)
    if not hdfs.exists(f"{release.base}/{SUMS}"):
        hdfs.mkdirs(release.base, "755")
        for name in sorted(files, key=lambda name: name == SUMS):
            hdfs.replace(f"{release.base}/{name}", files[name])
    return release


def find(hdfs: Files, version: str, root: str = "/hashtide") -> Release:
    """A release that is there; BadUse otherwise."""
    if not version or not all(c.isalnum() or c in ".-+" for c in version) or version.startswith("."):
        raise BadUse(f"release {version!r}: expected a version such as 0.1.0-1a2b3c4d")
    release = Release(version, root)
    if not hdfs.exists(f"{release.base}/{SUMS}"):
        raise BadUse(f"release {version} is not in {releases(root)}; leave it out to publish this checkout's")
    return release


def _zip(package: Path) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(package.rglob("*.py")):
            where = path.relative_to(package)
            if where.parts[0] not in _LEFT_OUT:
                # The time of a file, or another zlib, would make the same sources another release.
                entry = zipfile.ZipInfo(f"{package.name}/{where.as_posix()}", (2020, 1, 1, 0, 0, 0))
                entry.external_attr = 0o644 << 16
                archive.writestr(entry, path.read_bytes())
    return buffer.getvalue()


def _sha(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def number(source: Path = SOURCE) -> str:
    """The version of the package, without the digest of a release."""
    setup = configparser.ConfigParser()
    setup.read(source / "setup.cfg")
    return setup.get("metadata", "version", fallback="0")
