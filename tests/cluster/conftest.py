"""One cluster for the whole layer: `deploy/hashtide up` in a home of its own. Modules run by their names' order."""
from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from deploy import config
from tests.cluster.laptop import Laptop, Said, laptop
from tests.cluster.told import Told, telling

_MEMORY_GB = 7
_FIGURES: list[str] = []


@pytest.fixture
def figure() -> Callable[[str], None]:
    """Keeps what was measured for the end of the run: a test that passes says nothing else."""
    return _FIGURES.append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _FIGURES:
        terminalreporter.section("measured")
        terminalreporter.write_line("\n".join(_FIGURES))


def _missing() -> str:
    """What this machine lacks for real daemons; nothing where they can run."""
    if not (config.home() / "stamps" / "jars-hadoop").exists():
        return f"no Hadoop jars in {config.home()}: `deploy/hashtide test` installs them"
    free = psutil.virtual_memory().available / 2**30
    if free < _MEMORY_GB:
        return f"{free:.1f} GB of memory are free, {_MEMORY_GB} GB are needed"
    return ""


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laptop]:
    """Nothing started yet."""
    if missing := _missing():
        if os.environ.get("HASHTIDE_CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    directory: Path = tmp_path_factory.mktemp("laptop")
    with laptop(directory) as made:
        yield made


@pytest.fixture(scope="session")
def up(machine: Laptop) -> Said:
    """What the first `deploy/hashtide up` said."""
    return machine.hashtide("up", timeout=900)


@pytest.fixture(scope="session")
def told(machine: Laptop, up: Said) -> Iterator[Told]:
    """Whom the cluster's watchdog tells."""
    assert up.code == 0, up.text
    with telling(machine) as made:
        yield made
