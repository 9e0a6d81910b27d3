"""An instance of the one-machine cluster: a directory and ports. Two of them run side by side."""
from __future__ import annotations

import fcntl
import getpass
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy import config
from deploy.errors import BadUse, Refused
from deploy.local.ports import HOST, Ports

REPO = Path(__file__).parents[2]
INSTANCE_VARIABLE = "HASHTIDE_INSTANCE"
# Nothing of the caller's settings of Hadoop, Spark or Airflow, and no proxy, may reach the daemons.
_PASSED_ON = ("HOME", "LANG", "LC_ALL", "LOGNAME", "PATH", "SHELL", "TMPDIR", "TZ", "USER")


@dataclass(frozen=True)
class Instance:
    """`dir` holds configuration, data, logs and run records; environments and jars are in `home`."""

    dir: Path
    ports: Ports

    @classmethod
    def standard(cls) -> Instance:
        """The one of `up`: $HASHTIDE_HOME/local."""
        return cls.at(config.local_file().parent)

    @classmethod
    def at(cls, directory: Path, *, free_ports: bool = False) -> Instance:
        """With the ports that the directory was started with, if it was."""
        directory = directory.resolve()
        kept = directory / "ports.json"
        return cls(directory, Ports.free() if free_ports and not kept.exists() else Ports.chosen(kept))

    @property
    def home(self) -> Path:
        return config.home().resolve()

    @property
    def ini(self) -> Path:
        """The cluster file, for --cluster and deploy.config.load."""
        return self.dir / "local.ini"

    @property
    def conf(self) -> Path:
        return self.dir / "conf"

    @property
    def logs(self) -> Path:
        return self.dir / "logs"

    @property
    def run(self) -> Path:
        return self.dir / "run"

    @property
    def user(self) -> str:
        return getpass.getuser()

    def url(self, port: str) -> str:
        return f"http://{HOST}:{getattr(self.ports, port)}"

    def python(self, env: str) -> Path:
        return self.home / "envs" / env / "bin" / "python"

    def make(self) -> None:
        for path in (self.dir, self.conf, self.logs, self.run, self.dir / "tmp"):
            path.mkdir(parents=True, exist_ok=True)
        # It holds passwords and records that decide what is killed.
        self.dir.chmod(0o700)
        self.ports.keep(self.dir / "ports.json")

    def environment(self, **more: str) -> dict[str, str]:
        """What every process of this instance is started with; marks them and their children as its own."""
        kept = {key: os.environ[key] for key in _PASSED_ON if key in os.environ}
        return {**kept, "JAVA_HOME": str(java_home()), INSTANCE_VARIABLE: str(self.dir),
                "HASHTIDE_HOME": str(self.home), "HASHTIDE_CLUSTER": str(self.ini), "PYTHONPATH": str(REPO),
                "PYTHONSAFEPATH": "1", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1",
                "NO_PROXY": f"{HOST},localhost", "no_proxy": f"{HOST},localhost", **more}

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Starting and stopping happen one at a time."""
        self.dir.mkdir(parents=True, exist_ok=True)
        with open(self.dir / ".lock", "w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Refused(f"{self.dir}: another start or stop is under way; wait for it") from None
            yield


def java_home() -> Path:
    """Java 17 of the distribution where it is installed, else JAVA_HOME, else the java of the PATH."""
    packaged = sorted(Path("/usr/lib/jvm").glob("java-17-openjdk-*/bin/java"))
    if packaged:
        return packaged[0].parents[1]
    if os.environ.get("JAVA_HOME"):
        return Path(os.environ["JAVA_HOME"])
    found = shutil.which("java")
    if not found:
        raise BadUse("no Java found: install openjdk-17-jre-headless, or set JAVA_HOME")
    return Path(found).resolve().parents[1]
