"""Each layer's marker comes from its directory."""
from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

HERE = Path(__file__).parent
LAYERS = ("unit", "spark", "dags", "cluster")
# Chosen before any worker of pytest-xdist begins: all of them have to collect tests of the same names.
os.environ.setdefault("HASHTIDE_FRESH_SEED", str(100 + time.time_ns() % 1_000_000))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        layer = item.path.relative_to(HERE).parts[0]
        if layer in LAYERS:
            item.add_marker(layer)
