"""Each layer's marker comes from its directory."""
from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent
LAYERS = ("unit", "spark", "dags", "ansible", "cluster")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        layer = item.path.relative_to(HERE).parts[0]
        if layer in LAYERS:
            item.add_marker(layer)
