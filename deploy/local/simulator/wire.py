"""HTTP/1.1 as far as the platform's clients need it: one request a connection, one answer or a stream of chunks."""
from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qs, urlsplit

Json = dict[str, Any]

STREAM, RULES, ALL_CONNECTIONS = "/2/tweets/search/stream", "/2/tweets/search/stream/rules", "/2/connections/all"
SEARCH, USAGE = "/2/tweets/search/recent", "/2/usage/tweets"

_REASONS = {200: "OK", 201: "Created", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found",
            409: "Conflict", 429: "Too Many Requests", 502: "Bad Gateway", 503: "Service Unavailable"}


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes = b""

    def one(self, name: str, default: str = "") -> str:
        return self.query.get(name, [default])[-1]

    def json(self) -> Any:
        """None where the body is no JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    @property
    def bearer(self) -> str:
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" else ""


async def read(reader: asyncio.StreamReader) -> Request:
    """ValueError where it is no HTTP."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, target, _ = head[0].split(" ", 2)
    headers = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in head[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    url = urlsplit(target)
    return Request(method, url.path.rstrip("/"), parse_qs(url.query, keep_blank_values=True), headers, body)


@dataclass(frozen=True)
class Answer:
    """`body`: JSON, or text that is sent as it is, of the content type `kind`."""

    status: int
    body: Json | str
    headers: tuple[tuple[str, str], ...] = ()
    kind: str = "text/html"

    def encoded(self, now_ms: int) -> bytes:
        if isinstance(self.body, str):
            data, kind = self.body.encode(), self.kind
        else:
            data = json.dumps(self.body, ensure_ascii=False).encode()
            kind = "application/problem+json" if self.status >= 400 else "application/json"
        return head(self.status, now_ms, (("Content-Type", f"{kind}; charset=utf-8"),
                                          ("Content-Length", str(len(data))), ("Connection", "close"),
                                          *self.headers)) + data


def head(status: int, now_ms: int, headers: tuple[tuple[str, str], ...]) -> bytes:
    """The `Date` is the server's own, which need not be the client's."""
    lines = [f"HTTP/1.1 {status} {_REASONS[status]}", f"Date: {formatdate(now_ms / 1000, usegmt=True)}",
             *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def problem(status: int, title: str, detail: str, kind: str = "about:blank", **more: Any) -> Answer:
    """https://docs.x.com/x-api/fundamentals/response-codes-and-errors"""
    return Answer(status, {"title": title, "type": kind, "status": status, "detail": detail, **more})


def invalid(name: str, value: str, why: str) -> Answer:
    """400 for one parameter."""
    return problem(400, "Invalid Request", "One or more parameters to your request was invalid.",
                   "https://api.twitter.com/2/problems/invalid-request",
                   errors=[{"parameters": {name: [value]}, "message": f"The `{name}` parameter value [{value}] {why}"}])
