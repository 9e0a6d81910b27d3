"""Who is told: a real mail server and a real web server on this machine, that keep what they get or refuse it."""
from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.fakes.sockets import free_port


@dataclass
class Mailbox:
    """`refuses`: an answer such as 451 to whatever comes; `login`: user and password that it asks for; `logins`: users
    that tried to log in."""

    mails: list[EmailMessage] = field(default_factory=list)
    refuses: str = ""
    login: tuple[str, str] | None = None
    raw: list[bytes] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    port: int = 0

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.refuses:
            return self.refuses
        self.raw.append(envelope.content)
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))  # type: ignore[arg-type]
        return "250 OK"

    def authenticate(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> Any:
        from aiosmtpd.smtp import AuthResult, LoginPassword

        self.logins.append(data.login.decode())
        fine = isinstance(data, LoginPassword) and (data.login.decode(), data.password.decode()) == self.login
        return AuthResult(success=fine, handled=False)


@contextmanager
def mailbox(login: tuple[str, str] | None = None, starttls: ssl.SSLContext | None = None,
            tls: ssl.SSLContext | None = None) -> Iterator[Mailbox]:
    """With one of the contexts a login is taken over TLS alone: after STARTTLS, or from the first byte on."""
    from aiosmtpd.controller import Controller  # which Airflow's environment does not have

    made = Mailbox(login=login)
    more: dict[str, Any] = {"authenticator": made.authenticate, "auth_required": True,
                            "auth_require_tls": bool(starttls)} if login else {}
    more |= {"tls_context": starttls, "require_starttls": True} if starttls else {"ssl_context": tls} if tls else {}
    made.port = free_port()
    server = Controller(made, hostname="127.0.0.1", port=made.port, **more)
    server.start()
    try:
        yield made
    finally:
        server.stop()


@dataclass
class Hooked:
    """`answers`: the status of each answer."""

    answers: int = 204
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    url: str = ""


@contextmanager
def hook(tls: ssl.SSLContext | None = None) -> Iterator[Hooked]:
    made = Hooked()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if made.answers < 300:
                made.bodies.append(json.loads(body))
                made.headers.append(dict(self.headers))
            self.send_response(made.answers)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls:
        # The handshake is of the connection's own thread: one that refuses must not end the server.
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    made.url = f"http{'s' if tls else ''}://127.0.0.1:{server.server_address[1]}/hooks/of-ours"
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
