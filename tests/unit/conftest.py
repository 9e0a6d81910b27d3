"""What several modules of this layer stand on."""
from __future__ import annotations

from collections.abc import Iterator

import pytest

from spark_apps.ingest import service, upload
from tests.fakes import webhdfs
from tests.fakes.webhdfs import WebHdfs


@pytest.fixture
def hdfs() -> Iterator[WebHdfs]:
    with webhdfs.serving() as fake:
        yield fake


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What fails at HDFS is tried again soon, and the status is written often."""
    monkeypatch.setattr(upload, "BACKOFF_S", (0.05, 0.2))
    monkeypatch.setattr(service, "_STATUS_EVERY_S", 0.05)
