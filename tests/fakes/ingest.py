"""The ingest service under test: in a thread against fakes, or as the process that it is on a machine."""
from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from spark_apps.contract import StreamPaths
from spark_apps.ingest.errors import IngestError
from spark_apps.ingest.landing import Landing, connect
from spark_apps.ingest.policy import Policy
from spark_apps.ingest.service import Service, Settings
from tests.fakes.webhdfs import WebHdfs

ROOT = Path(__file__).parents[2]
TOKEN = "token-of-the-test"   # noqa: S105
LANDING = "/hashtide/landing/tags"
GAPS = "/hashtide/streams/tags/gaps"
THROUGH = f"{LANDING}/_through/simulator.json"
FAST = replace(Policy().hurried(100), silence_s=5.0, minute_s=60.0, settled_s=0.3)


@contextmanager
def running(hdfs: WebHdfs, url: str, spool: Path, raised: list[BaseException] | None = None,
            **settings: Any) -> Iterator[Service]:
    """Ends in good order, as a signal would end it; `raised` gets what it ends with by itself."""
    spool.mkdir(exist_ok=True)
    chosen = Settings(spool, "simulator", url, TOKEN, **{"max_ms": 60, "policy": FAST, **settings})
    service = Service(chosen, Landing(connect([hdfs.url], "tester"), StreamPaths("tags"), chosen.clock, "w"))

    def run() -> None:
        try:
            service.run()
        except IngestError as error:
            if raised is None:
                raise
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield service
    finally:
        service.stop()
        thread.join(5)
        assert not thread.is_alive()


@contextmanager
def process(hdfs: WebHdfs, url: str, directory: Path, *more: str) -> Iterator[subprocess.Popen[str]]:
    """Killed at the end, if it has not ended by itself."""
    token = directory / "token"
    token.write_text(TOKEN + "\n")
    child = subprocess.Popen(command(hdfs, url, directory, "--token-file", str(token), *more), stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True, env=environment())
    try:
        yield child
    finally:
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        child.communicate(timeout=60)


def command(hdfs: WebHdfs, url: str, directory: Path, *more: str) -> list[str]:
    return [sys.executable, "-P", "-m", "spark_apps.ingest", "run", "--stream", "tags", "--webhdfs", hdfs.url,
            "--user", "tester", "--spool", str(directory / "spool"), "--source", "simulator", "--url", url, *more]


def environment() -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}


def lines(hdfs: WebHdfs) -> list[bytes]:
    """In the order of arrival."""
    files = sorted(hdfs.landed(LANDING).items(), key=lambda item: Path(item[0]).name)
    return [line for _, data in files for line in data.removesuffix(b"\n").split(b"\n")]


def gaps(hdfs: WebHdfs) -> list[dict[str, Any]]:
    """As HDFS has them, the oldest first."""
    with hdfs.lock:
        return [json.loads(data) for path, data in sorted(hdfs.files.items()) if path.startswith(f"{GAPS}/")]


def status(spool: Path) -> dict[str, Any]:
    try:
        return dict(json.loads((spool / "status.json").read_text()))
    except (OSError, ValueError):
        return {}
