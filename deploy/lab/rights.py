"""What the lab asks of the machine, and what to do where it lacks it."""
from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

# https://man7.org/linux/man-pages/man7/capabilities.7.html
_CAPABILITIES = {"CAP_SYS_ADMIN": 21, "CAP_NET_ADMIN": 12, "CAP_MKNOD": 27, "CAP_SYS_CHROOT": 18}
_PROGRAMS = {"debootstrap": "debootstrap", "systemd-nspawn": "systemd-container", "ip": "iproute2",
             "ssh": "openssh-client", "ssh-keygen": "openssh-client"}


def missing() -> list[str]:
    """One line for each thing; empty where the lab can run here."""
    if os.geteuid() != 0:
        return ["root: it makes network namespaces and mounts; run it by sudo, or on a machine where you are root"]
    held = effective(Path("/proc/self/status").read_text())
    found = [f"{name}: this root is confined; run it outside of the container, or give that capability to it"
             for name, bit in _CAPABILITIES.items() if not held >> bit & 1]
    found += [f"{program}: apt-get install {package}" for program, package in _PROGRAMS.items()
              if not shutil.which(program)]
    if not any("overlay" in line for line in Path("/proc/filesystems").read_text().splitlines()) and subprocess.run(
            ["modprobe", "overlay"], check=False, capture_output=True).returncode:
        found.append("overlay file systems: this kernel has none; load the module overlay")
    return found


def effective(status: str) -> int:
    """CapEff of a /proc/PID/status, as bits."""
    return next((int(line.split()[1], 16) for line in status.splitlines() if line.startswith("CapEff:")), 0)
