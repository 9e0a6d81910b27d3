"""The one place where tasks and triggers get their cluster and their clock from; a test puts its own here."""
from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from deploy import config, hdfs, yarn
from deploy.launch import Launcher

sleep = asyncio.sleep
monotonic = time.monotonic


def launcher(say: Callable[[str], None] = lambda text: None) -> Launcher:
    """Of HASHTIDE_CLUSTER, or of the local cluster."""
    # The library tells of every call; a trigger that polls for weeks would write tens of megabytes a day.
    logging.getLogger("hdfs").setLevel(logging.WARNING)
    cluster = config.load()
    return Launcher(cluster, hdfs.Client(cluster), yarn.Client(cluster), say=say)
