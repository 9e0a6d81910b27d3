"""Starts and ends the lab's hosts; each is one nspawn, held by a loop that boots it again after a reboot."""
from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from deploy.errors import HashtideError, Refused, TimedOut
from deploy.lab import base, layout
from deploy.lab.layout import HOSTS, Host
from deploy.local import processes
from deploy.local.processes import Record

BOOT = Path(__file__).with_name("boot.sh")
#: systemd's own word for "power off", sent to a host's first process.
POWER_OFF = signal.SIGRTMIN + 4


def up(directory: Path, artifacts: Path, *, hosts: Sequence[Host] = HOSTS, nice: int = 5,
       deadline_s: float = 120) -> None:
    """The hosts, answering by ssh with systemd running. Those that run stay as they are."""
    made = base.make(directory)
    if not _namespace(layout.LAB_NAMESPACE):
        for command in layout.network():
            _run(command)
    for host in hosts:
        if _namespace(host.namespace) and not record(directory, host) and (pids := _run(
                ["ip", "netns", "pids", host.namespace]).split()):
            raise Refused(f"a lab of another HASHTIDE_HOME has {host.name} on this machine, as process {pids[0]}: "
                          "`deploy/hashtide lab down` with that one")
        if not _namespace(host.namespace):
            for command in layout.connection(host):
                _run(command)
        if not record(directory, host):
            _start(directory, host, made, artifacts, nice)
    limit = time.monotonic() + deadline_s
    for host in hosts:
        while (found := state(directory, host)) not in ("running", "degraded"):
            if time.monotonic() > limit:
                raise TimedOut(f"{host.name} is {found} after {deadline_s:.0f} s: "
                               f"see {directory}/{host.name}/console.log")
            time.sleep(0.3)


def down(directory: Path, *, delete: bool = False) -> None:
    """Powers all hosts off, ends what does not go by itself, and takes mounts and namespaces away."""
    loops = {host: record(directory, host) for host in (*HOSTS, layout.SPARE)}
    nspawns = [child for loop in loops.values() if loop for child in psutil.Process(loop.pid).children()]
    for nspawn in nspawns:
        for first in nspawn.children():
            first.send_signal(POWER_OFF)
    _, alive = psutil.wait_procs(nspawns, timeout=30)
    for nspawn in alive:
        nspawn.kill()   # its host dies with it
    psutil.wait_procs(alive, timeout=10)
    for host, loop in loops.items():
        if loop:
            processes.end(directory / "run", loop, deadline=5)
        forget_groups(host)
        root = directory / host.name / "root"
        if root.is_mount():
            _run(["umount", str(root)])
        if delete:
            shutil.rmtree(directory / host.name, ignore_errors=True)
    for name in (layout.LAB_NAMESPACE, *(host.namespace for host in loops)):
        if _namespace(name):
            _run(["ip", "netns", "delete", name])


def cut(directory: Path, host: Host) -> None:
    """The power cut: its first process is killed, and with it the host. `up` boots it again, its disk as it was."""
    loop = record(directory, host)
    if not loop:
        raise Refused(f"{host.name} does not run: `deploy/hashtide lab up` starts it")
    for nspawn in psutil.Process(loop.pid).children():
        for first in nspawn.children():
            first.kill()
        psutil.wait_procs([nspawn], timeout=10)
    processes.end(directory / "run", loop, deadline=5)


def record(directory: Path, host: Host) -> Record | None:
    """Of the loop that holds the host, while it lives."""
    found = Record.read(directory / "run", host.name)
    return found if found and found.process() else None


def state(directory: Path, host: Host) -> str:
    """stopped, unreachable, or what systemd says of itself."""
    if not record(directory, host):
        return "stopped"
    done = subprocess.run([*layout.ssh(host, directory), "systemctl is-system-running"], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, check=False)
    return done.stdout.strip() or "unreachable"


def forget_groups(host: Host, control_groups: Path = Path("/sys/fs/cgroup")) -> None:
    """The host's control groups, innermost first; one that still holds a process stays."""
    for top in (*control_groups.glob(f"lab-{host.name}"), *control_groups.glob(f"*/lab-{host.name}")):
        for where, _, _ in os.walk(top, topdown=False):
            with suppress(OSError):
                os.rmdir(where)


def _start(directory: Path, host: Host, made: Path, artifacts: Path, nice: int) -> None:
    own = directory / host.name
    for name in ("up", "work", "root"):
        (own / name).mkdir(parents=True, exist_ok=True)
    if not (own / "root").is_mount():
        _run(["mount", "-t", "overlay", "overlay", "-o",
              f"lowerdir={made},upperdir={own}/up,workdir={own}/work", str(own / "root")])
    (own / "root/etc/hostname").write_text(f"{host.name}\n")
    command = ["nice", "-n", str(nice), "bash", str(BOOT), host.name, str(layout.shares(nice)),
               *layout.nspawn(host, own / "root", artifacts)]
    (directory / "run").mkdir(exist_ok=True)
    processes.spawn(directory / "run", host.name, command,
                    {key: os.environ[key] for key in ("PATH", "LANG") if key in os.environ},
                    log=own / "console.log", cwd=directory)


def _namespace(name: str) -> bool:
    return Path("/run/netns", name).exists()


def _run(command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise HashtideError(f"`{' '.join(command[:5])}` failed: {' '.join(done.stderr.split())[:300]}")
    return done.stdout
