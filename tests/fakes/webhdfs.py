"""WebHDFS over real HTTP: a NameNode that redirects, a DataNode that takes the bytes, files in a dictionary.

As measured on Hadoop 3.5: a rename onto a file answers {"boolean": false}, with OVERWRITE it answers nothing; parents
of a created file are made, those of a rename's destination are not.
"""
from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.fakes.sockets import free_port

PREFIX = "/webhdfs/v1"


class WebHdfs:
    """`files` by path. `mode` is active, safe (as while it starts), standby or broken; an outage is `stop`, `start`."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.directories: set[str] = {"/"}
        self.now_ms: Callable[[], int] = lambda: 0
        self.times: dict[str, int] = {}           # where they were set; permissions the same
        self.permissions: dict[str, str] = {}
        self.snapshottable: set[str] = set()
        self.mode = "active"
        self.calls: list[tuple[str, str]] = []    # operation, path
        self.fail_next: list[str] = []            # operations that fail once, in the middle
        self.refused: dict[str, str] = {}         # exception by operation, such as one of a quota
        self.lock = threading.Lock()
        self.port = free_port()
        self._server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def landed(self, under: str) -> dict[str, bytes]:
        """Landing files by path, as a reader sees them: without what begins with an underscore."""
        with self.lock:
            return {path: data for path, data in self.files.items()
                    if path.startswith(under) and not any(part.startswith("_") for part in path.split("/"))}

    def start(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), _handler(self))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def stop(self) -> None:
        with self.lock:   # several threads of a test may come upon the same moment
            server, self._server = self._server, None
        if server:
            server.shutdown()
            server.server_close()

    # the protocol: (status, body)

    def answer(self, op: str, path: str, query: dict[str, str], body: bytes) -> tuple[int, Any]:
        with self.lock:
            self.calls.append((op, path))
            if self.mode != "active":
                name = {"safe": "SafeModeException", "standby": "StandbyException"}.get(self.mode, "IOException")
                return 403, _error(name, f"{self.mode}: cannot {op}")
            if op in self.fail_next:
                self.fail_next.remove(op)
                return 403, _error("IOException", f"{op} failed on purpose")
            if op in self.refused:
                return 403, _error(self.refused[op], f"{op} refused on purpose")
            return self._do(op, path, query, body)

    def _do(self, op: str, path: str, query: dict[str, str], body: bytes) -> tuple[int, Any]:
        if op == "GETFILESTATUS":
            status = self._status(path)
            return (200, {"FileStatus": status}) if status else self._missing(path)
        if op == "LISTSTATUS" and path.endswith("/.snapshot") and path.removesuffix("/.snapshot") not in \
                self.snapshottable:
            return self._no_snapshots(path.removesuffix("/.snapshot"))
        if op == "LISTSTATUS":
            names = {p[len(path.rstrip("/")) + 1:].split("/")[0]
                     for p in (*self.files, *self.directories) if p.startswith(path.rstrip("/") + "/")}
            found = [{**(self._status(f"{path}/{name}") or {}), "pathSuffix": name} for name in sorted(names)]
            return (200, {"FileStatuses": {"FileStatus": found}}) if path in self.directories else self._missing(path)
        if op == "OPEN":
            offset = int(query.get("offset", 0))
            return (200, self.files[path][offset:]) if path in self.files else self._missing(path)
        if op == "MKDIRS":
            self._make(path)
            return 200, {"boolean": True}
        if op == "DELETE":
            return 200, {"boolean": self.files.pop(path, None) is not None}
        if op == "CREATE":
            if path in self.files and query.get("overwrite", "").lower() != "true":
                return 403, _error("FileAlreadyExistsException", f"{path} exists")
            self._make(path.rpartition("/")[0])
            self.files[path] = body
            self.times[path], self.permissions[path] = self.now_ms(), query.get("permission", "644")
            return 201, b""
        if op == "SETTIMES":
            self.times[path] = int(query["modificationtime"])
            return 200, b""
        if op == "GETSTATUS":
            return 200, {"FsStatus": {"capacity": 1_000, "used": 300, "remaining": 700}}
        if op == "GETCONTENTSUMMARY":
            below = [data for p, data in self.files.items() if p.startswith(f"{path}/")]
            return 200, {"ContentSummary": {"length": sum(map(len, below)), "fileCount": len(below)}}
        if op in ("CREATESNAPSHOT", "DELETESNAPSHOT"):
            return self._snapshot(op, path, f"{path}/.snapshot/{query['snapshotname']}")
        if op == "RENAME":
            return self._rename(path, query["destination"], "OVERWRITE" in query.get("renameoptions", ""))
        return 400, _error("UnsupportedOperationException", op)

    def _rename(self, path: str, to: str, overwrite: bool) -> tuple[int, Any]:
        possible = path in self.files and to.rpartition("/")[0] in self.directories
        if overwrite:
            if not possible:
                return self._missing(path)
            self.files[to] = self.files.pop(path)
            self.times[to], self.permissions[to] = self.times.pop(path, 0), self.permissions.pop(path, "644")
            return 200, b""
        if not possible or to in self.files:
            return 200, {"boolean": False}
        self.files[to] = self.files.pop(path)
        return 200, {"boolean": True}

    def _snapshot(self, op: str, path: str, inside: str) -> tuple[int, Any]:
        if op == "DELETESNAPSHOT":
            self.files = {p: data for p, data in self.files.items() if not p.startswith(f"{inside}/")}
            self.directories = {p for p in self.directories if p != inside and not p.startswith(f"{inside}/")}
            return 200, b""
        if path not in self.snapshottable:
            return self._no_snapshots(path)
        for p in [p for p in self.files if p.startswith(f"{path}/") and "/.snapshot/" not in p]:
            self.files[p.replace(path, inside, 1)] = self.files[p]
            self._make(p.replace(path, inside, 1).rpartition("/")[0])
        self._make(inside)
        return 200, {"Path": inside}

    @staticmethod
    def _no_snapshots(path: str) -> tuple[int, Any]:
        return 403, _error("SnapshotException", f"Directory is not a snapshottable directory: {path}")

    def _status(self, path: str) -> dict[str, Any] | None:
        if path in self.files:
            return {"type": "FILE", "length": len(self.files[path]), "pathSuffix": "",
                    "modificationTime": self.times.get(path, 0), "permission": self.permissions.get(path, "644")}
        return {"type": "DIRECTORY", "length": 0, "pathSuffix": ""} if path in self.directories else None

    def _make(self, path: str) -> None:
        while path and path not in self.directories:
            self.directories.add(path)
            path = path.rpartition("/")[0]

    @staticmethod
    def _missing(path: str) -> tuple[int, Any]:
        return 404, _error("FileNotFoundException", f"File does not exist: {path}")


def _error(name: str, message: str) -> dict[str, Any]:
    return {"RemoteException": {"exception": name, "javaClassName": f"java.io.{name}", "message": message}}


def _handler(fake: WebHdfs) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Several small writes an answer; with Nagle's algorithm each would wait for the other side.
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self._serve()

        def do_DELETE(self) -> None:
            self._serve()

        def do_PUT(self) -> None:
            self._serve()

        def handle(self) -> None:
            with contextlib.suppress(ConnectionError):   # of a client that was killed
                super().handle()

        def _serve(self) -> None:
            url = urlsplit(self.path)
            query = {key: values[-1] for key, values in parse_qs(url.query).items()}
            path = unquote(url.path).removeprefix(PREFIX)
            body, whole = self._body()
            if not whole:
                # Whose client is cut off keeps what had come, as HDFS does.
                fake.answer(query["op"], path, query, body)
                self.close_connection = True
                return
            # A server that was stopped takes no more from the connections it had.
            if fake._server is None:
                self.close_connection = True
                self.connection.close()
                return
            if query["op"] == "CREATE" and "datanode" not in query:
                self._send(307, b"", Location=f"{fake.url}{self.path}&datanode=true")
                return
            code, answer = fake.answer(query["op"], path, query, body)
            self._send(code, answer if isinstance(answer, bytes) else json.dumps(answer).encode())

        def _body(self) -> tuple[bytes, bool]:
            """What came, and whether it was all."""
            length = int(self.headers.get("Content-Length") or 0)
            if self.headers.get("Transfer-Encoding") != "chunked":
                data = self.rfile.read(length)
                return data, len(data) == length
            pieces = []
            with contextlib.suppress(ConnectionError, ValueError):
                while size := int(self.rfile.readline(), 16):
                    pieces.append(self.rfile.read(size))
                    self.rfile.readline()
                self.rfile.readline()
                return b"".join(pieces), True
            return b"".join(pieces), False

        def _send(self, code: int, data: bytes, **headers: str) -> None:
            self.send_response(code)
            headers = {"Content-Length": str(len(data)), "Content-Type": "application/json", **headers}
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args: Any) -> None:
            pass

    return Handler


@contextmanager
def serving() -> Iterator[WebHdfs]:
    fake = WebHdfs()
    fake.start()
    try:
        yield fake
    finally:
        fake.stop()
