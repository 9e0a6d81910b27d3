"""A ResourceManager's REST API over real HTTP, its applications in a dictionary that a test changes."""
from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

PREFIX = "/ws/v1/cluster"


class ResourceManager:
    """`apps` by id, as the RM's JSON has them; `mode` is active, standby, broken, recovering, or page: no RM at all."""

    def __init__(self) -> None:
        self.apps: dict[str, dict[str, Any]] = {}
        self.attempts: dict[str, list[dict[str, Any]]] = {}
        self.killed: list[str] = []
        self.mode = "active"
        self.asked = 0
        self._server: ThreadingHTTPServer | None = None
        self.port = 0

    # what a test does

    def add(self, number: int, tags: list[str], state: str = "RUNNING", **more: Any) -> str:
        app_id = f"application_1700000000000_{number:04d}"
        self.apps[app_id] = {"id": app_id, "state": state, "finalStatus": "UNDEFINED",
                             "applicationTags": ",".join(tags), "startedTime": 1_700_000_000_000 + number,
                             "name": f"app {number}", "queue": "streaming",
                             "trackingUrl": f"http://localhost/proxy/{app_id}/", **more}
        return app_id

    def end(self, app_id: str, state: str = "FAILED", final: str = "FAILED", diagnostics: str = "",
            at: int = 0) -> None:
        self.apps[app_id].update(state=state, finalStatus=final, diagnostics=diagnostics, finishedTime=at)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), self._handler())
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def stop(self) -> None:
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    # the protocol

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: bytes) -> tuple[int, dict[str, Any]]:
        parts = [p for p in path.removeprefix(PREFIX).split("/") if p]
        if parts == ["info"]:
            state = "INITIALIZING" if self.mode == "recovering" else "ACTIVE"
            return 200, {"clusterInfo": {"state": "STARTED", "haState": state, "hadoopVersion": "3.5.0"}}
        if parts == ["scheduler"]:
            leaves = [{"queueName": name} for name in ("streaming", "batch")]
            return 200, {"scheduler": {"schedulerInfo": {"queueName": "root", "queues": {"queue": leaves}}}}
        if parts[:1] != ["apps"]:
            return 404, {}
        if len(parts) == 1:
            found = [app for app in self.apps.values() if self._wanted(app, query) and self.mode != "recovering"]
            return 200, {"apps": {"app": found} if found else None}
        app = self.apps.get(parts[1])
        if app is None:
            return 404, {"RemoteException": {"exception": "NotFoundException", "message": f"{parts[1]} not found"}}
        if parts[2:] == ["appattempts"]:
            return 200, {"appAttempts": {"appAttempt": self.attempts.get(parts[1], [])}}
        if parts[2:] == ["state"] and method == "PUT":
            wanted = json.loads(body)["state"]
            if app["state"] not in ("FINISHED", "FAILED", "KILLED"):
                self.killed.append(parts[1])
                app.update(state=wanted, finalStatus=wanted, diagnostics="killed by the user")
            return 202, {"state": wanted}
        return 200, {"app": app}

    @staticmethod
    def _wanted(app: dict[str, Any], query: dict[str, list[str]]) -> bool:
        tags = {t for value in query.get("applicationTags", []) for t in value.split(",")}
        states = {s for value in query.get("states", []) for s in value.split(",")}
        return (not tags or bool(tags & set(app["applicationTags"].split(",")))) and (
            not states or app["state"] in states)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        manager = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._serve("GET")

            def do_PUT(self) -> None:
                self._serve("PUT")

            def _serve(self, method: str) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                manager.asked += 1
                if manager.mode == "standby":
                    self._send(307, b"This is standby RM. The redirect url is: http://elsewhere:8088/")
                elif manager.mode == "broken":
                    self._send(503, b"starting")
                elif manager.mode == "page":
                    self._send(200, b"There is no active RM right now.", "text/plain")
                else:
                    parts = urlsplit(self.path)
                    code, obj = manager.answer(method, parts.path, parse_qs(parts.query), body)
                    self._send(code, json.dumps(obj).encode())

            def _send(self, code: int, data: bytes, kind: str = "application/json") -> None:
                self.send_response(code)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *args: Any) -> None:
                pass

        return Handler


@contextmanager
def serving() -> Iterator[ResourceManager]:
    manager = ResourceManager()
    manager.start()
    try:
        yield manager
    finally:
        manager.stop()
