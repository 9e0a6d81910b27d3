"""Going back to a point, and starting fresh: each opens the next generation of a stopped stream."""
from __future__ import annotations

from dataclasses import replace

from deploy.checkpoints import planning, points
from deploy.checkpoints.copying import copy_tree
from deploy.checkpoints.opening import check_stopped, open_next
from deploy.errors import BadUse, HashtideError
from deploy.launch import Launcher
from spark_apps import generations
from spark_apps.contract import StreamPaths
from spark_apps.generations import Generation


def restore(tools: Launcher, stream: str, point: str, who: str = "", why: str = "") -> Generation:
    """Opens the next generation from a savepoint or a generation such as g0001; the newest batch committed there is
    the last that counts. Nothing that exists is changed, and doing it again gives the same counts.

    Refused where the stream is not stopped; BadUse for a point that there is not; HashtideError for one that a driver
    could not start from.
    """
    paths = StreamPaths(stream, tools.cluster.root)
    check_stopped(tools, paths)
    found = points.find(tools.hdfs, paths, point)
    newest = generations.newest(tools.hdfs, paths)
    if newest and found.kind == "generation" and found.generation.number == newest.number:
        raise BadUse(f"{found.name} is the generation that stream {stream} goes on with: there is nothing to restore")
    if fault := points.fault(tools.hdfs, paths, found):
        raise HashtideError(f"{found.label} is damaged: {fault}; choose another point of `deploy/hashtide checkpoint "
                            f"list --stream {stream}`, or start fresh by `checkpoint fresh`")
    origin = found.generation
    wanted = Generation(0, origin.number, found.batch, found.name, origin.shuffle_partitions, origin.from_hour,
                        who=who, why=why)
    tools.say(f"copying the checkpoint of {found.label}, through batch {found.batch}")
    return open_next(tools, paths, wanted, lambda target: copy_tree(tools.hdfs, found.checkpoint, target))


def fresh(tools: Launcher, stream: str, who: str = "", why: str = "", from_hour: int | None = None) -> Generation:
    """Opens the next generation with an empty checkpoint, which takes the landing files from an hour (ms) on, by
    default from the newest hour of landing. What was counted of lines that arrived before it stays; sealing makes the
    hours at the seam whole.

    Refused where the stream is not stopped.
    """
    paths = StreamPaths(stream, tools.cluster.root)
    check_stopped(tools, paths)
    wanted = planning.plan(tools, stream, "fresh", from_hour=from_hour).opens
    return open_next(tools, paths, replace(wanted, who=who, why=why),
                     lambda target: tools.hdfs.mkdirs(target, "750"))
