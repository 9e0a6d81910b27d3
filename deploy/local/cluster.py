"""The instance as a whole: start, stop, kill one, status."""
from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass

import psutil

from deploy.errors import BadUse
from deploy.local import airflow, hadoop, hadoop_conf, ini, postgres, processes
from deploy.local.instance import INSTANCE_VARIABLE, Instance
from deploy.local.processes import Record
from deploy.local.service import Say, Service, start_all

HADOOP = ("resourcemanager", "nodemanager", "namenode", "datanode")
AIRFLOW = ("postgres", "airflow-api", "airflow-scheduler", "airflow-dags", "airflow-triggerer")
ALL = (*HADOOP, *AIRFLOW)
GROUPS = {"hadoop": HADOOP, "airflow": AIRFLOW, "all": ALL}


@dataclass(frozen=True)
class Status:
    """`state`: running; dead: it ended though nobody stopped it; stopped. `since` in seconds since 1970."""

    name: str
    state: str
    pid: int | None = None
    url: str = ""
    rss_mb: int | None = None       # resident, of the process and those it forked
    since: float | None = None


def services(instance: Instance, names: Sequence[str]) -> list[Service]:
    """The services of these names, in start order."""
    found: list[Service] = []
    if "postgres" in names:
        # First: it is soon there, and Airflow's tables are made while the Hadoop daemons come up.
        found.append(postgres.service(instance))
    if set(names) & set(HADOOP):
        found += hadoop.services(instance)
    if set(names) & set(AIRFLOW[1:]):
        found += airflow.services(instance)
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
        if "airflow-api" in names:
            airflow.make_pool(instance)


def stop(instance: Instance, names: Sequence[str] | None = None, *, say: Say = lambda text: None) -> list[str]:
    """Ends these, by default all that was started; then what they left. The names of those ended."""
    if not instance.run.is_dir():
        return []
    with instance.locked():
        found = sorted(processes.records(instance.run).values(), key=_stop_order)
        ended = [record for record in found if names is None or record.name in names]
        for record in ended:
            processes.end(instance.run, record)
            say(f"stopped {record.name}")
        if names is None:
            # Containers whose NodeManager was killed, and what tasks of Airflow had started.
            processes.finish(processes.marked(INSTANCE_VARIABLE, str(instance.dir)))
    return [record.name for record in ended]


def _stop_order(record: Record) -> tuple[int, float]:
    """Who writes before who is written to: a driver whose NameNode is gone waits for it before it ends."""
    last = ("nodemanager", "resourcemanager", "datanode", "namenode", "postgres")
    return last.index(record.name) + 1 if record.name in last else 0, -record.since


def kill(instance: Instance, name: str) -> None:
    """kill -9, for drills."""
    record = Record.read(instance.run, name)
    if not record or not record.process():
        raise BadUse(f"{name} does not run")
    processes.kill(record)


def status(instance: Instance) -> list[Status]:
    """Every service that belongs to an instance or was started in it."""
    found = processes.records(instance.run)
    names = [*ALL, *(name for name in found if name not in ALL)]
    return [_status(name, found.get(name)) for name in names]


def _status(name: str, record: Record | None) -> Status:
    if not record:
        return Status(name, "stopped")
    if not record.process():
        return Status(name, "dead", url=record.url, since=record.since)
    return Status(name, "running", record.pid, record.url, sum(map(_memory, processes.session(record))) // 2**20,
                  record.since)


def _memory(process: psutil.Process) -> int:
    """Pages that forked processes share are counted once."""
    try:
        return int(process.memory_full_info().pss)
    except psutil.Error:
        return 0


def delete_data(instance: Instance) -> None:
    """Forgets everything: HDFS, applications, Airflow's history. Only of a stopped instance."""
    if alive := [s.name for s in status(instance) if s.state == "running"]:
        raise BadUse(f"still running: {', '.join(alive)}; stop them first")
    postgres.delete(instance)
    shutil.rmtree(instance.dir, ignore_errors=True)
