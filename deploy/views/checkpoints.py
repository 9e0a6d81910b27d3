"""Where a stream can go back to, and what going there would do."""
from __future__ import annotations

from typing import Any

from deploy.checkpoints import catalogue, planning
from deploy.checkpoints.copying import size_text
from deploy.launch import Launcher
from spark_apps.contract import StreamPaths


def checkpoints(tools: Launcher, stream: str) -> list[dict[str, Any]]:
    """Generations, then savepoints, the newest first; `size_said` beside the bytes."""
    return [{**one.as_json(), "size_said": size_text(one.about["bytes"]) if one.about.get("bytes") else None}
            for one in catalogue.entries(tools.hdfs, StreamPaths(stream, tools.cluster.root))]


def restore(tools: Launcher, stream: str, point: str) -> dict[str, Any]:
    """What a restore of it would do, as `checkpoint restore` says it; nothing is done."""
    planned = planning.plan(tools, stream, "restore", point)
    return {"point": point, "text": planned.text(), **planned.as_json()}
