"""A KDC of MIT Kerberos on loopback, with realm, database and port of its own; nothing of the machine's is used."""
from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

REALM = "TEST.LAN"
PROGRAMS = {"krb5kdc": "krb5-kdc", "kdb5_util": "krb5-kdc", "kadmin.local": "krb5-admin-server", "kinit": "krb5-user"}
_PATH = f"{os.environ['PATH']}:/usr/sbin:/sbin"


def missing() -> list[str]:
    """Debian packages."""
    return sorted({package for name, package in PROGRAMS.items() if not shutil.which(name, path=_PATH)})


def free_ports(count: int) -> list[int]:
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    found = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return found


class Kdc:
    """`environment`: by which clients find it. Keytabs are `<directory>/<name>.keytab`."""

    def __init__(self, directory: Path, krb5_conf: Path, port: int) -> None:
        self.directory, self.port = directory, port
        self.environment = {"KRB5_CONFIG": str(krb5_conf), "KRB5_KDC_PROFILE": str(directory / "kdc.conf")}
        self._process: subprocess.Popen[bytes] | None = None

    def make(self, keytabs: dict[str, tuple[str, ...]]) -> None:
        (self.directory / "kdc.conf").write_text(
            f"[realms]\n{REALM} = {{\n database_name = {self.directory}/principal\n"
            f" key_stash_file = {self.directory}/stash\n kdc_listen = 127.0.0.1:{self.port}\n"
            f" kdc_tcp_listen = 127.0.0.1:{self.port}\n}}\n")
        self.run("kdb5_util", "create", "-s", "-r", REALM, "-P", "of a test")
        words = [f"addprinc -randkey {name}" for name in sorted({n for names in keytabs.values() for n in names})]
        words += [f"ktadd -norandkey -k {self.keytab(name)} {principal}" for name, principals in keytabs.items()
                  for principal in principals]
        self.run("kadmin.local", given="\n".join(words))

    def keytab(self, name: str) -> Path:
        return self.directory / f"{name}.keytab"

    def start(self) -> None:
        log = (self.directory / "kdc.log").open("ab")
        self._process = subprocess.Popen([self._program("krb5kdc"), "-n"], env={**os.environ, **self.environment},
                                         stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        end = time.monotonic() + 20
        while time.monotonic() < end:
            with socket.socket() as probe:
                if not probe.connect_ex(("127.0.0.1", self.port)):
                    return
            time.sleep(0.05)
        raise AssertionError(f"the KDC does not listen; see {self.directory}/kdc.log")

    def stop(self) -> None:
        if self._process:
            self._process.terminate()
            self._process.wait(20)
            self._process = None

    @contextmanager
    def away(self) -> Iterator[None]:
        self.stop()
        try:
            yield
        finally:
            self.start()

    def run(self, program: str, *args: str, given: str = "") -> None:
        done = subprocess.run([self._program(program), *args], env={**os.environ, **self.environment}, input=given,
                              capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    @staticmethod
    def _program(name: str) -> str:
        return shutil.which(name, path=_PATH) or name
