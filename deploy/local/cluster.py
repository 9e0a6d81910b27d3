"""The instance as a whole: start, stop, kill one, status."""
from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass

import psutil

from deploy.errors import BadUse
from deploy.local import hadoop, hadoop_conf, ini, processes
from deploy.local.instance import INSTANCE_VARIABLE, Instance
from deploy.local.processes import Record
from deploy.local.service import Say, Service, start_all

HADOOP = ("resourcemanager", "nodemanager", "namenode", "datanode")
GROUPS = {"hadoop": HADOOP}


@dataclass(frozen=True)
class Status:
    """`state`: running; dead: it ended though nobody stopped it; stopped. `since` in seconds since 1970."""

    name: str
    state: str
    pid: int | None = None
    url: str = ""
    rss_mb: int | None = None
    since: float | None = None


def services(instance: Instance, names: Sequence[str]) -> list[Service]:
    """The services of these names, in start order."""
    found = []
    if set(names) & set(HADOOP):
        found += hadoop.services(instance)
    unknown = set(names) - {s.name for s in found}
    if unknown:
        raise BadUse(f"no service {', '.join(sorted(unknown))}")
    return [s for s in found if s.name in names]


def start(instance: Instance, names: Sequence[str] = HADOOP, *, extra: Sequence[Service] = (),
          say: Say = lambda text: None) -> None:
    """Brings up what is not running. `extra` are services of the caller's, started after the named ones."""
    with instance.locked():
        instance.make()
        hadoop_conf.write(instance)
        ini.write(instance)
        start_all(instance, [*services(instance, names), *extra], say)


def stop(instance: Instance, names: Sequence[str] | None = None, *, say: Say = lambda text: None) -> list[str]:
    """Ends these, by default all that was started, in reverse order; then what they left. The names of those ended."""
    if not instance.run.is_dir():
        return []
    with instance.locked():
        found = sorted(processes.records(instance.run).values(), key=lambda record: record.since, reverse=True)
        ended = [record for record in found if names is None or record.name in names]
        for record in ended:
            processes.end(instance.run, record)
            say(f"stopped {record.name}")
        if names is None:
            # Containers whose NodeManager was killed, and what tasks of Airflow had started.
            processes.finish(processes.marked(INSTANCE_VARIABLE, str(instance.dir)))
    return [record.name for record in ended]


def kill(instance: Instance, name: str) -> None:
    """kill -9, for drills."""
    record = Record.read(instance.run, name)
    if not record or not record.process():
        raise BadUse(f"{name} does not run")
    processes.kill(record)


def status(instance: Instance) -> list[Status]:
    """Every service that was started and not stopped, in start order."""
    found = sorted(processes.records(instance.run).values(), key=lambda record: record.since)
    return [_status(instance, record) for record in found]


def _status(instance: Instance, record: Record) -> Status:
    url = {"airflow-api": "airflow", "simulator": "simulator"}.get(record.name, f"{record.name}_web")
    url = instance.url(url) if hasattr(instance.ports, url) else ""
    process = record.process()
    if not process:
        return Status(record.name, "dead", None, url, None, record.since)
    rss = sum(_rss(p) for p in processes.session(record))
    return Status(record.name, "running", record.pid, url, rss // 2**20, record.since)


def _rss(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


def delete_data(instance: Instance) -> None:
    """Forgets everything: HDFS, applications, Airflow's history. Only of a stopped instance."""
    if alive := [s.name for s in status(instance) if s.state == "running"]:
        raise BadUse(f"still running: {', '.join(alive)}; stop them first")
    shutil.rmtree(instance.dir, ignore_errors=True)
