"""A person's word that a checkpoint may go on of which nobody wrote down what it was made with."""
from __future__ import annotations

from deploy.checkpoints import points, preflight
from deploy.checkpoints.checking import Checked
from deploy.errors import BadUse, Refused
from deploy.launch import Launcher, newest_epoch
from deploy.spec import StreamSpec
from spark_apps import fingerprint
from spark_apps.contract import StreamPaths, generation_name
from spark_apps.fingerprint import Fingerprint
from spark_apps.generations import Generation


def check_needed(tools: Launcher, paths: StreamPaths, generation: Generation) -> None:
    """BadUse where no person's word is asked for."""
    name = generation_name(generation.number)
    if points.committed(tools.hdfs, paths.checkpoint(generation.number)) < 0:
        raise BadUse(f"stream {paths.stream}: {name} has no batch yet, and any release may go on with it: "
                     f"`deploy/hashtide stream submit --stream {paths.stream}`")
    if fingerprint.newest(tools.hdfs, paths, generation):
        raise BadUse(f"stream {paths.stream}: what {name} was made with is written down, so --accept is not for it: "
                     f"`deploy/hashtide checkpoint check --stream {paths.stream}` compares")


def check_may(found: Checked) -> None:
    """Refused, with the reason, where nobody's word is enough."""
    left = found.judgement.answered_for()
    if not left.goes_on or not found.tried:
        why = left.line() if not left.goes_on else f"trial: {found.trial}"
        raise Refused(f"stream {found.stream}: {generation_name(found.generation)} cannot go on with release "
                      f"{found.release} on anybody's word: {why}; `deploy/hashtide checkpoint fresh --stream "
                      f"{found.stream} --yes` begins an empty checkpoint for it")


def accept(tools: Launcher, spec: StreamSpec, generation: Generation, found: Checked, who: str,
           why: str) -> Fingerprint:
    """Writes down what the release makes a checkpoint with as what this one was made with, on this person's word."""
    paths = StreamPaths(spec.stream, tools.cluster.root)
    check_needed(tools, paths, generation)
    check_may(found)
    made = Fingerprint(found.items, found.release, preflight.inputs(tools.cluster, spec, generation, found.release),
                       generation.number, newest_epoch(tools.hdfs, paths),
                       points.committed(tools.hdfs, paths.checkpoint(generation.number)), tools.now_ms(), who, why)
    tools.hdfs.write_json(fingerprint.path_of_word(paths, generation.number, made.epoch), made.as_json())
    return made
