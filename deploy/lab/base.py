"""The base that all hosts of the lab share read-only: a minimal Debian, made once."""
from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

from deploy.errors import HashtideError
from deploy.lab.layout import DISABLED, HOSTS, MASKED, PACKAGES

_SOURCES = (Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*")))


def make(directory: Path) -> Path:
    """This release's base, made beside its place and renamed, so that one that was cut off is made anew.

    Its name says what is in it: hosts lie above it, so it never changes under them.
    """
    base = directory / f"base-{hashlib.sha256(' '.join((*PACKAGES, *MASKED, *DISABLED)).encode()).hexdigest()[:8]}"
    if base.is_dir():
        return base
    part = directory / "base.part"
    shutil.rmtree(part, ignore_errors=True)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    log = directory / "debootstrap.log"
    with open(log, "wb") as out:
        done = subprocess.run(
            ["nice", "debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", "bookworm",
             str(part), mirror("\n".join(path.read_text() for path in _SOURCES if path.is_file()))],
            stdout=out, stderr=out, stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise HashtideError(f"debootstrap failed: see {log}")
    furnish(part, directory)
    part.rename(base)
    return base


def mirror(sources: str) -> str:
    """The first address of the machine's own apt sources, in either of apt's two formats."""
    for line in sources.splitlines():
        words = [word for word in line.split() if not word.startswith("[")]
        if words and words[0] in ("URIs:", "deb"):
            return words[1]
    raise HashtideError("apt has no source on this machine: /etc/apt/sources.list names none")


def furnish(root: Path, directory: Path) -> None:
    """No identity, no name service, and the lab's key as the only way in."""
    for name in ("etc/resolv.conf", "etc/machine-id"):
        (root / name).unlink(missing_ok=True)
        (root / name).touch()
    names = "".join(f"{host.address} {host.name}\n" for host in HOSTS)
    (root / "etc/hosts").write_text(f"127.0.0.1 localhost\n{names}")
    for unit in MASKED:
        link = root / "etc/systemd/system" / unit
        link.unlink(missing_ok=True)
        link.symlink_to("/dev/null")
    for unit in DISABLED:
        (root / "etc/systemd/system/multi-user.target.wants" / unit).unlink(missing_ok=True)
    keys = root / "root/.ssh"
    keys.mkdir(mode=0o700, exist_ok=True)
    (keys / "authorized_keys").write_text(public_key(directory))
    shutil.rmtree(root / "var/cache/apt/archives", ignore_errors=True)


def public_key(directory: Path) -> str:
    key = directory / "key"
    if not key.exists():
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", str(key)], check=True,
                       stdin=subprocess.DEVNULL, capture_output=True)
    return key.with_suffix(".pub").read_text()
