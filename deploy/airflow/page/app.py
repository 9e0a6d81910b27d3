"""The page's routes, and that of metrics. All of them read: what a user does goes from the page to Airflow's own API,
by the user's rights.

Texts reach the page as JSON and are put in as text; the policy below keeps anything else from running.
"""
from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, Literal

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import FastAPI, HTTPException, Query, Request, Response
from fastapi.responses import FileResponse

from deploy.airflow.page.access import METRICS, READ, may
from deploy.airflow.page.reading import Reading
from deploy.metrics.exposition import CONTENT_TYPE
from spark_apps.contract import STREAM_NAME

FILES = Path(__file__).with_name("static")
_TYPES = {".html": "text/html; charset=utf-8", ".svg": "image/svg+xml", ".css": "text/css; charset=utf-8",
          ".js": "text/javascript; charset=utf-8"}
POLICY = ("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
          "base-uri 'none'; form-action 'none'; frame-ancestors 'self'")
_HEADERS = {"Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin"}

Stream = Annotated[str, Query(pattern=f"^{STREAM_NAME.pattern}$")]
Window = Literal["5m", "10m", "15m", "30m", "1h", "3h", "6h", "12h", "1d"]
Text = Annotated[str, Query(max_length=2_000)]
_A_DAY, _A_MONTH = 24, 31


def make(reading: Reading | None = None) -> FastAPI:
    read = reading or Reading()
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.middleware("http")(_with_headers)
    for path, answer in _routes(read).items():
        app.add_api_route(f"/api/{path}", answer, methods=["GET"], dependencies=[READ])
    app.add_api_route("/metrics", lambda: _metrics(read), methods=["GET"], dependencies=[METRICS])
    app.add_api_route("/{name:path}", _file, methods=["GET"], dependencies=[READ])
    return app


def _routes(reading: Reading) -> dict[str, Callable[..., Any]]:
    def streams(user: GetUserDep) -> dict[str, Any]:
        return {**reading.streams(), **may(user)}

    def summary(stream: Stream) -> dict[str, Any]:
        return reading.summary(stream)

    def now(stream: Stream, window: Window = "10m", by: Literal["count", "trend"] = "count") -> dict[str, Any]:
        return reading.now(stream, window, by)

    def search(stream: Stream, text: Text) -> dict[str, Any]:
        return reading.search(stream, text)

    def tag(stream: Stream, tag: Text, hours: Annotated[int, Query(ge=1, le=7 * _A_DAY)] = _A_DAY) -> dict[str, Any]:
        return reading.tag(stream, tag, hours)

    def health(stream: Stream, hours: Annotated[int, Query(ge=1, le=_A_DAY)] = 6) -> dict[str, Any]:
        return reading.health(stream, hours)

    def hours(stream: Stream, days: Annotated[int, Query(ge=1, le=_A_MONTH)] = 7) -> dict[str, Any]:
        return reading.hours(stream, days)

    def hour(stream: Stream, hour_ms: Annotated[int, Query(ge=0, le=1 << 43, multiple_of=3_600_000)]) -> dict[str, Any]:
        return reading.hour(stream, hour_ms)

    def restore(stream: Stream, point: Annotated[str, Query(pattern="^[A-Za-z0-9_-]{1,60}$")]) -> dict[str, Any]:
        return reading.restore(stream, point)

    def history(stream: Stream) -> dict[str, Any]:
        return reading.history(stream)

    def checkpoints(stream: Stream) -> dict[str, Any]:
        return reading.checkpoints(stream)

    def cost(stream: Stream) -> dict[str, Any]:
        return reading.cost(stream)
    # FastAPI finds what a signature names in this module alone.
    return {one.__name__: one for one in (streams, summary, now, search, tag, health, hours, hour, restore, history,
                                          checkpoints, cost)}


def _metrics(reading: Reading) -> Response:
    """What cannot be said shows as a scrape that failed."""
    text, fault = reading.metrics()
    if fault:
        raise HTTPException(503, fault)
    return Response(text, media_type=CONTENT_TYPE)


def _file(name: str) -> Response:
    """The page, or one of its own files."""
    path = FILES / (name or "index.html")
    if path.suffix not in _TYPES or not path.is_file() or FILES not in path.resolve().parents:
        raise HTTPException(404, f"the page has no {name[:80]!r}")
    return FileResponse(path, media_type=_TYPES[path.suffix], headers={"Cache-Control": "no-cache"})


async def _with_headers(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    response = await call_next(request)
    response.headers.update(_HEADERS)
    response.headers.setdefault("Cache-Control", "no-store")
    return response
