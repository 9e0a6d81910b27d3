"""Closed spool files into HDFS: uploaded under a temporary name, then renamed; then how far landing is complete.

https://hadoop.apache.org/docs/current/hadoop-project-dist/hadoop-hdfs/WebHDFS.html
"""
from __future__ import annotations

import json
import logging
import threading
import time
import uuid
from pathlib import Path
from typing import Any

import hdfs
import requests

from spark_apps.clock import Clock
from spark_apps.contract import LandingFile, StreamPaths
from spark_apps.ingest.errors import Unreachable
from spark_apps.ingest.spool import Rotation

log = logging.getLogger(__name__)

#: Seconds to connect and to wait for the next bytes.
TIMEOUTS = (5, 30)
_BACKOFF_S = (1.0, 30.0)
_LOG_EVERY_S = 60.0

FAULTS = (hdfs.HdfsError, requests.RequestException, OSError)


def connect(addresses: list[str], user: str, threads: int = 1) -> hdfs.InsecureClient:
    """A WebHDFS client that goes to the next NameNode where one cannot serve."""
    session = requests.Session()
    session.trust_env = False
    session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=max(10, threads)))
    return hdfs.InsecureClient(";".join(addresses), user=user, timeout=TIMEOUTS, session=session)


class Landing:
    """The landing directory of one stream. Its errors are the library's and those of requests: see `reason`."""

    def __init__(self, client: hdfs.Client, paths: StreamPaths, clock: Clock) -> None:
        self._client, self._paths, self._clock = client, paths, clock
        self._made: set[str] = set()

    def land(self, path: Path) -> bool:
        """Whether this call landed the file; False where it was there before. One name lands once."""
        file = LandingFile.parse(path.name)
        hour = self._paths.landing_hour(file.last_ms)
        target, size = f"{hour}/{file.name}", path.stat().st_size
        if self._there(target, size):
            return False
        # Underscore: readers of landing pass over it. The tail keeps two who try at once apart.
        temporary = f"{self._paths.landing}/_tmp/{file.name}.{uuid.uuid4().hex[:8]}"
        with path.open("rb") as data:
            self._client.write(temporary, data=data, overwrite=True)
        self._mkdirs(hour)
        try:
            self._client.rename(temporary, target)
        except hdfs.HdfsError:
            if not self._there(target, size):
                self._made.discard(hour)   # somebody may have removed it
                raise
            self._client.delete(temporary)
            return False
        return True

    def publish(self, source: str, through_ms: int) -> None:
        """Says that all that `source` received before `through_ms` is landed."""
        said = {"through_ms": through_ms, "source": source, "written_ms": self._clock.now_ms()}
        temporary = f"{self._paths.landing}/_tmp/through-{source}-{uuid.uuid4().hex[:8]}"
        self._mkdirs(self._paths.throughs)
        self._client.write(temporary, data=json.dumps(said).encode(), overwrite=True)
        # Without the option a WebHDFS rename onto an existing file answers {"boolean": false} and does nothing.
        answer = self._client._rename(temporary, destination=self._paths.through(source), renameoptions="OVERWRITE")
        if answer.content and not answer.json().get("boolean", True):
            raise hdfs.HdfsError(f"{self._paths.through(source)} could not be replaced")

    def through(self, source: str) -> int | None:
        """What was said last; None where nothing was."""
        path = self._paths.through(source)
        if self._client.status(path, strict=False) is None:
            return None
        with self._client.read(path) as reader:
            return int(json.loads(reader.read())["through_ms"])

    def _there(self, target: str, size: int) -> bool:
        status: dict[str, Any] | None = self._client.status(target, strict=False)
        if status and status["length"] != size:
            raise hdfs.HdfsError(f"{target} has {status['length']} bytes, expected {size}: move one of the two away")
        return status is not None

    def _mkdirs(self, path: str) -> None:
        if path not in self._made:
            self._client.makedirs(path)
            self._made.add(path)


class Uploader(threading.Thread):
    """Lands rotations in their order, for ever trying again; a mark is published after all files before it."""

    def __init__(self, landing: Landing, source: str) -> None:
        super().__init__(name="uploader", daemon=True)
        self._landing, self._source = landing, source
        self._changed = threading.Condition()
        self._waiting: list[Rotation] = []
        self._ending = False
        self._logged = float("-inf")
        self.landed = 0
        self.through_ms: int | None = None
        self.error: str | None = None

    def add(self, rotation: Rotation) -> None:
        with self._changed:
            last = self._waiting[-1] if self._waiting else None
            if last and last.path is None and rotation.path is None:
                self._waiting.pop()   # marks with no file between them: the newest says it all
            self._waiting.append(rotation)
            self._changed.notify_all()

    def finish(self, timeout_s: float) -> bool:
        """Whether all is landed; what is not stays in the spool."""
        with self._changed:
            self._ending = True
            self._changed.notify_all()
        self.join(timeout_s)
        return not self._waiting

    @property
    def backlog(self) -> int:
        return len(self._waiting)

    def run(self) -> None:
        wait_s = _BACKOFF_S[0]
        while True:
            with self._changed:
                while not self._waiting and not self._ending:
                    self._changed.wait()
                if not self._waiting:
                    return
                head = self._waiting[0]
            try:
                self._take(head)
            except FAULTS as error:
                self._failed(error)
                if self._ending:
                    return
                with self._changed:
                    self._changed.wait_for(lambda: self._ending, wait_s)
                wait_s = min(wait_s * 2, _BACKOFF_S[1])
                continue
            wait_s, self.error = _BACKOFF_S[0], None
            with self._changed:
                if self._waiting and self._waiting[0] is head:
                    self._waiting.pop(0)

    def _take(self, rotation: Rotation) -> None:
        if rotation.path is not None and rotation.path.exists():
            self._landing.land(rotation.path)
            rotation.path.unlink()
            self.landed += 1
        if rotation.through_ms > (self.through_ms or 0):
            self._landing.publish(self._source, rotation.through_ms)
            self.through_ms = rotation.through_ms

    def _failed(self, error: Exception) -> None:
        self.error = reason(error)
        if time.monotonic() - self._logged >= _LOG_EVERY_S:
            self._logged = time.monotonic()
            log.warning("cannot land, %d waiting in the spool, trying on: %s", len(self._waiting), self.error)


def reason(error: Exception) -> str:
    """One line."""
    if isinstance(error, hdfs.HdfsError):
        return f"HDFS: {error.exception or 'error'}: {' '.join(str(error).split())[:200]}"
    if isinstance(error, requests.RequestException):
        url = error.request.url if error.request is not None else None
        return f"HDFS at {str(url).split('?')[0] if url else 'its address'} does not answer ({type(error).__name__})"
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"


def check(client: hdfs.Client, path: str) -> None:
    """Unreachable where HDFS does not answer."""
    try:
        client.status(path, strict=False)
    except FAULTS as error:
        raise Unreachable(reason(error)) from None
