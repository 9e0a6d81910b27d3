"""A verb as it is typed, over Delta tables in a directory and files in memory."""
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from deploy import cli
from deploy.config import Airflow, Cluster, Hdfs, Spark, Yarn
from tests.fakes.files import Files


def typed_as(verb: str, tables: Path, files: Files, patch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Takes the words after the verb; the exit code."""
    cluster = Cluster("test", Hdfs(f"file://{tables}", ("http://nowhere:1",)), Yarn(("http://nowhere:1",)), Spark(),
                      Airflow())
    patch.setattr(f"deploy.verbs.{verb}.open_cluster", lambda args: (cluster, files))
    return lambda *words: cli.main([verb, *words])
