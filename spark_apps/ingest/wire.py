"""HTTP as the platform speaks it: lines of a stream, and what its answers say."""
from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import requests


class Session(requests.Session):
    """Keeps the last response, whose headers tweepy does not pass on, and reads lines that end in \\n alone.

    requests' own iter_lines splits at a bare CR and ends a line twice where a chunk ends between CR and LF.
    """

    last: requests.Response | None = None

    def request(self, *args: Any, **kwargs: Any) -> requests.Response:
        self.last = None
        response = super().request(*args, **kwargs)
        response.iter_lines = lambda chunk_size=512, **_: _lines(response, chunk_size)  # type: ignore[method-assign]
        self.last = response
        return response


def _lines(response: requests.Response, chunk_size: int) -> Iterator[bytes]:
    parts: list[bytes] = []
    for chunk in response.iter_content(chunk_size=chunk_size):
        first, *rest = chunk.split(b"\n")
        parts.append(first)
        for following in rest:
            yield b"".join(parts).removesuffix(b"\r")
            parts = [following]
    last = b"".join(parts)
    if last:
        yield last


def words(response: requests.Response | None) -> str:
    """What a problem body says, as `: ...`, or nothing."""
    try:
        body = response.json() if response is not None else None
    except (ValueError, requests.RequestException):
        return ""
    text = body.get("detail") or body.get("title") if isinstance(body, dict) else None
    return f": {' '.join(str(text).split())[:200]}" if text else ""


def way_out(status: int) -> str:
    return {401: "check the token in --token-file or X_BEARER_TOKEN", 402: "buy credit in the developer console",
            403: "see which access the token's project has"}.get(status, "check --url and the rules")


def reset_in_s(response: requests.Response | None) -> float:
    header = response.headers.get("x-rate-limit-reset", "") if response is not None else ""
    return float(header) - time.time() if header.isdigit() else 0.0
