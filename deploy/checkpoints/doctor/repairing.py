"""Going back to the newest batch that is whole: the next generation is opened with what that batch needs, and nothing
that is there is changed."""
from __future__ import annotations

import json
import uuid

from deploy.checkpoints.copying import copy_tree
from deploy.checkpoints.doctor.examine import Report, examine
from deploy.checkpoints.doctor.reading import Level, look
from deploy.checkpoints.opening import check_stopped, open_next
from deploy.errors import BadUse, Refused
from deploy.launch import Launcher
from spark_apps import generations
from spark_apps.contract import StreamPaths, generation_name
from spark_apps.generations import Generation


def roll_back(tools: Launcher, stream: str, who: str = "", why: str = "") -> Generation:
    """Opens the next generation from the newest batch of the present one that is whole.

    Refused where the stream is not stopped, or where no batch is; BadUse where there is nothing to repair.
    """
    paths = StreamPaths(stream, tools.cluster.root)
    check_stopped(tools, paths)
    made = generations.newest(tools.hdfs, paths)
    if made is None:
        raise BadUse(f"stream {stream} was never launched: there is nothing to repair")
    # Once more: what was examined before may have run on until it was stopped.
    report = examine(look(tools.hdfs, paths, made, Level.DEEP))
    name, good = generation_name(made.number), report.good
    if not report.damage:
        raise BadUse(f"{name} of stream {stream} is whole: there is nothing to repair")
    if good is None:
        raise Refused(f"no batch of {name} is whole; `deploy/hashtide checkpoint doctor --stream {stream}` shows the "
                      "other ways")
    kept = report.kept(good)
    wanted = Generation(0, made.number, good, name, made.shuffle_partitions or _partitions(report, good),
                        made.from_hour, who=who, why=why)
    tools.say(f"copying {len(kept):,} files of {name}, through batch {good}")

    def prepare(target: str) -> None:
        copy_tree(tools.hdfs, report.seen.root, target, kept.__contains__)
        tools.hdfs.replace(f"{target}/metadata", _metadata(report))

    return open_next(tools, paths, wanted, prepare)


def _partitions(report: Report, batch: int) -> int:
    return report.seen.offsets()[batch].partitions


def _metadata(report: Report) -> bytes:
    """As it is where it is whole; otherwise with the id that others know, or a new one: nothing else depends on it."""
    seen = report.seen
    told = next(iter(seen.around.queries.values()), "")
    damaged = any(one.file == "metadata" for one in report.damage)
    if not damaged:
        return seen.data["metadata"]
    return json.dumps({"id": told or str(uuid.uuid4())}, separators=(",", ":")).encode()
