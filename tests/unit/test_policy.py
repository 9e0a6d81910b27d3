"""Rules of the repository that no linter knows."""
from __future__ import annotations

import ast
import configparser
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TRACKED = [path for path in subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True,
                                           check=True).stdout.split("\n") if path]


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def forbidden(path: Path) -> set[str]:
    """Top-level packages that this module may not import."""
    where = path.relative_to(ROOT).parts
    if where[0] == "dags":
        return {"pyspark", "spark_apps.transforms", "hdfs", "requests"}
    if where[0] == "deploy":
        line = set() if where[1] in ("verbs", "cli.py") else {"deploy.verbs", "deploy.cli"}   # the edge of it all
        return {"pyspark"} | line | (set() if where[1] == "airflow" else {"airflow"})
    if where[:2] == ("spark_apps", "ingest"):
        return {"deploy", "airflow", "pyspark"}
    return {"deploy", "airflow"}


PRODUCT = sorted(p for top in ("dags", "deploy", "spark_apps") for p in (ROOT / top).rglob("*.py"))


@pytest.mark.parametrize("path", PRODUCT, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_module_imports_only_what_its_place_allows(path: Path) -> None:
    bad = [name for name in imports(path) for no in forbidden(path) if name == no or name.startswith(no + ".")]
    assert not bad


def test_transforms_do_no_io() -> None:
    for path in (ROOT / "spark_apps" / "transforms").glob("*.py"):
        calls = {node.func.attr for node in ast.walk(ast.parse(path.read_text()))
                 if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)}
        assert not calls & {"collect", "count_rows", "toPandas", "write", "save", "load", "show", "start"}, path
        assert "open" not in {node.func.id for node in ast.walk(ast.parse(path.read_text()))
                              if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}, path


def test_the_hdfs_library_is_not_shadowed_by_our_module() -> None:
    import hdfs

    assert "site-packages" in hdfs.__file__


def test_every_file_of_the_top_level_is_meant_to_be_there() -> None:
    assert {path.split("/")[0] for path in TRACKED if not path.startswith(".")} <= {
        "README.md", "docs", "dags", "spark_apps", "deploy", "ansible", "tests", "setup.cfg", "LICENSE", "CHANGELOG.md"}


def test_the_linter_has_nothing_to_say() -> None:
    done = subprocess.run([sys.executable, "-P", "-m", "ruff", "check", "--output-format", "concise", "."], cwd=ROOT,
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_types_hold() -> None:
    # Ten seconds the first time; then only what has changed is looked at, so its memory stays between runs.
    memory = Path(tempfile.gettempdir()) / f"hashtide-mypy-{os.getuid()}"
    done = subprocess.run([sys.executable, "-P", "-m", "mypy", "--config-file", "setup.cfg", "--cache-dir", str(memory),
                           "deploy", "spark_apps", "dags"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", [*PRODUCT, *(ROOT / "tests").rglob("*.py")], ids=lambda p: str(p.relative_to(ROOT)))
def test_a_module_can_be_read_in_one_sitting(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= (450 if path.is_relative_to(ROOT / "tests") else 300)
    assert "from __future__ import annotations" in text or not re.search(r"^\s*(def|class) ", text, re.MULTILINE)


@pytest.mark.parametrize("pattern,what", [
    (r"/(?:home|Users)/\w+/|/root/[.\w]", "the directory of a person"),
    (r"/work/|/tmp/\w+/\w", "a directory of one machine"),
    (r"-----BEGIN [A-Z ]*PRIVATE KEY|AKIA[0-9A-Z]{16}|gh[pousr]_\w{30,}|xox[abp]-\w{10,}", "a key"),
    (r"AAAAAAAAAAAAAAAAAAAAA[%\w]{20,}", "a bearer token of X"),
    (r"://[\w.-]+:[^\s/@{$]{3,}@", "a password in an address"),
])
def test_no_file_holds(pattern: str, what: str) -> None:
    found = {path for path in TRACKED if path != "tests/unit/test_policy.py" and (ROOT / path).is_file()
             and not path.endswith((".gz", ".txt")) and re.search(pattern, (ROOT / path).read_text(errors="replace"))}
    assert not found, what


def test_the_extras_pin_what_the_lock_files_are_made_from() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    for name in ("spark", "airflow"):
        extra = {one.strip() for one in setup["options.extras_require"][name].split(";")}
        asked = (ROOT / "deploy" / "requirements" / f"{name}.in").read_text().splitlines()
        assert extra <= {line.strip() for line in asked}, name
        pinned = {line.strip() for line in asked if "==" in line and not line.startswith("uv==")}
        assert pinned <= extra, name


def test_the_lock_files_hold_what_was_asked_for_with_hashes() -> None:
    for name in ("spark", "airflow", "ansible", "moto", "uv"):
        lock = (ROOT / "deploy" / "requirements" / f"{name}.txt").read_text()
        locked = dict(re.findall(r"^([\w.-]+)==([^\s;\\]+)", lock, re.MULTILINE))
        assert locked and lock.count("--hash=sha256:") >= len(locked)
        for line in (ROOT / "deploy" / "requirements" / f"{name}.in").read_text().splitlines():
            if line and not line.startswith("#"):
                asked, _, version = line.partition("==")
                package = re.split(r"[<>=\[]", asked)[0]
                assert package in locked and version in ("", locked[package]), line
