"""PostgreSQL for Airflow: a data directory of our own, loopback only, a password kept in a file.

As root it runs as Debian's `postgres` user, since PostgreSQL refuses to run as root; its data are then below
/var/lib/hashtide, because that user cannot reach a directory under /root.
"""
from __future__ import annotations

import hashlib
import os
import pwd
import secrets
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from deploy.errors import BadUse, HashtideError
from deploy.local.instance import Instance
from deploy.local.ports import HOST
from deploy.local.service import Service

ROLE = DATABASE = "airflow"
SYSTEM_USER = "postgres"
ROOTS_DATA = Path("/var/lib/hashtide")
# Airflow's tables are small, and its newest heartbeats may be lost in a power cut.
_SETTINGS = {"listen_addresses": HOST, "unix_socket_directories": "", "shared_buffers": "64MB",
             "max_connections": "200", "synchronous_commit": "off", "logging_collector": "off"}


def service(instance: Instance) -> Service:
    port = instance.ports.postgres
    settings = [arg for key, value in _SETTINGS.items() for arg in ("-c", f"{key}={value}")]
    argv = _as_owner([_program("postgres"), "-D", str(data_dir(instance)), "-p", str(port), *settings])
    return Service(
        "postgres", argv, instance.environment(), ready=lambda record: _ready(instance), ports=("postgres",),
        prepare=lambda: create_once(instance), cwd=Path("/"), stop_signal=signal.SIGINT)


def data_dir(instance: Instance) -> Path:
    if os.geteuid() != 0:
        return instance.dir / "postgres"
    return ROOTS_DATA / hashlib.sha256(str(instance.dir).encode()).hexdigest()[:16]


def passfile(instance: Instance) -> Path:
    """In libpq's format, for PGPASSFILE: no password stands in an address, an argument or a log."""
    return instance.dir / "postgres.pass"


def address(instance: Instance) -> str:
    """Without password; see passfile."""
    return f"{ROLE}@{HOST}:{instance.ports.postgres}/{DATABASE}"


def create_once(instance: Instance) -> None:
    """initdb beside the final place, then a rename: what was cut off in between is made anew."""
    data = data_dir(instance)
    if (data / "PG_VERSION").exists():
        return
    if os.geteuid() == 0:
        ROOTS_DATA.mkdir(mode=0o755, exist_ok=True)
    password = secrets.token_urlsafe(24)
    part = data.with_name(data.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(mode=0o700)
    told = part.with_suffix(".password")
    write_private(told, password)
    if os.geteuid() == 0:
        owner = pwd.getpwnam(SYSTEM_USER)
        for path in (part, told):
            os.chown(path, owner.pw_uid, owner.pw_gid)
    try:
        _run(_as_owner([_program("initdb"), "-D", str(part), "-U", ROLE, "-E", "UTF8", "--locale=C.UTF-8",
                        "-A", "scram-sha-256", f"--pwfile={told}"]), instance)
    finally:
        told.unlink()
    write_private(passfile(instance), f"{HOST}:*:*:{ROLE}:{password}\n")
    part.rename(data)


def create_database(instance: Instance) -> None:
    """Where it is not there yet."""
    connect = ["-h", HOST, "-p", str(instance.ports.postgres), "-U", ROLE, "-w"]
    asked = _run([_program("psql"), *connect, "-d", "postgres", "-Atc",
                  f"select count(*) from pg_database where datname = '{DATABASE}'"], instance)  # noqa: S608
    if asked.strip() == "0":
        _run([_program("createdb"), *connect, DATABASE], instance)


def write_private(path: Path, text: str) -> None:
    """Replaces a file that only its owner may read."""
    part = path.with_name(path.name + ".new")
    part.unlink(missing_ok=True)
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    part.replace(path)


def delete(instance: Instance) -> None:
    shutil.rmtree(data_dir(instance), ignore_errors=True)


def _program(name: str) -> str:
    """The newest of Debian's, which are not on the PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4]))
    if not found:
        raise BadUse("PostgreSQL is not installed: `apt-get install postgresql`, or run `deploy/hashtide up`")
    return str(found[-1])


def _as_owner(argv: Sequence[str]) -> list[str]:
    if os.geteuid() != 0:
        return list(argv)
    return ["setpriv", f"--reuid={SYSTEM_USER}", f"--regid={SYSTEM_USER}", "--init-groups", *argv]


def _ready(instance: Instance) -> str:
    asked = subprocess.run([_program("pg_isready"), "-q", "-h", HOST, "-p", str(instance.ports.postgres)],
                           check=False, stdin=subprocess.DEVNULL)
    return "PostgreSQL to accept connections" if asked.returncode else ""


def _run(argv: Sequence[str], instance: Instance) -> str:
    done = subprocess.run(list(argv), env=instance.environment(PGPASSFILE=str(passfile(instance))), cwd="/",
                          check=False, text=True, capture_output=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        said = " ".join((done.stderr or done.stdout).split())
        program = next(arg for arg in argv if arg.startswith("/usr/lib/postgresql"))
        raise HashtideError(f"PostgreSQL: {Path(program).name} failed: {said[:300]}")
    return done.stdout
