"""`artifacts`: a directory with what the Ansible roles install on hosts, and a manifest of versions and checksums.

Versions and checksums have one home, deploy/jars and deploy/requirements: what is packed here is what the launcher has
resolved and checked, and the manifest is what playbooks read.
"""
from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy import archives, artifact
from deploy.archives import Entry
from deploy.errors import BadUse

JARS = Path(__file__).with_name("jars")
LOCKS = Path(__file__).with_name("requirements")
LAUNCHER = JARS / "hadoop-launcher.sh"
MANIFEST = "artifacts.json"
#: Packed by itself for whoever has HDFS and YARN alone.
HADOOP = ("hadoop",)
ALL = ("hadoop", "spark", "spark_jars", "node_python", "airflow", "application")
#: What the jobs import in their drivers and executors; Spark's own Python and the application's come by spark-submit.
_ON_NODES = ("pandas", "pyarrow")
#: Jars that go among Spark's: Delta's always, S3A's for whoever keeps checkpoints on s3a://.
SPARKS, WITH_S3 = ("delta",), ("delta", "s3")


@dataclass(frozen=True)
class _Kind:
    """One archive: its version, what it is made from, and how it is written to a path."""

    version: str
    file: str
    made_from: str
    write: Callable[[Path], None]


def hadoop_version(pom: Path = JARS / "pom.xml") -> str:
    found = re.search(r"<artifactId>hadoop-common</artifactId><version>([^<]+)<", pom.read_text())
    if not found:
        raise BadUse(f"{pom} names no version of hadoop-common")
    return found[1]


def build(home: Path, target: Path, names: Sequence[str] = ALL, jars: Sequence[str] = SPARKS) -> dict[str, Any]:
    """Fills `target`; the manifest. What is there and fits it is kept, as are earlier applications."""
    target.mkdir(parents=True, exist_ok=True)
    manifest = read(target)
    for name in names:
        kind = _KINDS[name](home, jars)
        if not _is_kept(manifest.get(name, {}), kind, target):
            part = target / f"{kind.file}.part"
            kind.write(part)
            part.replace(target / kind.file)
            manifest[name] = {"version": kind.version, "file": kind.file, "made_from": kind.made_from,
                              "sha256": archives.sha(target / kind.file)}
        if name == "application":
            manifest.setdefault("applications", {})[kind.version] = manifest[name]
        written = target / f"{MANIFEST}.part"
        written.write_text(json.dumps(manifest, indent=2) + "\n")
        written.replace(target / MANIFEST)
    return {name: manifest[name] for name in names}


def read(target: Path) -> dict[str, Any]:
    """The manifest there; {} without one, or where it is none."""
    try:
        return dict(json.loads((target / MANIFEST).read_text()))
    except (OSError, ValueError, TypeError):
        return {}


def _is_kept(kept: dict[str, Any], kind: _Kind, target: Path) -> bool:
    return (kept.get("made_from") == kind.made_from and kept.get("file") == kind.file and (target / kind.file).is_file()
            and archives.sha(target / kind.file) == kept.get("sha256"))


def _hadoop(home: Path, _: Sequence[str]) -> _Kind:
    version, jars = hadoop_version(), _jars(home, "hadoop")
    entries = [Entry(f"bin/{name}", LAUNCHER, 0o755) for name in ("hdfs", "yarn")]
    entries += [Entry(f"share/hadoop/common/lib/{jar.name}", jar) for jar in jars]
    return _Kind(version, f"hadoop-{version}.tar.gz", _digest_of([LAUNCHER, JARS / "hadoop.sha256"]),
                 lambda path: archives.tar(path, f"hadoop-{version}", entries))


def _spark(home: Path, jars: Sequence[str]) -> _Kind:
    """The environment of the command line, spark-submit and ingest, with these jars among Spark's."""
    version = _locked("spark", "pyspark")
    return _Kind(version, f"spark-{version}.tar.gz", _digest_of([LOCKS / "spark.txt", *_sums(jars)]),
                 lambda path: archives.tar(path, f"spark-{version}", archives.environment(
                     _environment(home, "spark"), _jars(home, *jars))))


def _spark_jars(home: Path, jars: Sequence[str]) -> _Kind:
    """For spark.yarn.archive, so that no node needs a Spark of its own."""
    version = _locked("spark", "pyspark")

    def write(path: Path) -> None:
        own = sorted(_environment(home, "spark").glob("lib/python3.11/site-packages/pyspark/jars/*.jar"))
        archives.flat_zip(path, [*own, *_jars(home, *jars)])
    return _Kind(version, f"spark-jars-{version}.zip", _digest_of([LOCKS / "spark.txt", *_sums(jars)]), write)


def _node_python(home: Path, _: Sequence[str]) -> _Kind:
    """For the hosts of NodeManagers: without it a driver ends at its first import of Arrow."""
    version = _locked("spark", "pyarrow")

    def write(path: Path) -> None:
        env = _environment(home, "spark")
        archives.tar(path, f"node-python-{version}", archives.environment(env, only=_ON_NODES))
    made_from = " ".join([_digest_of([LOCKS / "spark.txt"]), *_ON_NODES])
    return _Kind(version, f"node-python-{version}.tar.gz", made_from, write)


def _airflow(home: Path, _: Sequence[str]) -> _Kind:
    version = _locked("airflow", "apache-airflow")
    return _Kind(version, f"airflow-{version}.tar.gz", _digest_of([LOCKS / "airflow.txt"]),
                 lambda path: archives.tar(path, f"airflow-{version}",
                                           archives.environment(_environment(home, "airflow"))))


def _application(home: Path, _: Sequence[str]) -> _Kind:
    entries = archives.application(artifact.SOURCE)
    made_from = archives.digest(entries)
    version = f"{artifact.number()}-{made_from[:8]}"
    return _Kind(version, f"hashtide-{version}.tar.gz", made_from,
                 lambda path: archives.tar(path, f"hashtide-{version}", entries))


_KINDS: dict[str, Callable[[Path, Sequence[str]], _Kind]] = {
    "hadoop": _hadoop, "spark": _spark, "spark_jars": _spark_jars, "node_python": _node_python, "airflow": _airflow,
    "application": _application}


def _sums(jars: Sequence[str]) -> list[Path]:
    return [JARS / f"{name}.sha256" for name in jars]


def _jars(home: Path, *names: str) -> list[Path]:
    found: list[Path] = []
    for name in names:
        if not (own := sorted((home / "jars" / name).glob("*.jar"))):
            verb = "artifacts --s3" if name == "s3" else "artifacts"
            raise BadUse(f"no {name.capitalize()} jars in {home}/jars/{name}: run `deploy/hashtide {verb}`, "
                         "which brings them")
        found += own
    return found


def _environment(home: Path, name: str) -> Path:
    env = home / "envs" / name
    if not (env / "pyvenv.cfg").is_file():
        raise BadUse(f"no environment in {env}: run `deploy/hashtide artifacts`, which makes it")
    return env


def _locked(lock: str, package: str) -> str:
    found = re.search(rf"^{package}==(\S+)", (LOCKS / f"{lock}.txt").read_text(), re.MULTILINE)
    if not found:
        raise BadUse(f"{LOCKS / lock}.txt names no version of {package}")
    return found[1]


def _digest_of(paths: list[Path]) -> str:
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()
