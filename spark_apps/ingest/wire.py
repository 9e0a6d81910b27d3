"""HTTP as the platform speaks it: lines of a stream, and what its answers say."""
from __future__ import annotations

import contextlib
import json
import logging
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import Any

import requests
import urllib3

log = logging.getLogger(__name__)

#: A line without an end would fill the memory: it is cut here, and both parts are put aside as too large.
_LONGEST_LINE = 16 << 20
_PROBLEM_BYTES = 65_536


class Session(requests.Session):
    """One request at a time, whose response it keeps: tweepy does not pass its headers on. Lines end in \\n alone.

    requests' own iter_lines splits at a bare CR and ends a line twice where a chunk ends between CR and LF.
    """

    last: requests.Response | None = None
    _allowed = 0
    _cut = False

    def allow_one(self) -> None:
        self._allowed, self._cut, self.last = 1, False, None

    def request(self, *args: Any, **kwargs: Any) -> requests.Response:
        if not self._allowed:
            raise requests.RequestException("a second request where one was allowed")
        self._allowed = 0
        response = super().request(*args, **kwargs)
        lines = self._lines
        response.iter_lines = lambda chunk_size=512, **_: lines(response, chunk_size)  # type: ignore[method-assign]
        self.last = response
        return response

    def cut(self) -> None:
        """Wakes the thread that reads: nothing of this response is used from here on. From another thread."""
        self._cut, response = True, self.last
        # One that is over, or whose socket went back to the pool, needs no waking.
        with contextlib.suppress(ValueError, RuntimeError, OSError, AttributeError):
            if response is not None:
                response.raw.shutdown()

    def _lines(self, response: requests.Response, chunk_size: int) -> Iterator[bytes]:
        parts: list[bytes] = []
        size = 0
        for chunk in response.iter_content(chunk_size=chunk_size):
            # What a TLS socket still gives after it was shut down may be anything.
            if self._cut:
                break
            first, *rest = chunk.split(b"\n")
            parts.append(first)
            size += len(first)
            for following in rest:
                yield b"".join(parts).removesuffix(b"\r")
                parts, size = [following], len(following)
            if size > _LONGEST_LINE:
                log.warning("a line of more than %d MB is cut", _LONGEST_LINE >> 20)
                yield b"".join(parts)
                parts, size = [], 0
        if self._cut:
            raise requests.ConnectionError("cut")
        last = b"".join(parts)
        if last:
            yield last


def beginning(response: requests.Response | None) -> bytes:
    """Of a body that was not read yet, as much as a problem needs."""
    try:
        return bytes(response.raw.read(_PROBLEM_BYTES, decode_content=True)) if response is not None else b""
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError):
        return b""


def problem(data: bytes) -> dict[str, Any]:
    """What a body tells of a problem, or nothing."""
    try:
        body = json.loads(data)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def words(body: dict[str, Any]) -> str:
    """What a problem says, as `: ...`, or nothing."""
    text = body.get("detail") or body.get("title")
    return f": {' '.join(str(text).split())[:200]}" if text else ""


def way_out(status: int) -> str:
    return {401: "check the token in --token-file or X_BEARER_TOKEN", 402: "buy credit in the developer console",
            403: "see which access the token's project has"}.get(status, "check --url and the rules")


def reset_in_s(response: requests.Response | None) -> float:
    """Until x-rate-limit-reset, by the platform's own clock where it tells the time; 0 where nothing is said."""
    header = response.headers.get("x-rate-limit-reset", "") if response is not None else ""
    if response is None or not header.isdigit():
        return 0.0
    now = time.time()
    with contextlib.suppress(TypeError, ValueError):
        now = parsedate_to_datetime(response.headers.get("Date", "")).timestamp()
    return float(header) - now
