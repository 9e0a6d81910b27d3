"""How a message reaches a person: by mail, or by a webhook. Each sends one message or says in one line why not.

Words of anybody's are in them: a header takes one line without control characters, a body is text, JSON is JSON.
Passwords and secrets are read when they are needed, and are in no error, log or address that is shown.
"""
from __future__ import annotations

import json
import os
import smtplib
import ssl
from collections.abc import Callable
from dataclasses import asdict, dataclass
from email.message import EmailMessage
from email.utils import formatdate
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

import requests

from deploy.alerts.conf import Config, Email, Webhook
from deploy.config import is_http
from deploy.errors import BadUse, HashtideError
from deploy.landed import iso
from deploy.lines import line, screen

#: Seconds to connect, and for each answer: of a mail some eight; less, together, than deploy.alerts.book's lease.
TIMEOUTS = (5, 20)


class NotSent(HashtideError):
    """The text is one line, and holds no secret."""


@dataclass(frozen=True)
class Message:
    """`id`: the same each time that it is sent. `state`: firing, resolved or test."""

    id: str
    state: str
    stream: str
    rule: str
    severity: str
    title: str
    reason: str
    next_step: str
    since_ms: int
    over_ms: int | None = None
    link: str = ""

    @property
    def subject(self) -> str:
        of = f"stream {self.stream}: " if self.stream else ""
        return line(f"[hashtide] {'Resolved: ' if self.state == 'resolved' else ''}{of}{self.title}", 200)

    @property
    def text(self) -> str:
        rows = [("Severity", self.severity), ("Since", iso(self.since_ms)),
                ("Over", iso(self.over_ms) if self.over_ms is not None else ""), ("Reason", self.reason),
                ("Now" if self.over_ms is not None else "Next step", self.next_step), ("Page", self.link)]
        return "\n".join([self.subject, "", *(f"{name}: {line(said, 2_000)}" for name, said in rows if said)])

    def as_json(self) -> dict[str, Any]:
        return {"version": 1, **asdict(self), "text": self.text}


class Notifier(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def at_least(self) -> str: ...

    def send(self, message: Message) -> None:
        """NotSent where it was not taken."""


#: The password of a connection by its id. BadUse where there is none.
Connections = Callable[[str], str]


def of_environment(connection: str) -> str:
    """Of AIRFLOW_CONN_<ID>, in JSON or as a URI, as Airflow itself takes it."""
    where = f"AIRFLOW_CONN_{connection.upper()}"
    text = os.environ.get(where, "").strip()
    try:
        found = json.loads(text).get("password") if text.startswith("{") else unquote(urlsplit(text).password or "")
    except (ValueError, AttributeError):
        found = None
    if not found:
        raise BadUse(f"no password in the connection {connection}: set {where}, or use a file")
    return str(found)


def made(config: Config, connections: Connections = of_environment) -> list[Notifier]:
    return [Mail(one, connections) if isinstance(one, Email) else Hook(one, connections) for one in config.notify]


class Mail:
    def __init__(self, said: Email, connections: Connections) -> None:
        self._said, self._connections = said, connections
        self.name, self.at_least = said.name, said.at_least

    def send(self, message: Message) -> None:
        said, where = self._said, f"mail server {self._said.host}:{self._said.port}"
        password = _secret(said.password_file, said.password_connection, self._connections)
        try:
            with self._connected() as server:
                if said.user:
                    server.login(said.user, password)
                server.send_message(self._composed(message))
        except smtplib.SMTPAuthenticationError as error:
            raise NotSent(f"{where} refuses user {said.user}: {error.smtp_code}") from None
        except smtplib.SMTPRecipientsRefused as error:
            codes = ", ".join(f"{to} {code}" for to, (code, _) in error.recipients.items())
            raise NotSent(f"{where} takes none of the recipients: {line(codes, 200)}") from None
        except smtplib.SMTPResponseException as error:
            raise NotSent(f"{where} answers {error.smtp_code} {line(_words(error.smtp_error), 120)}") from None
        except (OSError, smtplib.SMTPException, ValueError) as error:
            raise NotSent(f"{where}: {type(error).__name__}: {line(_without(str(error), password), 160)}") from None

    def _connected(self) -> smtplib.SMTP:
        said = self._said
        context = ssl.create_default_context(cafile=said.ca_file or None) if said.security != "none" else None
        if said.security == "tls":
            return smtplib.SMTP_SSL(said.host, said.port, timeout=TIMEOUTS[1], context=context)
        server = smtplib.SMTP(said.host, said.port, timeout=TIMEOUTS[1])
        try:
            if context:
                server.starttls(context=context)
        except BaseException:
            server.close()
            raise
        return server

    def _composed(self, message: Message) -> EmailMessage:
        mail = EmailMessage()
        mail["Subject"] = message.subject
        mail["From"], mail["To"] = self._said.sender, ", ".join(self._said.to)
        mail["Date"] = formatdate((message.over_ms or message.since_ms) / 1000)
        mail["Message-ID"] = _mail_id(message.id)
        if message.state == "resolved":
            mail["In-Reply-To"] = mail["References"] = _mail_id(message.id.removesuffix("resolved") + "firing")
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(screen(message.text))
        return mail


class Hook:
    """POST of the message's fields and `text`; taken where the answer is 2xx. A redirect would give the secret away."""

    def __init__(self, said: Webhook, connections: Connections) -> None:
        self._said, self._connections = said, connections
        self.name, self.at_least = said.name, said.at_least

    def send(self, message: Message) -> None:
        said = self._said
        url = said.url or _secret(said.url_file, "", self._connections)
        if not is_http(url):
            raise NotSent(f"{said.url_file} holds no address such as https://host/path")
        where = f"webhook at {urlsplit(url).scheme}://{urlsplit(url).hostname}"
        secret = _secret(said.secret_file, said.secret_connection, self._connections)
        headers = {"Idempotency-Key": message.id, **({said.secret_header: secret} if secret else {})}
        with requests.Session() as http:
            http.trust_env = False
            try:
                answer = http.post(url, json=message.as_json(), headers=headers, timeout=TIMEOUTS,
                                   allow_redirects=False, stream=True, verify=said.ca_file or True,
                                   proxies={"http": said.proxy, "https": said.proxy} if said.proxy else None)
            except (requests.RequestException, OSError, ValueError) as error:
                raise NotSent(f"{where} does not answer ({type(error).__name__})") from None
            with answer:
                if not 200 <= answer.status_code < 300:
                    raise NotSent(f"{where} answers {answer.status_code}")


def _secret(path: str, connection: str, connections: Connections) -> str:
    """Of the file, or of the connection; empty where neither is named."""
    try:
        if not path:
            return connections(connection) if connection else ""
        found = Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise NotSent(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise NotSent(f"{path}: no text") from None
    except HashtideError as error:
        raise NotSent(str(error)) from None
    if not found or not found.isprintable():
        raise NotSent(f"{path}: expected one line")
    return found


def _mail_id(name: str) -> str:
    return f"<{name}@hashtide.invalid>"


def _words(said: bytes | str) -> str:
    return said.decode(errors="replace") if isinstance(said, bytes) else said


def _without(text: str, secret: str) -> str:
    return text.replace(secret, "***") if secret else text
