"""What a launch asks before it goes on with a checkpoint: nothing where nothing has changed, a check otherwise."""
from __future__ import annotations

from typing import Any

from deploy import elsewhere
from deploy.checkpoints import checking, local_spark, points
from deploy.checkpoints.checking import Checked
from deploy.checkpoints.local_spark import Application
from deploy.config import Cluster
from deploy.errors import BadUse, HashtideError, Refused, Unreachable
from deploy.launch import Launcher
from deploy.spec import StreamSpec
from spark_apps import fingerprint
from spark_apps.contract import StreamPaths, generation_name, hour_name
from spark_apps.generations import Generation
from spark_apps.verdict import Verdict


def inputs(cluster: Cluster, spec: StreamSpec, generation: Generation, release: str) -> dict[str, Any]:
    """All that a fingerprint depends on, as far as it is known before Spark starts. Of the cluster file what Spark
    computes by, and which Spark and Python that is."""
    spark = cluster.spark
    return {"release": release, "watermark_minutes": spec.watermark_minutes,
            "shuffle_partitions": generation.shuffle_partitions,
            "from_hour": hour_name(generation.from_hour) if generation.from_hour is not None else "",
            "spark": {"yarn_jars": spark.yarn_jars, "jars": spark.jars, "python": spark.python},
            "conf": {key: value for key, value in spark.conf.items() if key.startswith("spark.sql.")}}


def before_launch(tools: Launcher, spec: StreamSpec, generation: Generation, release: str) -> None:
    """Refused where the checkpoint may not go on with this. Where Spark cannot be run here the
    launch goes on: its driver looks again before its first batch."""
    paths = StreamPaths(spec.stream, tools.cluster.root)
    if generation.checkpoint_root:
        tools.say(f"{elsewhere.where(generation)}: not examined here, and compared with {release} by its driver")
        return
    if points.committed(tools.hdfs, paths.checkpoint(generation.number)) < 0:
        return
    before = fingerprint.newest(tools.hdfs, paths, generation)
    if before and before.inputs == inputs(tools.cluster, spec, generation, release):
        return
    tools.say(f"checking release {release} against the checkpoint of {generation_name(generation.number)}")
    try:
        found = tools.check(tools, spec, generation)
    except (Unreachable, BadUse):
        raise
    except (HashtideError, OSError) as error:
        tools.say(f"not checked, and left to its driver: {error}")
        return
    if not found.judgement.goes_on:
        raise Refused(f"stream {spec.stream}: release {found.release} on {generation_name(found.generation)} "
                      f"{found.judgement.line()}; nothing was launched: {found.ways_on}")
    tools.say(f"release {found.release}: {found.judgement.line() if found.judgement.verdict else 'compatible'}")
    if found.judgement.verdict == Verdict.RESULTS_CHANGE and found.command:
        tools.say(f"once they are over, this makes the hours of the change whole: {found.command}")


def check(tools: Launcher, spec: StreamSpec, generation: Generation) -> Checked:
    """Of the release that a launch would take."""
    return checking.check(tools, spec, generation, application(tools, spec.release))


def application(tools: Launcher, release: str) -> Application:
    own = local_spark.of_checkout()
    return own if release in ("", own.version) else local_spark.of_release(tools.hdfs, release, tools.cluster.root)
