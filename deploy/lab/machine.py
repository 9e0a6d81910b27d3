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

from deploy.errors import HashtideError, TimedOut
from deploy.lab import base, layout
from deploy.lab.layout import HOSTS, Host
from deploy.local import processes
from deploy.local.processes import Record

BOOT = Path(__file__).with_name("boot.sh")
#: systemd's own word for "power off", sent to a host's first process.
POWER_OFF = signal.SIGRTMIN + 4


def up(directory: Path, artifacts: Path, deadline_s: float = 120) -> None:
    """All hosts, answering by ssh with systemd running. Those that run stay as they are."""
    made = base.make(directory)
    if not Path("/run/netns", layout.LAB_NAMESPACE).exists():
        for command in layout.network():
            _run(command)
    for host in HOSTS:
        if not record(directory, host):
            _start(directory, host, made, artifacts)
    limit = time.monotonic() + deadline_s
    for host in HOSTS:
        while (found := state(directory, host)) not in ("running", "degraded"):
            if time.monotonic() > limit:
                raise TimedOut(f"{host.name} is {found} after {deadline_s:.0f} s: "
                               f"see {directory}/{host.name}/console.log")
            time.sleep(0.3)


def down(directory: Path, *, delete: bool = False) -> None:
    """Powers all hosts off, ends what does not go by itself, and takes mounts and namespaces away."""
    loops = {host: record(directory, host) for host in HOSTS}
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
    for name in (layout.LAB_NAMESPACE, *(host.namespace for host in HOSTS)):
        if Path("/run/netns", name).exists():
            _run(["ip", "netns", "delete", name])


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


def _start(directory: Path, host: Host, made: Path, artifacts: Path) -> None:
    own = directory / host.name
    for name in ("up", "work", "root"):
        (own / name).mkdir(parents=True, exist_ok=True)
    if not (own / "root").is_mount():
        _run(["mount", "-t", "overlay", "overlay", "-o",
              f"lowerdir={made},upperdir={own}/up,workdir={own}/work", str(own / "root")])
    (own / "root/etc/hostname").write_text(f"{host.name}\n")
    command = ["nice", "-n", "19", "bash", str(BOOT), host.name, *layout.nspawn(host, own / "root", artifacts)]
    (directory / "run").mkdir(exist_ok=True)
    processes.spawn(directory / "run", host.name, command,
                    {key: os.environ[key] for key in ("PATH", "LANG") if key in os.environ},
                    log=own / "console.log", cwd=directory)


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise HashtideError(f"`{' '.join(command[:5])}` failed: {' '.join(done.stderr.split())[:300]}")
