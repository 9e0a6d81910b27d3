"""Driver processes of YARN applications on this machine, found by their container's directory."""
from __future__ import annotations

import psutil


def application_masters(app_id: str) -> list[psutil.Process]:
    """The driver JVM of each attempt that runs now (one, but for a moment)."""
    found = []
    for process in psutil.process_iter(["name", "cmdline"]):
        words = process.info["cmdline"] or []
        if (process.info["name"] == "java" and "org.apache.spark.deploy.yarn.ApplicationMaster" in words
                and any(app_id in word for word in words)):
            found.append(process)
    return found


def kill_driver(app_id: str) -> list[int]:
    """kill -9 of the driver's JVM and of its Python; their pids."""
    pids = []
    for master in application_masters(app_id):
        family = [*master.children(recursive=True), master]
        for process in family:
            try:
                process.kill()
                pids.append(process.pid)
            except psutil.NoSuchProcess:
                continue
    return pids
