"""Rules of the repository that no linter knows."""
from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


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
        return {"pyspark"} if where[1] == "airflow" else {"pyspark", "airflow"}
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
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    tops = {name.split("/")[0] for name in listed if name}
    assert {t for t in tops if not t.startswith(".")} <= {
        "README.md", "dags", "spark_apps", "deploy", "ansible", "tests", "setup.cfg", "LICENSE", "CHANGELOG.md"}
