"""Processes of an instance: started detached, recorded by pid and start time, ended only where both still match."""
from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import psutil

from deploy.errors import TimedOut

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class Record:
    """run/<name>.json. `boot`, `pid` and `started` together name one process for ever.

    `started` in the kernel's clock ticks since boot: seconds since 1970 move when the machine's clock is set.
    """

    name: str
    pid: int
    started: int
    boot: str
    stop_signal: int
    digest: str         # of the command, environment and configuration it was started with
    since: float        # seconds since 1970
    url: str = ""

    @classmethod
    def read(cls, run: Path, name: str) -> Record | None:
        try:
            return cls(**json.loads((run / f"{name}.json").read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def write(self, run: Path) -> None:
        part = run / f"{self.name}.json.part"
        part.write_text(json.dumps(asdict(self)))
        part.replace(run / f"{self.name}.json")

    def process(self) -> psutil.Process | None:
        """The process itself while it lives; never another that got its pid."""
        if self.boot != boot_id():
            return None
        stat = _stat(self.pid)
        if stat is None or stat.zombie or stat.started != self.started:
            return None
        try:
            return psutil.Process(self.pid)
        except psutil.Error:
            return None


def boot_id() -> str:
    return _BOOT_ID.read_text().strip()


def records(run: Path) -> dict[str, Record]:
    found = (Record.read(run, path.stem) for path in sorted(run.glob("*.json")))
    return {record.name: record for record in found if record}


def spawn(run: Path, name: str, argv: Sequence[str], env: Mapping[str, str], *, log: Path, cwd: Path,
          stop_signal: int = signal.SIGTERM, digest: str = "", url: str = "") -> Record:
    """A session of its own, so that neither a closed terminal nor ^C there ends it."""
    with open(log, "ab") as out:
        child = subprocess.Popen(list(argv), env=dict(env), cwd=cwd, stdin=subprocess.DEVNULL, stdout=out,
                                 stderr=subprocess.STDOUT, start_new_session=True)
    stat = _stat(child.pid)
    assert stat, "a child that nobody waited for is there, if only as a zombie"
    record = Record(name, child.pid, stat.started, boot_id(), int(stop_signal), digest, time.time(), url)
    record.write(run)
    return record


def end(run: Path, record: Record, *, deadline: float = 30.0) -> None:
    """Asks it to stop, waits, then kills it and what it left of its session; forgets the record."""
    rest = session(record)
    if main := record.process():
        _signal([main], record.stop_signal)
        _gone([main], deadline)
        rest = {*rest, *session(record)}
    finish([p for p in rest if p.is_running()])
    (run / f"{record.name}.json").unlink(missing_ok=True)


def kill(record: Record) -> None:
    """kill -9 of the process alone, as an accident would; the record stays, so that it counts as dead."""
    if main := record.process():
        _signal([main], signal.SIGKILL)
        _gone([main], 10.0)


def session(record: Record) -> set[psutil.Process]:
    """The process and those of its session, also where it is gone itself: the kernel keeps a session's number."""
    leader = _stat(record.pid)
    if record.boot != boot_id() or (leader and leader.started != record.started):
        return set()
    found = set()
    for pid in psutil.pids():
        stat = _stat(pid)
        if stat and stat.session == record.pid and not stat.zombie:
            with suppress(psutil.Error):
                found.add(psutil.Process(pid))
    return found


def marked(variable: str, value: str) -> list[psutil.Process]:
    """Processes that carry the mark of an instance in their environment: containers, spark-submits of its tasks."""
    # Whoever asks may carry it too, and so may the shell that asked for that.
    own = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.pid not in own and process.environ().get(variable) == value:
                found.append(process)
    return found


def finish(left: Iterable[psutil.Process], *, grace: float = 2.0) -> None:
    """SIGTERM, a grace, SIGKILL. TimedOut names what even that did not end."""
    left = list(left)
    _signal(left, signal.SIGTERM)
    _gone(left, grace)


def _signal(targets: Iterable[psutil.Process], number: int) -> None:
    for process in targets:
        try:
            process.send_signal(number)
        except psutil.Error:
            continue


def _gone(targets: list[psutil.Process], deadline: float) -> None:
    alive = _alive_after(targets, deadline)
    _signal(alive, signal.SIGKILL)
    if alive := _alive_after(alive, 10.0):
        raise TimedOut(f"waited 10 s for killed processes to go: {', '.join(str(p.pid) for p in alive)}")


def _alive_after(targets: Iterable[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Those still there after so long, or none as soon as all are gone. A zombie is gone: its parent may never look."""
    until = time.monotonic() + seconds
    alive = list(targets)
    while alive := [p for p in alive if (stat := _stat(p.pid)) and not stat.zombie and p.is_running()]:
        if time.monotonic() > until:
            break
        time.sleep(0.05)
    return alive


class _Stat(NamedTuple):
    zombie: bool
    session: int
    started: int


def _stat(pid: int) -> _Stat | None:
    """https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html; None where there is no such process."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return _Stat(after_name[0] in "ZX", int(after_name[3]), int(after_name[19]))
