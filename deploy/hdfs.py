"""HDFS by WebHDFS: small JSON files, exclusive creation, replacement by rename, directories.

https://hadoop.apache.org/docs/current/hadoop-project-dist/hadoop-hdfs/WebHDFS.html
"""
from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

import hdfs
import requests

from deploy import tickets
from deploy.config import Cluster
from deploy.errors import HashtideError, SafeMode, Unreachable
from spark_apps.kerberos import TicketError

#: Seconds to connect and to wait for the next bytes.
TIMEOUTS = (5, 30)
_CHUNK = 1 << 20
# The last two: its maker has not closed it yet, or was cut off before that.
_EXISTS = ("FileAlreadyExistsException", "AlreadyBeingCreatedException", "RecoveryInProgressException")


class _Library(hdfs.Client):  # type: ignore[misc]
    # The library makes a method of it by its name. Of Hadoop 3.4 and later.
    _get_status = hdfs.client._Request("GET")


class Client:
    """One user's view of a cluster's HDFS. A request that one NameNode cannot serve goes to the next.

    Errors: SafeMode, Unreachable (naming the addresses), HashtideError with HDFS's own words.
    """

    def __init__(self, cluster: Cluster) -> None:
        session = tickets.session(cluster)
        for scheme in ("http://", "https://"):
            # A copy of many files works on as many connections at once.
            session.mount(scheme, requests.adapters.HTTPAdapter(pool_maxsize=32))
        self.addresses = ", ".join(cluster.hdfs.webhdfs)
        self.user = cluster.hdfs.user
        self._cluster = cluster
        self._client = _Library(";".join(cluster.hdfs.webhdfs), timeout=TIMEOUTS, session=session)

    # JSON

    def read_json(self, path: str) -> dict[str, Any] | None:
        """The object in the file; None where there is no file, {} where its writer has not come to the end."""
        data = self.read(path)
        if data is None:
            return None
        if not data.strip():
            return {}
        try:
            found = json.loads(data)
        except ValueError:
            if not data.endswith(b"\n"):
                return {}   # a connection that breaks leaves what it had brought
            found = None
        if not isinstance(found, dict):
            raise HashtideError(f"HDFS {path}: expected a JSON object, found {data[:60]!r}")
        return found

    def write_json(self, path: str, obj: Any) -> None:
        """Replaces the file at once: a reader finds the old or the new object, never a part."""
        self.replace(path, _dump(obj))

    def create_exclusive(self, path: str, obj: Any) -> bool:
        """Whether this call made the file. Of any number at once exactly one gets True."""
        data = _dump(obj)
        try:
            with self._errors(path):
                self._client.write(path, data=data, overwrite=False)
        except _Exists:
            # A create whose answer was lost is tried again by the client, and then meets its own file.
            return self.read(path) == data
        return True

    # files and directories

    def read(self, path: str) -> bytes | None:
        try:
            with self._errors(path), self._client.read(path) as reader:
                return bytes(reader.read())
        except _Missing:
            return None

    def read_end(self, path: str, count: int) -> bytes | None:
        """The last so many bytes, or all where it has fewer."""
        try:
            with self._errors(path):
                length = int(self._client.status(path)["length"])
                with self._client.read(path, offset=max(0, length - count)) as reader:
                    return bytes(reader.read())
        except _Missing:
            return None

    def replace(self, path: str, data: bytes) -> None:
        temporary = _beside(path)
        with self._errors(path):
            self._client.write(temporary, data=data, overwrite=True)
            self._overwrite(temporary, path)

    def replace_keeping_time(self, path: str, data: bytes) -> None:
        """As `replace`, and the file's modification time and permission stay: by (path, time) Spark knows which files
        of its source it has taken. HashtideError where there is none."""
        temporary = _beside(path)
        with self._errors(path):
            stood = self._client.status(path)
            self._client.write(temporary, data=data, overwrite=True, permission=stood["permission"])
            self._client.set_times(temporary, modification_time=stood["modificationTime"])
            self._overwrite(temporary, path)

    def put(self, local: Path, path: str) -> None:
        """Uploads a file; it appears under its name when it is whole."""
        temporary = _beside(path)
        with self._errors(path), local.open("rb") as data:
            self._client.write(temporary, data=data, overwrite=True)
            self._overwrite(temporary, path)

    def rename(self, source: str, target: str) -> None:
        """Fails where the target exists."""
        with self._errors(source):
            self._client.rename(source, target)

    def list(self, path: str) -> list[str]:
        """Names in the directory, sorted; none where it does not exist."""
        try:
            with self._errors(path):
                return sorted(self._client.list(path))
        except _Missing:
            return []

    def statuses(self, path: str) -> dict[str, dict[str, Any]]:
        """WebHDFS's FileStatus of each entry by name; none where the directory does not exist."""
        try:
            with self._errors(path):
                return dict(self._client.list(path, status=True))
        except _Missing:
            return {}

    def status(self, path: str) -> dict[str, Any] | None:
        try:
            with self._errors(path):
                return dict(self._client.status(path))
        except _Missing:
            return None

    def exists(self, path: str) -> bool:
        return self.status(path) is not None

    def mkdirs(self, path: str, permission: str | None = None) -> None:
        with self._errors(path):
            self._client.makedirs(path, permission=permission)

    def delete(self, path: str, recursive: bool = False) -> bool:
        """Whether there was anything to delete."""
        try:
            with self._errors(path):
                return bool(self._client.delete(path, recursive=recursive))
        except _Missing:
            return False

    def set_permission(self, path: str, permission: str) -> None:
        with self._errors(path):
            self._client.set_permission(path, permission)

    def set_owner(self, path: str, owner: str, group: str | None = None) -> None:
        with self._errors(path):
            self._client.set_owner(path, owner=owner, group=group)

    def allow_snapshot(self, path: str) -> None:
        """Allowing it again changes nothing. Needs HDFS's superuser."""
        with self._errors(path):
            self._client.allow_snapshot(path)

    def create_snapshot(self, path: str, name: str) -> None:
        """Needs the owner of a directory of which snapshots are allowed."""
        with self._errors(path):
            self._client.create_snapshot(path, name)

    def delete_snapshot(self, path: str, name: str) -> bool:
        """Whether there was one."""
        if name not in self.list(f"{path}/.snapshot"):
            return False
        with self._errors(path):
            self._client.delete_snapshot(path, name)
        return True

    def content(self, path: str) -> dict[str, Any] | None:
        """WebHDFS's ContentSummary: length in bytes, fileCount of all below."""
        try:
            with self._errors(path):
                return dict(self._client.content(path))
        except _Missing:
            return None

    def room(self) -> dict[str, int] | None:
        """WebHDFS's FsStatus: capacity, used, remaining of the file system in bytes; None of a Hadoop before 3.4."""
        try:
            with self._errors("/"):
                return {name: int(n) for name, n in self._client._get_status("/").json()["FsStatus"].items()}
        except Unreachable:
            raise
        except HashtideError as error:
            if "IllegalArgumentException" in str(error) or "Unsupported" in str(error):
                return None
            raise

    def copy(self, source: str, target: str) -> None:
        """One file through this process, piece by piece: WebHDFS has no copy of its own. HashtideError where it is
        gone."""
        with self._errors(source), self._client.read(source, chunk_size=_CHUNK) as pieces:
            self._client.write(target, data=pieces, overwrite=True)

    def _overwrite(self, source: str, target: str) -> None:
        # Without the option a WebHDFS rename onto an existing file answers {"boolean": false} and does nothing.
        self._client._rename(source, destination=target, renameoptions="OVERWRITE")

    @contextmanager
    def _errors(self, path: str) -> Iterator[None]:
        """The library's errors in ours."""
        try:
            yield
        except hdfs.HdfsError as error:
            kind, text = error.exception or "", " ".join(str(error).split())
            # That is what HDFS says of .snapshot where snapshots are not allowed.
            no_snapshots = kind == "SnapshotException" and path.endswith("/.snapshot")
            if kind == "FileNotFoundException" or no_snapshots:
                raise _Missing(f"HDFS has no {path}") from None
            if kind in _EXISTS:
                raise _Exists(f"HDFS {path} exists") from None
            if "SafeMode" in kind or "safe mode" in text.lower():
                raise SafeMode(f"HDFS at {self.addresses} is in safe mode and takes no writes; "
                               "wait, or end it with `hdfs dfsadmin -safemode leave`") from None
            if kind in ("StandbyException", "RetriableException") or "startup mode" in text:
                raise Unreachable(f"no NameNode of {self.addresses} is active: {text[:200]}") from None
            if text.startswith("Authentication failure"):   # the library's words for a 401
                raise tickets.lacking(f"HDFS at {self.addresses}") from None
            raise HashtideError(f"HDFS {path}: {kind or 'error'}: {text[:300]}") from None
        except TicketError as error:
            raise tickets.of(error, self._cluster) from None
        except requests.RequestException as error:
            raise Unreachable(f"HDFS at {_address(error) or self.addresses} does not answer "
                              f"({type(error).__name__}); are NameNode and DataNode up?") from None


class _Missing(HashtideError):
    """No such file; callers turn it into None."""


class _Exists(HashtideError):
    """Somebody was first."""


def _beside(path: str) -> str:
    """A name in the same directory that no reader lists: what is written there is renamed when it is whole."""
    where = PurePosixPath(path)
    return f"{where.parent}/.{where.name}.{uuid.uuid4().hex[:12]}"


def _dump(obj: Any) -> bytes:
    # One line: whoever was cut off did not come to its end.
    return json.dumps(obj, ensure_ascii=False, sort_keys=True).encode() + b"\n"


def _address(error: requests.RequestException) -> str:
    """A write goes on at a DataNode: then that is the address to look at."""
    url = getattr(error.request, "url", None) if error.request is not None else None
    return "/".join(url.split("/")[:3]) if url else ""
