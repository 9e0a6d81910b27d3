"""Debian's Prometheus and its promtool: found, or said how they come; a server of one's own until a test ends."""
from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.fakes.sockets import free_port

MONITORING = Path(__file__).parents[1] / "deploy" / "monitoring"


def program(name: str) -> str:
    """Skips where it is not there, but fails in CI."""
    # Beside the environment that the tests run in: some have a HASHTIDE_HOME of their own.
    unpacked = Path(sys.prefix).parents[1] / "prometheus" / "usr" / "bin"
    found = shutil.which(name) or shutil.which(name, path=str(unpacked))
    if found is None:
        said = f"{name} is not there: apt-get install prometheus, or `deploy/hashtide test`, which unpacks it"
        pytest.fail(said) if os.environ.get("HASHTIDE_CI") else pytest.skip(said)
    return found


def shipped(url: str, token_file: Path, interval: str = "1s") -> str:
    """The scrape file of deploy/monitoring with these addresses, that reads and decides so often."""
    text = (MONITORING / "prometheus.yml").read_text().replace("127.0.0.1:8080", url.removeprefix("http://"))
    for there, here in (("/etc/prometheus/hashtide.token", str(token_file)), ("30s", interval), ("20s", interval),
                        ("hashtide-rules.yml", str(MONITORING / "hashtide-rules.yml"))):
        text = text.replace(there, here)
    return f"global:\n  evaluation_interval: {interval}\n{text}"


def promtool(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([program("promtool"), *args], capture_output=True, text=True, check=False, timeout=60)


@dataclass
class Prometheus:
    url: str

    def api(self, path: str, **params: str) -> Any:
        """None while it does not answer."""
        try:
            answer = requests.get(f"{self.url}/api/v1/{path}", params=params, timeout=10).json()
        except (requests.RequestException, ValueError):
            return None
        assert answer["status"] == "success", answer
        return answer["data"]

    def query(self, expression: str) -> list[tuple[dict[str, str], float]]:
        found = self.api("query", query=expression)
        return [(one["metric"], float(one["value"][1])) for one in found["result"]] if found else []


@contextmanager
def serving(configuration: Path) -> Iterator[Prometheus]:
    """Its data lies beside its configuration; whether it serves shows in its answers."""
    port = free_port()
    with (configuration.parent / "prometheus.log").open("wb") as log:
        server = subprocess.Popen(
            [program("prometheus"), f"--config.file={configuration}", f"--web.listen-address=127.0.0.1:{port}",
             f"--storage.tsdb.path={configuration.parent / 'data'}"], stdout=log, stderr=log)
        try:
            yield Prometheus(f"http://127.0.0.1:{port}")
        finally:
            server.terminate()
            server.wait(30)


def checked(metrics: str) -> subprocess.CompletedProcess[str]:
    """What promtool says of a text of metrics."""
    return subprocess.run([program("promtool"), "check", "metrics"], input=metrics, capture_output=True, text=True,
                          check=False, timeout=60)
