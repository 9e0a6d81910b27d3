"""Who is told, when, and once: rules over what the views show, a book in HDFS of what was told, and notifiers."""
from __future__ import annotations


def cluster_directory(root: str) -> str:
    """As StreamPaths.alerts, for what is of no one stream."""
    return f"{root}/alerts"
