"""Which engine counts a stream: a generation is of one, and what knows one's checkpoints does not touch the other's."""
from __future__ import annotations

from deploy.errors import BadUse, Refused
from deploy.spec import CLASSIC, STRUCTURED, StreamSpec
from spark_apps import generations
from spark_apps.contract import StreamPaths, generation_name
from spark_apps.generations import Files, Generation


def of(hdfs: Files, paths: StreamPaths) -> str:
    """Of the generation that the stream goes on with."""
    newest = generations.newest(hdfs, paths)
    return newest.engine if newest else STRUCTURED


def check(generation: Generation, spec: StreamSpec) -> Generation:
    """Itself; Refused where it is of the other engine."""
    if generation.engine == spec.engine:
        return generation
    beside = (f"`deploy/hashtide stream provision --stream NAME`, then `stream submit --stream NAME --engine classic "
              f"--landing {spec.stream}` counts the same tweets beside it" if spec.engine == CLASSIC else
              f"`deploy/hashtide stream submit --stream {spec.stream} --engine {generation.engine}` goes on with it")
    raise Refused(f"stream {spec.stream}: {generation_name(generation.number)} is of engine {generation.engine}, "
                  f"wanted is {spec.engine}; nothing was launched: {beside}")


def only_structured(hdfs: Files, paths: StreamPaths, what: str) -> None:
    """BadUse where the stream is counted by DStreams."""
    if of(hdfs, paths) == CLASSIC:
        raise BadUse(f"{what} knows no checkpoint of engine classic, and stream {paths.stream} is counted by that: "
                     f"`deploy/hashtide stream submit --stream {paths.stream} --engine classic` goes on from it, and "
                     "where code or intervals have changed begins anew from what is sealed")
