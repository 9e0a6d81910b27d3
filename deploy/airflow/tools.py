"""The one place where a task or trigger gets its cluster from; a test puts its own there."""
from __future__ import annotations

from collections.abc import Callable

from deploy import config, hdfs, yarn
from deploy.launch import Launcher


def launcher(say: Callable[[str], None] = lambda text: None) -> Launcher:
    """Of HASHTIDE_CLUSTER, or of the local cluster."""
    cluster = config.load()
    return Launcher(cluster, hdfs.Client(cluster), yarn.Client(cluster), say=say)
