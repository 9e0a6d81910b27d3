"""Ports of the one-machine cluster: the usual ones for `up`, free ones for tests.

Each is moved by HASHTIDE_PORT_<NAME>, as in HASHTIDE_PORT_NAMENODE_WEB=19870. What an instance once ran with is kept
in its ports.json, since checkpoints hold HDFS addresses: setting, then what was kept, then the usual port.
"""
from __future__ import annotations

import json
import os
import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import psutil

from deploy.errors import BadUse

HOST = "127.0.0.1"
PREFIX = "HASHTIDE_PORT_"


@dataclass(frozen=True)
class Ports:
    namenode: int = 8020
    namenode_web: int = 9870
    datanode: int = 9866
    datanode_ipc: int = 9867
    datanode_web: int = 9864
    resourcemanager: int = 8032
    resourcemanager_scheduler: int = 8030
    resourcemanager_tracker: int = 8031
    resourcemanager_admin: int = 8033
    resourcemanager_web: int = 8088
    nodemanager: int = 8041
    nodemanager_localizer: int = 8040
    nodemanager_web: int = 8042
    postgres: int = 15432
    airflow: int = 8080
    simulator: int = 8950

    @classmethod
    def chosen(cls, kept: Path | None = None, environ: Mapping[str, str] = os.environ) -> Ports:
        """Settings of the environment over what the file `kept` holds over the usual ports; BadUse names all faults."""
        values = _kept(kept) if kept else {}
        names = [f.name for f in fields(cls)]
        faults = []
        for key, text in environ.items():
            if not key.startswith(PREFIX):
                continue
            name = key.removeprefix(PREFIX).lower()
            if name not in names:
                faults.append(f"{key}: there is no such port; there are {', '.join(setting(n) for n in names)}")
            elif not text.isdecimal() or not 1024 <= int(text) <= 65535:
                faults.append(f"{key}={text}: expected a port from 1024 to 65535")
            else:
                values[name] = int(text)
        ports = cls(**values)
        users: dict[int, list[str]] = {}
        for name, port in asdict(ports).items():
            users.setdefault(port, []).append(name)
        faults += [f"port {port} is given to {' and '.join(setting(n) for n in of)}"
                   for port, of in users.items() if len(of) > 1]
        if faults:
            raise BadUse("; ".join(faults))
        return ports

    @classmethod
    def free(cls) -> Ports:
        """Ports nobody listens on now; all are held at once while choosing, so that none comes twice."""
        with _held(len(fields(cls))) as sockets:
            return cls(*(s.getsockname()[1] for s in sockets))

    def keep(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")


class _held:
    def __init__(self, count: int) -> None:
        self.sockets = [socket.socket() for _ in range(count)]

    def __enter__(self) -> list[socket.socket]:
        for s in self.sockets:
            s.bind((HOST, 0))
        return self.sockets

    def __exit__(self, *_: object) -> None:
        for s in self.sockets:
            s.close()


def _kept(path: Path) -> dict[str, int]:
    try:
        raw = dict(json.loads(path.read_text()))
        return {f.name: int(raw[f.name]) for f in fields(Ports) if f.name in raw}
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError):
        raise BadUse(f"{path}: expected the ports as JSON; remove it to go back to the usual ones") from None


def setting(name: str) -> str:
    """The environment variable that moves this port."""
    return PREFIX + name.upper()


def is_free(port: int) -> bool:
    with socket.socket() as s:
        # As the daemons do: connections of a former listener that linger in TIME_WAIT are no listener.
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind((HOST, port))
        except OSError:
            return False
    return True


def refuse_busy(ports: Ports, names: list[str]) -> None:
    """BadUse in one line that names every busy port, who has it, and the setting that moves it."""
    busy = [name for name in names if not is_free(getattr(ports, name))]
    if busy:
        raise BadUse("; ".join(f"port {getattr(ports, n)} is taken{_holder(getattr(ports, n))}" for n in busy)
                     + f": end that, or move ours with {' and '.join(f'{setting(n)}=PORT' for n in busy)}")


def _holder(port: int) -> str:
    """ by pid N (name), where this user may see it."""
    try:
        listeners = [c.pid for c in psutil.net_connections("tcp")
                     if c.status == psutil.CONN_LISTEN and c.laddr.port == port and c.pid]
        return f" by pid {listeners[0]} ({psutil.Process(listeners[0]).name()})" if listeners else ""
    except psutil.Error:
        return ""
