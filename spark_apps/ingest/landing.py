"""Files into landing: uploaded under a temporary name, then renamed; and how far landing is complete.

https://hadoop.apache.org/docs/current/hadoop-project-dist/hadoop-hdfs/WebHDFS.html
"""
from __future__ import annotations

import contextlib
import json
import logging
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import hdfs
import requests

from spark_apps import kerberos
from spark_apps.clock import Clock
from spark_apps.contract import LandingFile, StreamPaths
from spark_apps.ingest.errors import IngestError, Unreachable

log = logging.getLogger(__name__)

#: Seconds to connect and to wait for the next bytes.
TIMEOUTS = (5, 30)
BACKOFF_S = (1.0, 30.0)

FAULTS = (hdfs.HdfsError, requests.RequestException, kerberos.TicketError, OSError)
#: What a NameNode says while it starts, or while another takes over.
_NOT_NOW = ("SafeModeException", "RetriableException", "StandbyException")

T = TypeVar("T")


def connect(addresses: list[str], user: str, threads: int = 1, ticket: kerberos.Negotiate | None = None) -> hdfs.Client:
    """A WebHDFS client that goes to the next NameNode where one cannot serve; `ticket`: instead of a user's name."""
    session = requests.Session()
    session.trust_env = False
    session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=max(10, threads)))
    if ticket:
        session.auth = ticket
        return hdfs.Client(";".join(addresses), timeout=TIMEOUTS, session=session)
    return hdfs.InsecureClient(";".join(addresses), user=user, timeout=TIMEOUTS, session=session)


class Landing:
    """The landing directory of one stream. Its errors are the library's and those of requests: see `reason`."""

    def __init__(self, client: hdfs.Client, paths: StreamPaths, clock: Clock, writer: str = "") -> None:
        """`writer`: what tells this one's temporary files from those of others."""
        self._client, self._paths, self._clock = client, paths, clock
        self._writer = writer or uuid.uuid4().hex[:12]
        self._made: set[str] = set()

    def land(self, path: Path) -> bool:
        """Whether this call landed the file; False where it was there before. One name lands once."""
        file = LandingFile.parse(path.name)
        hour = self._paths.landing_hour(file.last_ms)
        target, size = f"{hour}/{file.name}", path.stat().st_size
        if self._there(target, size):
            return False
        temporary = self._temporary(file.name)
        try:
            with path.open("rb") as data:
                self._client.write(temporary, data=data, overwrite=True)
            self._mkdirs(hour)
            self._client.rename(temporary, target)
        except FAULTS:
            self._made.discard(hour)   # somebody may have removed it
            self._forget(temporary)
            if self._there(target, size):
                return False
            raise
        return True

    def publish(self, source: str, through_ms: int, also: Mapping[str, Any] = MappingProxyType({})) -> None:
        """Says that all that `source` received before `through_ms` is landed, and what else is to be known of it: an
        `alarm` that somebody should look at, what it `spend`s, that it has `ended` and nothing more is to come."""
        said = {"through_ms": through_ms, "source": source, "written_ms": self._clock.now_ms(),
                **{name: value for name, value in also.items() if value}}
        self._replace(self._paths.through(source), json.dumps(said).encode())

    def note_gap(self, name: str, data: bytes) -> None:
        self._replace(f"{self._paths.gaps}/{name}", data)

    def sweep(self) -> int:
        """Removes what this writer left when it was cut off in an upload; how many files."""
        directory = f"{self._paths.landing}/_tmp"
        if self._status(directory) is None:
            return 0
        left = [name for name in self._client.list(directory) if f".{self._writer}-" in name]
        return sum(bool(self._client.delete(f"{directory}/{name}")) for name in left)

    def through(self, source: str) -> int | None:
        """What was said last; None where nothing was."""
        path = self._paths.through(source)
        if self._status(path) is None:
            return None
        with self._client.read(path) as reader:
            return int(json.loads(reader.read())["through_ms"])

    def _replace(self, path: str, data: bytes) -> None:
        parent, _, name = path.rpartition("/")
        temporary = self._temporary(name)
        try:
            self._mkdirs(parent)
            self._client.write(temporary, data=data, overwrite=True)
            # Without the option a WebHDFS rename onto an existing file answers {"boolean": false} and does nothing.
            answer = self._client._rename(temporary, destination=path, renameoptions="OVERWRITE")
            if answer.content and not answer.json().get("boolean", True):
                raise hdfs.HdfsError(f"{path} could not be replaced")
        except FAULTS:
            self._made.discard(parent)
            self._forget(temporary)
            raise

    def _temporary(self, name: str) -> str:
        # Underscore: readers of landing pass over it. The tail keeps two tries apart, of which one may be late.
        return f"{self._paths.landing}/_tmp/{name}.{self._writer}-{uuid.uuid4().hex[:8]}"

    def _there(self, target: str, size: int) -> bool:
        status = self._status(target)
        if status and status["length"] != size:
            raise IngestError(f"{target} has {status['length']} bytes, expected {size}: move one of the two away")
        return status is not None

    def check(self) -> None:
        """Unreachable where HDFS does not answer, IngestError where it refuses us."""
        try:
            self._status(self._paths.landing)
        except FAULTS as error:
            raise ended(error) from None

    def _status(self, path: str) -> dict[str, Any] | None:
        try:
            return dict(self._client.status(path))
        except hdfs.HdfsError as error:
            # The library's strict=False takes any error for a missing file.
            if error.exception == "FileNotFoundException":
                return None
            raise

    def _forget(self, temporary: str) -> None:
        with contextlib.suppress(*FAULTS):
            self._client.delete(temporary)

    def _mkdirs(self, path: str) -> None:
        if path not in self._made:
            self._client.makedirs(path)
            self._made.add(path)


def reason(error: Exception) -> str:
    """One line."""
    if isinstance(error, hdfs.HdfsError):
        return f"HDFS: {error.exception or 'error'}: {' '.join(str(error).split())[:200]}"
    if isinstance(error, requests.RequestException):
        url = error.request.url if error.request is not None else None
        return f"HDFS at {str(url).split('?')[0] if url else 'its address'} does not answer ({type(error).__name__})"
    text = " ".join(str(error).split())[:200]
    return text if isinstance(error, (IngestError, kerberos.TicketError)) else f"{type(error).__name__}: {text}"


def ended(error: Exception) -> IngestError:
    """The same as what ends a command: Unreachable where the next try may go better."""
    not_now = not isinstance(error, kerberos.TicketError) or isinstance(error, kerberos.KdcUnreachable)
    if isinstance(error, hdfs.HdfsError):
        not_now = error.exception in _NOT_NOW
    return error if isinstance(error, IngestError) else (Unreachable if not_now else IngestError)(reason(error))


def retried(call: Callable[[], T], ending: threading.Event | None = None, for_s: float = 60.0) -> T:
    """What the call gives. An HDFS that does not serve now is asked again for a minute, or until `ending`."""
    wait_s, until = BACKOFF_S[0], time.monotonic() + for_s
    while True:
        try:
            return call()
        except FAULTS as error:
            found = ended(error)
            if not isinstance(found, Unreachable) or time.monotonic() + wait_s > until:
                raise found from None
            log.warning("trying on: %s", found)
        if (ending or threading.Event()).wait(wait_s):
            raise Unreachable(f"ended while trying on: {found}") from None
        wait_s = min(wait_s * 2, BACKOFF_S[1])
