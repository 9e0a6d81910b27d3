"""Where a cluster is and how large its jobs may be: `deploy/conf/<cluster>.ini`, read and checked once at the start.

The local cluster is just one such file, written by `deploy/hashtide up`.
"""
from __future__ import annotations

import configparser
import os
import re
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from deploy.errors import BadUse
from spark_apps.generations import CHECKPOINT_ROOT

CONF_DIR = Path(__file__).with_name("conf")


def home() -> Path:
    """HASHTIDE_HOME: environments, jars and the local cluster's files; never inside the work tree."""
    return Path(os.environ.get("HASHTIDE_HOME") or Path.home() / ".hashtide")


@dataclass(frozen=True)
class Hdfs:
    default_fs: str = ""            # hdfs://host:8020, or the nameservice
    webhdfs: tuple[str, ...] = ()   # http://host:9870 of every NameNode
    user: str = ""                  # whom WebHDFS and YARN see where there is no Kerberos; whose the stream's files are
    root: str = "/hashtide"
    authentication: str = "simple"  # or kerberos: as hadoop.security.authentication has it, for YARN too


@dataclass(frozen=True)
class Yarn:
    resourcemanagers: tuple[str, ...] = ()   # http://host:8088 of every ResourceManager
    stream_queue: str = "streaming"
    batch_queue: str = "batch"
    queues: tuple[str, ...] = ()    # that a stream may be put into; by default the two above
    max_app_attempts: int = 2

    @property
    def known_queues(self) -> tuple[str, ...]:
        """Queues for a stream, its own first."""
        return tuple(dict.fromkeys((self.stream_queue, *(self.queues or (self.batch_queue,)))))


@dataclass(frozen=True)
class Spark:
    submit: str = "spark-submit"    # the program
    hadoop_conf_dir: str = ""       # core-site.xml, hdfs-site.xml, yarn-site.xml for it
    python: str = "python3"         # on the nodes
    yarn_jars: str = ""             # spark.yarn.jars or, ending in .zip, spark.yarn.archive
    jars: str = ""                  # Delta's jars, comma separated; local: on every node or hdfs:
    driver_memory: str = "640m"
    executor_memory: str = "640m"
    executors: int = 1
    executor_cores: int = 2
    keytab: str = ""
    principal: str = ""
    checkpoint_root: str = ""       # s3a://bucket/prefix: where new generations keep their checkpoints; empty: HDFS
    conf: dict[str, str] = field(default_factory=dict)   # section [spark.conf]: passed on as --conf


@dataclass(frozen=True)
class Airflow:
    url: str = ""                   # http://host:8080
    user: str = ""
    password_file: str = ""         # mode 0600; the password itself never stands in this file
    metrics_token_file: str = ""    # the bearer token by which /hashtide/metrics is read; without it by nobody


@dataclass(frozen=True)
class Cluster:
    name: str
    hdfs: Hdfs
    yarn: Yarn
    spark: Spark
    airflow: Airflow
    path: str = ""                  # the file it was read from

    @property
    def root(self) -> str:
        return self.hdfs.root


_SECTIONS = {"hdfs": Hdfs, "yarn": Yarn, "spark": Spark, "airflow": Airflow}
_SIZE = re.compile(r"[1-9]\d*[mg]"), "a size such as 640m or 2g"
#: Of S3A, for one bucket or all. What a session or role is called by is no secret.
_SECRET = re.compile(r"spark\.hadoop\.fs\.s3a\.(bucket\..+\.)?(access\.key|secret\.key|session\.token|encryption\.key"
                     r"|server-side-encryption\.key|proxy\.password)")
_QUEUE = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,99}")
_SHAPES = {
    "driver_memory": _SIZE, "executor_memory": _SIZE,
    "default_fs": (re.compile(r"[a-z][a-z0-9+.-]*://\S+"), "hdfs://host:port or hdfs://nameservice"),
    "root": (re.compile(r"(/[\w.-]+)+"), "an absolute path in HDFS such as /hashtide"),
    "authentication": (re.compile("simple|kerberos"), "simple or kerberos"),
    "url": (re.compile(r"https?://\S+"), "http://host:port"),
    "checkpoint_root": CHECKPOINT_ROOT,
}


def load(which: str | os.PathLike[str] | None = None) -> Cluster:
    """The cluster of a file, or of a name under deploy/conf/; by default HASHTIDE_CLUSTER, then the local one.

    BadUse names every fault at once.
    """
    wanted = str(which or os.environ.get("HASHTIDE_CLUSTER") or "local")
    path = _find(wanted)
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]  # Spark's settings are case sensitive
    try:
        parser.read_string(path.read_text(encoding="utf-8"), source=str(path))
    except (OSError, UnicodeDecodeError, configparser.Error) as error:
        raise BadUse(f"cluster file {path}: {' '.join(str(error).split())}") from None
    faults: list[str] = []
    unknown = set(parser.sections()) - {*_SECTIONS, "spark.conf"}
    faults += [f"[{name}] is no section; there are {', '.join(_SECTIONS)}, spark.conf" for name in sorted(unknown)]
    values = {name: _section(parser, name, kind, faults) for name, kind in _SECTIONS.items()}
    if parser.has_section("spark.conf"):
        values["spark"]["conf"] = dict(parser["spark.conf"])
        faults += [f"[spark.conf] {key}: a secret would stand in the command line; put it into a credential provider "
                   "of Hadoop, and name that by spark.hadoop.fs.s3a.security.credential.provider.path"
                   for key in parser["spark.conf"] if _SECRET.fullmatch(key)]
    if faults:
        raise BadUse(f"cluster file {path}: " + "; ".join(faults))
    made: dict[str, Any] = {name: kind(**values[name]) for name, kind in _SECTIONS.items()}
    return Cluster(path.stem, **made, path=str(path.resolve()))


def local_file() -> Path:
    """The file that `up` writes for the local cluster."""
    return home() / "local" / "local.ini"


def _find(wanted: str) -> Path:
    if "/" in wanted or wanted.endswith(".ini"):
        candidates = [Path(wanted)]
    else:
        candidates = [CONF_DIR / f"{wanted}.ini", *([local_file()] if wanted == "local" else [])]
    for path in candidates:
        if path.is_file():
            return path
    if wanted == "local":
        raise BadUse("no local cluster yet: start one with `deploy/hashtide up`, or name another with --cluster FILE")
    known = ", ".join(sorted(p.stem for p in CONF_DIR.glob("*.ini"))) or "none"
    raise BadUse(f"no cluster file {candidates[0]}; in deploy/conf: {known}")


def _section(parser: configparser.ConfigParser, name: str, kind: type, faults: list[str]) -> dict[str, object]:
    raw = dict(parser[name]) if parser.has_section(name) else {}
    known = {f.name: f for f in fields(kind) if f.name != "conf"}
    faults += [f"[{name}] {key} is no setting; there are {', '.join(known)}" for key in raw if key not in known]
    out: dict[str, object] = {}
    for key, text in raw.items():
        if key not in known:
            continue
        text = text.strip()
        if key == "queues":
            names = tuple(name.strip() for name in text.split(",") if name.strip())
            faults += [f"[{name}] queues = {queue}: expected names of queues, comma separated"
                       for queue in names if not _QUEUE.fullmatch(queue)]
            out[key] = names
        elif str(known[key].type).startswith("tuple"):
            urls = tuple(u.strip().rstrip("/") for u in text.split(",") if u.strip())
            faults += [f"[{name}] {key} = {u}: expected http://host:port" for u in urls if not is_http(u)]
            out[key] = urls
        elif known[key].type == "int":
            if not text.isdecimal() or int(text) < 1:
                faults.append(f"[{name}] {key} = {text}: expected a whole number from 1 on")
            else:
                out[key] = int(text)
        else:
            if key in _SHAPES and text and not _SHAPES[key][0].fullmatch(text):
                said = "" if key == "checkpoint_root" else f" = {text}"   # somebody may have written keys into it
                faults.append(f"[{name}] {key}{said}: expected {_SHAPES[key][1]}")
            out[key] = text
    if bool(out.get("keytab")) != bool(out.get("principal")):
        faults.append(f"[{name}] keytab and principal go together")
    needed = {"hdfs": ("default_fs", "webhdfs"), "yarn": ("resourcemanagers",)}.get(name, ())
    faults += [f"[{name}] {key} is missing" for key in needed if not out.get(key)]
    return out


def is_http(url: str) -> bool:
    parts = urlsplit(url)
    try:
        return parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 0) >= 0
    except ValueError:
        return False
