"""Where a person looks: addresses of an application, its logs and its checkpoint, escaped. Pure."""
from __future__ import annotations

from urllib.parse import quote, urlsplit

from deploy.config import Cluster
from deploy.yarn import Application
from spark_apps.contract import StreamPaths


def of(cluster: Cluster, stream: str, app: Application, generation: int = 0) -> dict[str, str]:
    """{"page", "spark_ui", "logs", "checkpoint"}: the first ResourceManager's and NameNode's, a standby redirects.

    `generation`: 0 where it is not known; the page then lists the checkpoints of all that are in HDFS.
    """
    rm, paths = cluster.yarn.resourcemanagers[0], StreamPaths(stream, cluster.root)
    page = f"{rm}/cluster/app/{quote(app.id, safe='')}"
    checkpoint = paths.checkpoint(generation) if generation else f"{paths.base}/checkpoint"
    return {"page": page, "spark_ui": f"{rm}/proxy/{quote(app.id, safe='')}/", "logs": logs(app) or page,
            "checkpoint": f"{cluster.hdfs.webhdfs[0]}/explorer.html#{quote(checkpoint)}"}


def logs(app: Application) -> str:
    """The NodeManager's page of the newest attempt's driver, as the RM has it; empty before it has a container."""
    parts = urlsplit(app.am_container_logs)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return ""
    return f"{parts.scheme}://{parts.netloc}{quote(parts.path)}"
