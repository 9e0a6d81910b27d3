"""`artifacts`: a directory with what the Ansible roles install on hosts, and a manifest of versions and checksums.

Versions and checksums have one home, deploy/jars: what is packed here is what the launcher has resolved and checked,
and the manifest is what playbooks read. The same jars give the same bytes on every machine.
"""
from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import tarfile
from pathlib import Path
from typing import Any

from deploy.errors import BadUse

JARS = Path(__file__).with_name("jars")
LAUNCHER = JARS / "hadoop-launcher.sh"
MANIFEST = "artifacts.json"
# Jars are compressed already.
_LEVEL = 1


def hadoop_version(pom: Path = JARS / "pom.xml") -> str:
    found = re.search(r"<artifactId>hadoop-common</artifactId><version>([^<]+)<", pom.read_text())
    if not found:
        raise BadUse(f"{pom} names no version of hadoop-common")
    return found[1]


def build(home: Path, target: Path) -> dict[str, Any]:
    """Fills `target`; the manifest. What is there already and fits the manifest is kept."""
    version = hadoop_version()
    jars = sorted((home / "jars" / "hadoop").glob("*.jar"))
    if not jars:
        raise BadUse(f"no Hadoop jars in {home}/jars/hadoop: run `deploy/hashtide artifacts`, which brings them")
    target.mkdir(parents=True, exist_ok=True)
    made_from = _digest_of([LAUNCHER, JARS / "hadoop.sha256"])
    name = f"hadoop-{version}.tar.gz"
    kept = read(target).get("hadoop", {})
    if kept.get("made_from") == made_from and (target / name).is_file() and _sha(target / name) == kept.get("sha256"):
        return {"hadoop": kept}
    part = target / f"{name}.part"
    _pack(part, f"hadoop-{version}", jars)
    part.replace(target / name)
    manifest = {"hadoop": {"version": version, "file": name, "directory": f"hadoop-{version}",
                           "sha256": _sha(target / name), "made_from": made_from}}
    written = target / f"{MANIFEST}.part"
    written.write_text(json.dumps(manifest, indent=2) + "\n")
    written.replace(target / MANIFEST)
    return manifest


def read(target: Path) -> dict[str, Any]:
    """The manifest there; {} without one, or where it is none."""
    try:
        return dict(json.loads((target / MANIFEST).read_text()))
    except (OSError, ValueError, TypeError):
        return {}


def _pack(path: Path, top: str, jars: list[Path]) -> None:
    # Times, owners and the name in gzip's header would make the same jars another archive.
    with open(path, "wb") as raw, gzip.GzipFile("", "wb", _LEVEL, raw, mtime=0) as zipped, \
            tarfile.open(fileobj=zipped, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name in ("hdfs", "yarn"):
            _add(archive, f"{top}/bin/{name}", LAUNCHER.read_bytes(), 0o755)
        for jar in jars:
            _add(archive, f"{top}/share/hadoop/common/lib/{jar.name}", jar.read_bytes(), 0o644)


def _add(archive: tarfile.TarFile, name: str, data: bytes, mode: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode, entry.mtime = len(data), mode, 0
    archive.addfile(entry, io.BytesIO(data))


def _digest_of(paths: list[Path]) -> str:
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()


def _sha(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
