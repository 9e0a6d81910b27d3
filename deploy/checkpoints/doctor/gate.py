"""Asked before a driver is launched on a checkpoint, and of any point before somebody goes back to it."""
from __future__ import annotations

from deploy.checkpoints.doctor.examine import examine
from deploy.checkpoints.doctor.reading import Files, Level, look
from deploy.errors import Damaged, Unreachable
from deploy.spec import CLASSIC
from spark_apps import generations
from spark_apps.contract import StreamPaths, generation_name
from spark_apps.generations import Generation


def check(hdfs: Files, paths: StreamPaths) -> None:
    """Damaged, in one line with the way out, where a driver that starts now would come upon damage; Unreachable where
    HDFS cannot give some of it: a DataNode may come back. The cost is that of Level.LAUNCH; an old file's damage, which
    no driver reads any more, is let pass."""
    made = generations.newest(hdfs, paths)
    # The classic engine looks after its checkpoints itself, and so does a driver after one on S3, as far as it can.
    if made is None or made.engine == CLASSIC or made.checkpoint_root:
        return
    found = examine(look(hdfs, paths, made, Level.LAUNCH)).damaged
    if found and all(one.kind == "unreadable" for one in found):
        raise Unreachable(f"stream {paths.stream}: HDFS cannot give {found[0].file} of checkpoint "
                          f"{generation_name(made.number)} ({found[0].what}); are all DataNodes up? `deploy/hashtide "
                          f"checkpoint doctor --stream {paths.stream}` shows what else can be done")
    if found:
        more = f", and {len(found) - 1} more findings" if found[1:] else ""
        raise Damaged(f"stream {paths.stream}: checkpoint {generation_name(made.number)} is damaged: {found[0].file}: "
                      f"{found[0].what}{more}; nothing was started. `deploy/hashtide checkpoint doctor --stream "
                      f"{paths.stream}` shows the ways out, and with --yes takes the best")


def fault(hdfs: Files, paths: StreamPaths, generation: Generation, checkpoint: str) -> str:
    """Why no driver could start from this checkpoint, by what it reads first; empty where one could. Before the first
    batch there is nothing to lose."""
    report = examine(look(hdfs, paths, generation, Level.RESTART, checkpoint))
    found = report.damaged
    return f"{checkpoint}/{found[0].file}: {found[0].what}" if found else ""
