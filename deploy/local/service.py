"""What a process of the instance is, and how a list of them is started."""
from __future__ import annotations

import hashlib
import json
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deploy.errors import HashtideError, TimedOut
from deploy.local import processes
from deploy.local.instance import Instance
from deploy.local.ports import refuse_busy
from deploy.local.processes import Record

Say = Callable[[str], None]


@dataclass(frozen=True)
class Service:
    """`ready` tells what is still missing, or nothing (an empty string). `after` names services that must be ready
    before `prepare` runs and this one starts. `ports` are names of deploy.local.ports.Ports. `log` is where the
    program writes; what it prints goes to logs/<name>.out. No secret may stand in `argv`.
    """

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    ready: Callable[[Record], str]
    ports: tuple[str, ...] = ()
    url: str = ""
    after: tuple[str, ...] = ()
    prepare: Callable[[], None] | None = None
    stop_signal: int = signal.SIGTERM
    deadline: float = 60.0          # seconds until it must be ready
    cwd: Path | None = None
    log: Path | None = None
    extra: Mapping[str, str] = field(default_factory=dict)   # contents of configuration that the digest covers

    @property
    def digest(self) -> str:
        """Of all that a running process would have to be restarted for."""
        parts = [list(self.argv), sorted(self.env.items()), sorted(self.extra.items())]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def start_all(instance: Instance, services: Sequence[Service], say: Say) -> None:
    """What runs is left alone, what is dead or was never started is started; ends when all are ready.

    BadUse for a busy port, before anything is started; HashtideError where a process ends at once; TimedOut.
    """
    run = instance.run
    found = {s.name: Record.read(run, s.name) for s in services}
    missing = [s for s in services if not ((record := found[s.name]) and record.process())]
    for service in missing:
        if record := found[service.name]:
            processes.end(run, record)   # what a killed one left behind would hold its port
    refuse_busy(instance.ports, [port for s in missing for port in s.ports])
    live: dict[str, tuple[Service, Record]] = {}
    for service in services:
        if service not in missing:
            record = found[service.name]
            assert record
            if record.digest != service.digest:
                say(f"{service.name} keeps running as it was started; its configuration has changed since: "
                    "`down`, then `up` to use it")
            live[service.name] = service, record
            continue
        for name in service.after:
            if name in live:
                await_ready(instance, *live[name])
        if service.prepare:
            service.prepare()
        say(f"starting {service.name}")
        live[service.name] = service, processes.spawn(
            run, service.name, service.argv, service.env, log=instance.logs / f"{service.name}.out",
            cwd=service.cwd or instance.dir, stop_signal=service.stop_signal, digest=service.digest,
            url=service.url)
    for service, record in live.values():
        await_ready(instance, service, record)
        if service in missing:
            say(f"{service.name} is ready{f': {service.url}' if service.url else ''}")


def await_ready(instance: Instance, service: Service, record: Record) -> None:
    deadline = time.monotonic() + service.deadline
    out = instance.logs / f"{service.name}.out"
    logs = [service.log, out] if service.log else [out]
    while True:
        # Before the question: what answers in the place of a dead one is not it.
        lives, what = bool(record.process()), service.ready(record)
        if not lives:
            words = next(filter(None, map(last_words, logs)), "")
            raise HashtideError(f"{service.name} ended before it was ready{words}; see {' and '.join(map(str, logs))}")
        if not what:
            return
        if time.monotonic() > deadline:
            raise TimedOut(f"{service.name}: waited {service.deadline:.0f} s for {what}; see {logs[0]}")
        time.sleep(0.1)


def last_words(log: Path) -> str:
    """: the last line of the log that tells of an error, where there is one."""
    try:
        with open(log, "rb") as file:
            file.seek(max(0, log.stat().st_size - 65536))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return ""
    told = [line.strip() for line in lines
            if "ERROR" in line or "FATAL" in line or "Error:" in line or line.startswith(("ingest: ", "simulator: "))]
    return f": {told[-1][:300]}" if told else ""
